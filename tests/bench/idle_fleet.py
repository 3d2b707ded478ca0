"""What 200 runners that wait and 50 apps that are looked at cost the server, beside the same server with nobody on it.

Run with ``python -m tests.bench idle_fleet``; it takes about a minute and a half. The runners are the sessions, links
and listeners of real runners, all in this process, with the beats that the workspace asks for. One app is a real one in
a terminal; the others are what such an app does in front of its dashboard when nothing happens: its connections, its
listener, and every few seconds each of its readings, by the same functions. Measured is the processor time of all of
the server's processes.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import asyncpg
import psutil

from kolony_tui.agent.health import Health
from kolony_tui.agent.link import Link
from kolony_tui.agent.session import open_session
from kolony_tui.core import inbox, lists, notifications, stops, upkeep, usage, work
from kolony_tui.core.session import PersonSession, clock, log_in, refreshed
from kolony_tui.db.connect import Database
from kolony_tui.db.listen import Listener
from kolony_tui.models.lists import Wish
from kolony_tui.ui.app import LATELY, RECENT_RUNS
from kolony_tui.ui.live import POLL, UPKEEP
from kolony_tui.ui.needs import LISTED_DETAIL
from tests.bench import figures
from tests.bench.figures import Figure, rounds
from tests.bench.workplace import Workplace, workplace

RUNNERS, APPS = 200, 50
SECONDS = 10.0
SETTLE = 15.0
BOUND = 25.0
_AT_ONCE = 20
"""So many come at the same time: more logins at once would only wait for each other."""


async def main() -> list[Figure]:
    """Percent of one processor."""
    async with workplace(RUNNERS, settings={"max_connections": "800"}) as place:
        server = await _Server.of(place)
        length = 3.0 if figures.QUICK else SECONDS
        idle = [await server.busy(length) for _ in range(rounds(3))]
        async with AsyncExitStack() as stack:
            crew = await stack.enter_async_context(asyncio.TaskGroup())
            stack.callback(lambda: [task.cancel() for task in crew._tasks])
            hints = _Hints()
            await _come(crew, place, hints)
            terminal = stack.enter_context(place.app())
            await asyncio.to_thread(
                terminal.until, lambda: f"{RUNNERS}/{RUNNERS} online" in terminal.shown, "the app sees all runners"
            )
            await server.analyze(place)
            # What the app writes is read, or it would wait for its terminal.
            crew.create_task(_drain(terminal))
            await asyncio.sleep(length if figures.QUICK else SETTLE)
            hints.count = 0
            began = time.monotonic()
            taken = [await server.busy(length) for _ in range(rounds(5))]
            rate = hints.count / (time.monotonic() - began)
    return [
        Figure(
            f"{RUNNERS} runners' heartbeats and {APPS} open apps", "% of a core", taken, "the same server, idle", idle,
            f"under {BOUND:.0f}", limit=lambda figure: figure.middle < BOUND,
            note=f"{server.connections} connections, {rate:.1f} hints/s",
        )
    ]  # fmt: skip


@dataclass
class _Hints:
    """How many hints one app has got."""

    count: int = 0

    def __call__(self, hint: str) -> None:
        self.count += 1


async def _come(crew: asyncio.TaskGroup, place: Workplace, hints: _Hints) -> None:
    door = asyncio.Semaphore(_AT_ONCE)
    coming: list[_Runner | _App] = [_Runner(place, number) for number in range(RUNNERS)]
    coming += [_App(place, hints if number == 0 else _Hints()) for number in range(APPS - 1)]

    async def through(each: _Runner | _App) -> None:
        async with door:
            await each.enter(crew)

    await asyncio.gather(*map(through, coming))


class _Runner:
    """A runner that waits: its session, its beats, and its ear on the workspace's channel."""

    def __init__(self, place: Workplace, number: int) -> None:
        self._target = place.runner(number)
        self._link = Link(self._target, f"kolony run agent-{number}")

    async def enter(self, crew: asyncio.TaskGroup) -> None:
        """Opens the session."""
        self._session = await open_session(self._link, "process", 4)
        crew.create_task(self._beat())
        listener = Listener(self._target, self._session.channel, "kolony run", lambda hint: None, lambda error: None)
        crew.create_task(listener.run())

    async def _beat(self) -> None:
        health = Health()
        report = health.report(0)
        for number in range(1_000_000):
            # Measuring 200 times this one process would cost more than all the rest.
            await self._session.beat({**report, "uptime_seconds": float(number)}, [])
            await asyncio.sleep(self._session.heartbeat_seconds * random.uniform(0.95, 1.05))


