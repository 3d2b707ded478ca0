"""What should be true of runs after any steps of people, runners and the clock: a model without a database."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

WRONG_STATE, FENCED, HOLE = "55000", "KO001", "KO002"
ENDED = {"completed", "failed", "cancelled"}


class Refusal(Exception):
    """The step is refused with this SQLSTATE."""


@dataclass
class ModelAgent:
    """``desired`` as people set it."""

    agent_id: UUID
    desired: str = "active"


@dataclass
class ModelSession:
    """A runner's session: ``alive`` by the clock, ``ended`` by the database's own word."""

    session_id: UUID
    agent: ModelAgent
    concurrency: int
    alive: bool = True
    ended: bool = False


@dataclass
class ModelRun:
    """A run; it is ``held`` by a session under an attempt, or ``due`` (ready or not), or has an ``outcome``.

    What waits may be on ``hold``, come ``after`` other commands, or stand ``beyond`` the window of its command.
    ``mark`` tells apart how often it was cancelled.
    """

    run_id: UUID
    command: ModelCommand
    agent: ModelAgent
    priority: int
    attempt: int = 0
    tries: int = 0
    due: bool = True
    cancel: bool = False
    outcome: str | None = None
    held: ModelSession | None = None
    attempt_id: UUID | None = None
    started: bool = False
    chunks: set[int] = field(default_factory=set)
    hold: bool = False
    after: bool = False
    beyond: bool = False
    interrupt: bool = False
    heard: bool = False
    mark: int = 0

    @property
    def blocked(self) -> bool:
        """Whether no claim may take it, whatever the time is."""
        return self.hold or self.after or self.beyond

    @property
    def status(self) -> str:
        """As people see it."""
        if self.outcome:
            return self.outcome
        if self.held is None or not self.held.alive or self.held.ended:
            return "waiting"
        if self.heard:
            return "interrupted"
        return "executing" if self.started else "dispatching"


@dataclass
class ModelCommand:
    """A draft has no runs yet; a cancelled draft never gets any."""

    command_id: UUID
    priority: int
    max_attempts: int
    retry_on: str
    draft: bool = False
    cancelled: bool = False
    runs: list[ModelRun] = field(default_factory=list)
    at_a_time: int | None = None
    stop_after: int | None = None
    comes_after: list[tuple[ModelCommand, str]] = field(default_factory=list)

    @property
    def comes_later(self) -> bool:
        """Whether something that it comes after has not ended as needed."""
        found = [(command.outcome, need) for command, need in self.comes_after]
        return any(outcome is None or (need == "completed" and outcome != need) for outcome, need in found)

    @property
    def outcome(self) -> str | None:
        """How it ended."""
        return self.status if self.status in ENDED else None

    @property
    def status(self) -> str:
        """The sum of its runs."""
        if self.cancelled:
            return "cancelled"
        if self.draft:
            return "draft"
        found = [run.status for run in self.runs]
        if set(found) <= ENDED:
            return next(word for word in ("failed", "cancelled", "completed") if word in found)
        if {"executing", "interrupted", *ENDED} & set(found):
            return "executing"
        return "dispatching" if "dispatching" in found else "queued"


@dataclass
class UndoStep:
    """What a person may take back: runs that were cancelled, an agent that was retired with them, or a draft.

    ``runs``: each with its ``mark`` and where it waited (hold, after, due).
    """

    runs: list[tuple[ModelRun, int, tuple[bool, bool, bool]]] = field(default_factory=list)
    agent: ModelAgent | None = None
    desired: str = ""
    draft: ModelCommand | None = None


@dataclass
class Model:
    """All of it, and the steps that change it; a step raises Refusal where the database must refuse."""

    agents: list[ModelAgent]
    sessions: list[ModelSession] = field(default_factory=list)
    commands: list[ModelCommand] = field(default_factory=list)
    done: list[UndoStep] = field(default_factory=list)

    @property
    def runs(self) -> list[ModelRun]:
        """Every run there is."""
        return [run for command in self.commands for run in command.runs]

    def settle(self, agent: ModelAgent | None) -> None:
        """The database takes back what sessions hold that are dead or ended."""
        for session in self.sessions:
            if (agent is None or session.agent is agent) and (session.ended or not session.alive):
                session.ended = True
                for run in self.runs:
                    if run.held is session:
                        self.end(run, "lost")

    def end(self, run: ModelRun, ended: str) -> None:
        """An attempt ends."""
        command = run.command
        run.tries += ended in ("failed", "lost")
        run.held, run.attempt_id, run.started, run.chunks = None, None, False, set()
        used_up = run.tries >= command.max_attempts
        if ended in ("completed", "cancelled"):
            run.outcome = ended
        elif run.cancel or run.interrupt:
            run.outcome = "cancelled"
        elif (ended == "failed" and (command.retry_on == "lost" or used_up)) or (ended == "lost" and used_up):
            run.outcome = "failed"
        elif run.agent.desired == "retired":
            run.outcome = "cancelled"
        run.due = ended == "released"
        if run.outcome == "failed":
            self._stop_at_failures(command)
        if run.outcome:
            self.roll_up(command)

    def _stop_at_failures(self, command: ModelCommand) -> None:
        failures = sum(run.outcome == "failed" for run in command.runs)
        if command.stop_after is None or failures < command.stop_after:
            return
        for run in command.runs:
            if not run.outcome and not run.held and not run.hold:
                run.hold, run.beyond = True, command.at_a_time is not None

    def roll_up(self, command: ModelCommand) -> None:
        """The window of a command is filled."""
        if command.at_a_time is not None:
            let_in = sum(not run.outcome and not run.beyond for run in command.runs)
            for run in command.runs:
                if let_in < command.at_a_time and not run.outcome and run.beyond and not run.hold:
                    run.beyond, let_in = False, let_in + 1

    def free(self) -> None:
        """What comes after others that have ended as needed waits no more; at the end of each step."""
        for command in self.commands:
            if command.comes_after and not command.comes_later:
                for run in command.runs:
                    run.after = False

    def enqueue(self, command: ModelCommand) -> None:
        """Its runs are new."""
        for place, run in enumerate(command.runs):
            run.after = command.comes_later
            run.beyond = command.at_a_time is not None and place >= command.at_a_time

    def claimable(self, session: ModelSession, up_to: int) -> tuple[list[ModelRun], int]:
        """The runs that wait and are due, and how many of them a claim takes."""
        self.check_alive(session)
        if session.agent.desired != "active":
            return [], 0
        self.settle(session.agent)
        held = sum(run.held is session for run in self.runs)
        waiting = [
            run
            for run in self.runs
            if run.agent is session.agent and run.due and not (run.outcome or run.held or run.blocked)
        ]
        return waiting, max(0, min(up_to, session.concurrency - held, len(waiting)))

    def check_alive(self, session: ModelSession) -> None:
        """A dead session is told so."""
        if session.ended or not session.alive:
            raise Refusal(FENCED)

    def check_holds(self, run: ModelRun, attempt_id: UUID | None) -> None:
        """A write needs the lease of this very attempt."""
        if run.attempt_id is None or run.attempt_id != attempt_id or run.held is None:
            raise Refusal(FENCED)
        self.check_alive(run.held)

    def finish(self, run: ModelRun, attempt_id: UUID, ended: str, chunks: int) -> None:
        """A runner's last word."""
        self.check_holds(run, attempt_id)
        if ended == "cancelled" and not run.cancel and not run.interrupt:
            raise Refusal(WRONG_STATE)
        if run.chunks != set(range(chunks)):
            raise Refusal(HOLE)
        self.end(run, ended)

    def cancel(self, run: ModelRun) -> str:
        """At once while nobody holds it, a request otherwise."""
        if run.outcome:
            raise Refusal(WRONG_STATE)
        step = UndoStep()
        became = self._cancel_open(run, step)
        self.roll_up(run.command)
        self._remember(step)
        self.settle(run.agent)
        return run.outcome or became

    def _cancel_open(self, run: ModelRun, step: UndoStep) -> str:
        run.cancel = True
        if run.held is not None:
            return "requested"
        run.mark += 1
        step.runs.append((run, run.mark, (run.hold, run.after, run.due)))
        run.outcome, run.hold, run.after, run.beyond = "cancelled", False, False, False
        return "cancelled"

    def _remember(self, step: UndoStep) -> None:
        if step.runs or step.agent or step.draft:
            self.done.append(step)

    def cancel_command(self, command: ModelCommand) -> None:
        """All that is open of it."""
        if command.draft and not command.cancelled:
            command.cancelled = True
            self._remember(UndoStep(draft=command))
            return
        open_runs = [run for run in command.runs if not run.outcome]
        if not open_runs:
            raise Refusal(WRONG_STATE)
        step = UndoStep()
        for run in open_runs:
            self._cancel_open(run, step)
        self._remember(step)
        self.settle(None)

    def undo(self) -> None:
        """The last step is taken back, as far as nothing else has become of it."""
        if not self.done:
            raise Refusal(WRONG_STATE)
        step = self.done[-1]
        if step.agent:
            if step.agent.desired != "retired" or step.desired == "over":
                raise Refusal(WRONG_STATE)
            step.agent.desired = step.desired
        elif step.draft and not step.draft.cancelled:
            raise Refusal(WRONG_STATE)
        back = [each for each in step.runs if each[0].outcome == "cancelled" and each[0].mark == each[1]]
        if any(run.agent.desired == "retired" for run, _, _ in back):
            raise Refusal(WRONG_STATE)
        if not (back or step.agent or step.draft):
            raise Refusal(WRONG_STATE)
        if step.draft:
            step.draft.cancelled = False
        for run, _, (hold, after, due) in back:
            run.outcome, run.cancel, run.hold, run.due = None, False, hold, due
            run.after, run.beyond = after and run.command.comes_later, run.command.at_a_time is not None
        for command in {id(run.command): run.command for run, _, _ in back}.values():
            self.roll_up(command)
        self.done.pop()

    def retry(self, run: ModelRun) -> None:
        """Once more from the start."""
        if run.outcome in (None, "completed") or run.agent.desired == "retired":
            raise Refusal(WRONG_STATE)
        run.after = run.command.comes_later
        run.outcome, run.tries, run.cancel, run.due, run.interrupt, run.heard = None, 0, False, True, False, False
        run.beyond = run.command.at_a_time is not None
        self.roll_up(run.command)

    def check_waits(self, run: ModelRun) -> None:
        """A step for what waits."""
        self.settle(run.agent)
        if run.outcome or run.held:
            raise Refusal(WRONG_STATE)

    def set_priority(self, run: ModelRun, priority: int) -> None:
        """Only while it waits."""
        self.check_waits(run)
        run.priority = priority

    def hold(self, run: ModelRun) -> None:
        """It gives its seat in the window up."""
        self.check_waits(run)
        if run.hold:
            raise Refusal(WRONG_STATE)
        run.hold, run.beyond = True, run.command.at_a_time is not None
        self.roll_up(run.command)

    def release(self, run: ModelRun) -> None:
        """From the hold, or else from what it comes after."""
        self.check_waits(run)
        if run.hold:
            run.hold = False
        elif run.after:
            run.after = False
        else:
            raise Refusal(WRONG_STATE)
        self.roll_up(run.command)

    def check_moves(self, run: ModelRun) -> None:
        """Only what may be claimed has a place."""
        self.check_waits(run)
        if run.blocked or not run.due:
            raise Refusal(WRONG_STATE)

    def assign(self, run: ModelRun, agent: ModelAgent) -> None:
        """To another agent that is not retired."""
        self.settle(run.agent)
        if run.outcome or run.held or agent.desired == "retired" or agent is run.agent:
            raise Refusal(WRONG_STATE)
        run.agent = agent

    def interrupt(self, run: ModelRun) -> None:
        """Only what has begun."""
        self.settle(run.agent)
        if run.outcome or run.cancel or not run.held:
            raise Refusal(WRONG_STATE)
        run.interrupt, run.heard = True, False

    def want(self, agent: ModelAgent, desired: str) -> None:
        """Pause, resume, retire."""
        if agent.desired == "retired" and desired == "paused":
            raise Refusal(WRONG_STATE)
        if agent.desired == "retired" != desired:
            for step in self.done:
                if step.agent is agent:
                    step.desired = "over"
        step = UndoStep(agent=None if agent.desired == "retired" else agent, desired=agent.desired)
        agent.desired = desired
        if desired == "retired":
            self.settle(agent)
            for run in self.runs:
                if run.agent is agent and not run.outcome and not run.held:
                    self._cancel_open(run, step)
            for command in self.commands:
                self.roll_up(command)
            self._remember(step)

    def submit(self, command: ModelCommand) -> None:
        """A draft becomes a command."""
        if not command.draft or command.cancelled:
            raise Refusal(WRONG_STATE)

    def edit(self, command: ModelCommand, priority: int) -> None:
        """A draft, or what nobody has begun."""
        if command.outcome or any(run.attempt for run in command.runs):
            raise Refusal(WRONG_STATE)
        command.priority = priority
        for run in command.runs:
            if not run.outcome:
                run.priority = priority
