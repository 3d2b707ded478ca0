"""The dashboard of a large workspace while much happens, beside the same app when nothing does.

A viewer's app on a pseudo-terminal of 140x40, in front of 10,000 agents and 9,500 runs that are open, its queue's
cursor going up and down among runs that print. 1,000 times a second an agent is paused or goes on, or a run gets a
warning, each written to its row and announced by its hint; 60 runs print 100 lines a second each, as five pieces with
a hint for each. The workspace's rows are changed in batches, ten times a second, so that whoever feeds it takes little
of the processors. Counted are the time from a key to the cursor's row on the terminal, the app's processor time, and
how often it has drawn: the terminal says that it knows synchronized output, by which each frame is told apart.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import psutil

from tests.bench import figures
from tests.bench.figures import Figure, percentile, rounds
from tests.bench.large_fleet import AGENTS, PASSWORD, large_fleet
from tests.bench.workplace import app_of, as_login
from tests.terminal import Terminal

ENDED = 100_000
EVENTS_A_SECOND, STREAMING, LINES_A_SECOND = 1_000, 60, 100
BATCHES, PIECES = 10, 5
"""A second."""
GROUPS = 5
"""Runs do not print all at the same moment."""
KEYS, KEY_EVERY = 80, 0.08
ROUND = 12.0
"""Seconds after which no more keys are pressed: of who is slow there are fewer."""
KEY_BOUND = 50.0
LOST = 5.0
"""A key without an action for so long is counted as that."""
SETTLE = 3.0
VIEWER = "bench_viewer"
SYNCHRONIZED, FRAME = "\x1b[?2026;2$y", b"\x1b[?2026h"
_POINTED = re.compile(rb"\xe2\x80\xba.{0,120}?#(\d+)")
_COME = f"""
CREATE ROLE {VIEWER} LOGIN PASSWORD '{PASSWORD.reveal()}' IN ROLE kolony_user;
INSERT INTO kolony.profiles (login, role_oid) VALUES ('{VIEWER}', '{VIEWER}'::regrole::oid);
INSERT INTO kolony.memberships (workspace_id, profile_id, role)
SELECT w.workspace_id, p.profile_id, 'viewer' FROM kolony.workspaces w, kolony.profiles p WHERE p.login = '{VIEWER}';
"""
_OPEN = "SELECT run_id FROM kolony.runs WHERE outcome IS NULL ORDER BY run_id"
_STREAMING = """
SELECT r.run_id FROM kolony.runs r JOIN kolony.leases l USING (workspace_id, run_id)
JOIN kolony.agent_sessions s USING (session_id) WHERE s.ended_at IS NULL
ORDER BY r.priority DESC, r.created_at, r.run_id LIMIT $1
"""
_AGENTS = """
UPDATE kolony.agents SET desired = CASE desired WHEN 'active' THEN 'paused' ELSE 'active' END
WHERE agent_id = ANY ($1::uuid[])
"""
_RUNS = "UPDATE kolony.runs SET warning = $2 WHERE run_id = ANY ($1::uuid[])"
_PIECES = """
INSERT INTO kolony.output_chunks (workspace_id, run_id, attempt, seq, day, stream, at, first_line, line_count, data)
SELECT t.workspace_id, t.run_id, 1, $2, t.output_day, 'stdout', now(), $2 * $3::int, $3,
       convert_to((SELECT string_agg(E'\\x1b[32mINFO\\x1b[0m 2026-01-01 12:00:00 worker line ' || lpad(n::text, 9, '0')
                                     || repeat(' payload', 8) || E'\\n', '' ORDER BY n)
                   FROM generate_series($2 * $3 + 1, ($2 + 1) * $3) n), 'UTF8')
