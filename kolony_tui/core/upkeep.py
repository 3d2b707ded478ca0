"""What has to be done from time to time, by whoever is there: the database says what is due, and does it once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kolony_tui.core.session import PersonSession
from kolony_tui.db.connect import Database
from kolony_tui.db.rows import read


@dataclass(frozen=True, slots=True)
class UpkeepJob:
    """One job. ``result``: what it did, in counts, now or the last time; "error" where it failed."""

    job: str
    ran: bool
    result: dict[str, Any]

    @property
    def failed(self) -> bool:
        """Whether it was done now and ended with an error."""
        return self.ran and "error" in self.result


@dataclass(frozen=True, slots=True)
class _Known:
    job: str
    due: bool
    last_result: dict[str, Any]


async def run_upkeep(session: PersonSession, *, everything: bool = False) -> list[UpkeepJob]:
    """Does what is due (``everything``: all jobs, for admins), each job in a transaction of its own.

    Raises NoRight.
    """
    return await _run(session.db, await session.db.rows(_Known, "upkeep/jobs"), everything)


async def keep_up(session: PersonSession, application: str) -> list[UpkeepJob]:
    """Does what is due, if anything is, on a connection of its own: whoever uses the session waits for nothing."""
    known = await session.db.rows(_Known, "upkeep/jobs")
    if not any(job.due for job in known):
        return []
    db = Database(session.db.target, application)
    try:
        return await _run(db, known, False)
    finally:
        await db.close()


async def _run(db: Database, known: list[_Known], everything: bool) -> list[UpkeepJob]:
    jobs: list[UpkeepJob] = []
    for job in known:
        if job.due or everything:
            jobs += [read(UpkeepJob, row) for row in await db.call("run_upkeep", everything, job.job)]
        else:
            jobs.append(UpkeepJob(job.job, False, job.last_result))
    return jobs
