"""5,000 lines a second that are followed: from the append of a line until it is on the terminal.

The same lines, 100 at once, 50 times a second, to all three in turns: a runner's connection appends them to a run that
the app shows on its Run screen (stored, committed and announced in that time); to the others they are appended as
bytes of a file, which ``less +F`` and toolong follow. Each on a pseudo-terminal of 120x40. The time is from just before
the append to the moment when the last of these lines, or one after it, was written to the terminal.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg

from kolony_tui.db.connect import connect
from tests.bench import figures
from tests.bench.figures import Figure, percentile, rounds
from tests.bench.last_screen import COLUMNS, ROWS, on_file, programs
from tests.bench.workplace import Workplace, workplace
from tests.terminal import Terminal

AT_ONCE, TIMES_A_SECOND = 100, 50
SECONDS = 5.0
DEADLINE = 30.0
_NUMBER = re.compile(rb"line (\d{9})")
Append = Callable[[bytes], Awaitable[None]]


async def main() -> list[Figure]:
    """Both percentiles, beside each of them."""
    toolong, less = programs()
    waits: dict[str, list[list[float]]] = {"Kolony": [], "less +F": [], "toolong": []}
    with tempfile.TemporaryDirectory(prefix="kolony-bench-") as folder:
        async with workplace(1) as place:
            runner = await _Runner.of(place)
            with place.app(columns=COLUMNS, rows=ROWS) as terminal:
                await runner.append(_lines(0))
                await asyncio.to_thread(_open, terminal)
                for turn in range(rounds(5) + 1):
                    mine = await _follow(terminal, runner.append, runner.lines)
                    less_file, long_file = Path(folder) / f"less{turn}.log", Path(folder) / f"toolong{turn}.log"
                    lessened = await _of_file([less, "-R", "+F", less_file], less_file)
                    longed = await _of_file([toolong, long_file], long_file)
                    if turn:  # the first one warms up
                        for name, taken in zip(waits, (mine, lessened, longed), strict=True):
                            waits[name].append(taken)
            await runner.close()
    return [
        Figure(
            f"append to painted, p{hundredth}, {AT_ONCE * TIMES_A_SECOND:,} lines/s followed", "ms",
            [percentile(each, hundredth) for each in waits["Kolony"]], peer,
            [percentile(each, hundredth) for each in waits[peer]], "no bound",
        )
        for hundredth in (50, 95) for peer in ("less +F", "toolong")
    ]  # fmt: skip


class _Runner:
    """What a runner does with a run that prints."""

    def __init__(self, connection: asyncpg.Connection, run_id: UUID, attempt_id: UUID) -> None:
        self._connection, self._run_id, self._attempt_id = connection, run_id, attempt_id
        self._seq = 0

    @classmethod
    async def of(cls, place: Workplace) -> _Runner:
        """With a run that has begun; its lease holds without beats."""
        person, superuser = await asyncpg.connect(place.person_dsn), await asyncpg.connect(place.superuser)
        runner = await connect(place.runner(0), "bench")
        words = "SELECT run_id FROM kolony.send_command($1, $2, 'print much', 50)"
        await person.execute(words, place.workspace_id, [place.agents[0]])
        session = await runner.fetchval("SELECT session_id FROM kolony.open_session('bench', 1, '1.0', 'process', 1)")
        await runner.execute("SELECT * FROM kolony.beat($1, '{}', '{}')", session)
        claim = await runner.fetchrow("SELECT * FROM kolony.claim_runs($1, 1)", session)
        assert claim is not None
        await runner.execute("SELECT kolony.start_attempt($1)", claim["attempt_id"])
        await superuser.execute("UPDATE kolony.agent_sessions SET lease_seconds = 10000000")
        await person.close()
        await superuser.close()
        return cls(runner, claim["run_id"], claim["attempt_id"])

    async def append(self, lines: bytes) -> None:
        """One piece, and its hint."""
        await self._connection.execute(
            "SELECT kolony.append_output($1, $2, $3, $4, $5, $6, $7)", self._attempt_id, [self._seq], ["stdout"],
            [datetime.now(UTC)], [self._seq * AT_ONCE], [AT_ONCE], [lines],
        )  # fmt: skip
        await self._connection.execute("SELECT kolony.announce($1)", [f"output:{self._run_id}"])
        self._seq += 1

    @property
    def lines(self) -> int:
        """How many it has printed."""
        return self._seq * AT_ONCE

    async def close(self) -> None:
        """No connection stays."""
        await self._connection.close()


def _lines(first: int) -> bytes:
    numbers = range(first + 1, first + AT_ONCE + 1)
    return b"".join(b"\x1b[32mINFO\x1b[0m 12:00:00 line %09d" % each + b" payload" * 8 + b"\n" for each in numbers)


def _open(terminal: Terminal) -> None:
    """The Run screen of the only run."""
    terminal.until(lambda: "print much" in terminal.shown, "the app is there")
    terminal.insist("4", lambda: "Runs  [all]" in terminal.shown, "the list of runs")
    terminal.until(lambda: "print much" in terminal.shown, "the run in it")
    terminal.insist("\r", lambda: f"line {AT_ONCE:09}" in terminal.shown, "the run")


async def _of_file(words: list[str | Path], file: Path) -> list[float]:
    """Milliseconds of a peer."""
    file.write_bytes(_lines(0))
    with on_file(words) as terminal, file.open("ab", buffering=0) as out:
        await asyncio.to_thread(terminal.until, lambda: b"%09d" % AT_ONCE in terminal.seen, "the first lines")

        async def append(lines: bytes) -> None:
            out.write(lines)

        return await _follow(terminal, append, AT_ONCE)


async def _follow(terminal: Terminal, append: Append, start: int) -> list[float]:
    """Milliseconds of each append until it is painted; ``start``: how many lines are there."""
    begun, painted = dict[int, float](), dict[int, float]()
    seen = bytearray()

    def read() -> None:
        # The end of a piece may be half a number.
        seen.extend(os.read(terminal.descriptor, 65536))
        now, newest = time.perf_counter(), max(map(int, _NUMBER.findall(seen)), default=0)
        for last in [each for each in begun if each <= newest and each not in painted]:
            painted[last] = now
        del seen[:-16]

    loop = asyncio.get_running_loop()
    loop.add_reader(terminal.descriptor, read)
    try:
        began = time.perf_counter()
        for number in range(int((1.5 if figures.QUICK else SECONDS) * TIMES_A_SECOND)):
            await asyncio.sleep(max(began + number / TIMES_A_SECOND - time.perf_counter(), 0))
            first = start + number * AT_ONCE
            lines = _lines(first)
            begun[first + AT_ONCE] = time.perf_counter()
            await append(lines)
        end = time.perf_counter() + DEADLINE
        while len(painted) < len(begun):
            if time.perf_counter() > end:
                raise RuntimeError(f"{len(begun) - len(painted)} appends were never painted")
            await asyncio.sleep(0.02)
    finally:
        loop.remove_reader(terminal.descriptor)
    return [1000 * (painted[each] - begun[each]) for each in begun]
