"""One attempt from its claim to its end: the work, its output, its limit, and what became of it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from kolony_tui.agent.adapter import Adapter, Assignment, CannotStart
from kolony_tui.agent.announcer import Announcer
from kolony_tui.agent.attempt.handover import Handover
from kolony_tui.agent.attempt.limits import Clock, Exceeded, Watch, cpu_window, time_is_up, to_watch
from kolony_tui.agent.attempt.masking import HELD_SECONDS, UNMASKED, Masking, masking_of
from kolony_tui.agent.attempt.outbox import Outbox
from kolony_tui.agent.attempt.output import Cutter
from kolony_tui.agent.attempt.spool import Spool
from kolony_tui.agent.attempt.steps import WORDS, Steps
from kolony_tui.agent.attempt.verdict import Stop, Verdict, judged
from kolony_tui.agent.attempt.work_folder import Isolation
from kolony_tui.agent.attempt.work_place import WorkPlace
from kolony_tui.agent.endings import Completed, Endings
from kolony_tui.agent.events import Ended, Opened, Output
from kolony_tui.agent.health import Health
from kolony_tui.agent.lease import Lease
from kolony_tui.agent.link import Lapsed, Link, sqlstate
from kolony_tui.agent.record.sinks import Bench, Record, sinks_of
from kolony_tui.agent.report import Report
from kolony_tui.db.errors import OUTPUT_HOLE
from kolony_tui.models.errors import Fenced, KolonyError, LoginRefused, Refused

_ERROR_CHARACTERS = 9000
_MISSING = re.compile(r"missing ([0-9, ]+)$")


@dataclass(frozen=True, slots=True)
class Desk:
    """What all executions of a runner share; ``lease`` is the session's, ``turn`` goes round among their outputs."""

    link: Link
    announcer: Announcer
    endings: Endings
    health: Health
    report: Report
    turn: asyncio.Lock
    scratch: Path
    spool_bytes: int
    agent_hint: str
    lease: Lease
    isolation: Isolation | None = None


