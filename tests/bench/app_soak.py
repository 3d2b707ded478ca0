"""The app under load for long: what it holds in memory after its first part, and at the end.

Run with ``python -m tests.bench app_soak --minutes N`` (20 unless told otherwise; it is not part of ``all``). The app
is a real one in a terminal, with its dashboard in front of 200 agents of which 20 work, 300 runs that wait and a run
whose output it shows. Eight hours are not waited for: in the default 20 minutes there are 24 times as many changes a
minute, so that it sees as many as in eight hours at 20 a second. A person goes through its screens all the while.
"""

from __future__ import annotations

import asyncio
import time
from statistics import median
from typing import Any
from uuid import UUID

import asyncpg
import psutil

from kolony_tui.db.connect import connect
from tests.bench import figures
from tests.bench.figures import Figure
from tests.bench.workplace import Workplace, workplace

LONG = True
MINUTES = 20.0
AGENTS, WORKING, WAITING = 200, 20, 300
EVENTS_A_SECOND, USUAL, BATCH = 480, 20, 10
FIRST = 1 / 8
"""The first of eight hours."""
GROWTH = 1.2
_KEYS = ("3", "4", "1", "2", "1", "j", "j", "k", "4", "j", "1")
"""Fleet, queue, dashboard, inbox, and up and down in lists."""


async def main() -> list[Figure]:
    """Memory at the end beside that of the first part."""
    minutes = figures.MINUTES or (0.5 if figures.QUICK else MINUTES)
    async with workplace(AGENTS, tokens=WORKING) as place:
        with place.app() as terminal:
            async with asyncio.TaskGroup() as crew:
                colony = await _Colony.of(place)
                tasks = [crew.create_task(each) for each in (colony.change(), colony.work(), _use(terminal))]
                samples = await _sample(psutil.Process(terminal.pid), 60 * minutes)
                for task in tasks:
                    task.cancel()
    first, last = _part(samples, FIRST / 2, FIRST), _part(samples, 1 - FIRST / 2, 1.0)
    print(f"{colony.changes:,} changes, {colony.ended:,} runs and {colony.lines:,} lines of output seen")
    hours = colony.changes / (USUAL * 3600)
    return [
        Figure(
            "memory of the app at the end of a soak", "MB", last, "in its first eighth", first,
            f"at most {GROWTH} times", limit=GROWTH,
            note=f"{minutes:.0f} minutes with the changes of {hours:.1f} hours at {USUAL} a second",
        )
    ]  # fmt: skip


async def _sample(app: psutil.Process, seconds: float) -> list[tuple[float, float]]:
    """How far it is, from 0 to 1, and megabytes, every second."""
    began, samples = time.monotonic(), list[tuple[float, float]]()
    while (gone := time.monotonic() - began) < seconds:
        samples.append((gone / seconds, app.memory_info().rss / 1e6))
        if len(samples) % 60 == 0:
            print(f"  {gone / 60:.0f} min: {samples[-1][1]:.0f} MB", flush=True)
        await asyncio.sleep(1)
    return samples


