"""A full queue of notifications stops no write, and heals once the watchdog has ended who holds it."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from kolony_tui.db.connect import connect
from kolony_tui.db.target import Target
from kolony_tui.server.bootstrap import prepare
from kolony_tui.server.embedded import EmbeddedServer
from kolony_tui.server.home import Home
from tests.conftest import QUICK
from tests.database import refused
from tests.upkeep.conftest import make_impatient, until_due

SMALLEST_QUEUE = {"max_notify_queue_pages": "64"}
"""Half a megabyte; the server's default is 8 GB."""
LARGEST_PAYLOAD = 7_900


@dataclass
class Colony:
    """A colony of one person on a server whose queue is soon full."""

    superuser: asyncpg.Connection
    target: Target
    home: UUID
    agent: UUID
    opened: list[asyncpg.Connection]

    async def connect(self) -> asyncpg.Connection:
        """One more session of the person, who may hang for as long as they like."""
        connection = await connect(self.target, "kolony tests")
        self.opened.append(connection)
        await connection.execute("SET idle_in_transaction_session_timeout = 0")
        return connection

    async def usage(self) -> float:
        """How full the queue is."""
        return float(await self.superuser.fetchval("SELECT pg_notification_queue_usage()"))

    async def fill(self) -> None:
        """Notifies until the server takes no more."""
        flood = await self.connect()
        with refused("54000"):
            for _ in range(1_000):
                await flood.execute("SELECT pg_notify('flood', repeat('x', $1))", LARGEST_PAYLOAD)


@pytest.fixture(scope="module")
def small_server() -> Iterator[EmbeddedServer]:
    """A server with the smallest queue there is, and Kolony on it."""
    folder = Path(tempfile.mkdtemp(prefix="kolony-")).resolve()
    server = EmbeddedServer(Home(folder / "home"), settings={**QUICK, **SMALLEST_QUEUE})
    try:
        prepare(server)
        yield server
    finally:
        server.stop(force=True)
        shutil.rmtree(folder)


@pytest.fixture
async def colony(small_server: EmbeddedServer) -> AsyncIterator[Colony]:
    """The colony, with an impatient watchdog."""
    login = small_server.home.read_state()["first_admin"]
    password = small_server.secrets.get(f"person:{login}")
    address = small_server.address
    assert password is not None
    assert address is not None
    target = Target(dsn=address.dsn(login), origin="the test").as_login(login, password)
    superuser = await asyncpg.connect(small_server.superuser_dsn("kolony"))
    await make_impatient(superuser)
    admin = await connect(target, "kolony tests")
    home = await admin.fetchval("SELECT workspace_id FROM kolony.workspaces")
    agent = await admin.fetchval("SELECT kolony.create_agent($1, 'a' || substr(md5(random()::text), 1, 8))", home)
    made = Colony(superuser, target, home, agent, [admin, superuser])
    yield made
    for each in made.opened:
        each.terminate()
    await asyncio.to_thread(_until_empty, small_server)


def _until_empty(server: EmbeddedServer) -> None:
    async def wait() -> None:
        superuser = await asyncpg.connect(server.superuser_dsn("kolony"))
        async with asyncio.timeout(10):
            while await superuser.fetchval("SELECT pg_notification_queue_usage()") > 0:
                await asyncio.sleep(0.02)
        await superuser.close()

    asyncio.run(wait())


async def listen_in_a_transaction(colony: Colony) -> asyncpg.Connection:
    """A listener that opened a transaction and went to lunch."""
    listener = await colony.connect()
    await listener.add_listener("flood", lambda *_: None)
    await listener.execute("BEGIN; SELECT 1")
    return listener


async def listen_and_not_read(colony: Colony) -> asyncpg.Connection:
    """A listener on a laptop that was closed."""
    listener = await colony.connect()
    await listener.add_listener("flood", lambda *_: None)
    listener._transport.pause_reading()  # type: ignore[attr-defined]
    return listener


async def write_and_heal(colony: Colony, listener: asyncpg.Connection, why: str) -> None:
    """The queue is full: a command is sent all the same, and after the watchdog everything notifies again."""
    await colony.fill()
    assert await colony.usage() > 0.9
    person = await colony.connect()
    with refused("54000"):
        await person.execute("NOTIFY flood, 'it is really full'")
    command = await person.fetchval("SELECT command_id FROM kolony.send_command($1, ARRAY[$2::uuid], 'work')",
                                    colony.home, colony.agent)  # fmt: skip
    assert await colony.superuser.fetchval("SELECT count(*) FROM kolony.commands WHERE command_id = $1", command) == 1
    await until_due(colony.superuser, listener)
    ended = await person.fetch("SELECT pid, why FROM kolony.watchdog()")
    assert [tuple(row) for row in ended] == [(listener.get_server_pid(), why)]
    heard: asyncio.Queue[object] = asyncio.Queue()
    hear: Callable[..., None] = lambda *said: heard.put_nowait(said[3])  # noqa: E731
    # Before anybody asks how full it is: that alone would heal it.
    await person.execute("NOTIFY flood, 'no error'")
    await person.add_listener("flood", hear)
    await person.execute("NOTIFY flood, 'well again'")
    assert await asyncio.wait_for(heard.get(), 10) == "well again"
    assert await colony.usage() < 0.1


async def test_a_listener_idle_in_a_transaction_stops_no_write_and_is_ended(colony: Colony) -> None:
    await write_and_heal(colony, await listen_in_a_transaction(colony), "idle in transaction")


async def test_a_listener_that_does_not_read_stops_no_write_and_is_ended(colony: Colony) -> None:
    await write_and_heal(colony, await listen_and_not_read(colony), "does not read what it is sent")


async def test_who_keeps_busy_in_a_transaction_holds_a_full_queue_no_longer(colony: Colony) -> None:
    listener = await listen_in_a_transaction(colony)
    busy = asyncio.create_task(listener.execute("SELECT pg_sleep(60)"))
    try:
        await write_and_heal(colony, listener, "holds the notification queue")
    finally:
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await busy


async def test_before_the_queue_is_crowded_a_long_statement_is_left_alone(colony: Colony) -> None:
    listener = await listen_in_a_transaction(colony)
    busy = asyncio.create_task(listener.execute("SELECT pg_sleep(60)"))
    async with asyncio.timeout(10):
        while await colony.superuser.fetchval("SELECT state FROM pg_stat_activity WHERE pid = $1",
                                              listener.get_server_pid()) != "active":  # fmt: skip
            await asyncio.sleep(0.02)
    await until_due(colony.superuser, listener)
    assert await (await colony.connect()).fetch("SELECT * FROM kolony.watchdog()") == []
    assert not busy.done()
    listener.terminate()
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await busy
