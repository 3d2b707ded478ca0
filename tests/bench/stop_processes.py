"""An emergency stop while 20 agents are at work: how long until not one process of theirs lives.

Run with ``python -m tests.bench stop_processes``; it takes a minute and a half. Each agent has a runner of its own and
a program that ignores signals, with a child that does, and two more that have left its session; one of those has no
mark in its environment either. It counts from the moment of the stop in the database.
"""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import psutil

from kolony_tui.agent.supervision import shim
from tests.bench.figures import Figure, rounds
from tests.bench.measuring import Installation, installation, milliseconds
from tests.bench.runner_overhead import runner

AGENTS, ROUNDS = 20, 5
BOUND_SECONDS = 1.0
DEAF = "trap '' INT TERM HUP; while :; do sleep 1; done"
WORK = f"""
setsid sh -c 'env -i sh -c "exec sleep 600" & exit' &
setsid sleep 600 &
sh -c "{DEAF}" &
{DEAF}
"""
LIVE = 4 + 2
"""Processes of each: the four, and the sleep of each that is deaf."""


def main() -> list[Figure]:
    """The figure."""
    with installation() as made, made.home() as home, ExitStack() as runners:
        made.kolony(home, "db", "start")
        names = [f"agent-{number}" for number in range(AGENTS)]
        for name in names:
            made.kolony(home, "agent", "create", name)
        started = [runners.enter_context(runner(made, home, 1, name=name)) for name in names]
        taken = [_stop(made, home, started) for _ in range(rounds(ROUNDS))]
    what = f"emergency stop of {AGENTS} running agents until none of their {AGENTS * LIVE} processes lives"
    bound = BOUND_SECONDS * 1000
    return [
        Figure(what, "ms", milliseconds(taken), reach=f"each at most {bound:.0f} ms",
               limit=lambda it: max(it.ours) <= bound)
    ]  # fmt: skip


def _stop(made: Installation, home: Path, runners: list[psutil.Process]) -> float:
    made.kolony(home, "send", "--all", "--yes", "--", WORK)
    while len(living := _living(runners)) < AGENTS * LIVE:
        time.sleep(0.1)
    with subprocess.Popen(
        [made.program("kolony"), "stop", "--all", "--reason", "a benchmark"],
        env=made.environment(home), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    ):  # fmt: skip
        while any(map(_lives, living)):
            time.sleep(0.002)
        gone = time.time()
    [stop] = json.loads(made.kolony(home, "--json", "stop", "--status"))
    made.kolony(home, "lift")
    return gone - datetime.fromisoformat(stop["at"]).timestamp()


def _living(runners: list[psutil.Process]) -> list[int]:
    shims = [child.pid for each in runners for child in each.children() if child.name() == "agent-shim"]
    return [pid for each in shims for pid in shim.below(each)]


def _lives(pid: int) -> bool:
    facts = shim.stat(pid)
    return facts is not None and facts[0] not in (b"Z", b"X")
