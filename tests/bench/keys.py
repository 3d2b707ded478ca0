"""Keys while lines come in: from the key at a real terminal to its action, of OutputView, Textual's RichLog and Log.

Each widget alone in an app of its own, in a process of its own on a pseudo-terminal of 120x40; the lines are coloured
and about 110 characters long. OutputView gets them as chunks of bytes, by the rules of ``OutputFeed``: 15 times a
second, and who follows the end and is far behind goes on at the end (what is between stays to be read). The peers get
all lines.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.widget import Widget
from textual.widgets import Log, RichLog

from kolony_tui.models.records import OutputPiece
from kolony_tui.ui.output_feed import BEHIND_BYTES, FIRST_BYTES, GAP
from kolony_tui.ui.widgets.output import MAX_BYTES, MAX_LINES, OutputView
from kolony_tui.ui.widgets.output_window import OutputWindow
from tests.bench.figures import Figure, percentile, rounds

KEY_EVERY = 0.05
ROUND_SECONDS = 2.0
LOST = 10.0
"""A key without an action for so long is counted as that, and ends its round."""
LINES = [
    f"\x1b[32mINFO\x1b[0m 2026-01-01 12:00:00 \x1b[1mworker\x1b[0m line {number:09d} " + "payload " * 8
    for number in range(2000)
]


def _output_view() -> tuple[Widget, Callable[[list[str]], None]]:
    view = OutputView()
    kept: deque[OutputPiece] = deque()
    state = {"seq": 0, "line": 0, "taken": 0.0, "waiting": 0, "size": 0}

    def feed(lines: list[str]) -> None:
        data = ("\n".join(lines) + "\n").encode()
        kept.append(OutputPiece(int(state["seq"]), "stdout", datetime.now(UTC), data, int(state["line"])))
        state["seq"] += 1
        state["line"] += len(lines)
        state["waiting"] += 1
        state["size"] += len(data)
        if time.perf_counter() - state["taken"] >= GAP:
            state["taken"] = time.perf_counter()
            take()

    def take() -> None:
        new = list(kept)[-int(state["waiting"]) :]
        if state["size"] <= BEHIND_BYTES:
            view.feed(new)
        else:
            shown, size = len(kept), 0
            while shown and size < FIRST_BYTES:
                shown -= 1
                size += len(kept[shown].data)
            last = list(kept)[shown:]
            window = OutputWindow(first_seq=last[0].seq, max_lines=MAX_LINES, max_bytes=MAX_BYTES, reachable=True)
            window.feed(last)
            view.put(window)
        state["waiting"] = state["size"] = 0
        while len(kept) > 64:
            kept.popleft()

    return view, feed


def _rich_log() -> tuple[Widget, Callable[[list[str]], None]]:
    log = RichLog(max_lines=100_000)

    def feed(lines: list[str]) -> None:
        for line in lines:
            log.write(Text.from_ansi(line))

    return log, feed


def _log() -> tuple[Widget, Callable[[list[str]], None]]:
    log = Log(max_lines=100_000)

    def feed(lines: list[str]) -> None:
        log.write_lines(lines)

    return log, feed


WIDGETS = {"output_view": _output_view, "rich_log": _rich_log, "log": _log}


class Child(App[None]):
    """One widget, lines at a rate, and a key whose action says when it was done."""

    BINDINGS = [Binding("x", "mark", priority=True)]  # noqa: RUF012

    def __init__(self, widget: str, rate: int, answers: int) -> None:
        super().__init__()
        self.widget, self._feed = WIDGETS[widget]()
        self._rate = rate
        self._answers = answers

    def compose(self) -> ComposeResult:
        yield self.widget

    def on_mount(self) -> None:
        self.run_worker(self._stream())

    async def _stream(self) -> None:
        self._say()
        batch = max(self._rate // 100, 1)
        began, number = time.perf_counter(), 0
        while True:
            due = int((time.perf_counter() - began) * self._rate)
            if due - number >= batch:
                at = number % len(LINES)
                self._feed(LINES[at : at + batch])
                number += batch
                await asyncio.sleep(0)
            else:
                await asyncio.sleep(0.002)

    def _say(self) -> None:
        os.write(self._answers, struct.pack("d", time.perf_counter()))

    def action_mark(self) -> None:
        self._say()


def p95(widget: str, rate: int) -> float:
    """Milliseconds from a key to its action, of 95 keys in 100; one round."""
    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    answers, theirs = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.keys", widget, str(rate), str(theirs)],
        stdin=terminal, stdout=terminal, stderr=terminal, pass_fds=[theirs],
        env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
    )  # fmt: skip
    os.close(terminal)
    os.close(theirs)
    drain = threading.Thread(target=_drain, args=(master,), daemon=True)
    drain.start()
    try:
        _answer(answers, 60)
        time.sleep(0.5)
        waits: list[float] = []
        end = time.perf_counter() + ROUND_SECONDS
        while time.perf_counter() < end:
            time.sleep(KEY_EVERY)
            pressed = time.perf_counter()
            os.write(master, b"x")
            done = _answer(answers, LOST)
            waits.append(((done - pressed) if done is not None else LOST) * 1000)
            if done is None:
                break
        return percentile(waits, 95)
    finally:
        child.kill()
        child.wait()
        drain.join(5)
        os.close(master)
        os.close(answers)


def _answer(answers: int, seconds: float) -> float | None:
    ready, _, _ = select.select([answers], [], [], seconds)
    if not ready:
        return None
    told: float = struct.unpack("d", os.read(answers, 8))[0]
    return told


def _drain(master: int) -> None:
    try:
        while os.read(master, 1 << 16):
            pass
    except OSError:
        return  # the child has ended


def main() -> list[Figure]:
    """At 5,000 and at 100,000 lines a second."""
    found = []
    for rate, peer, peer_name, most in ((5_000, "rich_log", "RichLog", 20), (100_000, "log", "Log", 50)):
        ours, theirs = [], []
        for _ in range(rounds(5)):
            ours.append(p95("output_view", rate))
            theirs.append(p95(peer, rate))

        def reached(figure: Figure, most: int = most) -> bool:
            return figure.middle <= most and figure.peer_middle >= 15 * figure.middle

        found.append(Figure(
            f"key to action, p95, at {rate:,} lines/s", "ms", ours, peer_name, theirs,
            f"{most} ms or less, 15 times better", "lower", reached,
        ))  # fmt: skip
    return found


if __name__ == "__main__":
    Child(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])).run()
