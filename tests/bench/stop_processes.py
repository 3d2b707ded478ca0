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
from statistics import median

import psutil

from kolony_tui.agent.supervision import shim
from tests.bench.measuring import Installation, installation, machine
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


def main() -> None:
    """Print the figure."""
    print(machine())
    with installation() as made, made.home() as home, ExitStack() as runners:
        made.kolony(home, "db", "start")
        names = [f"agent-{number}" for number in range(AGENTS)]
        for name in names:
            made.kolony(home, "agent", "create", name)
        started = [runners.enter_context(runner(made, home, 1, name=name)) for name in names]
        taken = [_stop(made, home, started) for _ in range(ROUNDS)]
    middle, worst = median(taken), max(taken)
    verdict = "holds" if worst <= BOUND_SECONDS else "DOES NOT HOLD"
    print(
        f"emergency stop of {AGENTS} running agents, {AGENTS * LIVE} processes: none lives after {middle * 1000:.0f} "
        f"ms, at most {worst * 1000:.0f} of {ROUNDS} times (at most {BOUND_SECONDS * 1000:.0f}: {verdict})"
    )


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