class Execution:
    """One attempt under way."""

    def __init__(self, work: Assignment, make: Callable[[Assignment], Adapter], desk: Desk) -> None:
        self.work = work
        self.settled = False
        """Whether its work has ended by itself or was ended, and only its end is still to be written."""
        self._desk = desk
        self.clock = Clock(work.time_limit_ms, self._time_is_up)
        """Its time limit; held while the work waits for a person."""
        self.handover = Handover(work, desk.link, desk.scratch, lambda: desk.lease.alive, self.clock, self._happened)
        self._place = WorkPlace(work, desk.isolation, desk.link, lambda: desk.lease.alive, self._happened)
        self._make = make
        self._adapter: Adapter | None = None
        self.record = Record([])
        self._masking: Masking = UNMASKED
        self._held: asyncio.TimerHandle | None = None
        self._steps = Steps(work.attempt_id, desk.link, self._step_said)
        self._interrupted = False
        self._hearing = False
        self._unsaid = False
        self._started = False
        self._stop: Stop | None = None
        self._emergency = False
        self._exceeded: Exceeded | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._stuck: KolonyError | None = None
        self._cutter = Cutter(desk.link.now)
        self._timer: asyncio.TimerHandle | None = None
        self._began = time.monotonic()
        self._outbox = Outbox(
            work.attempt_id,
            desk.link,
            desk.turn,
            Spool(desk.scratch, desk.spool_bytes),
            lambda: desk.lease.alive,
            lambda: desk.announcer.add(f"output:{work.run_id}"),
            self._output_stuck,
        )

    def stop(self, reason: Stop, *, emergency: bool = False) -> None:
        """Ends the work for this reason; the first reason holds, but LOST overrides all and kills at once.

        ``emergency``: with less patience, also where it is being ended already.
        """
        hurried = emergency and not self._emergency
        self._emergency = self._emergency or emergency
        if self.settled or self._stop is Stop.LOST:
            return
        if self._stop is None or reason is Stop.LOST:
            self._stop = reason
            if reason is Stop.CANCEL:
                self._step("heard", "")
        elif not hurried:
            return
        if self._started:
            self._end(self._stop)

    def _end(self, reason: Stop) -> None:
        assert self._adapter is not None
        if reason is Stop.LOST:
            self._adapter.kill()
        else:
            self._stopping = asyncio.create_task(self._adapter.cancel(emergency=self._emergency))

    def interrupt(self) -> None:
        """Asks the work to stop what it is doing: once for each request, however often the order for it comes."""
        if self.settled or self._stop is not None or self._hearing:
            return
        self._hearing = True
        self._step("heard", "")
        if self._unsaid:
            # It was done before, and only the database does not know yet.
            self._unsaid = False
        else:
            self._interrupted = True
            if self._adapter is not None and self._started:
                self._adapter.interrupt()

    def _exceed(self, exceeded: Exceeded) -> None:
        if self._stop is None and not self.settled:
            self._exceeded = exceeded
            self.stop(Stop.LIMIT)

    def over_budget(self, why: str) -> None:
        """Its lease is not renewed: a budget is used up."""
        self._exceed(Exceeded("budget", why))

    def _time_is_up(self) -> None:
        self._exceed(time_is_up(self.work.time_limit_ms or 0))

    def answered(self, approval_id: UUID) -> None:
        """The database has the end of a question: of the program's, or of the agent's that it is."""
        self.handover.answered(approval_id)
        self.record.answered(approval_id)

    def held_by(self, lease: Lease) -> bool:
        """Whether it works under this lease; under an earlier one it only comes to its end, unseen by the database."""
        return self._desk.lease is lease

    async def run(self) -> None:
        """Does the work and writes its end. Raises LoginRefused; every other end is the attempt's own."""
        try:
            self._announce()
            self._desk.report.say("started", f"{self.work.reference} started{self._tries()}", **self._facts())
            verdict = await self._work()
            await self._outbox.emptied()
            await self._steps.flushed()
            await self._finish(verdict)
            self._ended(verdict)
        except LoginRefused:
            raise
        except (Fenced, Lapsed) as error:
            self.stop(Stop.LOST)
            self._desk.report.say("lost", f"{self.work.reference} lost: {error.message}", **self._facts())
        except KolonyError as error:
            await self._give_up(error)
        except Exception as error:  # a fault of one attempt is not the end of the others
            await self._give_up(KolonyError(f"a fault of the runner: {type(error).__name__}: {error}"))
        finally:
            await self._close()

    async def _work(self) -> Verdict:
        if self._asked() is not None or self._to_interrupt():
            return self._verdict(Ended(error="it never began"))
        try:
            adapter = self._adapter = self._make(self._with_folder())
        except CannotStart as error:
            return Verdict("failed", Ended(), error.line, reason=error.reason)
        adapter.on_step = self._step
        self._masking = masking_of(self.work.brief, self._desk.link.secrets)
        self.record = Record(sinks_of(self._bench(adapter)), self._masking)
        try:
            if adapter.needs_folder:
                await self.handover.lay_out(self.work.brief, self._masking)
            await self._place.prepare(adapter.folder, self.work)
            await adapter.start()
        except CannotStart as error:
            await self._place.settle()
            return Verdict("failed", Ended(), self._masking.text(error.line), reason=error.reason)
        self._started = True
        if (reason := self._asked()) is not None:
            self._end(reason)
        elif self._to_interrupt():
            adapter.interrupt()
        limits = to_watch(self.work.limits, adapter.holds)
        watch = Watch(limits, adapter.taken, adapter.usage_report, cpu_window(self.work.config),
                      self.record.tokens)  # fmt: skip
        self.clock.start()
        self.handover.start()
        watching = asyncio.create_task(self._keep(watch)) if watch.needed else None
        try:
            ended = await self._print(adapter)
        finally:
            self.clock.stop()
            if watching is not None:
                watching.cancel()
            await self.handover.ended()
        for stream, data in self._masking.finish():
            self._put(stream, data)
        self._outbox.put(self._cutter.finish())
        await self.record.finish(ended)
        await self.handover.keep_memory()
        ended = self._masking.ended(ended)
        if self._asked() is None and not self._to_interrupt():
            self._exceeded = ended.exceeded or watch.at_end()
        verdict = self._verdict(ended)
        self.settled = True
        if verdict.outcome == "completed" and (wrong := await self.handover.plan_error()) is not None:
            verdict = Verdict("failed", ended, wrong, reason="report")
        if (wrong := await self.handover.report_error(verdict.outcome, ended.answer)) is not None:
            verdict = Verdict("failed", ended, wrong, reason="report")
        if self._desk.lease.alive:
            # Before the end is written: after it another runner may begin in the same folder.
            await adapter.close()
            await self._place.settle()
        return verdict

    def _with_folder(self) -> Assignment:
        return replace(self.work, run_dir=self.handover.run_dir)

    def _bench(self, adapter: Adapter) -> Bench:
        return Bench(
            work=self._with_folder() if adapter.needs_folder else self.work,
            link=self._desk.link,
            adapter=adapter,
            clock=self.clock,
            alive=lambda: self._desk.lease.alive,
            lines=lambda: self._cutter.lines,
            say=self._happened,
            masking=self._masking,
            hint=self._desk.announcer.add,
            stopped=lambda: self._stop is not None,
        )

    async def _print(self, adapter: Adapter) -> Ended:
        """Takes what the work prints until it has ended."""
        ended = Ended(error="it ended without saying how")
        async for event in adapter.events():
            if isinstance(event, Ended):
                ended = event
            elif not isinstance(event, Output):
                if isinstance(event, Opened):
                    self._desk.health.tell(program=f"{event.program} {event.version}".strip(), mode=event.mode)
                self.record.take(event)
            elif self._stop is not Stop.LOST and self._stuck is None:
                self._put(event.stream, self._masking.output(event.stream, event.data))
                self._hold()
                await self._outbox.room()
        return ended

    async def _keep(self, watch: Watch) -> None:
        self._exceed(await watch.exceeded())

    def _verdict(self, ended: Ended) -> Verdict:
        if self._stuck is not None:
            raise self._stuck
        return judged(ended, self._stop, self._exceeded, interrupted=self._interrupted)

    def _asked(self) -> Stop | None:
        return self._stop

    def _to_interrupt(self) -> bool:
        return self._interrupted

    def _step(self, step: str, detail: str) -> None:
        """Something is done to end or interrupt the work."""
        self._steps.note(step, detail)
        words = f"{self.work.reference}: {WORDS.get(step, step)}" + (f" ({detail})" if detail else "")
        self._desk.report.say("step", words, step=step, detail=detail, **self._facts())

    def _happened(self, event: str, words: str) -> None:
        """Something came from the program by its folder, or went to it."""
        self._desk.report.say(event, f"{self.work.reference} {words}", detail=words, **self._facts())
        self._announce()

    def _step_said(self, step: str, written: bool) -> None:
        if step == "heard":
            self._hearing, self._unsaid = False, not written
        if written:
            self._desk.announcer.add(f"run:{self.work.run_id}")

    def _put(self, stream: str, data: bytes) -> None:
        if data:
            self.handover.printed(stream, data)
            self._outbox.put(self._cutter.feed(stream, data, time.monotonic()))
            self._arm()

    def _hold(self) -> None:
        """What may become a secret is not held back for long."""
        if self._held is None and self._masking.holds:
            self._held = asyncio.get_running_loop().call_later(HELD_SECONDS, self._give_held)

    def _give_held(self) -> None:
        self._held = None
        for stream, data in self._masking.flush():
            self._put(stream, data)

    def _arm(self) -> None:
        if self._timer is None and (due := self._cutter.due) is not None:
            delay = max(0.0, due - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay, self._flush)

    def _flush(self) -> None:
        self._timer = None
        self._outbox.put(self._cutter.flush(time.monotonic()))
        self._arm()

    async def _finish(self, verdict: Verdict) -> None:
        told = ""
        while True:
            try:
                await self._say_end(verdict, self._cutter.chunks)
                return
            except Refused as error:
                if sqlstate(error) != OUTPUT_HOLE or error.message == told:
                    raise
                await self._mend(error.message, first=not told)
                told = error.message

    async def _say_end(self, verdict: Verdict, chunks: int) -> None:
        ended = verdict.ended
        error = verdict.error.replace("\0", "\ufffd")[:_ERROR_CHARACTERS] if verdict.error else None
        warning = verdict.warning.replace("\0", "\ufffd") if verdict.warning else None
        if verdict.outcome == "completed" and self._desk.lease.alive and await self._desk.endings.written(
            Completed(
                self.work.attempt_id, ended.exit_code, ended.signal, error, ended.usage,
                chunks, self._cutter.bytes, self._cutter.lines, warning,
            )
        ):  # fmt: skip
            return
        await self._insist(
            "finish_attempt", self.work.attempt_id, verdict.outcome, ended.exit_code, ended.signal, error, ended.usage,
            chunks, self._cutter.bytes, self._cutter.lines, verdict.limit_hit, verdict.reason, warning,
        )  # fmt: skip

    async def _mend(self, hole: str, *, first: bool) -> None:
        """The server lost chunks that it had taken: it gets them again, or is told that they are lost."""
        if first:
            await self._outbox.write_again()
        elif named := _MISSING.search(hole):
            await self._outbox.stand_in(int(number) for number in named[1].split(","))

    async def _give_up(self, error: KolonyError) -> None:
        """The database does not take the output or the end as it is; the run must not hang on that."""
        self._kill()
        verdict = Verdict("failed", Ended(), f"its end could not be recorded: {error.line}", reason="runner")
        try:
            await self._say_end(verdict, self._outbox.acknowledged)
        except LoginRefused:
            raise
        except KolonyError:
            # The leases of a session end together: that frees this run too.
            self._desk.lease.lapse()
        self._ended(verdict)

    def _ended(self, verdict: Verdict) -> None:
        seconds = time.monotonic() - self._began
        if verdict.outcome in ("completed", "failed"):
            self._desk.health.count(completed=verdict.outcome == "completed", seconds=seconds)
        why = f": {verdict.error}" if verdict.error else ""
        words = f"{self.work.reference} {verdict.outcome} in {seconds:.1f} s{why}"
        facts = {"exit_code": verdict.ended.exit_code, "error": verdict.error, "limit_hit": verdict.limit_hit}
        facts |= {"reason": verdict.reason, "warning": verdict.warning}
        self._desk.report.say(verdict.outcome, words, **self._facts(), **facts, seconds=round(seconds, 3))
        self._announce()

    def _output_stuck(self, error: KolonyError) -> None:
        self._stuck = error
        self._kill()

    def _kill(self) -> None:
        if self._adapter is not None:
            self._adapter.kill()

    async def _insist(self, function: str, *arguments: object) -> None:
        await self._desk.link.insist(function, *arguments, alive=lambda: self._desk.lease.alive)

    def _announce(self) -> None:
        self._desk.announcer.add(f"run:{self.work.run_id}", f"output:{self.work.run_id}", self._desk.agent_hint)

    def _tries(self) -> str:
        return f" (attempt {self.work.attempt})" if self.work.attempt > 1 else ""

    def _facts(self) -> dict[str, object]:
        return {"run": self.work.reference, "run_id": self.work.run_id, "attempt": self.work.attempt}

    async def _close(self) -> None:
        for timer in (self._timer, self._held):
            if timer is not None:
                timer.cancel()
        await self.record.close()
        if self._adapter is not None:
            await self._adapter.close(keep=True)
        await self.handover.close()
        if self._stopping is not None:
            await self._stopping
        await self._steps.close()
        await self._outbox.close()
