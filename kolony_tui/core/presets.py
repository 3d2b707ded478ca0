"""What a person can do about presets: make, change, share, delete, go back to a version, and fill in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches, unified_diff
from typing import Any
from uuid import UUID

from kolony_tui.core.session import PersonSession
from kolony_tui.core.work import checked_content
from kolony_tui.models.errors import NotFound, UsageError
from kolony_tui.models.presets import Preset, PresetVersion, Variable


@dataclass(frozen=True, slots=True)
class Saying:
    """What a preset says. None leaves a part as it is, or at its default where the preset is new."""

    content: str | None = None
    description: str | None = None
    kind: str | None = None
    priority: int | None = None
    target_words: str | None = None
    constraint_id: UUID | None = None
    without_constraint: bool = False
    variables: Sequence[Variable] | None = None

    @property
    def details(self) -> dict[str, Any]:
        """What the database is told. Raises UsageError."""
        said: dict[str, Any] = {
            name: value
            for name in ("description", "kind", "priority", "target_words")
            if (value := getattr(self, name)) is not None
        }
        if self.content is not None:
            said["content"] = checked_content(self.content)
        if self.constraint_id is not None or self.without_constraint:
            said["constraint_id"] = str(self.constraint_id) if self.constraint_id is not None else None
        if self.variables is not None:
            said["variables"] = [each.stored for each in self.variables]
        return said


async def presets(session: PersonSession) -> list[Preset]:
    """One's own presets and the shared ones, the most used first."""
    return await session.db.rows(Preset, "presets/presets", session.workspace.workspace_id)


async def preset_named(session: PersonSession, reference: str) -> Preset:
    """A preset by its name or id; of two of a name one's own. Raises NotFound with the nearest name."""
    found = await session.db.rows(Preset, "presets/by_name", session.workspace.workspace_id, reference)
    if not found:
        known = [each.name.raw for each in await presets(session)]
        near = get_close_matches(reference, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "see kolony preset list"
        raise NotFound(f"there is no preset {reference!r} here", hint)
    return found[0]


async def versions(session: PersonSession, preset_id: UUID) -> list[PresetVersion]:
    """Every version of a preset, newest first."""
    return await session.db.rows(PresetVersion, "presets/versions", session.workspace.workspace_id, preset_id)


async def make_preset(session: PersonSession, name: str, saying: Saying, *, shared: bool = False) -> UUID:
    """Makes a preset. Raises NoRight, UsageError, Refused (the name is taken, or what it says cannot be)."""
    details = saying.details
    content = details.pop("content", "")
    rows = await session.db.call("make_preset", session.workspace.workspace_id, name, content, details, shared)
    made: UUID = rows[0][0]
    return made


async def change_preset(
    session: PersonSession, preset_id: UUID, saying: Saying, *, name: str | None = None, expected: int | None = None
) -> int:
    """Makes the next version, or renames; answers with the version that it is then.

    ``expected`` is the version that the person looked at. Raises WrongState where it is another one by now, NoRight
    (its owner and admins may), NotFound, UsageError, Refused.
    """
    changes = saying.details | ({} if name is None else {"name": name})
    version: int = (await session.db.call("change_preset", preset_id, changes, expected))[0][0]
    return version


async def restore_version(session: PersonSession, preset_id: UUID, version: int) -> int:
    """Makes a version that says what an earlier one said; answers with its number. Raises as ``change_preset``."""
    made: int = (await session.db.call("restore_preset_version", preset_id, version))[0][0]
    return made


async def share_preset(session: PersonSession, preset_id: UUID, shared: bool) -> None:
    """Shares a preset with everybody in the workspace, or keeps it to its owner. Raises as ``change_preset``."""
    await session.db.call("share_preset", preset_id, shared)


async def delete_preset(session: PersonSession, preset_id: UUID) -> None:
    """Deletes a preset; it can be undone for half a minute. Raises as ``change_preset``."""
    await session.db.call("delete_preset", preset_id)


async def fill_preset(
    session: PersonSession, preset: Preset, values: Mapping[str, str], *, partly: bool = False
) -> str:
    """The text with the values in their places; ``partly``: what is missing stays as it is written.

    Raises Refused naming the variable that is missing or wrong, NotFound.
    """
    rows = await session.db.call("fill_preset", preset.preset_id, dict(values), preset.version, partly)
    text: str = rows[0][0]
    return text


def values_written(pairs: Sequence[str]) -> dict[str, str]:
    """Values as a person gives them, ``name=value`` each. Raises UsageError.

    >>> values_written(["who=ada", "note=a=b"])
    {'who': 'ada', 'note': 'a=b'}
    """
    values: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"{pair!r} is no value for a variable", "write NAME=VALUE")
        if name.strip() in values:
            raise UsageError(f"{name.strip()!r} is given twice")
        values[name.strip()] = value
    return values


def difference(before: PresetVersion, after: PresetVersion) -> list[str]:
    """What a version says otherwise than an earlier one, as lines that begin with " ", "-" or "+"; not made safe."""
    return [
        line.rstrip("\n")
        for line in list(unified_diff(_lines(before), _lines(after), n=3, lineterm=""))[2:]
        if not line.startswith("@@")
    ]


def _lines(version: PresetVersion) -> list[str]:
    variables = [f"variable {Variable.read(each).written.raw}" for each in version.variables]
    constraint = version.constraint_name.raw if version.constraint_name is not None else "none"
    return [
        *version.content.raw.splitlines(),
        f"description {version.description.raw}",
        f"kind {version.kind}, priority {version.priority}, constraint {constraint}",
        f"target {version.target_words.raw}",
        *variables,
    ]
