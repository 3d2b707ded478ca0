"""The app on real rows: a runner whose every step is the test's, and an app that a pilot drives."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from textual._context import active_app
from textual.pilot import Pilot

from kolony_tui.core.connection import Destination
from kolony_tui.ui.app import KolonyApp
from kolony_tui.ui.opening import Opening
from tests.database import Agent, Workspace

DEADLINE = 15.0
"""Seconds that a loaded machine gets for anything; what must be quick says so itself."""


async def until(true: Callable[[], object], what: str, deadline: float = DEADLINE) -> None:
    """Waits for a condition."""
    end = time.monotonic() + deadline
    while not true():
        if time.monotonic() > end:
            running = active_app.get(None)
            shown = f", but:\n{words(running)}\n{toasts(running)}" if isinstance(running, KolonyApp) else ""
            pytest.fail(f"not in {deadline} s: {what}{shown}", pytrace=False)
        await asyncio.sleep(0.01)


@dataclass
class Runner:
    """A runner's session, over its agent's own login; what it does, the test does."""

    connection: asyncpg.Connection
    session_id: UUID
    agent: Agent
    held: list[asyncpg.Record] = field(default_factory=list)
    lines: dict[UUID, int] = field(default_factory=dict)

    async def beat(self, **health: float) -> list[asyncpg.Record]:
        """One heartbeat; answers with the orders."""
        held = [row["attempt_id"] for row in self.held]
        return list(await self.connection.fetch("SELECT * FROM kolony.beat($1, $2, $3)", self.session_id, health, held))

    async def take(self, count: int = 1) -> asyncpg.Record:
        """Claims and starts; answers with the (first) claim."""
        claims = await self.connection.fetch("SELECT * FROM kolony.claim_runs($1, $2)", self.session_id, count)
        for claim in claims:
            await self.connection.execute("SELECT kolony.start_attempt($1)", claim["attempt_id"])
        self.held += claims
        await self.announce(f"agent:{self.agent.agent_id}")
        return claims[0]

    async def announce(self, *hints: str) -> None:
        """As a runner does after what it writes without a hint."""
        await self.connection.execute("SELECT kolony.announce($1)", list(hints))

    async def write(self, claim: asyncpg.Record, *pieces: bytes | tuple[str, bytes], first: int = 0) -> None:
        """Appends pieces (stdout unless named) and says so."""
        named = [piece if isinstance(piece, tuple) else ("stdout", piece) for piece in pieces]
        counts = [data.count(b"\n") for _, data in named]
        before = self.lines.get(claim["attempt_id"], 0)
        self.lines[claim["attempt_id"]] = before + sum(counts)
        await self.connection.execute(
            "SELECT kolony.append_output($1, $2, $3, $4, $5, $6, $7)",
            claim["attempt_id"],
            list(range(first, first + len(named))),
            [stream for stream, _ in named],
            [datetime.now(UTC)] * len(named),
            [before + sum(counts[:at]) for at in range(len(named))],
            counts,
            [data for _, data in named],
        )
        await self.announce(f"output:{claim['run_id']}")

    async def finish(self, claim: asyncpg.Record, outcome: str = "completed", **how: Any) -> None:
        """Ends the attempt; ``how``: exit_code, signal, error, usage, chunks."""
        await self.connection.execute(
            "SELECT kolony.finish_attempt($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            claim["attempt_id"],
            outcome,
            how.get("exit_code"),
            how.get("signal"),
            how.get("error"),
            how.get("usage", {}),
            how.get("chunks", 0),
            how.get("bytes", 0),
            how.get("lines", 0),
        )
        self.held = [each for each in self.held if each["attempt_id"] != claim["attempt_id"]]
        run_id = claim["run_id"]
        await self.announce(f"run:{run_id}", f"output:{run_id}", f"agent:{self.agent.agent_id}")


@dataclass
class Stage:
    """A workspace with an agent, and apps on it."""

    workspace: Workspace
    agent: Agent

    async def runner(self, agent: Agent | None = None, *, slots: int = 4, host: str = "testhost") -> Runner:
        """A runner's session of an agent (by default ``worker``)."""
        agent = agent or self.agent
        connection = await self.workspace.database.open(agent.target)
        row = await connection.fetchrow(
            "SELECT * FROM kolony.open_session($1, 4242, '1.0', 'process', $2)", host, slots
        )
        assert row is not None
        runner = Runner(connection, row["session_id"], agent)
        await runner.beat()
        return runner

    async def send(self, text: str, *, by: str = "bob", to: Agent | None = None, priority: int = 50) -> UUID:
        """A person sends a command by SQL; answers with the run."""
        person = await self.workspace.database.connect(by)
        target = (to or self.agent).agent_id
        row = await person.fetchrow(
            "SELECT * FROM kolony.send_command($1, $2, $3, $4)", self.workspace.workspace_id, [target], text, priority
        )
        assert row is not None
        run_id: UUID = row["run_id"]
        return run_id

    @asynccontextmanager
    async def app(
        self, login: str = "bob", size: tuple[int, int] = (100, 30), **opening: Any
    ) -> AsyncIterator[tuple[KolonyApp, Pilot[int]]]:
        """The app as that person sees it, logged in and filled."""
        destination = Destination(self.workspace.database.target(login), "main", embedded=False, key="test")
        app = KolonyApp(Opening(find=lambda say: destination, **{"remembered": REMEMBERED, **opening}))
        async with app.run_test(size=size, notifications=True) as pilot:
            await until(lambda: app.live.link.state == "live" and app.pulse is not None, "the app is live")
            await pilot.pause()
            yield app, pilot


REMEMBERED: Mapping[str, Any] = {}


def words(app: KolonyApp) -> str:
    """Everything that is on the screen, as text; what a dialog leaves of the screen below comes first."""
    below = app._background_screens if app.screen.is_modal else []
    screens = [*below, app.screen]
    lines = [strip for screen in screens for strip in screen._compositor.render_strips()]
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in lines)


def toasts(app: KolonyApp) -> str:
    """What the app has said in toasts."""
    return "\n".join(notification.message for notification in app._notifications)
