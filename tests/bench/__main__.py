"""``python -m tests.bench NAME...|all``: the figures of the README, each beside what it is measured against.

``--markdown`` prints the README's table at the end; ``--quick`` takes few rounds, to try a benchmark out;
``--minutes N`` is for those that run as long as they are told (``LONG``), which ``all`` leaves out.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import signal
import sys
import time
import traceback
from importlib import import_module

from tests.bench import figures
from tests.bench.figures import Figure

NAMES = (
    "first_start", "list_runs", "lists", "rows", "painted", "keys", "output_widget", "output_memory", "last_screen",
    "following", "dashboard", "merged_follow", "ingestion", "storage", "tail", "rls_reading", "queue", "pickup",
    "backlog", "broadcast", "stop_barrier", "stop_processes", "permission", "runner_overhead", "idle_fleet", "soak",
    "app_soak",
)  # fmt: skip


def main(words: list[str]) -> int:
    """Runs the named benchmarks one after the other; 1 where one failed or did not reach what it has to."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__, add_help=True)
    parser.add_argument("names", nargs="+", metavar="NAME", choices=[*NAMES, "all"], help=", ".join((*NAMES, "all")))
    parser.add_argument("--markdown", action="store_true", help="print the README's table at the end")
    parser.add_argument("--quick", action="store_true", help="few rounds: to try it out")
    parser.add_argument("--minutes", type=float, help="how long those run that run as long as they are told")
    given = parser.parse_args(words)
    figures.QUICK = given.quick
    figures.MINUTES = given.minutes
    # Whoever ends it wants its servers to end too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    machine = figures.machine()
    print(machine, flush=True)
    found: list[Figure] = []
    failed = False
    for name in NAMES if "all" in given.names else given.names:
        module = import_module(f"tests.bench.{name}")
        if "all" in given.names and getattr(module, "LONG", False):
            continue
        print(f"--- {name}", flush=True)
        began = time.perf_counter()
        try:
            taken = asyncio.run(module.main()) if inspect.iscoroutinefunction(module.main) else module.main()
        except Exception:  # the others are measured all the same
            traceback.print_exc()
            failed = True
            continue
        for figure in taken:
            print(figures.told(figure), flush=True)
        print(f"    {time.perf_counter() - began:.0f} s", flush=True)
        found += taken
    if given.markdown:
        print(f"\n{_table(machine, found)}")
    return 1 if failed or any(figure.reached is False for figure in found) else 0


def _table(machine: str, found: list[Figure]) -> str:
    warning = " Quick rounds: no figures to be shown." if figures.QUICK else ""
    return "\n".join((f"{machine}.{warning}", "", figures.table_head(), *map(figures.markdown, found)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