def _part(samples: list[tuple[float, float]], after: float, until: float) -> list[float]:
    """Ten values of a part, each the median of a tenth of it."""
    part = [value for at, value in samples if after <= at <= until]
    size = max(len(part) // 10, 1)
    return [median(part[first : first + size]) for first in range(0, size * min(10, len(part)), size)]


async def _use(terminal: Any) -> None:
    """A person who looks around; what the app writes is read."""
    number = 0
    # Who has never sent anything is greeted with the line to send something by.
    terminal.press("\x1b")
    while True:
        until = time.monotonic() + 5
        while time.monotonic() < until:
            terminal.read(0)
            terminal.seen = b""
            await asyncio.sleep(0.02)
        terminal.press(_KEYS[number % len(_KEYS)])
        number += 1


class _Colony:
    """Agents that work, and people who change things."""

    def __init__(self, place: Workplace, person: asyncpg.Connection, superuser: asyncpg.Connection) -> None:
        self._place, self._person, self._superuser = place, person, superuser
        self._turn = asyncio.Lock()
        self.changes = self.ended = self.lines = 0

    @classmethod
    async def of(cls, place: Workplace) -> _Colony:
        """With runs that wait."""
        person, superuser = await asyncpg.connect(place.person_dsn), await asyncpg.connect(place.superuser)
        colony = cls(place, person, superuser)
        for number in range(WAITING):
            await colony._send(place.agents[number % AGENTS], number)
        return colony

    async def _send(self, agent: UUID, number: int) -> None:
        async with self._turn:
            statement, words = "SELECT kolony.send_command($1, $2, $3)", f"part {number} of the work"
            await self._person.execute(statement, self._place.workspace_id, [agent], words)

    async def change(self) -> None:
        """Writes rows that the app shows, each with the hint that goes with it; some in a transaction."""
        began = time.monotonic()
        runs = [row[0] for row in await self._superuser.fetch("SELECT run_id FROM kolony.runs")]
        while True:
            wait = began + self.changes / EVENTS_A_SECOND - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            await self._change_some([self.changes + each for each in range(BATCH)], runs)
            self.changes += BATCH

    async def _change_some(self, numbers: list[int], runs: list[UUID]) -> None:
        words = [f"change {number}" for number in numbers]
        agents = [self._place.agents[number * 7919 % AGENTS] for number in numbers]
        some = [runs[number * 7919 % len(runs)] for number in numbers]
        async with self._superuser.transaction():
            await self._superuser.execute(
                """UPDATE kolony.agents a SET category = u.words FROM unnest($1::uuid[], $2::text[]) u (id, words)
                   WHERE a.agent_id = u.id""", agents[::2], words[::2],
            )  # fmt: skip
            await self._superuser.execute(
                """UPDATE kolony.runs r SET warning = u.words FROM unnest($1::uuid[], $2::text[]) u (id, words)
                   WHERE r.run_id = u.id AND r.outcome IS NULL""", some[1::2], words[1::2],
            )  # fmt: skip
            hints = [f"agent:{each}" for each in agents[::2]] + [f"run:{each}" for each in some[1::2]]
            notify = "SELECT pg_notify($1, h) FROM unnest($2::text[]) h"
            await self._superuser.execute(notify, self._place.channel, hints)

    async def work(self) -> None:
        """Agents take runs, print and end, over and over; each is sent another run for the one that it has ended."""
        async with asyncio.TaskGroup() as crew:
            for number in range(WORKING):
                crew.create_task(self._agent(number))

    async def _agent(self, number: int) -> None:
        connection = await connect(self._place.runner(number), f"kolony run {number}")
        session = await connection.fetchval(
            "SELECT session_id FROM kolony.open_session('bench', $1, '1.0', 'process', 1)", number
        )
        while True:
            await connection.execute("SELECT kolony.beat($1, $2, '{}')", session, {"cpu_percent": 12})
            await self._send(self._place.agents[number], self.ended)
            claims = await connection.fetch("SELECT * FROM kolony.claim_runs($1, 1)", session)
            for claim in claims:
                await self._run(connection, number, claim["run_id"], claim["attempt_id"])

    async def _run(self, connection: asyncpg.Connection, number: int, run: UUID, attempt: UUID) -> None:
        announce = "SELECT kolony.announce($1)"
        agent = f"agent:{self._place.agents[number]}"
        await connection.execute("SELECT kolony.start_attempt($1)", attempt)
        await connection.execute(announce, [agent])
        for piece in range(10):
            text = "".join(f"\x1b[32mINFO\x1b[0m line {piece * 20 + each} of {run}\n" for each in range(20)).encode()
            await connection.execute(
                "SELECT kolony.append_output($1, $2, $3, ARRAY[now()], $4, $5, $6)",
                attempt, [piece], ["stdout"], [0], [20], [text],
            )  # fmt: skip
            await connection.execute(announce, [f"output:{run}"])
            self.lines += 20
            await asyncio.sleep(0.1)
        finish = "SELECT kolony.finish_attempt($1, 'completed', 0, NULL, NULL, '{}', 10, $2, 200)"
        await connection.execute(finish, attempt, 10 * len(text))
        await connection.execute(announce, [f"run:{run}", f"output:{run}", agent])
        self.ended += 1
