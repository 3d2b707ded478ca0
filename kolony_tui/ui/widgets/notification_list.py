"""`NotificationList`: one's notifications as rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType

from kolony_tui.models.notifications import Notification, Urgency
from kolony_tui.ui.draw import Cell, Tone, cell, part
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.widgets.rows import Column, RowList

_TONES: dict[Urgency, Tone] = {Urgency.HIGH: "warn", Urgency.CRITICAL: "bad"}


def _title(note: Notification, _: Drawing) -> Cell:
    times = (part(f"{note.count}x ", "warn"),) if note.count > 1 else ()
    return (*times, part(note.title, "plain" if note.read_at else "strong"))


COLUMNS: tuple[Column[Notification], ...] = (
    Column("new", "", 1, lambda each, drawing: cell("" if each.read_at else drawing.glyph("●"), "accent"),
           lambda each: each.read_at is not None),
    Column("age", "AGE", 5, lambda each, drawing: cell(drawing.age(each.last_at), "dim"),
           lambda each: -each.last_at.timestamp(), right=True),
    Column("priority", "PRIORITY", 8, lambda each, _: cell(str(each.priority), _TONES.get(each.priority, "dim")),
           lambda each: -each.priority.rank),
    Column("title", "WHAT", 24, _title, lambda each: each.title.raw, flexible=True),
    Column("message", "", 16, lambda each, _: cell(each.message, "dim"), flexible=True, rank=1),
    Column("kind", "KIND", 14, lambda each, _: cell(each.kind.replace("_", " "), "dim"), lambda each: each.kind,
           rank=2),
)  # fmt: skip


class NotificationList(RowList[Notification]):
    """Notifications, by id."""

    place: ClassVar[Place] = "notes"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list"), *bindings("notes")]

    def __init__(self, drawing: Callable[[], Drawing], *, id: str | None = None) -> None:
        super().__init__(COLUMNS, lambda each: each.notification_id, drawing, empty="you have not been told anything",
                         id=id)  # fmt: skip
