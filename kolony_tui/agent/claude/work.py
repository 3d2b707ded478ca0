"""The ``claude`` adapter: Claude Code for one attempt, spoken to over its standard input."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal
from uuid import uuid4

from kolony_tui.agent.adapter import Assignment, CannotStart
from kolony_tui.agent.attempt.launch import Launch
from kolony_tui.agent.attempt.told import prompt_text
from kolony_tui.agent.claude.stream import ClaudeTalk
from kolony_tui.agent.events import Ended, Event, Output
from kolony_tui.agent.supervision.cage import Cages
from kolony_tui.agent.supervision.guard import Guard
from kolony_tui.agent.supervision.ladder import Graces
from kolony_tui.agent.supervision.meter import Meter, Taken
from kolony_tui.agent.supervision.supervised import Supervised
from kolony_tui.agent.types.agent_type import AgentType, filled

LEAST_BUDGET_USD = 0.0001
FAILED_EXIT_SECONDS = 2.0
HELLO_SECONDS = 5.0
"""So long its answer to the hello is waited for before it gets the prompt all the same."""


class ClaudeWork:
    """One attempt by Claude Code. An ``Adapter``.

    A session that it should go on with, but does not know, is begun anew in a second process: the prompt says then
    what was said before.
    """

    needs_folder = True

    def __init__(
        self,
        work: Assignment,
        launch: Launch,
        guard: Guard,
        graces: Graces,
        meter: Meter | None = None,
        cages: Cages | None = None,
        *,
        kind: AgentType,
    ) -> None:
        self._work = work
        self._launch = launch
        self._kind = kind
        self.permission_seconds = kind.permission_seconds
        self._make: Callable[[], Supervised] = lambda: Supervised(work, launch, guard, graces, meter, cages, self._step)
        self._program = self._make()
        self._talk = ClaudeTalk("")
        self._resuming = False
        self._ending = False
        self._too_late = ""
        self._dismissed = False
        self._said: asyncio.Queue[bytes] = asyncio.Queue()
        self._over = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._news: list[Event] = []
        self.on_step: Callable[[str, str], None] = lambda step, detail: None

    async def start(self) -> None:
        """Starts the program and says hello. Raises CannotStart."""
        resume = self._work.brief.resume
        known = resume is not None and resume.get("adapter") == "claude" and bool(resume.get("session_id"))
        self._news = [Output("log", f"{line}\n".encode()) for line in self._launch.remarks]
        if known and resume is not None:
            self._resuming = True
            await self._begin(str(resume["session_id"]), "resumed", "")
        elif resume is not None:
            await self._begin(str(uuid4()), "lost", "the conversation was held by another kind of agent")
        else:
            await self._begin(str(uuid4()), "new", "")

    async def _begin(self, session_id: str, how: Literal["new", "resumed", "lost"], why: str) -> None:
        kind, budget = self._kind, self._work.brief.budget_usd
        words = [*(self._launch.program or kind.argv)]
        if kind.mode and "--permission-mode" not in words:
            words += ["--permission-mode", kind.mode]
        if budget is not None:
            # It counts what this process costs, not what its session has cost before.
            words += filled(kind.budget, usd=f"{max(budget, LEAST_BUDGET_USD):.4f}")
        words += filled(kind.resume if how == "resumed" else kind.new_session, session=session_id)
        if not words:
            raise CannotStart("no program is named", "give one: kolony agent run NAME --adapter claude -- PROGRAM")
        await self._program.start(words, duplex=True)
        prompt = prompt_text(self._work, lost=how == "lost")
        folder = str(self._program.folder)
        self._talk = ClaudeTalk(prompt, how=how, why=why, cwd=folder, least_version=kind.least_version)
        self._news += self._talk.begin()
        self._writer = asyncio.create_task(self._write())
        loop = asyncio.get_running_loop()
        self._timers = [
            loop.call_later(HELLO_SECONDS, self._tell_anyway),
            loop.call_later(kind.initialize_seconds, self._give_up_waiting),
        ]
        self._speak()

    async def events(self) -> AsyncIterator[Event]:
        """What it tells, in order, then how it ended."""
        while True:
            async for event in self._tell():
                yield event
            how = await self._program.ended()
            self._stop_writing()
            if not self._lost():
                break
            await self._program.close(keep=True)
            self._program, self._resuming, self._dismissed = self._make(), False, False
            try:
                await self._begin(str(uuid4()), "lost", "it does not know the session any more")
            except CannotStart as error:
                yield Ended(error=error.line, reason="cannot_start")
                return
        ended = self._talk.ended(how, self._program.stderr_tail)
        yield replace(ended, error=self._too_late, reason="handshake") if self._too_late else ended

    async def _tell(self) -> AsyncIterator[Event]:
        while True:
            news, self._news = self._news, []
            for event in news:
                yield event
            piece = await self._program.read()
            if piece is None:
                break
            stream, data = piece
            if stream == "stdout":
                self._news += self._talk.feed(data)
                self._speak()
            else:
                yield Output("stderr", data)
        if not self._lost():
            for event in self._talk.end():
                yield event

    def _lost(self) -> bool:
        """Whether it has ended because it does not know the session that it should go on with."""
        if not self._resuming or self._ending or self._too_late:
            return False
        if self._talk.outcome is not None:
            return self._talk.outcome.session_missing
        return b"no conversation found" in self._program.stderr_tail.lower()

    def _speak(self) -> None:
        """What is to be said goes on its way; after the end of the turn nothing more is."""
        if said := self._talk.taken():
            self._said.put_nowait(said)
        if self._talk.ready:
            self._stop_timers()
        if self._talk.outcome is not None and not self._dismissed:
            self._over.set()
            self._dismissed = True
            seconds = self._kind.exit_seconds
            self._program.dismiss(min(seconds, FAILED_EXIT_SECONDS) if self._talk.outcome.error else seconds)

    async def _write(self) -> None:
        while True:
            await self._program.write(await self._said.get())

    def _tell_anyway(self) -> None:
        self._talk.tell()
        self._speak()

    def _give_up_waiting(self) -> None:
        self._too_late = f"it said nothing for {self._kind.initialize_seconds:g} s after it was started"
        self._program.dismiss(0.0)

    def interrupt(self) -> None:
        """Asks it to stop its turn, over its protocol."""
        self._talk.interrupt()
        self._speak()

    async def cancel(self, *, emergency: bool = False) -> None:
        """Asks it to stop its turn, ends its input, SIGTERM, SIGKILL, each with its grace; SIGKILL in an emergency."""
        self._ending = True
        await self._program.cancel(emergency=emergency, politely=self._politely)

    async def _politely(self) -> bool:
        self.interrupt()
        await self._over.wait()
        return True

    def kill(self) -> None:
        """SIGKILL to all its processes."""
        self._ending = True
        self._program.kill()

    async def answer(self, request: str, allow: bool, note: str = "", option_id: str | None = None) -> None:
        """Answers a permission, once; ``note`` is told to the model where it is denied."""
        self._talk.answer(request, allow, note)
        self._speak()

    def taken(self) -> Taken:
        """What its processes take."""
        return self._program.taken()

    @property
    def holds(self) -> frozenset[str]:
        """The limits that nobody has to watch: the kernel holds them."""
        return self._program.holds

    @property
    def folder(self) -> Path:
        """The working folder."""
        return self._program.folder

    @property
    def usage_report(self) -> Path | None:
        """``usage.json`` in the run's folder."""
        return None if self._work.run_dir is None else self._work.run_dir / "usage.json"

    async def close(self, *, keep: bool = False) -> None:
        """Kills what still runs and, unless ``keep``, removes the working folder if it is empty."""
        self._stop_writing()
        await self._program.close(keep=keep)
        if self._writer is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._writer

    def _stop_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers = []

    def _stop_writing(self) -> None:
        self._stop_timers()
        if self._writer is not None:
            self._writer.cancel()
        self._said = asyncio.Queue()

    def _step(self, step: str, detail: str) -> None:
        self.on_step(step, detail)
