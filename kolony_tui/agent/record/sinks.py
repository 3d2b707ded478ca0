"""What an attempt leaves beside its output, each kind on its own way into the database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from kolony_tui.agent.adapter import Adapter, Assignment
from kolony_tui.agent.attempt.limits import Clock
from kolony_tui.agent.attempt.masking import UNMASKED, Masking
from kolony_tui.agent.events import Ended, Event
from kolony_tui.agent.link import Link
from kolony_tui.agent.record.artifacts import Artifacts
from kolony_tui.agent.record.metering import UsageBook
from kolony_tui.agent.record.permissions import Permissions
from kolony_tui.agent.record.session_book import SessionBook
from kolony_tui.agent.record.tracing import TraceBook


@dataclass(frozen=True, slots=True)
class Bench:
    """What the sinks of one attempt work with. ``alive``: its lease holds. ``lines``: newlines in its output so far.
    ``masking``: takes secrets out of what sinks read elsewhere than in events.
    ``say``: an event's name and words for the runner's own log, and for screens to look again. ``hint``: that alone,
    for what is not worth a line (``trace:<run_id>``). ``stopped``: somebody, or a limit, has ended the work."""

    work: Assignment
    link: Link
    adapter: Adapter
    clock: Clock
    alive: Callable[[], bool]
    lines: Callable[[], int]
    say: Callable[[str, str], None]
    hint: Callable[[str], None] = lambda _: None
    stopped: Callable[[], bool] = lambda: False
    masking: Masking = UNMASKED


class Sink(Protocol):
    """Takes the events that it knows, and writes them beside the work."""

    def take(self, event: Event) -> None:
        """An event, in order; never blocks. What it does not know it leaves alone."""

    async def flushed(self) -> None:
        """All that was taken is written, before the attempt's end is. Raises Fenced, Lapsed, LoginRefused, Refused."""

    async def close(self) -> None:
        """Drops what is not written; a second time does nothing more."""


class Record:
    """The sinks of one attempt."""

    def __init__(self, sinks: list[Sink], masking: Masking | None = None) -> None:
        self.sinks = sinks
        self._masking = masking or UNMASKED

    def take(self, event: Event) -> None:
        """Gives an event, without secrets, to each sink."""
        for each in self._masking.event(event):
            for sink in self.sinks:
                sink.take(each)

    def answered(self, approval_id: UUID) -> None:
        """The database has the end of a question."""
        for sink in self.sinks:
            if isinstance(sink, Permissions):
                sink.answered(approval_id)

    async def finish(self, ended: Ended) -> None:
        """The work has ended: all of it is written."""
        self.take(ended)
        for sink in self.sinks:
            await sink.flushed()

    def tokens(self) -> int | None:
        """All that the attempt has used so far; None: its agent has named none."""
        return next((sink.tokens for sink in self.sinks if isinstance(sink, UsageBook)), None)

    async def close(self) -> None:
        """Frees them."""
        for sink in self.sinks:
            await sink.close()


def sinks_of(bench: Bench) -> list[Sink]:
    """Those of an attempt, in the order in which they hear of events."""
    return [
        TraceBook(bench),
        Permissions(bench),
        SessionBook(bench),
        UsageBook(bench),
        Artifacts(bench),
    ]
