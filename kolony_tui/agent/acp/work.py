"""The adapter ``acp``: one attempt as one turn of an agent program that speaks the Agent Client Protocol."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from kolony_tui import __version__
from kolony_tui.agent.acp.opening import Task
from kolony_tui.agent.acp.session import AcpSession
from kolony_tui.agent.acp.tools import in_a_line
from kolony_tui.agent.adapter import Assignment, CannotStart
from kolony_tui.agent.attempt.launch import Launch
from kolony_tui.agent.attempt.told import prompt_text
from kolony_tui.agent.events import Ended, Event, Output
from kolony_tui.agent.supervision.cage import Cages
from kolony_tui.agent.supervision.guard import Guard
from kolony_tui.agent.supervision.ladder import Graces
from kolony_tui.agent.supervision.meter import Meter, Taken
from kolony_tui.agent.supervision.supervised import Supervised
from kolony_tui.agent.types.agent_type import AgentType

GARBAGE_SECONDS = 15.0
"""How long a program that prints what is no message may take to begin with messages."""

BROKEN_SECONDS = 5.0
"""The same, where what it printed was to be a message."""

SILENT_SECONDS = 30.0
"""How long a turn goes on in silence behind a message that cannot be read: it may have been its end."""

SETTLED_SECONDS = 0.2
"""How long more is waited for when the turn's answer already said what it took."""

_FAILED_EXIT_SECONDS = 1.0
_NEVER = float("inf")


