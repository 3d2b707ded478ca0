"""Upkeep, which the database has done by whoever is there, each job once; and the examination by ``kolony doctor``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kolony_tui.core.connection import Destination
from kolony_tui.core.session import PersonSession
from kolony_tui.db.connect import Database, connect
from kolony_tui.db.errors import DRIVER_ERRORS, translated
from kolony_tui.db.place import find_place
from kolony_tui.db.queries import query
from kolony_tui.db.rows import read
from kolony_tui.db.target import Target
from kolony_tui.models.errors import NotFound
from kolony_tui.models.people import Role
from kolony_tui.server.home import kolony_home

if TYPE_CHECKING:
    from kolony_tui.server.doctor.check import Check

Told = Callable[[str, int, int], None]
"""Hears of a job that takes long: its name, how much is done, and of how much (0: nobody knows)."""
BY_PROGRAMS = ("archive", "webhooks")
"""Jobs that only a program of an admin can do, for a workspace."""


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


async def run_upkeep(
    session: PersonSession, *, everything: bool = False, only: str | None = None, told: Told | None = None
) -> list[UpkeepJob]:
    """Does what is due (``everything``: all jobs, for admins), each job in a transaction of its own.

    An admin's program also carries what the workspace's webhooks are to be sent, and looks after its archive.
    ``only``: this job alone; ``told`` hears how far the work is. Raises NoRight, NotFound (no such job).
    """
    known = await session.db.rows(_Known, "upkeep/jobs")
    if only is not None:
        known = [job for job in known if job.job == only]
        if not known and only not in BY_PROGRAMS:
            raise NotFound(f"there is no job {only!r}", "see kolony maintain")
    jobs = await _run(session.db, known, everything, told)
    if session.role == Role.ADMIN and only in (None, "archive"):
        jobs += await _tend_archive(session, everything, told)
    if session.role == Role.ADMIN and only in (None, "webhooks"):
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
    archive = session.role == Role.ADMIN and await session.db.value(
        "upkeep/archive_due", session.workspace.workspace_id
    )
    if not archive and not any(job.due for job in known):
        return []
    db = Database(session.db.target, application)
    try:
        jobs = await _run(db, known, False)
        return jobs + (await _tend_archive(replace(session, db=db), False, None) if archive else [])
    finally:
        await db.close()


async def do_job(session: PersonSession, job: str, application: str, told: Told | None = None) -> list[UpkeepJob]:
    """Does one job now, on a connection of its own. Raises NoRight (admins only), NotFound."""
    db = Database(session.db.target, application)
    try:
        return await run_upkeep(replace(session, db=db), everything=True, only=job, told=told)
    finally:
        await db.close()


async def _run(db: Database, known: list[_Known], everything: bool, told: Told | None = None) -> list[UpkeepJob]:
    jobs: list[UpkeepJob] = []
    for job in known:
        if job.due or everything:
            jobs += await _turns(db, job.job, everything, told)
        else:
            jobs.append(UpkeepJob(job.job, False, job.last_result))
    return jobs


async def _turns(db: Database, job: str, everything: bool, told: Told | None) -> list[UpkeepJob]:
    """One job, to its end: each turn does so much and commits; all of them count."""
    sums: dict[str, int] = {}
    while True:
        did = [read(UpkeepJob, row) for row in await db.call("run_upkeep", everything, job)]
        if not sums and not any(each.result.get("more") for each in did):
            return did
        for each in did:
            for name, value in each.result.items():
                if isinstance(value, int) and not isinstance(value, bool):
                    sums[name] = sums.get(name, 0) + value
        if told is not None:
            told(job, sum(sums.values()), 0)
        if not any(each.ran and each.result.get("more") for each in did):
            failed = next((each.result for each in did if each.failed), {})
            return [UpkeepJob(job, True, {**sums, **failed})]


async def _tend_archive(session: PersonSession, everything: bool, told: Told | None) -> list[UpkeepJob]:
    # Deferred: nobody else needs it.
    from kolony_tui.core import archiving

    if not (everything and await session.db.value("retention/place", session.workspace.workspace_id)) and not (
        await archiving.archive_due(session)
    ):
        return []
    progress = None if told is None else lambda done, total: told("archive", done, total)
    return [UpkeepJob("archive", True, dict((await archiving.tend(session, progress)).result))]


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


async def vacuum_embedded(session: PersonSession) -> UpkeepJob | None:
    """Vacuums what has many dead rows, where the server is the embedded one of this home; None: it is another's."""
    import asyncpg

    from kolony_tui.server.address import DATABASE
    from kolony_tui.server.embedded import EmbeddedServer

    server = EmbeddedServer(kolony_home())
    address = server.address
    if address is None or (address.host, address.port) not in find_place(session.db.target).addresses:
        return None
    superuser = await asyncpg.connect(server.superuser_dsn(DATABASE))
    try:
        tables = await superuser.fetch(query("upkeep/dead_tables"))
        for row in tables:
            await superuser.execute(f'VACUUM (ANALYZE) kolony."{row["relname"]}"')
    finally:
        await superuser.close()
    return UpkeepJob("vacuum", True, {"vacuumed_tables": len(tables)})
