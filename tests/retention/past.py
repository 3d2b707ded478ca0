"""Runs that ended long ago: what a runner wrote, moved back in time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from kolony_tui.core.session import PersonSession, log_in
from tests.database import Agent, Database, Workspace
from tests.work.calls import Runner, send

WILD = [b"first line\nConnection refused\n", b"\x00\xff\xfe broken \xc3", b"\xa9 on\n", bytes(range(256)) * 40, b"\n"]
"""Chunks with NUL, broken UTF-8 and a character that two of them share."""


@asynccontextmanager
async def logged_in(database: Database, login: str) -> AsyncIterator[PersonSession]:
    """A person's session in ``main``."""
    session = await log_in(database.target(login), "kolony tests", "main")
    try:
        yield session
    finally:
        await session.db.close()


async def ended_run(workspace: Workspace, agent: Agent, days: int, chunks: list[bytes] | None = None) -> UUID:
    """A run that ended so many days ago and left this output."""
    database = workspace.database
    operator = await database.connect("bob")
    runner = await Runner.of(database, agent)
    [run_id] = await send(operator, agent)
    [claimed] = await runner.claim()
    await runner.start(claimed["attempt_id"])
    written = WILD if chunks is None else chunks
    await runner.append(claimed["attempt_id"], list(enumerate(written)))
    await runner.finish(claimed["attempt_id"], chunks=len(written))
    await runner.close()
    await runner.connection.close()
    await operator.close()
    superuser = await database.superuser()
    await age(superuser, run_id, days)
    await superuser.close()
    return run_id


async def age(superuser: asyncpg.Connection, run_id: UUID, days: int) -> None:
    """Moves a run with its output so many days back."""
    then = datetime.now(UTC) - timedelta(days=days)
    await superuser.execute("SELECT kolony.ensure_output_partition($1)", then.date())
    await superuser.execute("SET session_replication_role = replica")
    await superuser.execute("UPDATE kolony.runs SET finished_at = $2 WHERE run_id = $1", run_id, then)
    await superuser.execute("UPDATE kolony.attempts SET output_day = $2, ended_at = $3 WHERE run_id = $1",
                            run_id, then.date(), then)  # fmt: skip
    await superuser.execute("UPDATE kolony.output_chunks SET day = $2 WHERE run_id = $1", run_id, then.date())
    await superuser.execute("SET session_replication_role = origin")


async def rows(superuser: asyncpg.Connection, run_id: UUID) -> list[tuple[Any, ...]]:
    """All that the database has of a run's output, to the last column."""
    found = await superuser.fetch("SELECT * FROM kolony.output_chunks WHERE run_id = $1 ORDER BY attempt, seq", run_id)
    return [tuple(row.values()) for row in found]


async def archive_state(superuser: asyncpg.Connection, run_id: UUID) -> str | None:
    """How a run's output stands with the archive."""
    found: str | None = await superuser.fetchval("SELECT state FROM kolony.output_archives WHERE run_id = $1", run_id)
    return found
