"""Views of lists that people keep, for themselves or for all."""

from __future__ import annotations

from uuid import UUID

from kolony_tui.core.session import PersonSession
from kolony_tui.models.errors import NotFound
from kolony_tui.models.views import Look, SavedView


async def views(session: PersonSession, list_name: str | None = None) -> list[SavedView]:
    """One's own and the shared ones, of one list or of all."""
    return await session.db.rows(SavedView, "fleet/views", session.workspace.workspace_id, list_name)


async def view_named(session: PersonSession, list_name: str, name: str) -> SavedView:
    """The view of this name, one's own before a shared one. Raises NotFound."""
    for view in await views(session, list_name):
        if view.name.raw == name:
            return view
    raise NotFound(f"there is no view {name!r} of this list", "see kolony view list")


async def save_view(session: PersonSession, list_name: str, name: str, look: Look, *, shared: bool = False) -> UUID:
    """Keeps a view under a name of one's own, or changes it. Raises UsageError, NoRight (sharing takes an operator)."""
    rows = await session.db.call(
        "save_view", session.workspace.workspace_id, list_name, name, look.as_definition(), shared
    )
    view_id: UUID = rows[0][0]
    return view_id


async def delete_view(session: PersonSession, view_id: UUID) -> None:
    """Deletes a view; it can be undone for a while. Raises NotFound, NoRight."""
    await session.db.call("delete_view", view_id)
