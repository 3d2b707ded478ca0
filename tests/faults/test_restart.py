"""The server is restarted under load, in an orderly way and at once; and one that hangs is not waited for."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import tempfile
import time

import psutil

from kolony_tui.core.session import log_in
from kolony_tui.db.target import Target
from kolony_tui.server.bootstrap import Prepared
from kolony_tui.server.embedded import EmbeddedServer
from tests.agent.colony import until
from tests.database import PASSWORD, Database
from tests.faults.conftest import Extent
from tests.faults.load import Load

FAST, IMMEDIATE = signal.SIGINT, signal.SIGQUIT
"""What the server's main process takes for ``pg_ctl stop`` with these modes."""


async def test_restarts_under_load(
    durable_load: Load, durable: tuple[EmbeddedServer, Prepared], extent: Extent
) -> None:
    """Sessions of people, of the app and of runners find the server again; nobody presses a key."""
    load, (server, _) = durable_load, durable
    for worker in load.workers:
        load.start(worker)
    for _ in extent.rounds(1, 10):
        with load.app() as app:
            async with load.sending(every=0.3):
                for how in (FAST, IMMEDIATE):
                    await load.some_output()
                    await asyncio.sleep(load.random_moment(0.3, 1.0))
                    await _restart(server, how)
            found = await load.judge()
            await load.heals(app)
    assert found.runs > 2
    print(found)


async def _restart(server: EmbeddedServer, how: signal.Signals) -> None:
    old = (await asyncio.to_thread(server.status)).pid
    assert old is not None
    os.kill(old, how)

    async def gone() -> bool:
        return not psutil.pid_exists(old)

    await until(gone, what="the end of the server")
    await asyncio.to_thread(server.ensure)


async def test_a_server_that_hangs_is_passed_over(database: Database) -> None:
    """The first of two takes connections and says nothing; the second one serves."""
    with tempfile.TemporaryDirectory(prefix="kh-") as folder, socket.socket(socket.AF_UNIX) as silent:
        silent.bind(f"{folder}/.s.PGSQL.5432")
        silent.listen()
        words = database.target("ada").words()
        hosts, ports = f"{folder},{words['host']}", f"5432,{words.get('port', '5432')}"
        dsn = f"host={hosts} port={ports} dbname={database.name} connect_timeout=1"
        target = Target(dsn, origin="the test").as_login(database.cluster.login("ada"), PASSWORD)
        began = time.monotonic()
        session = await log_in(target, "kolony tests")
        assert 0.9 < time.monotonic() - began < 5
        await session.db.close()
