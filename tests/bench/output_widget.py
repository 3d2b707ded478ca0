"""OutputView against Textual's RichLog in one run: lines a second, and how long a key waits while lines come in.

Run with ``python -m tests.bench.output_widget``; it takes about 20 seconds.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median

import psutil
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.widget import Widget
from textual.widgets import RichLog

from kolony_tui.models.records import OutputPiece
from kolony_tui.ui.widgets.output import OutputView
from tests.bench.figures import Figure, percentile, rounds

BATCH = 50
KEYS = 40
LINES_A_SECOND = 5_000
ROUNDS = 5
Feed = Callable[[list[str]], None]


def line(number: int) -> str:
    """A coloured line of about 110 characters."""
    return f"\x1b[32mINFO\x1b[0m 2026-01-01 12:00:00 \x1b[1mworker\x1b[0m line {number:09d} " + "payload " * 8


class Bench(App[None]):
    """One widget and a key that notes when it was handled."""

    BINDINGS = [Binding("x", "mark", priority=True)]  # noqa: RUF012

    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self.widget = widget
        self.handled = asyncio.Event()

    def compose(self) -> ComposeResult:
        yield self.widget

    def action_mark(self) -> None:
        self.handled.set()


def output_view() -> tuple[Widget, Feed]:
    view = OutputView()
    seq = 0

    def feed(lines: list[str]) -> None:
        nonlocal seq
        view.feed([OutputPiece(seq, "stdout", datetime.now(UTC), "".join(f"{text}\n" for text in lines).encode())])
        seq += 1

    return view, feed


def rich_log() -> tuple[Widget, Feed]:
    log = RichLog(max_lines=10_000)

    def feed(lines: list[str]) -> None:
        for text in lines:
            log.write(Text.from_ansi(text))

    return log, feed


async def throughput(make: Callable[[], tuple[Widget, Feed]], total: int) -> float:
    """Lines a second, painting among it."""
    widget, feed = make()
    app = Bench(widget)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        started = time.perf_counter()
        for first in range(0, total, BATCH):
            feed([line(number) for number in range(first, first + BATCH)])
            await asyncio.sleep(0)
        await pilot.pause(1 / 30)
        return total / (time.perf_counter() - started)


async def key_latency(make: Callable[[], tuple[Widget, Feed]]) -> list[float]:
    """Milliseconds from a key to its action, while ``LINES_A_SECOND`` lines come in."""
    widget, feed = make()
    app = Bench(widget)
    waits: list[float] = []
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()

        async def stream() -> None:
            number = 0
            begun = time.perf_counter()
            while True:
                due = int((time.perf_counter() - begun) * LINES_A_SECOND)
                if due - number >= BATCH:
                    feed([line(each) for each in range(number, number + BATCH)])
                    number += BATCH
                    await asyncio.sleep(0)
                else:
                    await asyncio.sleep(0.005)

        streaming = asyncio.create_task(stream())
        for _ in range(KEYS):
            await asyncio.sleep(0.05)
            app.handled.clear()
            pressed = time.perf_counter()
            app.simulate_key("x")
            await app.handled.wait()
            waits.append((time.perf_counter() - pressed) * 1000)
        streaming.cancel()
    return waits


async def memory(total: int) -> float:
    """MB that ``total`` lines add to the process."""
    view, feed = output_view()
    app = Bench(view)
    process = psutil.Process()
    async with app.run_test(size=(120, 40)) as pilot:
        feed([line(0)])
        await pilot.pause(1 / 30)
        gc.collect()
        before: int = process.memory_info().rss
        for first in range(1, total, 1000):
            feed([line(number) for number in range(first, first + 1000)])
            await asyncio.sleep(0)
        await pilot.pause(1 / 30)
        gc.collect()
        added: int = process.memory_info().rss - before
        return added / 1e6


async def main() -> list[Figure]:
    """Lines a second, keys' waits, and memory."""
    added = await memory(1_000_000)
    sides = {"ours": output_view, "peer": rich_log}
    rates: dict[str, list[float]] = {name: [] for name in sides}
    waits: dict[str, list[list[float]]] = {name: [] for name in sides}
    for _ in range(rounds(ROUNDS)):
        for name, make in sides.items():
            rates[name].append(await throughput(make, 60_000 if name == "ours" else 3_000))
            waits[name].append(await key_latency(make))
    ours, peer = ([percentile(each, 95) for each in waits[name]] for name in sides)
    middles = [median(map(median, waits[name])) for name in sides]
    print(f"a key's wait, p50: {middles[0]:.1f} ms, RichLog {middles[1]:.1f}")
    return [
        Figure("output view", "lines/s", rates["ours"], "Textual's RichLog", rates["peer"], "at least 15 times",
               "higher", 15.0),
        Figure(f"a key's wait while {LINES_A_SECOND:,} lines/s come in, p95", "ms", ours, "Textual's RichLog", peer,
               "at most 20 ms, and 1/15", limit=lambda it: it.middle <= 20 and it.middle <= it.peer_middle / 15),
        Figure("memory that 1,000,000 lines add", "MB", [added], reach="at most 30 MB", limit=30.0),
    ]  # fmt: skip
