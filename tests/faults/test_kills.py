"""kill -9 under load, at random moments: of runners, of their guardians and shims, of the app, of the server."""

from __future__ import annotations

import asyncio
import signal

import psutil

from tests.faults.conftest import Extent
from tests.faults.load import Load


def _below(pid: int, word: str) -> list[psutil.Process]:
    """The processes below a runner whose command line has this word."""
    found = []
    for process in psutil.Process(pid).children(recursive=True):
        try:
            if any(word in each for each in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


async def test_runners_that_are_killed(load: Load, extent: Extent) -> None:
    for worker in load.workers:
        load.start(worker)
    async with load.sending():
        for _ in extent.rounds(2, 30):
            await load.some_output()
            await asyncio.sleep(load.random_moment(0.3, 1.0))
            worker, runner = load.one_runner()
            runner.send(signal.SIGKILL)
            load.start(worker)
    found = await load.judge()
    print(found)
