"""What a person can do about retention: how long what is kept, legal holds, where the archive is, what is in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from uuid import UUID

from kolony_tui.core.session import PersonSession
from kolony_tui.models.errors import NotFound, UsageError, WrongState
from kolony_tui.models.retention import Archived, Hold, Job, JobTime, Keeping

LONGEST_WORD = 64


async def kept(session: PersonSession) -> list[Keeping]:
    """For how long everything is kept in this workspace."""
    return await session.db.rows(Keeping, "retention/kept", session.workspace.workspace_id)


async def keep_for(session: PersonSession, kind: str, days: int | None) -> None:
    """Sets one of them; None: without end. Raises NoRight (admins only), NotFound, Refused (out of range)."""
    await session.db.call("set_retention", session.workspace.workspace_id, kind, days)


async def archive_location(session: PersonSession) -> str | None:
    """Where output is archived; None: nowhere."""
    found: str | None = await session.db.value("retention/place", session.workspace.workspace_id)
    return found


async def holds(session: PersonSession, *, lifted: bool = False) -> list[Hold]:
    """The legal holds, newest first; ``lifted``: those as well that are over."""
    return await session.db.rows(Hold, "retention/holds", session.workspace.workspace_id, lifted)


async def holds_of_run(session: PersonSession, run_id: UUID) -> list[Hold]:
    """What holds a run, directly or with its agent, its command or everything."""
    return await session.db.rows(Hold, "retention/holds_of_run", session.workspace.workspace_id, run_id)


async def hold(session: PersonSession, scope: str, subject_id: UUID | None, reason: str) -> UUID:
    """Nothing of it is archived away or removed from now on. Raises NoRight (admins only), NotFound, Refused."""
    rows = await session.db.call("place_hold", session.workspace.workspace_id, scope, subject_id, reason)
    made: UUID = rows[0][0]
    return made


async def lift(session: PersonSession, hold_id: UUID) -> None:
    """Ends a hold. Raises NoRight (admins only), NotFound, WrongState (it was lifted before)."""
    await session.db.call("lift_hold", hold_id)


def hold_named(known: Sequence[Hold], word: str) -> Hold:
    """The hold that a person means by the beginning of its id, or by its only subject. Raises NotFound, UsageError."""
    found = [each for each in known if str(each.hold_id).startswith(word.lower())]
    found = found or [each for each in known if each.subject is not None and each.subject.raw in (word, f"#{word}")]
    if not found:
        raise NotFound(f"there is no hold {word!r} here", "see kolony retention holds")
    if len(found) > 1:
        raise UsageError(f"{word!r} can be {len(found)} holds", "write more of its id")
    return found[0]


async def archived(session: PersonSession, limit: int = 200) -> list[Archived]:
    """What is in the archive, newest end first."""
    return await session.db.rows(Archived, "retention/archived", session.workspace.workspace_id, None, None, limit)


async def archived_of_run(session: PersonSession, run_id: UUID) -> list[Archived]:
    """What became of the output of a run's attempts that is not in the database alone; of the last one first."""
    return await session.db.rows(Archived, "retention/archived", session.workspace.workspace_id, run_id, None, 1000)


async def require_output(session: PersonSession, run_id: UUID, attempt: int | None = None) -> None:
    """Makes sure that the output of a run's attempt (None: the last one) was not taken away.

    Raises WrongState, which says when that was and what brings it back.
    """
    known = [each for each in await archived_of_run(session, run_id) if attempt in (None, each.attempt)]
    if known and not known[0].here:
        raise WrongState(*known[0].why_gone)


async def search(session: PersonSession, words: Sequence[str], limit: int = 200) -> list[Archived]:
    """Archived output that has all of these words, or words that begin so. Raises UsageError where there is none."""
    return await session.db.rows(
        Archived, "retention/archived", session.workspace.workspace_id, None, as_query(words), limit
    )


def as_query(words: Sequence[str]) -> str:
    """The words as the index knows them.

    >>> as_query(["Connection refused:", "db-1"])
    "'connection':* & 'refused':* & 'db':*"
    """
    found = [word[:LONGEST_WORD] for each in words for word in re.findall(r"\w+", each.lower()) if len(word) > 1]
    if not found:
        raise UsageError("there is no word to search for", "a word has two letters or digits at least")
    return " & ".join(f"'{word}':*" for word in found)


async def jobs(session: PersonSession) -> list[Job]:
    """The jobs of upkeep, by name: how each ended the last time, and how far one is that is under way."""
    return await session.db.rows(Job, "upkeep/overview", session.workspace.workspace_id)


async def job_history(session: PersonSession, job: str | None = None, limit: int = 100) -> list[JobTime]:
    """The last times that a job (None: any) did something or failed, newest first."""
    return await session.db.rows(JobTime, "upkeep/history", job, limit)
