"""What the runner costs beside the program that it runs: processor time while that prints 1 MB/s, and memory a run.

Run with ``python -m tests.bench runner_overhead``; it takes two minutes. The peer is the program alone, its output read
by ``cat``. The database's own part is not the runner's, and is told beside it.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.bench.figures import Figure
from tests.bench.measuring import Installation, installation

SECONDS = 30
BOUND_CPU = 5.0
"""Percent of one core."""
RUNS = 10
BOUND_MB = 40.0

PRINTS = f"""
import sys, time
line = b"a line of what an agent prints, as long as such lines are: {"." * 38}\\n"
began = time.monotonic()
for turn in range({SECONDS} * 100):
    sys.stdout.buffer.write(line * 100)
    sys.stdout.buffer.flush()
    time.sleep(max(0.0, began + turn / 100 - time.monotonic()))
"""


def main() -> list[Figure]:
    """Both figures."""
    with installation() as made, made.home() as home:
        for words in (("db", "start"), ("agent", "create", "worker")):
            made.kolony(home, *words)
        with runner(made, home, RUNS) as process:
            return [_processors(made, home, process), _memory(made, home, process)]


@contextmanager
def runner(made: Installation, home: Path, concurrency: int, name: str = "worker") -> Iterator[psutil.Process]:
    """``kolony agent run NAME``, ready."""
    token = json.loads(made.kolony(home, "--json", "token", "issue", name))["token"]
    log = home.parent / f"{name}.log"
    with log.open("wb") as file:
        started = subprocess.Popen(
            [made.program("kolony"), "agent", "run", name, "--concurrency", str(concurrency)],
            env={**made.environment(home), "KOLONY_AGENT_TOKEN": token}, stdin=subprocess.DEVNULL, stdout=file,
            stderr=file,
        )  # fmt: skip
    try:
        while "ready" not in log.read_text():
            if started.poll() is not None:
                raise RuntimeError(log.read_text())
            time.sleep(0.05)
        yield psutil.Process(started.pid)
    finally:
        started.terminate()
        started.wait()


def _processors(made: Installation, home: Path, process: psutil.Process) -> Figure:
    script = home.parent / "prints.py"
    script.write_text(PRINTS)
    alone = _alone(made, script)
    before, server_before = _seconds(process), _server(home)
    began = time.perf_counter()
    sent = json.loads(made.kolony(home, "--json", "send", "worker", "--", f"exec {made.program('python')} {script}"))
    time.sleep(SECONDS)
    while (run := json.loads(made.kolony(home, "--json", "run", "show", f"#{sent['number']}")))[
        "status"
    ] != "completed":
        time.sleep(0.2)
    wall = time.perf_counter() - began
    database = _server(home) - server_before
    usage = run["usage"]
    program = usage["user_seconds"] + usage["system_seconds"]
    # Its children that ended are the shim and, below that, the program: nothing else is waited for.
    ours = _seconds(process) - before - program
    percent = 100 * (ours + max(0.0, program - alone)) / wall
    print(
        f"1 MB/s for {wall:.0f} s: runner, shim and guardian {100 * ours / wall:.1f}% of a core, the program "
        f"{100 * program / wall:.1f}%, alone {100 * alone / SECONDS:.1f}%; more than alone {percent:.1f}%; "
        f"the database {100 * database / wall:.1f}%"
    )
    what, reach = "a runner's part of a core while a program prints 1 MB/s", f"at most {BOUND_CPU:.0f} %"
    return Figure(what, "%", [percent], reach=reach, limit=BOUND_CPU)


def _alone(made: Installation, script: Path) -> float:
    """Seconds of processor time of the program, read by cat."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as cat:
        program = subprocess.Popen([made.program("python"), script], stdout=cat.stdin)
        taken = os.wait4(program.pid, 0)[2]
        program.returncode = 0
        assert cat.stdin is not None
        cat.stdin.close()
    return taken.ru_utime + taken.ru_stime


def _seconds(process: psutil.Process) -> float:
    """Processor time of the runner, of those of its children that it waited for, and of those that live."""
    each = [process.cpu_times(), *(child.cpu_times() for child in process.children())]
    return sum(times.user + times.system for times in each) + each[0].children_user + each[0].children_system


def _server(home: Path) -> float:
    """Processor time of the home's server."""
    postmaster = psutil.Process(int(next(home.rglob("postmaster.pid")).read_text().split()[0]))
    each = [times for process in (postmaster, *postmaster.children()) if (times := process.cpu_times())]
    return sum(times.user + times.system for times in each) + each[0].children_user + each[0].children_system


def _memory(made: Installation, home: Path, process: psutil.Process) -> Figure:
    idle = _resident(process)
    for _ in range(RUNS):
        made.kolony(home, "send", "worker", "--", "for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; done; exec sleep 60")
    while len(process.children()) < RUNS + 1:
        time.sleep(0.1)
    time.sleep(2)
    each = (_resident(process) - idle) / RUNS / 1e6
    print(f"the runner idle: {idle / 1e6:.0f} MB")
    what, reach = f"a runner's memory for each of {RUNS} runs at once", f"at most {BOUND_MB:.0f} MB"
    return Figure(what, "MB", [each], reach=reach, limit=BOUND_MB)


def _resident(process: psutil.Process) -> int:
    """Bytes of the runner and of what it watches with; what they share counts once (PSS)."""
    return sum(each.memory_full_info().pss for each in (process, *process.children()))
