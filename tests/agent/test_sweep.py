"""The sweep: what nobody watches over any more is ended, what others watch over is not."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import psutil

from kolony_tui.agent.supervision.sweeping import Hold, sweep
from tests.agent.colony import Colony, lives, until

RUN = "019bd000-0000-7000-8000-00000000000a"


def marked(runner: str | None, attempt: int = 1) -> subprocess.Popen[bytes]:
    """A process as of a run whose runner holds this file."""
    marks = {"KOLONY_RUN_ID": RUN, "KOLONY_ATTEMPT": str(attempt)} | (
        {} if runner is None else {"KOLONY_RUNNER": runner}
    )
    return subprocess.Popen(["sleep", "657"], env={"PATH": os.environ["PATH"], **marks})


def test_only_what_nobody_watches_over_is_ended(tmp_path: Path) -> None:
    home, other_home = tmp_path / "one", tmp_path / "other"
    home.mkdir()
    other_home.mkdir()
    own, other, elsewhere = Hold(home), Hold(home), Hold(other_home)
    dead = Hold(home)
    os.close(dead._lock)  # as of a runner that was killed
    ended = {
        "of a dead runner": marked(str(dead.path)),
        "of one that left in good order": marked(str(home / "runner-gone")),
        "of an attempt of our own that has ended": marked(str(own.path), attempt=2),
    }
    spared = {
        "of our own": marked(str(own.path)),
        "of another that lives": marked(str(other.path)),
        "of another home": marked(str(elsewhere.path)),
        "of a dead one of another home": marked(str(other_home / "runner-gone")),
        "of an older runner": marked(None),
    }
    try:
        found = sweep(home, own.path, lambda: [(RUN, 1)])
        assert sorted(found) == sorted(each.pid for each in ended.values())
        assert [each.wait(5) for each in ended.values()] == [-signal.SIGKILL] * 3
        assert {why: each.poll() for why, each in spared.items()} == dict.fromkeys(spared)
        assert sorted(home.iterdir()) == sorted([own.path, other.path])
    finally:
        for each in (*ended.values(), *spared.values()):
            each.kill()
            each.wait()
        for hold in (own, other, elsewhere):
            hold.release()
    assert list(home.iterdir()) == []


async def test_a_runner_ends_what_one_left_whose_every_watcher_was_killed(colony: Colony) -> None:
    runner = colony.runner()
    run_id = await colony.send("setsid sh -c 'echo $$; exec sleep 658' & echo $$; exec sleep 659")

    async def printed() -> list[int] | None:
        found = [int(word) for word in (await colony.output(run_id)).split()]
        return found if len(found) == 2 else None

    found = await until(printed, what="two pids")
    # The runner first, so that it does not see the others die.
    runner.send(signal.SIGSTOP)
    watchers = psutil.Process(runner.process.pid).children()
    assert sorted(each.cmdline()[-1] == "guardian" for each in watchers) == [False, True]
    for each in watchers:
        each.kill()

    async def leader_gone() -> bool:
        return sum(map(lives, found)) == 1

    await until(leader_gone, what="the end of the program, which goes with its shim")
    runner.process.kill()
    runner.process.wait()
    later = colony.runner()
    await later.says("ended 1 process that nobody watched over")

    async def all_gone() -> bool:
        return not any(map(lives, found))

    # It says so as soon as the signal is sent.
    await until(all_gone, what="the end of what it had started aside")