class AcpWork:
    """One attempt as a turn of an agent. An ``Adapter``.

    ``on_step`` is set by who runs it. Nothing of the protocol happens in ``start``: a handshake may take minutes, and
    the attempt can be cancelled meanwhile.
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
        self._kind = kind
        self._program = launch.program or kind.argv
        self.permission_seconds = kind.permission_seconds
        self._agent = Supervised(work, launch, guard, graces, meter, cages)
        resume, ours = _session_of(work)
        self._remarks = [f"{line}\n".encode() for line in launch.remarks]
        self._session = AcpSession(Task(
            cwd=str(self._agent.folder),
            blocks=lambda lost: [{"type": "text", "text": prompt_text(work, lost=lost)}],
            mode=kind.mode,
            resume=ours,
            lost_why="" if ours or not resume else "the conversation was held by another kind of agent",
            quirks=kind.quirks,
            title=kind.title if kind.argv else "",
            program=Path(self._program[0]).name if self._program else kind.name,
            login=kind.login,
            least_version=kind.least_version,
            install=kind.install,
            client_version=__version__,
        ))  # fmt: skip
        self._news = asyncio.Event()
        self._to_write = asyncio.Event()
        self._turn_over = asyncio.Event()
        self._greeted_by = _NEVER
        self._late_until = _NEVER
        self._silent_until = _NEVER
        self._junk_seen = 0
        self._cancelling = False
        self._dismissed = False

    @property
    def on_step(self) -> Callable[[str, str], None]:
        """What hears of each thing that is done to end or interrupt it."""
        return self._agent.on_step

    @on_step.setter
    def on_step(self, hear: Callable[[str, str], None]) -> None:
        self._agent.on_step = hear

    async def start(self) -> None:
        """Starts the program. Raises CannotStart."""
        if not self._program:
            raise CannotStart("no program is named for the adapter acp", "put it behind --, or name a --type")
        await self._agent.start(self._program, duplex=True)
        self._greeted_by = time.monotonic() + self._kind.initialize_seconds

    async def events(self) -> AsyncIterator[Event]:
        """What the agent does, in order; then how it ended."""
        session = self._session
        for remark in self._remarks:
            yield Output("log", remark)
        session.begin()
        writing = asyncio.create_task(self._write())
        reading: asyncio.Task[tuple[str, bytes] | None] = asyncio.create_task(self._agent.read())
        try:
            while True:
                self._go_on()
                for event in session.taken():
                    yield event
                if not await self._wait(reading):
                    continue
                piece = reading.result()
                if piece is None:
                    break
                if piece[0] == "stdout":
                    session.receive(piece[1])
                else:
                    yield Output("stderr", piece[1])
                reading = asyncio.create_task(self._agent.read())
        finally:
            await _ended(writing, reading)
        session.finish()
        ended = await self._agent.ended()
        session.gone(self._exit_words(ended), well=ended.exit_code == 0)
        self._turn_over.set()
        for event in session.taken():
            yield event
        yield self._judged(ended)

    def interrupt(self) -> None:
        """Asks the agent to end its turn; the run goes on until it has."""
        self._agent.on_step("protocol_cancel", "")
        self._stop_turn()

    async def cancel(self, *, emergency: bool = False) -> None:
        """Asks the agent to end its turn, closes its input, SIGTERM, SIGKILL, each with its grace."""
        self._cancelling = True
        self._session.cancelled = self._session.cancelled or emergency
        await self._agent.cancel(emergency=emergency, politely=self._politely)

    def kill(self) -> None:
        """SIGKILL to all of it."""
        self._agent.kill()

    async def answer(self, request: str, allow: bool, note: str = "", option_id: str | None = None) -> None:
        """Answers a permission that it asked for."""
        self._session.answer(request, allow, note, option_id)
        self._news.set()

    def taken(self) -> Taken:
        """What its processes take."""
        return self._agent.taken()

    @property
    def holds(self) -> frozenset[str]:
        """The limits that nobody has to watch."""
        return self._agent.holds

    @property
    def folder(self) -> Path:
        """The working folder."""
        return self._agent.folder

    @property
    def usage_report(self) -> Path | None:
        """``usage.json`` in the run's folder: an agent's tools may count there too."""
        return None if self._work.run_dir is None else self._work.run_dir / "usage.json"

    async def close(self, *, keep: bool = False) -> None:
        """Kills what still runs and, unless ``keep``, removes the working folder if it is empty."""
        await self._agent.close(keep=keep)

    async def _politely(self) -> bool:
        self._stop_turn()
        await self._turn_over.wait()
        return True

    def _stop_turn(self) -> None:
        self._session.cancel()
        self._news.set()

    def _go_on(self) -> None:
        """What follows from what has happened by now: what to write, until when to wait, whether it is over."""
        session, now = self._session, time.monotonic()
        self._to_write.set()
        if session.outcome is None and session.stage == "turn":
            self._mind_silence(now)
        elif session.outcome is None:
            self._await_handshake(now)
        if session.outcome is None:
            return
        self._turn_over.set()
        if session.stage == "late":
            quiet = session.usage_known and "late_updates" not in self._kind.quirks
            seconds = min(self._kind.late_seconds, SETTLED_SECONDS) if quiet else self._kind.late_seconds
            if session.cancelled:
                seconds = 0.0
            if self._late_until == _NEVER:
                self._late_until = now + seconds
            if now < self._late_until:
                return
            session.conclude()
        if not self._dismissed and not self._cancelling:
            self._dismissed = True
            self._agent.dismiss(_FAILED_EXIT_SECONDS if session.outcome.error else self._kind.exit_seconds)

    def _mind_silence(self, now: float) -> None:
        session = self._session
        if not session.broken:
            self._silent_until = _NEVER
        elif self._silent_until == _NEVER:
            self._silent_until = now + SILENT_SECONDS
        elif now >= self._silent_until:
            session.fail("protocol", f"{session.who} went silent behind a line that is no JSON{session.junk_words}")

    def _await_handshake(self, now: float) -> None:
        session = self._session
        if session.junk != self._junk_seen:
            self._junk_seen = session.junk
            self._greeted_by = min(self._greeted_by, now + (BROKEN_SECONDS if session.broken else GARBAGE_SECONDS))
        if now >= self._greeted_by:
            words = f"{session.who} did not answer {session.awaits} in time{session.junk_words}"
            session.fail("protocol" if session.broken else "handshake", words)

    @property
    def _due(self) -> float | None:
        """In how many seconds something has to be decided, if nothing happens."""
        waits = {"late": self._late_until, "turn": self._silent_until, "over": _NEVER}
        due = waits.get(self._session.stage, self._greeted_by)
        return None if due == _NEVER else max(0.0, due - time.monotonic())

    async def _wait(self, reading: asyncio.Task[Any]) -> bool:
        """Whether something was read; else somebody has done something, or the time has come."""
        if reading.done():
            return True
        self._news.clear()
        poked = asyncio.create_task(self._news.wait())
        try:
            await asyncio.wait({reading, poked}, timeout=self._due, return_when=asyncio.FIRST_COMPLETED)
        finally:
            poked.cancel()
        return reading.done()

    async def _write(self) -> None:
        """Beside the reading: an agent that does not read until its own output is read must not stop both."""
        while True:
            await self._to_write.wait()
            self._to_write.clear()
            if data := self._session.unsent():
                await self._agent.write(data)

    def _exit_words(self, ended: Ended) -> str:
        lines = self._agent.stderr_tail.decode("utf-8", "replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return (ended.error or "exit 0") + (f": {in_a_line(last)}" if last else "")

    def _judged(self, ended: Ended) -> Ended:
        outcome = self._session.outcome
        assert outcome is not None
        # How a program leaves whose turn ended well says nothing of the work: many had to be killed.
        unsaid = ended.exit_code != 0 and not outcome.error
        return replace(
            ended,
            exit_code=None if unsaid else ended.exit_code,
            signal=None if unsaid else ended.signal,
            error=outcome.error,
            reason=outcome.reason,
            warning=outcome.warning,
            answer=self._session.answer_text,
        )


def _session_of(work: Assignment) -> tuple[bool, str | None]:
    """Whether there is a session to go on with, and its id, where it was held over this protocol."""
    resume = work.brief.resume
    if resume is None:
        return False, None
    named = resume.get("session_id")
    ours = resume.get("adapter", "acp") == "acp" and isinstance(named, str) and named
    return True, str(named) if ours else None


async def _ended(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