class _App:
    """What an app with its dashboard in front does while nothing happens."""

    def __init__(self, place: Workplace, hints: _Hints) -> None:
        self._place = place
        self._hints = hints

    async def enter(self, crew: asyncio.TaskGroup) -> None:
        """Logs in."""
        target = self._place.person()
        session = await log_in(target, "kolony app")
        aside = replace(session, db=Database(target, "kolony app aside"))
        listener = Listener(target, session.workspace.channel, "kolony app listen", self._hints, lambda error: None)
        crew.create_task(listener.run())
        crew.create_task(self._poll(session, aside))
        crew.create_task(self._keep_up(session))

    async def _poll(self, session: PersonSession, aside: PersonSession) -> None:
        while True:
            now = await clock(session)
            readings: list[tuple[PersonSession, Callable[[PersonSession], Awaitable[Any]]]] = [
                (session, work.settle),
                (session, lambda it: refreshed(it.db, "main")),
                (session, lambda it: lists.agents(it, Wish(0, 80))),
                (session, lambda it, now=now: lists.open_runs(it, Wish(0, 80), now - LATELY, RECENT_RUNS)),  # type: ignore[misc]
                (session, lambda it: work.runs(it, limit=1)),
                (aside, lambda it, now=now: lists.pulse(it, now - timedelta(minutes=1))),  # type: ignore[misc]
                (aside, stops.open_stops),
                (aside, lambda it: inbox.items(it, longest_detail=LISTED_DETAIL)),
                (aside, usage.today),
                (aside, notifications.news),
                (aside, notifications.settings),
            ]
            for over, read in readings:
                await read(over)
            await asyncio.sleep(POLL * random.uniform(0.95, 1.05))

    async def _keep_up(self, session: PersonSession) -> None:
        while True:
            await upkeep.keep_up(session, "kolony app upkeep")
            await asyncio.sleep(UPKEEP)


async def _drain(terminal: Any) -> None:
    while True:
        terminal.read(0)
        await asyncio.sleep(0.2)


class _Server:
    """The server's processes, and what processor time they have used."""

    def __init__(self, postmaster: psutil.Process) -> None:
        self._postmaster = postmaster
        self.connections = 0

    @classmethod
    async def of(cls, place: Workplace) -> _Server:
        """The server of a workspace."""
        superuser = await asyncpg.connect(place.superuser)
        backend = psutil.Process(await superuser.fetchval("SELECT pg_backend_pid()"))
        postmaster = backend.parent()
        assert postmaster is not None
        await superuser.close()
        return cls(postmaster)

    async def analyze(self, place: Workplace) -> None:
        """What the server does by itself within its first minutes: it looks how its tables are filled."""
        superuser = await asyncpg.connect(place.superuser)
        await superuser.execute("VACUUM ANALYZE")
        await superuser.close()

    async def busy(self, seconds: float) -> float:
        """Percent of one processor over so many seconds."""
        began, before = time.monotonic(), self._used()
        await asyncio.sleep(seconds)
        return 100 * (self._used() - before) / (time.monotonic() - began)

    def _used(self) -> float:
        """Seconds of all processes that there are, and of those that have ended."""
        own = self._postmaster.cpu_times()
        total = own.user + own.system + own.children_user + own.children_system
        self.connections = 0
        for each in self._postmaster.children():
            try:
                times = each.cpu_times()
                self.connections += "postgres:" in " ".join(each.cmdline())
            except psutil.NoSuchProcess:
                continue  # it ends just now
            total += times.user + times.system
        return float(total)
