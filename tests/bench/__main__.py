"""``python -m tests.bench NAME|all``: the figures of the README, each beside what it is measured against."""

from __future__ import annotations

import asyncio
import inspect
import sys
from importlib import import_module

NAMES = ("list_runs", "first_start", "output_widget", "rls_reading", "stop_barrier", "broadcast", "lists",
         "runner_overhead", "stop_processes", "permission")  # fmt: skip


def main(words: list[str]) -> int:
    """Runs the named benchmarks one after the other."""
    names = NAMES if words == ["all"] else words
    if not names or set(names) - set(NAMES):
        print(f"usage: python -m tests.bench {'|'.join(NAMES)}|all", file=sys.stderr)
        return 2
    for name in names:
        print(f"--- {name}", flush=True)
        run = import_module(f"tests.bench.{name}").main
        if inspect.iscoroutinefunction(run):
            asyncio.run(run())
        else:
            run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
