"""The network between runners, people and server: cut, cut between a commit and its answer, half open, slow, deaf."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from kolony_tui.agent.link import Link
from kolony_tui.agent.runner import POLL_SECONDS
from kolony_tui.core.session import log_in
from kolony_tui.db.connect import connect
from kolony_tui.db.listen import Listener
from kolony_tui.db.target import Target
from kolony_tui.models.errors import CannotConnect
from tests.agent.colony import until
from tests.database import Database
from tests.faults.conftest import Extent
from tests.faults.load import Load
from tests.faults.proxy import Proxy, proxied


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Where the path of a socket is short enough."""
    folder = tempfile.mkdtemp(prefix="kolony-")
    yield Path(folder)
    shutil.rmtree(folder)


@pytest.fixture
async def proxy(load: Load, short_folder: Path) -> AsyncIterator[Proxy]:
    """The way of runners and sender to the server."""
    async with proxied(load.ground.place, short_folder) as (made, through):
        load.via = through
        await load.session.db.close()
        load.session = await log_in(replace(load.ground.admin, dsn=through.dsn), "kolony tests sender")
        yield made
        await load.close()


async def test_a_network_that_is_cut_again_and_again(load: Load, proxy: Proxy, extent: Extent) -> None:
    await load.quick(1, 12)
    for worker in load.workers:
        load.start(worker)

    async def cut() -> bool:
        # On a busy machine nobody may have come back since the last time.
        return proxy.cut() > 0

    async with load.sending(seconds=1.0):
        await load.some_output()
        for _ in extent.rounds(5, 100):
            await asyncio.sleep(load.random_moment(0.05, 0.7))
            await until(cut, what="a connection that can be cut")
    found = await load.judge()
    assert found.lost == 0, "a cut that is shorter than a lease loses no attempt"
    assert found.runs > 3


async def test_answers_that_are_lost_after_the_commit(load: Load, proxy: Proxy, extent: Extent) -> None:
    for worker in load.workers:
        load.start(worker)
    async with load.sending():
        needed = ("send_command", "append_output", "beat")

        async def often() -> bool:
            return all(proxy.seen[name] > 4 for name in needed)

        await until(often, what=f"often enough {needed}")
        called = sorted(name for name, count in proxy.seen.items() if name and count > 4)
        for _ in extent.rounds(1, 8):
            for function in called:
                await proxy.rob(function)
    found = await load.judge()
    assert found.holes == 0


async def test_a_network_that_says_nothing_any_more(load: Load, proxy: Proxy) -> None:
    """Half open: no word and no reset. The runner ends its work before another may begin it."""
    worker = load.workers[0]
    assert load.via is not None
    load.via = replace(load.via, dsn=f"{load.via.dsn}&connect_timeout=2")
    cut_off = load.start(worker)
    sent = [await load.send(worker, 60_000, 6.0) for _ in range(2)]
    await load.some_output()
    proxy.mode = "hung"
    hung_at = time.monotonic()
    load.via = None
    load.start(worker)
    await cut_off.says("could not be renewed in time")
    assert time.monotonic() - hung_at < 4.5, "later than the lease"
    found = await load.judge()
    assert (found.runs, found.lost) == (len(sent), len(sent))
    proxy.mode = "pass"
    proxy.cut()
    await cut_off.says("under a new session")


async def test_a_slow_network(load: Load, proxy: Proxy) -> None:
    """20 KB/s and 0.3 s a message: output waits, leases hold."""
    await load.quick(3, 30)
    for worker in load.workers:
        load.start(worker)
        await load.send(worker, 20_000, 0.5)
    await load.some_output()
    proxy.mode = "slow"
    found = await load.judge()
    assert (found.runs, found.lost) == (2, 0)


async def test_a_server_that_lets_one_in_and_says_no_more(
    database: Database, short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kolony_tui.db.connect._READY_SECONDS", 0.3)
    async with proxied(database.target("ada"), short_folder) as (proxy, through):
        proxy.mode = "mum"
        with pytest.raises(CannotConnect, match="no answer in time"):
            async with asyncio.timeout(10):
                await connect(through, "kolony tests", patience=0.3)


async def test_what_fails_again_and_again_is_told(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only a full disk: a lock that is never let go holds a run's output up as well, while all else goes on."""
    monkeypatch.setattr("kolony_tui.agent.link.VAIN_SECONDS", 0.3)
    superuser = await database.superuser()
    makes = "CREATE OR REPLACE FUNCTION kolony.locked() RETURNS int LANGUAGE plpgsql AS $$ BEGIN {} END $$"
    await superuser.execute(makes.format("RAISE 'somebody has it' USING ERRCODE = '55P03';"))
    await superuser.execute("GRANT EXECUTE ON FUNCTION kolony.locked() TO PUBLIC")
    link, told = Link(database.target("ada"), "kolony tests"), asyncio.Queue[str]()
    link.up.set()
    link.on_trouble = lambda error: told.put_nowait("" if error is None else error.message)
    began = time.monotonic()
    calling = asyncio.create_task(link.insist("locked", alive=lambda: True))
    async with asyncio.timeout(10):
        assert await told.get() == "somebody has it"
        assert time.monotonic() - began > 0.3, "what is over in a moment is not worth a word"
        await superuser.execute(makes.format("RETURN 1;"))
        assert await told.get() == ""
        assert [row["locked"] for row in await calling] == [1]
    await link.close()


async def test_whoever_stops_listening_as_the_connection_ends(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stops, in whichever moment of that it is: an app that is quit while the server goes away was once held up."""
    opened: list[asyncpg.Connection] = []

    async def kept(target: Target, application: str) -> asyncpg.Connection:
        opened.append(await connect(target, application))
        return opened[-1]

    monkeypatch.setattr("kolony_tui.db.listen.connect", kept)
    for later in range(8):
        said: asyncio.Queue[str] = asyncio.Queue()
        target = database.target("ada")
        listener = Listener(target, "kolony_w_none", "kolony tests", said.put_nowait, lambda state: None)
        listening = asyncio.create_task(listener.run())
        async with asyncio.timeout(10):
            await said.get()
        opened[-1].terminate()
        for _ in range(later):
            await asyncio.sleep(0)
        listening.cancel()
        done, _ = await asyncio.wait([listening], timeout=2)
        assert done, f"it listens on, cancelled {later} turns after the connection's end"


async def test_hints_that_never_arrive(load: Load, proxy: Proxy) -> None:
    """Everything is done all the same, within the time between two looks at the queue."""
    proxy.mode = "mute"
    load.start(load.workers[0])
    await load.runners[0].says("ready")
    sent = [await load.send(load.workers[0], 2_000, 0.0) for _ in range(3)]
    await load.ended(POLL_SECONDS * 1.2 + 5)
    assert proxy.dropped > 0
    found = await load.judge()
    assert found.runs == len(sent)
