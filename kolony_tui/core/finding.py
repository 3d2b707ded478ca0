"""Finding what a person named among what there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kolony_tui.models.errors import NoRight, NotFound

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import TypeVar

    _Id = TypeVar("_Id")


def workspace_place(wanted: str | None, slugs: Sequence[str], login: str) -> int:
    """Which of the workspaces of ``login`` (by slug) is entered: the one that is wanted, else the first.

    Raises:
        NoRight, NotFound: a member of no workspace, or not of this one.
    """
    if not slugs:
        raise NoRight(f"{login} is a member of no workspace", "ask an admin to add you (kolony user role)")
    if wanted is None:
        return 0
    if wanted not in slugs:
        raise NotFound(f"{login} is a member of no workspace {wanted!r}", "see kolony workspace list")
    return slugs.index(wanted)


def agent_named(name: str, ids: Mapping[str, _Id], workspace: str) -> _Id:
    """The id of an agent among the ids by name. Raises NotFound."""
    if name not in ids:
        raise NotFound(f"there is no agent {name!r} in {workspace}", "see kolony agent list")
    return ids[name]
