"""Who supervises is killed itself: the shim, the runner, both; what they watched over ends all the same."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from kolony_tui.agent.supervision import shim
from kolony_tui.agent.supervision.guard import Guard
from tests.agent.colony import lives, until
from tests.agent.test_supervised import DEAF, SCATTERS, Yard, everything, pids, yard

__all__ = ["yard"]

RUNNER = """
import asyncio, sys
from pathlib import Path
from tests.agent.colony import assignment
from kolony_tui.agent.supervision.guard import Guard
from kolony_tui.agent.supervision.ladder import Graces
from kolony_tui.agent.attempt.launch import Launch
from kolony_tui.agent.supervision.supervised import Supervised

async def main():
    folder = Path(sys.argv[1])
    program = Supervised(assignment("x"), Launch("worker", folder, folder), Guard(), Graces())
    await program.start(["sh", "-c", sys.argv[2]])
    while (piece := await program.read()) is not None:
        print(piece[1].decode(), end="", flush=True)

asyncio.run(main())
"""


def shim_of(pid: int) -> psutil.Process:
    """What a program was started by."""
    found = psutil.Process(pid).parent()
    assert found is not None
    assert found.name() == "agent-shim"
    return found


async def test_a_program_whose_shim_is_killed_ends_and_says_so(yard: Yard) -> None:
    program, steps = await yard.start("sh", "-c", f"setsid sh -c 'echo $$; exec sleep 654' & echo $$; {DEAF}")
    found = await pids(program, 2)
    assert program.leader in found
    assert program.leader is not None
    watcher = shim_of(program.leader)
    assert "kolony" not in " ".join(watcher.cmdline()[1:]), "who kills the runner by its name spares it"
    assert watcher.memory_info().rss < 20e6
    watcher.send_signal(signal.SIGKILL)
    _, ended = await asyncio.wait_for(everything(program), 10)
    # What had left the session too: it is known by its mark.
    assert not any(lives(pid) for pid in found)
    assert (ended.exit_code, ended.reason) == (None, "crashed")
    assert ended.error == "the process that watched over the program was killed"
    assert steps == []


@pytest.mark.parametrize("stopped", [False, True])
async def test_a_killed_runner_leaves_nothing_wherever_it_went(stopped: bool, tmp_path: Path) -> None:
    # Without a guardian: the shim does it alone.
    text = f"{SCATTERS} echo $$; {DEAF}"
    runner = subprocess.Popen([sys.executable, "-c", RUNNER, str(tmp_path), text], stdout=subprocess.PIPE)
    try:
        assert runner.stdout is not None
        found = [int(await asyncio.to_thread(runner.stdout.readline)) for _ in range(3)]
        if stopped:
            # A program that is stopped does not hear anything; a shim that does not run could not be relied on.
            os.kill(found[-1], signal.SIGSTOP)
        runner.kill()
        runner.stdout.close()
    finally:
        runner.kill()
        runner.wait()

    async def gone() -> bool:
        return not any(map(lives, found))

    await until(gone, deadline=5, what="the end of what a killed runner had started")


async def test_a_hanging_runners_guardian_has_shims_end_what_they_adopted(yard: Yard) -> None:
    program, _ = await yard.start("sh", "-c", f"{SCATTERS} echo $$; {DEAF}")
    found = await pids(program, 3)
    yard.guard.close()

    async def gone() -> bool:
        return not any(map(lives, found))

    await until(gone, deadline=5, what="the end of what the guardian knew of")
    yard.guard = Guard()


async def test_what_is_below_is_found_to_any_depth() -> None:
    with subprocess.Popen(["sh", "-c", "sh -c 'sleep 655 & sleep 656' & wait"], start_new_session=True) as top:

        async def all_of_it() -> bool:
            found = shim.below(top.pid)
            return len(found) == 3 and {psutil.Process(pid).cmdline()[-1] for pid in found} >= {"655", "656"}

        try:
            await until(all_of_it, deadline=5, what="three processes below")
            assert sorted(shim.children(top.pid)) == sorted(shim._children_by_parent(top.pid))
        finally:
            os.killpg(top.pid, signal.SIGKILL)
    assert shim.below(top.pid) == []
