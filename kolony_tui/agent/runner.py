"""The runner of one agent: keeps a session, claims runs as slots are free, obeys the database's orders, stops well."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from kolony_tui.agent.adapter import AdapterFactory, Assignment
from kolony_tui.agent.announcer import Announcer
from kolony_tui.agent.attempt.execution import Desk, Execution
from kolony_tui.agent.attempt.run_folder import sweep
from kolony_tui.agent.attempt.verdict import Stop
from kolony_tui.agent.attempt.work_folder import Isolation
from kolony_tui.agent.endings import Endings
from kolony_tui.agent.health import Health
from kolony_tui.agent.link import CALL_SECONDS, Link
from kolony_tui.agent.report import Report
from kolony_tui.agent.session import Order, Session, application_name, check, open_session, token_refused
from kolony_tui.agent.supervision import sweeping
from kolony_tui.agent.supervision.guard import Guard
from kolony_tui.db.connect import pause_seconds
from kolony_tui.db.listen import EVERYTHING, Listener
from kolony_tui.db.target import Target
from kolony_tui.models.errors import (
    CannotConnect,
    Fenced,
    KolonyError,
    LoginRefused,
    Refused,
    WrongState,
)
from kolony_tui.patience import set_within

POLL_SECONDS, POLL_SECONDS_DEAF = 5.0, 1.0
"""How often the queue is looked at without a hint: while hints come, and while they do not."""

_CLAIM_AT_ONCE = 50
_HINT_SPACING = 0.05
_CLOSE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Settings:
    """``agent``: the name that the token must belong to. ``release``: on a stop, hand running work back at once.

    ``scratch`` is a private folder on this machine; ``spool_bytes`` the disk that one run's output may take there.
    ``enforcement``: how limits are held, as ``cage.enforcement`` says it. ``learn`` hears, once, before any work, of
    which type the agent is; it answers with what the runner's person should know and what all should, as
    ``Health.tell`` takes it, and may raise KolonyError.
    ``isolation``: the working folders are worktrees.
    """

    agent: str
    adapter: str
    concurrency: int
    scratch: Path
    release: bool = False
    spool_bytes: int = 64 * 1024 * 1024
    enforcement: tuple[str, str] = ("measured", "limits are measured")
    learn: Callable[[str], tuple[str, dict[str, str]]] = lambda agent_type: ("", {})
    isolation: Isolation | None = None


class Runner:
    """``run`` works until ``stop`` was called, the agent is retired, or the token does not serve any more."""

    def __init__(self, target: Target, settings: Settings, make: AdapterFactory, guard: Guard, report: Report) -> None:
        self._target = target
        self._settings = settings
        self._make = make
        self._guard = guard
        self._report = report
        self._application = application_name(settings.agent)
        self._link = Link(target, self._application)
        self._announcer = Announcer(self._link)
        self._endings = Endings(self._link)
        self._health = Health(settings.enforcement[0])
        self._turn = asyncio.Lock()
        self._session: Session | None = None
        self._desk: Desk | None = None
        self._ended_session: Session | None = None
        self._running: dict[UUID, tuple[Execution, asyncio.Task[None]]] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._handing_back: set[UUID] = set()
        self._wake = asyncio.Event()
        self._failure: KolonyError | None = None
        self._failures = 0
        self._known = False
        self._listening = False
        self._hinted = True
        self._hint_taken_at = float("-inf")
        self._beat_due = float("-inf")
        self._paused = False
        self._stopped_by_people = False
        self._retired = False
        self._stopping = False
        self._stopped = asyncio.Event()
        self._hold: sweeping.Hold | None = None
        self._link.on_down = self._wake.set
        self._link.on_trouble = self._server_troubled

    async def run(self) -> None:
        """Works. Raises LoginRefused (also when the token is revoked meanwhile), Refused, CannotConnect (hopeless)."""
        self._guard.start()
        await asyncio.to_thread(sweep, self._settings.scratch)
        self._hold = await asyncio.to_thread(sweeping.Hold, self._settings.scratch)
        self._guard.mark = str(self._hold.path)
        self._start(self._sweep(self._hold))
        loop = asyncio.create_task(self._loop())
        self._start(self._announcer.run())
        self._start(self._watch_lease())
        stopped = asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait({loop, stopped}, return_when=asyncio.FIRST_COMPLETED)
            while not loop.done():
                # Without a server there is nothing to end in order, so nothing to wait for but running work.
                if not self._running and not self._link.up.is_set():
                    loop.cancel()
                await asyncio.wait({loop}, timeout=0.1)
            if not loop.cancelled():
                loop.result()
        finally:
            stopped.cancel()
            await self._close()

    def stop(self, why: str) -> None:
        """No more claims; running work is finished or handed back. Called again: handed back now."""
        if self._stopping or self._settings.release:
            for execution, _ in self._running.values():
                execution.stop(Stop.RELEASE)
        words = f"{why}: handing back {len(self._running)} running" if self._settings.release or self._stopping else (
            f"{why}: finishing {len(self._running)} running")  # fmt: skip
        self._report.say("stopping", words, running=len(self._running))
        self._stopping = True
        self._stopped.set()
        self._wake.set()

    async def _loop(self) -> None:
        while self._failure is None and not ((self._stopping or self._retired) and not self._running):
            pause = await self._round()
            await set_within(self._wake, pause)
            self._wake.clear()
        if self._failure is not None:
            raise self._failure

    async def _round(self) -> float:
        """Does what is due; answers how long nothing will be, unless something wakes the runner."""
        try:
            session = self._session
            if session is None:
                if self._stopping or self._retired:
                    return 0.05
                session = await self._begin()
            # A hint is most often of work: that first. Whether it may be taken the claim itself finds out.
            waits = self._link.up.is_set() and time.monotonic() < self._beat_due
            work_first = waits and session.lease.alive and self._claiming()
            if work_first:
                await self._claim(session)
            await self._beat(session)
            if not work_first:
                await self._claim(session)
        except LoginRefused as error:
            raise token_refused(error) from error
        except Fenced as error:
            self._lose_session(error.message)
            return 0.0
        except CannotConnect as error:
            if isinstance(error.__cause__, asyncpg.ClientConfigurationError):
                raise
            return self._failed(error)
        except Refused as error:
            if self._session is None:
                raise
            return self._failed(error)
        if self._failures:
            self._failures = 0
            self._report.say("connected", "connected again")
        until_beat = self._beat_due - time.monotonic()
        poll = (POLL_SECONDS if self._listening else POLL_SECONDS_DEAF) * random.uniform(0.8, 1.2)  # noqa: S311
        until_hint = self._hint_taken_at + _HINT_SPACING - time.monotonic() if self._hinted else poll
        return max(0.0, min(until_beat, until_hint, poll))

    def _server_troubled(self, error: KolonyError | None) -> None:
        if error is None:
            self._report.say("writing", "the server writes again")
        else:
            self._report.say("not written", f"the server cannot write: {error.message}; trying again",
                             error=error.message)  # fmt: skip

    def _failed(self, error: KolonyError) -> float:
        self._failures += 1
        if self._failures == 1:
            self._report.say("disconnected", f"{error.message}; trying again", error=error.message)
        return pause_seconds(self._failures)

    async def _begin(self) -> Session:
        """Opens a session; the first one also shows whether we are who we were said to be."""
        if self._ended_session is not None:
            with contextlib.suppress(Refused):
                await self._ended_session.close("could not renew its leases", failed=True)
            self._ended_session = None
        try:
            session = await open_session(self._link, self._settings.adapter, self._settings.concurrency)
        except WrongState as error:
            if not self._known:
                raise
            self._retired = True
            raise Fenced(error.message) from error
        if not self._known:
            await check(session, self._settings.agent)
            remark = await self._learn(session)
            # Whatever work its own calls set free is claimed for when they have been answered.
            self._start(Listener(self._target, session.channel, self._application, self._hint, self._heard,
                                 lambda: self._link.server_pid).run())  # fmt: skip
            facts = {"agent": session.agent, "agent_id": session.agent_id, "workspace": session.workspace}
            held, how = self._settings.enforcement
            words = f"{session.agent} in {session.workspace}: ready for {self._settings.concurrency} at a time; {how}"
            self._report.say("ready", words, **facts, limits=held)
            if remark:
                self._report.say("remark", remark)
            self._known = True
        else:
            self._report.say("session", "working on under a new session")
        self._session = session
        self._guard.fence(session.lease.guardian_ends)
        self._link.seconds = min(CALL_SECONDS, max(5.0, session.lease.seconds_left / 3))
        self._beat_due = float("-inf")
        return session

    async def _beat(self, session: Session) -> None:
        due = time.monotonic() >= self._beat_due
        heard = self._hinted and time.monotonic() - self._hint_taken_at >= _HINT_SPACING
        if not due and not heard and self._link.up.is_set():
            return
        self._hinted = False
        self._hint_taken_at = time.monotonic()
        if not session.lease.alive:
            raise Fenced("its lease could not be renewed in time")
        health = self._health.report(len(self._running)) if due else None
        orders = await session.beat(health, list(self._running))
        if not session.lease.alive:
            raise Fenced("its lease could not be renewed in time")
        self._guard.fence(session.lease.guardian_ends)
        if due:
            self._beat_due = time.monotonic() + session.heartbeat_seconds
        stopped = any(order.what == "stopped" for order in orders)
        for order in orders:
            self._obey(session, order, emergency=stopped)
        await self._hear_stop(session, stopped)
        paused = any(order.what == "paused" for order in orders)
        if paused != self._paused:
            self._paused = paused
            self._report.say("paused" if paused else "resumed", "paused: nothing is claimed" if paused else "resumed")

    async def _hear_stop(self, session: Session, stopped: bool) -> None:
        """Confirms an emergency stop once its orders to end work are being obeyed, again with each beat under it; not
        while something is at work that the database holds to be lost."""
        if stopped and all(execution.held_by(session.lease) for execution, _ in self._running.values()):
            await session.acknowledge_stop()
        if stopped != self._stopped_by_people:
            self._stopped_by_people = stopped
            words = f"emergency stop: ending {len(self._running)} running" if stopped else "the stop is lifted"
            self._report.say("stopped" if stopped else "lifted", words, running=len(self._running))

    def _obey(self, session: Session, order: Order, *, emergency: bool) -> None:
        execution = self._running[order.attempt_id][0] if order.attempt_id in self._running else None
        if order.what == "cancel" and execution is not None:
            execution.stop(Stop.CANCEL, emergency=emergency)
        elif order.what == "interrupt" and execution is not None:
            execution.interrupt()
        elif order.what == "answered" and execution is not None:
            execution.answered(UUID(order.why))
        elif order.what == "over_budget" and execution is not None:
            execution.over_budget(order.why)
        elif order.what == "lost" and execution is not None:
            execution.stop(Stop.LOST)
        elif order.what == "unknown" and order.attempt_id is not None and execution is None:
            self._hand_back(session, order.attempt_id, "the answer to its claim was lost")
        elif order.what == "retired" and not self._retired:
            self._retired = True
            self._report.say("retired", f"the agent is retired: finishing {len(self._running)} running")

    async def _claim(self, session: Session) -> None:
        while self._claiming():
            free = self._settings.concurrency - len(self._running)
            if free <= 0:
                return
            asked = min(free, _CLAIM_AT_ONCE)
            claimed = await session.claim(asked)
            for work in claimed:
                if self._claiming():
                    self._execute(session, work)
                else:
                    self._hand_back(session, work.attempt_id, "its runner was stopped")
            if len(claimed) < asked:
                return

    def _claiming(self) -> bool:
        return not (self._stopping or self._retired or self._paused or self._stopped_by_people)

    def _execute(self, session: Session, work: Assignment) -> None:
        execution = Execution(work, self._make, self._desk_of(session))
        task = asyncio.create_task(execution.run())
        self._running[work.attempt_id] = (execution, task)
        task.add_done_callback(lambda done: self._executed(work.attempt_id, done))

    def _desk_of(self, session: Session) -> Desk:
        if self._desk is not None and self._desk.lease is session.lease:
            return self._desk
        self._desk = Desk(
            link=self._link,
            announcer=self._announcer,
            endings=self._endings,
            health=self._health,
            report=self._report,
            turn=self._turn,
            scratch=self._settings.scratch,
            spool_bytes=self._settings.spool_bytes,
            agent_hint=f"agent:{session.agent_id}",
            lease=session.lease,
            isolation=self._settings.isolation,
        )
        return self._desk

    def _executed(self, attempt_id: UUID, task: asyncio.Task[None]) -> None:
        del self._running[attempt_id]
        self._note_failure(task)
        self._wake.set()

    def _hand_back(self, session: Session, attempt_id: UUID, why: str) -> None:
        if attempt_id not in self._handing_back:
            self._handing_back.add(attempt_id)
            self._start(self._give_back(session, attempt_id, why))

    async def _give_back(self, session: Session, attempt_id: UUID, why: str) -> None:
        try:
            await session.hand_back(attempt_id, why, lambda: session.lease.alive)
        except LoginRefused:
            raise
        except KolonyError:
            # It has passed to others already, or the next beat names it again.
            return
        finally:
            self._handing_back.discard(attempt_id)
        self._wake.set()

    async def _watch_lease(self) -> None:
        """Ends the work when its lease could not be renewed: others may begin it then."""
        while True:
            session = self._session
            if session is not None and not session.lease.alive:
                self._lose_session("its lease could not be renewed in time")
            await asyncio.sleep(min(max(session.lease.seconds_left if session else 0.0, 0.02), 0.5))

    async def _learn(self, session: Session) -> str:
        try:
            remark, facts = self._settings.learn(session.agent_type)
        except KolonyError as error:
            await session.close(error.message, failed=True)
            raise
        self._health.tell(**facts)
        return remark

    async def _sweep(self, hold: sweeping.Hold) -> None:
        """Ends, now and again, what no runner watches over any more."""
        while True:
            found = await asyncio.to_thread(sweeping.sweep, self._settings.scratch, hold.path, self._at_work)
            if found:
                words = f"ended {len(found)} process{'es' if len(found) > 1 else ''} that nobody watched over"
                self._report.say("swept", words, pids=found)
            await asyncio.sleep(sweeping.SWEEP_SECONDS)

    def _at_work(self) -> list[tuple[str, int]]:
        return [(str(each.work.run_id), each.work.attempt) for each, _ in list(self._running.values())]

    def _lose_session(self, why: str) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        session.lease.lapse()
        self._ended_session = session
        for execution, _ in self._running.values():
            execution.stop(Stop.LOST)
        self._report.say("session lost", f"the session was lost: {why}", error=why)
        self._wake.set()

    def _hint(self, hint: str) -> None:
        session = self._session
        if hint not in (EVERYTHING, "agents:*") and (session is None or hint != f"agent:{session.agent_id}"):
            return
        self._hinted = True
        self._wake.set()

    def _heard(self, trouble: KolonyError | None) -> None:
        self._listening = trouble is None

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background_done)

    def _background_done(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        self._note_failure(task)

    def _note_failure(self, task: asyncio.Task[None]) -> None:
        """A task that failed for good ends the runner: the token was refused, or the fault is ours."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        if self._failure is None:
            self._failure = (
                token_refused(error)
                if isinstance(error, LoginRefused)
                else KolonyError(f"a fault of the runner: {type(error).__name__}: {error}")
            )
        self._wake.set()

    async def _close(self) -> None:
        if self._running and self._session is not None:
            # A fault of the runner or its token: nothing more is written, and nothing waits for the server.
            self._session.lease.lapse()
        for execution, _ in self._running.values():
            execution.stop(Stop.LOST)
        if self._running:
            await asyncio.wait({task for _, task in self._running.values()})
        for task in list(self._background):
            task.cancel()
        if self._background:
            await asyncio.wait(set(self._background))
        with contextlib.suppress(KolonyError, TimeoutError):
            if self._session is not None and self._link.up.is_set() and not isinstance(self._failure, LoginRefused):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._session.close("retired" if self._retired else "stopped", failed=False)
                    await self._announcer.send()
        await self._link.close()
        self._guard.close()
        if self._hold is not None:
            self._hold.release()