FROM kolony.attempts t WHERE t.run_id = ANY ($1::uuid[]) AND t.number = 1
"""
_HINTS = "SELECT pg_notify($1, h) FROM unnest($2::text[]) h"


async def main() -> list[Figure]:
    """Keys, frames and processor time."""
    async with large_fleet(ended=ENDED) as (_, superuser):
        owner = await asyncpg.connect(superuser)
        await owner.execute(_COME)
        await owner.close()
        feed = await Feed.of(superuser)
        with app_of(as_login(superuser, VIEWER, PASSWORD)) as terminal:
            terminal.press(SYNCHRONIZED)
            await asyncio.to_thread(
                terminal.until, lambda: f"/{AGENTS} online" in terminal.shown and _pointed(terminal), "the dashboard"
            )
            still, loaded = list[Taken](), list[Taken]()
            for turn in range(rounds(5) + 1):
                quiet = await taken(terminal)
                async with feed.going():
                    busy = await taken(terminal)
                if turn:  # the first one warms up
                    still.append(quiet)
                    loaded.append(busy)
        await feed.close()
    return _figures(still, loaded, feed)


def _figures(still: list[Taken], loaded: list[Taken], feed: Feed) -> list[Figure]:
    told = f"dashboard of {AGENTS:,} agents, {feed.rate():,.0f} events/s, {STREAMING} streaming runs"
    peer = "the same app, nothing happens"
    return [
        Figure(
            f"key to painted, p95, {told}", "ms", [each.key_p95 for each in loaded], peer,
            [each.key_p95 for each in still], f"{KEY_BOUND:.0f} ms or less",
            limit=lambda figure: figure.middle <= KEY_BOUND,
        ),
        Figure("frames of it", "a second", [each.frames for each in loaded], peer, [each.frames for each in still],
               "no bound", note="with the keys' own"),
        Figure("processor time of it", "% of a core", [each.busy for each in loaded], peer,
               [each.busy for each in still], "no bound", note="with the keys' own"),
    ]  # fmt: skip


@dataclass(frozen=True)
class Taken:
    """One round: milliseconds from a key to its effect (95 of 100), frames a second, percent of a processor."""

    key_p95: float
    frames: float
    busy: float


async def taken(terminal: Terminal) -> Taken:
    """Keys down and up in the queue, after some time in which the app gets used to what happens."""
    return await asyncio.to_thread(press, terminal, "jjjjkkkk", _pointed)


def press(terminal: Terminal, keys: Sequence[str], shown: Callable[[Terminal, int], bytes | None]) -> Taken:
    """Presses these keys over and over. ``shown`` finds what each of them changes, in what was written since."""
    settle, count = (0.5, KEYS // 2) if figures.QUICK else (SETTLE, KEYS)
    _read(terminal, settle)
    process, began, first = psutil.Process(terminal.pid), time.perf_counter(), len(terminal.seen)
    before = sum(process.cpu_times()[:2])
    waits = []
    for number in range(count):
        if time.perf_counter() - began > (ROUND / 3 if figures.QUICK else ROUND):
            break
        _read(terminal, KEY_EVERY)
        here, at, pressed = shown(terminal, 0), len(terminal.seen), time.perf_counter()
        terminal.press(keys[number % len(keys)])
        while time.perf_counter() - pressed < LOST and shown(terminal, at) in (None, here):
            terminal.read(0.05)
        waits.append((time.perf_counter() - pressed) * 1000)
    seconds = time.perf_counter() - began
    busy = (sum(process.cpu_times()[:2]) - before) / seconds * 100
    return Taken(percentile(waits, 95), terminal.seen.count(FRAME, first) / seconds, busy)


def _read(terminal: Terminal, seconds: float) -> None:
    end = time.perf_counter() + seconds
    while (left := end - time.perf_counter()) > 0:
        terminal.read(left)


def _pointed(terminal: Terminal, since: int = 0) -> bytes | None:
    """The run under the cursor of the queue, as it was written last."""
    return last(_POINTED, terminal, since)


def last(pattern: re.Pattern[bytes], terminal: Terminal, since: int) -> bytes | None:
    """What was written last of all that the pattern finds."""
    # A frame is about 60 KB; what is older says nothing that newer ones do not.
    found = pattern.findall(terminal.seen, max(since, len(terminal.seen) - 1_000_000))
    return found[-1] if found else None


@dataclass
class Feed:
    """What happens in the workspace."""

    events: asyncpg.Connection
    output: asyncpg.Connection
    channel: str
    agents: list[UUID]
    runs: list[UUID]
    streaming: list[UUID]
    changed: int = 0
    pieces: int = 0
    seconds: float = 0.0
    _going: bool = False

    @classmethod
    async def of(cls, superuser: str) -> Feed:
        """Nothing happens yet."""
        events, output = await asyncpg.connect(superuser), await asyncpg.connect(superuser)
        agents = [row[0] for row in await events.fetch("SELECT agent_id FROM kolony.agents ORDER BY name")]
        runs = [row[0] for row in await events.fetch(_OPEN)]
        streaming = [row[0] for row in await events.fetch(_STREAMING, STREAMING)]
        channel = await events.fetchval("SELECT channel FROM kolony.workspaces")
        return cls(events, output, channel, agents, runs, streaming)

    @asynccontextmanager
    async def going(self, *, events: bool = True) -> AsyncIterator[None]:
        """It happens until the block ends; without ``events`` the runs print, and that is all."""
        self._going = True
        async with asyncio.TaskGroup() as crew:
            if events:
                crew.create_task(self._change())
            crew.create_task(self._print())
            try:
                yield
            finally:
                self._going = False

    def rate(self) -> float:
        """Events a second, as they came to be."""
        return self.changed / self.seconds

    async def close(self) -> None:
        """No connection stays."""
        await self.events.close()
        await self.output.close()

    async def _change(self) -> None:
        began, number, each = time.perf_counter(), 0, EVENTS_A_SECOND // BATCHES // 2
        while self._going:
            agents, runs = self._some(self.agents, each), self._some(self.runs, each)
            hints = [f"agent:{one}" for one in agents] + [f"run:{one}" for one in runs]
            async with self.events.transaction():
                await self.events.execute(_AGENTS, agents)
                await self.events.execute(_RUNS, runs, f"change {self.changed}")
                await self.events.execute(_HINTS, self.channel, hints)
            self.changed += 2 * each
            number += 1
            await asyncio.sleep(max(began + number / BATCHES - time.perf_counter(), 0))
        self.seconds += time.perf_counter() - began

    def _some(self, ids: list[UUID], count: int) -> list[UUID]:
        """Some from the whole list, others each time; the first ones, which are in view, among them."""
        return [ids[(self.changed + at) * 7919 % len(ids)] for at in range(count - 2)] + ids[:2]

    async def _print(self) -> None:
        began, number = time.perf_counter(), 0
        while self._going:
            some = self.streaming[self.pieces % GROUPS :: GROUPS]
            async with self.output.transaction():
                await self.output.execute(_PIECES, some, self.pieces // GROUPS, LINES_A_SECOND // PIECES)
                await self.output.execute(_HINTS, self.channel, [f"output:{run}" for run in some])
            self.pieces += 1
            number += 1
            await asyncio.sleep(max(began + number / PIECES / GROUPS - time.perf_counter(), 0))
