"""`EventList`: events as rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType

from kolony_tui.models.events import Event
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.ui.draw import Cell, Tone, cell
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.widgets.rows import Column, RowList

_TONES: dict[str, Tone] = {
    "failed": "bad", "lost": "bad", "attempt_failed": "bad", "limit_hit": "bad", "pulled": "bad", "stopped": "bad",
    "reached": "bad", "retired": "warn", "paused": "warn", "asked": "warn", "held": "warn", "expired": "warn",
    "warned": "warn", "cancelled": "warn", "interrupted": "warn", "completed": "good", "ready": "good",
    "started": "busy", "claimed": "busy",
}  # fmt: skip
"""By the last word of a kind: what somebody should look at stands out."""


def tone_of(kind: str) -> Tone:
    """How an event stands out.

    >>> tone_of("run.failed"), tone_of("run.queued")
    ('bad', 'plain')
    """
    return _TONES.get(kind.rpartition(".")[2], "plain")


def _moment(event: Event, drawing: Drawing) -> Cell:
    at, now = event.at.astimezone(drawing.now.tzinfo), drawing.now
    return cell(at.strftime("%H:%M:%S" if at.date() == now.date() else "%m-%d %H:%M"), "dim")


COLUMNS: tuple[Column[Event], ...] = (
    Column("at", "AT", 11, _moment, lambda event: event.event_id),
    Column("kind", "KIND", 19, lambda event, _: cell(event.kind, tone_of(event.kind)), lambda event: event.kind),
    Column("run", "RUN", 8, lambda event, _: cell(event.reference or "", "dim"),
           lambda event: (event.command_number or 0, event.ordinal or 0)),
    Column("agent", "AGENT", 14, lambda event, _: cell(event.agent, "accent"),
           lambda event: event.agent.raw if event.agent else "", rank=2),
    Column("what", "WHAT", 22, lambda event, _: cell(Untrusted(event.words)), lambda event: event.words, flexible=True),
    Column("by", "BY", 10, lambda event, _: cell(Untrusted(event.login or ""), "strong"),
           lambda event: event.login or "", rank=3),
    Column("command", "COMMAND", 20, lambda event, _: cell(event.title, "dim"),
           lambda event: event.title.raw if event.title else "", rank=4),
)  # fmt: skip


class EventList(RowList[Event]):
    """Events, newest on top."""

    place: ClassVar[Place] = "timeline"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list"), *bindings("timeline")]

    def __init__(self, drawing: Callable[[], Drawing], *, id: str | None = None) -> None:
        super().__init__(COLUMNS, lambda event: event.event_id, drawing, empty="nothing has happened", id=id)
