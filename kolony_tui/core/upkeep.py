"""Upkeep, which the database has done by whoever is there, each job once; and the examination by ``kolony doctor``."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kolony_tui.core.connection import Destination
from kolony_tui.core.session import PersonSession
from kolony_tui.db.connect import Database, connect
from kolony_tui.db.errors import DRIVER_ERRORS, translated
from kolony_tui.db.place import find_place
from kolony_tui.db.rows import read
from kolony_tui.db.target import Target
from kolony_tui.models.people import Role
from kolony_tui.server.home import kolony_home

if TYPE_CHECKING:
    from kolony_tui.server.doctor.check import Check


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

    An admin's program also carries what the workspace's webhooks are to be sent. Raises NoRight.
    """
    jobs = await _run(session.db, await session.db.rows(_Known, "upkeep/jobs"), everything)
    if session.role == Role.ADMIN:
        # Deferred: nobody else needs it.
        from kolony_tui.core.webhooks import deliver_due

        carried = await deliver_due(session)
        if carried.delivered or carried.refused:
            result = {"delivered": carried.delivered, "refused": carried.refused}
            jobs.append(UpkeepJob("webhooks", True, result))
    return jobs


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


async def examine(destination: Destination, application: str) -> dict[str, list[Check]]:
    """What ``kolony doctor`` finds, by group, on a connection of its own.

    Raises CannotConnect, LoginRefused: no server, not with this login, or no schema of Kolony there.
    """
    from kolony_tui.server.doctor.check import Patient
    from kolony_tui.server.doctor.examination import examine as examined

    # A login that does not work is the first finding, also where the superuser looks at the rest.
    connection = await connect(destination.target, application)
    if destination.embedded:
        await connection.close()
        connection = await connect(await asyncio.to_thread(_as_superuser), application)
    place = find_place(destination.target)
    try:
        return await examined(Patient(connection, destination.target, place, kolony_home(), destination.embedded))
    except DRIVER_ERRORS as error:
        known = translated(error)
        if known is None:
            raise
        raise known from error
    finally:
        await connection.close(timeout=5)


def _as_superuser() -> Target:
    from kolony_tui.server.address import DATABASE
    from kolony_tui.server.embedded import EmbeddedServer

    return Target(dsn=EmbeddedServer(kolony_home()).superuser_dsn(DATABASE), origin="the embedded server")
