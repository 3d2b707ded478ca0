"""Taking back one's own last step, for as long as the database lets one."""

from __future__ import annotations

from uuid import UUID

from kolony_tui.core.session import PersonSession
from kolony_tui.models.untrusted import Untrusted

UNDO_SECONDS = 30
"""So long a step can be taken back, by the database's clock."""


async def undo(session: PersonSession, step_id: UUID | None = None) -> Untrusted:
    """Takes back a step of one's own (None: the last one that can be); answers with what was undone.

    Raises WrongState where there is none, or where it is too late.
    """
    rows = await session.db.call("undo", step_id)
    return Untrusted(str(rows[0][0]))
