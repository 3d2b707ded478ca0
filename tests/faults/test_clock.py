"""A runner's clock is set: an hour forth and back, under work. Nothing is measured or stamped by it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from tests.faults.conftest import Extent
from tests.faults.load import Load


async def test_a_clock_that_is_set(load: Load, tmp_path: Path, extent: Extent) -> None:
    """No lease is lost, no limit ends a run, and what it prints is of now."""
    clock = tmp_path / "clock"
    await load.quick(1, 12)
    program = (str(Path(__file__).with_name("shifted.py")), str(clock))
    clock.write_text("3600")
    load.start(load.workers[0], program=program)
    superuser = await load.superuser()
    sent = []
    for hours in [number % 3 - 1 for number in extent.rounds(3, 30)]:
        sent.append(await load.send(load.workers[0], 50_000, 2.0))
        await load.prints(sent[-1])
        clock.write_text(str(hours * 3600))
        await asyncio.sleep(load.random_moment(0.2, 0.6))
    found = await load.judge()
    assert (found.runs, found.lost, found.holes) == (len(sent), 0, 0)
    rows = await superuser.fetch(
        """SELECT c.at, t.claimed_at, t.ended_at FROM kolony.output_chunks c JOIN kolony.attempts t
           ON (t.run_id, t.number) = (c.run_id, c.attempt)"""
    )
    await superuser.close()
    slack = timedelta(seconds=0.5)
    assert all(row["claimed_at"] - slack <= row["at"] <= row["ended_at"] + slack for row in rows)
