"""What should be true of runs after any steps of people, runners and the clock: a model without a database."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

WRONG_STATE, FENCED, HOLE = "55000", "KO001", "KO002"


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
    """A run; it is ``held`` by a session under an attempt, or ``due`` (ready or not), or has an ``outcome``."""

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

    @property
    def status(self) -> str:
        """As people see it."""
        if self.outcome:
            return self.outcome
        if self.held is None or not self.held.alive or self.held.ended:
            return "waiting"
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

    @property
    def status(self) -> str:
        """The sum of its runs."""
        if self.cancelled:
            return "cancelled"
        if self.draft:
            return "draft"
        found = [run.status for run in self.runs]
        ended = {"completed", "failed", "cancelled"}
        if set(found) <= ended:
            return next(word for word in ("failed", "cancelled", "completed") if word in found)
        if "executing" in found or ended & set(found):
            return "executing"
        return "dispatching" if "dispatching" in found else "queued"


@dataclass
class Model:
    """All of it, and the steps that change it; a step raises Refusal where the database must refuse."""

    agents: list[ModelAgent]
    sessions: list[ModelSession] = field(default_factory=list)
    commands: list[ModelCommand] = field(default_factory=list)

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
        elif run.cancel:
            run.outcome = "cancelled"
        elif (ended == "failed" and (command.retry_on == "lost" or used_up)) or (ended == "lost" and used_up):
            run.outcome = "failed"
        elif run.agent.desired == "retired":
            run.outcome = "cancelled"
        run.due = ended == "released"

    def claimable(self, session: ModelSession, up_to: int) -> tuple[list[ModelRun], int]:
        """The runs that wait and are due, and how many of them a claim takes."""
        self.check_alive(session)
        if session.agent.desired != "active":
            return [], 0
        self.settle(session.agent)
        held = sum(run.held is session for run in self.runs)
        waiting = [
            run for run in self.runs if run.agent is session.agent and not run.outcome and not run.held and run.due
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
        if ended == "cancelled" and not run.cancel:
            raise Refusal(WRONG_STATE)
        if run.chunks != set(range(chunks)):
            raise Refusal(HOLE)
        self.end(run, ended)

    def cancel(self, run: ModelRun) -> str:
        """At once while nobody holds it, a request otherwise."""
        if run.outcome:
            raise Refusal(WRONG_STATE)
        became = self._cancel_open(run)
        self.settle(run.agent)
        return run.outcome or became

    def _cancel_open(self, run: ModelRun) -> str:
        run.cancel = True
        if run.held is not None:
            return "requested"
        run.outcome = "cancelled"
        return "cancelled"

    def cancel_command(self, command: ModelCommand) -> None:
        """All that is open of it."""
        if command.draft and not command.cancelled:
            command.cancelled = True
            return
        open_runs = [run for run in command.runs if not run.outcome]
        if not open_runs:
            raise Refusal(WRONG_STATE)
        for run in open_runs:
            self._cancel_open(run)
        self.settle(None)

    def retry(self, run: ModelRun) -> None:
        """Once more from the start."""
        if run.outcome in (None, "completed") or run.agent.desired == "retired":
            raise Refusal(WRONG_STATE)
        run.outcome, run.tries, run.cancel, run.due = None, 0, False, True

    def set_priority(self, run: ModelRun, priority: int) -> None:
        """Only while it waits."""
        self.settle(run.agent)
        if run.outcome or run.held:
            raise Refusal(WRONG_STATE)
        run.priority = priority

    def want(self, agent: ModelAgent, desired: str) -> None:
        """Pause, resume, retire."""
        if agent.desired == "retired" and desired == "paused":
            raise Refusal(WRONG_STATE)
        agent.desired = desired
        if desired == "retired":
            self.settle(agent)
            for run in self.runs:
                if run.agent is agent and not run.outcome and not run.held:
                    self._cancel_open(run)

    def submit(self, command: ModelCommand) -> None:
        """A draft becomes a command."""
        if not command.draft or command.cancelled:
            raise Refusal(WRONG_STATE)
