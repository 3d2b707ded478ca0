"""The inbox: what waits for a person, answering it, putting it off."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from kolony_tui.core.session import PersonSession, clock
from kolony_tui.db.rows import read
from kolony_tui.models.approvals import Approval
from kolony_tui.models.errors import NotFound, UsageError
from kolony_tui.models.inbox import Answered, InboxItem
from kolony_tui.models.untrusted import Untrusted

LONGEST_DETAIL = 1_048_576
"""Characters of an exact command at most: all of it."""
LISTED = 1000
"""So many items the database lists, what is urgent first."""
_PIECE = re.compile(r"[0-9a-fA-F-]{4,36}")


async def items(
    session: PersonSession, *, hidden: bool = False, longest_detail: int = LONGEST_DETAIL
) -> list[InboxItem]:
    """What waits, what is urgent first; with ``hidden`` also what was put off or is done."""
    return await session.db.rows(InboxItem, "inbox/items", session.workspace.workspace_id, hidden, longest_detail)


async def find(session: PersonSession, written: str) -> UUID:
    """The item that a person means by its id, or by how it begins or ends (4 characters at least). Raises NotFound,
    UsageError.

    A whole id is taken as it is, and a piece may be of a question that is settled: who tries to answer it is told so.
    """
    if _PIECE.fullmatch(written) is None:
        raise UsageError(f"{written!r} is no item's id", "see kolony inbox")
    wanted = written.lower().replace("-", "")
    if len(wanted) == 32:
        return UUID(wanted)
    found = [
        each.id
        for each in await items(session, hidden=True, longest_detail=0)
        if each.id.hex.startswith(wanted) or each.id.hex.endswith(wanted)
    ]
    if len(found) > 1:
        raise UsageError(f"{len(found)} items go by {written!r}", "write more of the id")
    if found:
        return found[0]
    settled: UUID | None = await session.db.value("inbox/settled", session.workspace.workspace_id, wanted)
    if settled is None:
        raise NotFound(f"there is no item {written!r} in your inbox", "see kolony inbox")
    return settled


async def answer(
    session: PersonSession, approval: UUID, allow: bool | None, text: str | None = None, note: str | None = None
) -> str:
    """The one answer to a question; ``allow`` None: neither, for a question that is answered by ``text``.

    Answers with the question's state. Raises WrongState where it takes no answer any more.
    """
    rows = await session.db.call("answer_approval", approval, allow, _clean(text), _clean(note))
    return str(rows[0][0])


async def answer_all(
    session: PersonSession,
    approvals: Sequence[UUID],
    allow: bool | None,
    text: str | None = None,
    note: str | None = None,
) -> list[Answered]:
    """The same answer to several questions, each for itself."""
    rows = await session.db.call("answer_approvals", list(approvals), allow, _clean(text), _clean(note))
    return [read(Answered, row) for row in rows]


def _clean(text: str | None) -> str | None:
    if text is not None and "\x00" in text:
        raise UsageError("an answer holds no NUL character", "take it out")
    return text


async def put_off(session: PersonSession, wanted: Sequence[UUID], length: timedelta) -> datetime:
    """Takes items out of one's own inbox for a while; answers until when."""
    until = await clock(session) + length
    await session.db.call("mark_inbox", session.workspace.workspace_id, list(wanted), until, False)
    return until


async def bring_back(session: PersonSession, wanted: Sequence[UUID]) -> None:
    """Undoes ``put_off`` and ``be_done``."""
    await session.db.call("mark_inbox", session.workspace.workspace_id, list(wanted), None, False)


async def be_done(session: PersonSession, wanted: Sequence[UUID]) -> None:
    """Takes items that need no answer out of one's own inbox. Raises WrongState for a question."""
    await session.db.call("mark_inbox", session.workspace.workspace_id, list(wanted), None, True)


async def asked_by_run(session: PersonSession, run_id: UUID) -> list[Approval]:
    """What a run asked people, oldest first."""
    return await session.db.rows(Approval, "work/approvals", session.workspace.workspace_id, run_id)


async def whole_detail(session: PersonSession, approval: UUID) -> Untrusted:
    """All of what a question says. Raises NotFound."""
    found = await session.db.value("inbox/detail", session.workspace.workspace_id, approval)
    if found is None:
        raise NotFound("there is no such question here", "see kolony inbox")
    return Untrusted(str(found))
