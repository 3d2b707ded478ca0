"""OutputView against Textual's RichLog in one run: lines a second, and how long a key waits while lines come in.

Run with ``python -m tests.bench.output_widget``; it takes about 20 seconds.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median, quantiles

import psutil
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.widget import Widget
from textual.widgets import RichLog

from kolony_tui.models.records import OutputPiece
from kolony_tui.ui.widgets.output import OutputView

BATCH = 50
KEYS = 40
LINES_A_SECOND = 5_000
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


async def main() -> None:
    """Print each figure with both sides and their ratio."""
    print(f"memory added by 1,000,000 lines: {await memory(1_000_000):.0f} MB (bound: 30)")
    peer, ours = await throughput(rich_log, 3_000), await throughput(output_view, 60_000)
    print(f"lines/s:          OutputView {ours:10,.0f}   RichLog {peer:8,.0f}   ratio {ours / peer:6.0f}x")
    theirs, mine = await key_latency(rich_log), await key_latency(output_view)
    for name, figure in (("p50", median), ("p95", lambda waits: quantiles(waits, n=20)[-1])):
        peer, ours = figure(theirs), figure(mine)
        print(f"key wait {name}, ms: OutputView {ours:10.1f}   RichLog {peer:8.1f}   ratio {peer / ours:6.1f}x")


if __name__ == "__main__":
    asyncio.run(main())
