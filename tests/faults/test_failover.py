"""kill -9 of a server under load, whose synchronous standby takes its place: nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from random import Random

import pytest

from kolony_tui.db.connect import Database as Connection
from kolony_tui.db.connect import connect
from kolony_tui.db.listen import EVERYTHING, Listener
from kolony_tui.db.target import Target
from kolony_tui.models.errors import CannotConnect
from tests.database import PASSWORD, Database
from tests.faults.conftest import Extent
from tests.faults.load import load_on
from tests.faults.pair import PORTS, Pair, pair_of_servers


async def test_failover_under_load(tmp_path: Path, extent: Extent, rng: Random) -> None:
    async with pair_of_servers() as (pair, database), load_on(pair.ground(database, tmp_path), rng) as load:
        promoted = await _standbys_are_passed_over(pair, database)
        hints: list[tuple[str, float]] = []
        channel = load.session.workspace.channel
        listener = Listener(
            load.ground.admin, channel, "kolony tests", lambda hint: hints.append((hint, time.monotonic())),
            lambda state: None,
        )  # fmt: skip
        listening = asyncio.create_task(listener.run())
        for worker in load.workers:
            load.start(worker)
        for number in extent.rounds(1, 8):
            if number:
                await pair.add_standby()
            with load.app() as app:
                async with load.sending(every=0.3, seconds=0.3):
                    await load.some_output()
                    await asyncio.sleep(load.random_moment(0.2, 0.8))
                    pair.kill()
                    gone = time.monotonic()
                    await pair.promote()
                    before = len(load.acknowledged)
                    async with asyncio.timeout(30):
                        while len(load.acknowledged) < before + 3:
                            await asyncio.sleep(0.02)
                    print(f"acknowledged again {time.monotonic() - gone:.1f} s after the kill")
                print(await load.judge())
                await load.heals(app)
            if not number:
                await promoted.call("ensure_profile")
                await promoted.close()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        assert sum(hint == EVERYTHING for hint, _ in hints) > 1, "the listener found the other server"
        assert any(at > gone for hint, at in hints if hint != EVERYTHING)


async def _standbys_are_passed_over(pair: Pair, database: Database) -> Connection:
    """Also where the DSN does not ask for the one that writes; a session on one that does not write is given up."""

    def as_ada(dsn: str) -> Target:
        return Target(dsn, origin="the test").as_login("ada", PASSWORD)

    both = await connect(as_ada(pair.dsn(database.name, 1, 0)), "kolony tests")
    assert await both.fetchval("SHOW port") == str(PORTS[0])
    await both.close()
    with pytest.raises(CannotConnect, match="takes writes now") as refused:
        await connect(as_ada(f"{pair.dsn(database.name, 1)}&target_session_attrs=read-write"), "kolony tests")
    assert len(refused.value.line.splitlines()) == 1
    standby = Connection(as_ada(pair.dsn(database.name, 1)), "kolony tests")
    with pytest.raises(CannotConnect, match="no writes any more"):
        await standby.call("ensure_profile")
    assert not standby.connected, "the next statement looks for the one that writes"
    return standby
