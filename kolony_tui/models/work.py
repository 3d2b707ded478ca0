"""Commands, runs and attempts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kolony_tui.models.approvals import Approval
from kolony_tui.models.constraints import Limits
from kolony_tui.models.redaction import redacted
from kolony_tui.models.retention import Archived, Hold
from kolony_tui.models.states import CommandStatus as CommandStatus
from kolony_tui.models.states import RunStatus as RunStatus
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.models.work_folders import WorkFolder


@dataclass(frozen=True, slots=True)
class Run:
    """One command on one agent, as lists show it.

    ``attempt`` counts from 1 and is 0 before the first claim. ``lost``: its runner stopped answering and the lease ran
    out. ``cancel_at`` on an open run: asked to end, not yet confirmed. ``due_at``: not before then. ``waits_for``: why
    no claim may take it ('hold', 'dependency', 'window' or 'time'); ``position``: which one it is of its agent's runs
    that may be taken, from 1. ``asks``: how many questions of it are open. ``reason``: a name of ``verdict.REASONS``,
    where a failure has one; ``warning``: what people should know of an end that looks well.
    """

    run_id: UUID
    command_id: UUID
    command_number: int
    ordinal: int
    target_count: int
    agent_id: UUID
    agent: Untrusted
    title: Untrusted
    created_by_login: str | None
    priority: int
    created_at: datetime
    finished_at: datetime | None
    status: RunStatus
    lost: bool
    attempt: int
    max_attempts: int
    due_at: datetime | None
    claimed_at: datetime | None
    started_at: datetime | None
    exit_code: int | None
    error: Untrusted | None
    cancel_at: datetime | None
    cancel_why: Untrusted | None
    cancel_by_login: str | None
    agent_desired: str
    kind: str
    not_before: datetime | None
    held_at: datetime | None
    held_by_login: str | None
    held_why: Untrusted | None
    interrupt_at: datetime | None
    interrupt_by_login: str | None
    interrupt_why: Untrusted | None
    interrupt_heard_at: datetime | None
    limit_hit: str | None
    waits_for: str | None
    position: int | None
    asks: int
    reason: str | None = None
    warning: Untrusted | None = None

    @property
    def reference(self) -> str:
        """What a person types and reads: ``#12``, or ``#12.3`` for the third of several targets."""
        return f"#{self.command_number}" + (f".{self.ordinal}" if self.target_count > 1 else "")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a run."""

    number: int
    outcome: str | None
    claimed_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    host: Untrusted | None
    exit_code: int | None
    signal: int | None
    error: Untrusted | None
    usage: dict[str, Any]
    chunk_count: int | None
    byte_count: int | None
    line_count: int | None
    reason: str | None = None
    warning: Untrusted | None = None


@dataclass(frozen=True, slots=True)
class AttemptStep:
    """What was done to end or interrupt an attempt, one of ``steps.WORDS``: heard, sigint, ended, gone, ..."""

    attempt: int
    step: str
    detail: Untrusted
    at: datetime


@dataclass(frozen=True, slots=True)
class Dependency:
    """A command that another one comes after. ``need``: 'completed' or 'ended'; ``status``: where it stands."""

    command_id: UUID
    number: int
    need: str
    status: CommandStatus
    title: Untrusted


@dataclass(frozen=True, slots=True)
class RunDetail:
    """A run with everything that its screen shows. ``content`` is the whole text of its command.

    ``limits``: of each try, and ``constraint_name`` the profile that they were taken from. ``steps``: of all its
    attempts, in their order. ``after``: the commands that its command comes after. ``approvals``: what it asked.
    ``folder``: where it works, where its runner says so. ``archived``: what became of outputs that are not here alone,
    of the last attempt first; ``holds``: what keeps it, whatever retention says.
    """

    run: Run
    content: Untrusted
    limits: Limits
    constraint_name: Untrusted | None
    attempts: tuple[Attempt, ...]
    steps: tuple[AttemptStep, ...]
    after: tuple[Dependency, ...]
    approvals: tuple[Approval, ...]
    folder: WorkFolder | None = None
    archived: tuple[Archived, ...] = ()
    holds: tuple[Hold, ...] = ()

    @property
    def redacted(self) -> dict[str, int]:
        """How often something was masked in what its attempts stored, by what it was."""
        return redacted(attempt.usage for attempt in self.attempts)


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody asked for, with how its runs stand. ``target_words``: how they said to whom it goes."""

    command_id: UUID
    number: int
    title: Untrusted
    content_bytes: int
    priority: int
    created_by_login: str | None
    created_at: datetime
    submitted_at: datetime | None
    finished_at: datetime | None
    status: CommandStatus
    runs: int
    waiting: int
    dispatching: int
    executing: int
    completed: int
    failed: int
    cancelled: int
    max_attempts: int
    retry_on: str
    time_limit_ms: int | None
    kind: str
    target_words: Untrusted | None
    at_a_time: int | None
    stop_after: int | None
    held: int
    interrupted: int


@dataclass(frozen=True, slots=True)
class Draft:
    """A command that nobody has sent yet. ``agents``: the names of those it is for, with commas between."""

    command_id: UUID
    number: int
    title: Untrusted
    priority: int
    created_by_login: str | None
    created_at: datetime
    agents: Untrusted


@dataclass(frozen=True, slots=True)
class SentRun:
    """A run that a send made; ``run_id`` is None for a draft."""

    run_id: UUID | None
    agent_id: UUID
    agent: Untrusted


@dataclass(frozen=True, slots=True)
class SentCommand:
    """What a send made; ``repeated``: an earlier one with the same idempotency key, which is all that there is."""

    command_id: UUID
    number: int
    runs: tuple[SentRun, ...]
    repeated: bool = False
