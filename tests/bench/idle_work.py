"""A runner in this process whose work ends the moment it begins: what is left is the runner itself and the database."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID

import asyncpg

from kolony_tui.agent.adapter import Assignment
from kolony_tui.agent.events import Ended, Event
from kolony_tui.agent.report import Report
from kolony_tui.agent.runner import Runner, Settings
from kolony_tui.agent.supervision.guard import Guard
from kolony_tui.agent.supervision.meter import Taken
from kolony_tui.db.target import Target
from kolony_tui.garbage import look_seldom, spare_what_is_there
from kolony_tui.models.secret import Secret
from tests.database import verifier

TOKEN = Secret("only for a benchmark")


class NoWork:
    """An adapter that succeeds at once, without a program. ``on_start`` hears when it begins."""

    needs_folder = False
    holds: frozenset[str] = frozenset()
    usage_report: Path | None = None

    def __init__(self, folder: Path, on_start: Callable[[], None] = lambda: None) -> None:
        self.folder = folder
        self._on_start = on_start
        self.on_step: Callable[[str, str], None] = lambda step, detail: None

    async def start(self) -> None:
        """Begins."""
        self._on_start()

    async def events(self) -> AsyncIterator[Event]:
        """Its end."""
        yield Ended(exit_code=0)

    def interrupt(self) -> None:
        """Nothing to interrupt."""

    async def cancel(self, *, emergency: bool = False) -> None:
        """Nothing to cancel."""

    def kill(self) -> None:
        """Nothing to kill."""

    async def answer(self, request: str, allow: bool, note: str = "", option_id: str | None = None) -> None:
        """It asks nothing."""

    def taken(self) -> Taken:
        """Nothing."""
        return Taken()

    async def close(self, *, keep: bool = False) -> None:
        """Nothing to free."""


class Quiet(Report):
    """A report that nobody reads; ``ended`` counts the runs that have."""

    def __init__(self) -> None:
        super().__init__(as_json=False)
        self.ready = asyncio.Event()
        self.ended = 0

    def say(self, event: str, words: str, **facts: object) -> None:
        """Counts."""
        if event == "ready":
            self.ready.set()
        elif event in ("completed", "failed", "cancelled"):
            self.ended += 1
        elif event in ("lost", "session lost", "disconnected"):
            raise AssertionError(words)


async def make_token(owner: asyncpg.Connection, agent_id: UUID, login: str) -> None:
    """Makes a token, with ``TOKEN`` as its secret, for an agent; ``owner`` is a superuser."""
    await owner.execute(f"CREATE ROLE {login} LOGIN PASSWORD '{verifier(TOKEN)}' IN ROLE kolony_agents")
    await owner.execute(
        """INSERT INTO kolony.agent_tokens (workspace_id, agent_id, login, token_hash, token_hint)
           SELECT workspace_id, agent_id, $2, $3, 'kol_0000' FROM kolony.agents WHERE agent_id = $1""",
        agent_id, login, hashlib.sha256(login.encode()).digest(),
    )  # fmt: skip


@asynccontextmanager
async def idle_runner(
    target: Target, agent: str, concurrency: int, on_start: Callable[[Assignment], None] = lambda work: None
) -> AsyncIterator[Quiet]:
    """A runner of this agent, begun as ``kolony agent run`` begins; ``target`` with its login and password."""
    with tempfile.TemporaryDirectory(prefix="kolony-bench-") as name:
        folder, report = Path(name), Quiet()
        look_seldom()
        settings = Settings(agent=agent, adapter="process", concurrency=concurrency, scratch=folder)
        runner = Runner(target, settings, lambda work: NoWork(folder, lambda: on_start(work)), Guard(), report)
        spare_what_is_there()
        running = asyncio.create_task(runner.run())
        ready = asyncio.create_task(report.ready.wait())
        try:
            await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
            yield report
            runner.stop("the benchmark is over")
            await running
        finally:
            ready.cancel()
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
