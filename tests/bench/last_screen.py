"""The last screenful of 1,000,000 lines: of a run in the app, and of a file of the same bytes in ``less`` and toolong.

All on a pseudo-terminal of 120x40; what counts is the moment when the last 20 lines have been written to it. In the
running app the time is from the key that opens the run, on the list of runs. From the start of a process it is until
the last screenful of the run that was open when the app was left (log-in and reading of all that is on the screen in
it), of ``less +G`` (which only looks for the end) and of toolong (which reads the whole file before it goes to its
end). The file and the database's pages are in memory.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path
from uuid import UUID

from kolony_tui.db.connect import connect
from tests.bench.figures import Figure, rounds
from tests.bench.measuring import milliseconds
from tests.bench.output_memory import LINES, LINES_A_PIECE, printed
from tests.bench.peers import PeerMissing, python_peer
from tests.bench.workplace import Workplace, workplace
from tests.terminal import Terminal, running

COLUMNS, ROWS = 120, 40
SCREENFUL = 20
"""Lines that all of them show at that size."""
LAST = LINES // LINES_A_PIECE * LINES_A_PIECE
SETTLE = 0.5
_NUMBER = re.compile(rb"line (\d{9})")


async def main() -> list[Figure]:
    """From the key, and from the start."""
    toolong, less = programs()
    with tempfile.TemporaryDirectory(prefix="kolony-bench-") as folder:
        async with workplace(1) as place:
            run_id = await printed(place)
            file = Path(folder) / "printed.log"
            await _save(place, run_id, file)
            return await asyncio.to_thread(_measure, place, Path(folder) / "home", file, toolong, less)


def _measure(place: Workplace, home: Path, file: Path, toolong: Path, less: Path) -> list[Figure]:
    _leave_open(place, home)
    opened, started, lessened, longed = list[float](), list[float](), list[float](), list[float]()
    for turn in range(rounds(5) + 1):
        start, key = _of_app(place, home)
        end = _of_file([less, "-R", "+G", file])
        whole = _of_file([toolong, file])
        if turn:  # the first one warms up
            opened.append(key)
            started.append(start)
            lessened.append(end)
            longed.append(whole)
    said = f"last screenful of {LINES:,} lines"
    ends, wholes = milliseconds(lessened), milliseconds(longed)
    return [
        Figure(f"{said}, from the key in a running app", "ms", milliseconds(opened), "less +G, from its start", ends,
               "no bound"),
        Figure(f"{said}, from the key in a running app", "ms", milliseconds(opened), "toolong, from its start", wholes,
               "no bound"),
        Figure(f"{said}, from the start of the app", "ms", milliseconds(started), "toolong, from its start", wholes,
               "no bound"),
    ]  # fmt: skip


def programs() -> tuple[Path, Path]:
    """toolong, from PyPI, and the machine's less. Raises PeerMissing."""
    less = shutil.which("less")
    if less is None:
        raise PeerMissing("there is no less on this machine")
    return python_peer("toolong").parent / "tl", Path(less)


def on_file(words: list[str | Path]) -> AbstractContextManager[Terminal]:
    """A peer in a terminal of the same size."""
    kept = {name: value for name, value in os.environ.items() if name not in ("LESS", "LESSOPEN", "NO_COLOR")}
    return running(words, {**kept, "LESSHISTFILE": "-", "COLORTERM": "truecolor"}, columns=COLUMNS, rows=ROWS)


async def _save(place: Workplace, run_id: UUID, file: Path) -> None:
    """The file of the same bytes."""
    person = await connect(place.person(), "bench")
    try:
        with file.open("wb") as out:
            async with person.transaction():
                pieces = person.cursor(
                    "SELECT data FROM kolony.output_chunks WHERE run_id = $1 ORDER BY seq", run_id, prefetch=20
                )
                async for piece in pieces:
                    out.write(piece["data"])
    finally:
        await person.close()


def _leave_open(place: Workplace, home: Path) -> None:
    """An app that is left with the run open, from the list of runs."""
    with place.app(columns=COLUMNS, rows=ROWS, home=home) as terminal:
        terminal.until(lambda: "print much" in terminal.shown, "the app is there")
        terminal.insist("4", lambda: "Runs  [all]" in terminal.shown, "the list of runs")
        terminal.until(lambda: "print much" in terminal.shown, "the run in it")
        terminal.insist("\r", lambda: f"{LAST:09}" in terminal.shown, "the run")
        _leave(terminal)


def _of_app(place: Workplace, home: Path) -> tuple[float, float]:
    """Seconds from the start, and from the key."""
    began = time.perf_counter()
    with place.app(columns=COLUMNS, rows=ROWS, home=home) as terminal:
        start = _until_last(terminal, began)
        terminal.insist("\x1b", lambda: "Runs  [all]" in terminal.shown and "print much" in terminal.shown, "the runs")
        _settle(terminal)
        seen, began = len(terminal.seen), time.perf_counter()
        terminal.press("\r")
        key = _until_last(terminal, began, seen)
        _leave(terminal)
        return start, key


def _of_file(words: list[str | Path]) -> float:
    """Seconds from the start."""
    began = time.perf_counter()
    with on_file(words) as terminal:
        return _until_last(terminal, began)


def _until_last(terminal: Terminal, began: float, since: int = 0) -> float:
    """Seconds from then to the last screenful, in what the terminal has got from byte ``since`` on."""
    wanted, at = set(range(LAST - SCREENFUL + 1, LAST + 1)), since

    def there() -> bool:
        nonlocal at
        # The end of a piece may be half a number.
        wanted.difference_update(int(number) for number in _NUMBER.findall(terminal.seen, max(at - 16, since)))
        at = len(terminal.seen)
        return not wanted

    terminal.until(there, "the last screenful")
    return time.perf_counter() - began


def _settle(terminal: Terminal) -> None:
    """Waits until nothing more is written for now."""
    end = time.perf_counter() + SETTLE
    while time.perf_counter() < end:
        terminal.read(0.05)


def _leave(terminal: Terminal) -> None:
    _settle(terminal)
    terminal.press("\x11")
    terminal.until(terminal.ended, "the app has ended")
