"""What the person may do in the workspace, and which rule of the database says so."""

from __future__ import annotations

from kolony_tui.core.session import PersonSession
from kolony_tui.models.people import Right


async def rights(session: PersonSession) -> list[Right]:
    """Everything that a person may do at all, by the role that it needs, then by name."""
    return await session.db.rows(Right, "people/rights", session.workspace.workspace_id)
