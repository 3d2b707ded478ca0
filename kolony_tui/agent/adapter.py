"""The interface between the runner and what does the work; ``process`` is one adapter, others join beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from kolony_tui.agent.brief import Brief
from kolony_tui.agent.events import Event
from kolony_tui.agent.supervision.meter import Taken
from kolony_tui.models.constraints import Limits
from kolony_tui.models.errors import KolonyError


class CannotStart(KolonyError):
    """The work could not be begun: no such program, no right to run it, no working folder."""

    title = "Cannot start"
    reason = "cannot_start"
    """Which of ``verdict.REASONS`` the run fails with."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One attempt at a run, as the claim handed it out. ``content`` is the command's text, ``subjects`` the runs that
    it is about, ``run_dir`` the folder through which its program and the runner hand each other things."""

    run_id: UUID
    attempt_id: UUID
    attempt: int
    command_id: UUID
    command_number: int
    ordinal: int
    content: str
    instructions: str
    config: dict[str, Any]
    time_limit_ms: int | None
    max_attempts: int
    target_count: int
    kind: str = "natural"
    subjects: Sequence[UUID] = ()
    token_budget: int | None = None
    memory_limit_mb: int | None = None
    cpu_limit_percent: int | None = None
    run_dir: Path | None = None
    brief: Brief = field(default_factory=Brief)

    @property
    def limits(self) -> Limits:
        """What it may take."""
        return Limits(self.time_limit_ms, self.token_budget, self.memory_limit_mb, self.cpu_limit_percent)

    @property
    def number(self) -> str:
        """The run's reference without its ``#``: ``12``, or ``12.3`` for the third of several targets."""
        return str(self.command_number) + (f".{self.ordinal}" if self.target_count > 1 else "")

    @property
    def reference(self) -> str:
        """What people call the run: ``#12`` or ``#12.3``."""
        return f"#{self.number}"


class Adapter(Protocol):
    """The work on one attempt. Every method is called from the runner's event loop.

    ``on_step`` is called with a name of ``steps.WORDS`` and a detail for each thing that is done to end or interrupt
    the work. ``needs_folder``: the run's folder (``KOLONY_RUN_DIR``) is laid out for it, and what it leaves there is
    taken.
    """

    on_step: Callable[[str, str], None]
    needs_folder: bool

    async def start(self) -> None:
        """Begins the work. Raises CannotStart."""

    def events(self) -> AsyncIterator[Event]:
        """What happens, in order; the last event is ``Ended``. Not asking for the next one slows the work down."""

    def interrupt(self) -> None:
        """Asks the work to stop what it is doing, once; what becomes of it is its own affair."""

    async def cancel(self, *, emergency: bool = False) -> None:
        """Asks the work to end, more firmly each time; returns when nothing of it runs, or nothing more can be done.

        ``emergency``: with less patience.
        """

    def kill(self) -> None:
        """Ends the work at once, without asking and without waiting."""

    async def answer(self, request: str, allow: bool, note: str = "", option_id: str | None = None) -> None:
        """Answers a permission that it asked for (``Asked``); one that it does not wait for any more is left alone."""

    def taken(self) -> Taken:
        """What its processes take at this moment."""

    @property
    def holds(self) -> frozenset[str]:
        """The limits, by the names of ``attempts.limit_hit``, that nobody has to watch; known once it has started."""

    @property
    def folder(self) -> Path:
        """The working folder."""

    @property
    def usage_report(self) -> Path | None:
        """The file in which the work counts its tokens, if it has one."""

    async def close(self, *, keep: bool = False) -> None:
        """Frees what the attempt held, after the last event or instead of it; a second time does nothing more.

        ``keep``: what another attempt at the same run may be using by now is left alone.
        """


AdapterFactory = Callable[[Assignment], Adapter]
