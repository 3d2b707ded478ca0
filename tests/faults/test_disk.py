"""Disks that are full: the server's, and the one that a runner keeps output on while the server is away."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime

from kolony_tui.agent.attempt.outbox import MEMORY_BYTES
from kolony_tui.agent.attempt.output import Chunk
from kolony_tui.agent.attempt.spool import Spool
from kolony_tui.server.bootstrap import Prepared
from kolony_tui.server.embedded import EmbeddedServer
from tests.faults.conftest import Extent
from tests.faults.disk import SmallDisk, small_disk
from tests.faults.load import Load
from tests.faults.proxy import proxied


async def test_the_servers_disk(
    durable_load: Load, durable: tuple[EmbeddedServer, Prepared], disk: SmallDisk, extent: Extent
) -> None:
    """Output waits at the runner, or the server goes down over its log; with room again, all is there and goes on."""
    load, (server, _) = durable_load, durable
    # A run is not to be lost over it: who frees a disk is not quick.
    await load.quick(2, 30)
    for worker in load.workers:
        load.start(worker)
    with load.app() as app:
        for number in extent.rounds(1, 6):
            sent = [await load.send(worker, 3_000_000, 3.0) for worker in load.workers]
            for each in sent:
                await load.prints(each)
            disk.fill(but=500_000 if number % 2 == 0 else 0)
            try:
                await load.any_runner_says("the server cannot write", "trying again")
                await asyncio.to_thread(_send_by_hand, load)
            finally:
                disk.empty()
            await asyncio.to_thread(server.ensure)
            await load.ended()
        found = await load.judge()
        await load.heals(app)
    assert (found.lost, found.holes) == (0, 0)


def _send_by_hand(load: Load) -> None:
    """A person who sends meanwhile gets the server's word for it, or one line that says why not."""
    done = subprocess.run(
        [sys.executable, "-m", "kolony_tui", "send", load.workers[0].name, "--json", "--", "true"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "KOLONY_HOME": str(load.ground.home), "KOLONY_DSN": load.ground.admin_dsn},
    )
    assert done.returncode in (0, 1, 3), done
    assert (done.stdout == "") == (done.returncode != 0), done
    assert done.returncode == 0 or done.stderr.count("\n") == 1, done


def test_what_a_full_disk_did_not_take_spoils_nothing() -> None:
    """Whatever the spool said it has comes out again, as it was; it goes on when there is room."""
    with small_disk(1) as disk:
        spool = Spool(disk.path, 1 << 30)
        chunks = [Chunk(seq, "stdout", datetime.now(UTC), seq, 1, b"%d\n" % seq * 100) for seq in range(6000)]
        taken = [chunk for chunk in chunks if spool.put(chunk)]
        assert 1000 < len(taken) < len(chunks)
        assert [spool.take() for _ in taken[:500]] == taken[:500]
        assert not spool.put(chunks[-1])
        assert [spool.take() for _ in taken[500:]] == taken[500:]
        assert spool.take() is None
        assert spool.put(chunks[-1])
        assert spool.take() == chunks[-1]
        spool.close()


async def test_the_runners_disk(load: Load, extent: Extent) -> None:
    """The server is away and the disk for its output full: the program waits, and nothing of it is lost."""
    await load.quick(5, 60)
    with small_disk(6) as disk:
        async with proxied(load.ground.place, disk.path) as (proxy, through):
            load.via = through
            load.start(load.workers[0], home=disk.path)
            for _ in extent.rounds(1, 5):
                sent = await load.send(load.workers[0], 16_000_000, 1.0)
                await load.prints(sent)
                proxy.mode = "shut"
                proxy.cut()
                waited = await load.printed_so_far(sent)
                assert MEMORY_BYTES < waited < 14_000_000, "beyond memory and disk the program has to wait"
                proxy.mode = "pass"
                await load.ended()
            found = await load.judge()
            await load.close()
    assert (found.lost, found.holes) == (0, 0)
