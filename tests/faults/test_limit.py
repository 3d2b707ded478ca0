"""No connection is left on the server: one line and exit code 3, and all goes on without a key once there is one."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from kolony_tui.db.connect import connect
from kolony_tui.models.errors import CannotConnect
from tests.database import Workspace
from tests.faults.load import Load
from tests.ui.terminal import opened


@asynccontextmanager
async def full(load: Load) -> AsyncIterator[None]:
    """Everybody loses the connections they have, and nobody but a superuser gets another."""
    superuser = await load.superuser()
    name = await superuser.fetchval("SELECT current_database()")
    await superuser.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 0")
    await superuser.execute(
        """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = current_database() AND pid <> pg_backend_pid()"""
    )
    try:
        yield
    finally:
        await superuser.execute(f"ALTER DATABASE {name} CONNECTION LIMIT -1")
        await superuser.close()


async def kolony(load: Load, *words: str) -> tuple[int | None, str]:
    """Runs one command line as the admin: exit code and errors."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KOLONY_", "PG"))}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "kolony_tui", *words,
        env={**kept, "KOLONY_HOME": str(load.ground.home), "KOLONY_DSN": load.ground.admin_dsn},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said = (await process.communicate())[1].decode()
    return process.returncode, said


async def test_no_connection_is_left(load: Load) -> None:
    """For a runner at work and one that starts, for an app that is open and one that is opened, for a verb."""
    at_work, late = load.workers
    load.start(at_work)
    sent = await load.send(at_work, 60_000, 1.5)
    await load.prints(sent)
    home = load.ground.home / "late"
    home.mkdir()
    with load.app() as app:
        async with full(load):
            with opened(home, load.ground.admin_dsn, columns=140, rows=40) as opening:
                code, err = await kolony(load, "run", "list")
                assert (code, len(err.splitlines())) == (3, 1), err
                assert "no connection left (too many connections for database" in err
                runner = load.start(late)
                await runner.says("no connection left")
                await asyncio.to_thread(app.until, lambda: "no connection left" in app.shown, "the banner")
                await asyncio.to_thread(opening.until, lambda: "no connection left" in opening.shown, "why it waits")
        found = await load.judge()
        await load.send(late, seconds=0.1)
        found = await load.judge()
        await load.heals(app)
    assert (found.runs, found.holes) == (2, 0)


async def test_the_servers_own_limit_is_told_the_same_way(workspace: Workspace) -> None:
    """max_connections, and the limit of one login."""
    database = workspace.database
    held: list[asyncpg.Connection] = []
    login = await database.add_person("viewer")
    superuser = await database.superuser()
    await superuser.execute(f"ALTER ROLE {login} CONNECTION LIMIT 0")
    with pytest.raises(CannotConnect, match=r"no connection left \(too many connections for role"):
        await connect(database.target(login), "kolony tests")
    try:
        async with asyncio.timeout(30):
            while len(held) < 1000:
                held.append(await database.cluster.superuser())
    except asyncpg.TooManyConnectionsError:
        with pytest.raises(CannotConnect, match="no connection left") as refused:
            await connect(database.target("ada"), "kolony tests")
        assert len(refused.value.line.splitlines()) == 1
    finally:
        for each in held:
            each.terminate()
    assert len(held) < 1000
