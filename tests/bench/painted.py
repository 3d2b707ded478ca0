"""From a commit to the painted cell: the app in a real terminal, beside a raw LISTEN callback for the same commit.

Run with ``python -m tests.bench painted``; it takes about a minute. A person changes an agent 100 times a second, each
time to a type that was never there; the change is painted when that word is in the bytes that the app has written to
its terminal. The peer is a callback of the driver that listens on the workspace's channel, in this process. Both times
begin where the transaction is told to commit.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from tests.bench import figures
from tests.bench.figures import Figure, at_most_over, percentile, rounds
from tests.bench.workplace import Workplace, workplace
from tests.terminal import Terminal

AGENTS = 20
EVENTS_A_SECOND = 100
SECONDS = 4.0
PAUSE = 1.0
OVER_P50, OVER_P99 = 33.0, 100.0
DEADLINE = 60.0
_WORD = re.compile(rb"q(\d{7})")


@dataclass
class _Watch:
    """What was committed and is not seen yet, by the number of the event; and how long the others took, in seconds."""

    committed: dict[int, float] = field(default_factory=dict)
    painted: dict[int, float] = field(default_factory=dict)
    heard: dict[int, float] = field(default_factory=dict)
    waiting: dict[str, list[int]] = field(default_factory=dict)

    def commits(self, event: int, agent: UUID) -> None:
        """It is being committed now."""
        self.committed[event] = time.perf_counter()
        self.waiting.setdefault(f"agent:{agent}", []).append(event)

    def hears(self, payload: object) -> None:
        """The raw callback was called."""
        now = time.perf_counter()
        waiting = self.waiting.get(str(payload), [])
        if waiting:
            event = waiting.pop(0)
            self.heard[event] = now - self.committed[event]

    def sees(self, data: bytes) -> None:
        """The terminal has got this: an older event of the same agent was overtaken by it, and is painted too."""
        now = time.perf_counter()
        for found in _WORD.findall(data):
            event = int(found)
            while event >= 0 and event not in self.painted and event in self.committed:
                self.painted[event] = now - self.committed[event]
                event -= AGENTS


async def main() -> list[Figure]:
    """Both percentiles."""
    async with workplace(AGENTS, tokens=0) as place:
        with place.app(columns=200, rows=AGENTS + 12) as terminal:
            return await _measure(place, terminal)


async def _measure(place: Workplace, terminal: Terminal) -> list[Figure]:
    # Who has never sent anything is greeted with the line to send something by.
    terminal.until(lambda: "enter send" in terminal.shown, "the app is there")
    terminal.insist("\x1b", lambda: "enter send" not in terminal.shown, "the dashboard")
    terminal.insist("3", lambda: f"agent-{AGENTS:05}" in terminal.shown, "the fleet")
    watch, seen = _Watch(), bytearray()
    loop = asyncio.get_running_loop()

    def read() -> None:
        # The end of a piece may be half a word.
        seen.extend(os.read(terminal.descriptor, 65536))
        watch.sees(bytes(seen))
        del seen[:-16]

    listener = await asyncpg.connect(place.person_dsn)
    await listener.add_listener(place.channel, lambda *words: watch.hears(words[3]))
    writer = await asyncpg.connect(place.person_dsn)
    loop.add_reader(terminal.descriptor, read)
    ours, peer = [], []
    event = 0
    try:
        for turn in range(rounds(6) + 1):
            first = event
            event = await _round(place, writer, watch, first, int((1 if figures.QUICK else SECONDS) * EVENTS_A_SECOND))
            await _all_seen(watch, event)
            if turn:  # the first one warms up
                ours.append([1000 * watch.painted[each] for each in range(first, event)])
                peer.append([1000 * watch.heard[each] for each in range(first, event)])
    finally:
        loop.remove_reader(terminal.descriptor)
        await writer.close()
        await listener.close()
    return [
        Figure(
            f"commit to painted cell, p{hundredth}, at {EVENTS_A_SECOND} events/s", "ms",
            [percentile(each, hundredth) for each in ours], "raw asyncpg LISTEN callback",
            [percentile(each, hundredth) for each in peer], f"at most {over:.0f} ms above",
            limit=at_most_over(over),
        )
        for hundredth, over in ((50, OVER_P50), (99, OVER_P99))
    ]  # fmt: skip


async def _round(place: Workplace, writer: asyncpg.Connection, watch: _Watch, first: int, count: int) -> int:
    """Commits so many changes, evenly; answers with the number of the next one."""
    begun = time.perf_counter()
    for number in range(count):
        wait = begun + number / EVENTS_A_SECOND - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        event = first + number
        agent = place.agents[event % AGENTS]
        change = json.dumps({"type": f"q{event:07}"})
        transaction = writer.transaction()
        await transaction.start()
        await writer.execute("SELECT kolony.edit_agent($1, $2::jsonb)", agent, change)
        watch.commits(event, agent)
        await transaction.commit()
    return first + count


async def _all_seen(watch: _Watch, until: int) -> None:
    end = time.perf_counter() + DEADLINE
    while len(watch.painted) < until or len(watch.heard) < until:
        if time.perf_counter() > end:
            raise RuntimeError(f"{until - len(watch.painted)} changes were never painted")
        await asyncio.sleep(0.05)
    await asyncio.sleep(PAUSE)
