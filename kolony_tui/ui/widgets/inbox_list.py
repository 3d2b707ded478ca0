"""`InboxList`: what waits for one, as rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType

from kolony_tui.models.inbox import InboxItem, InboxKind
from kolony_tui.ui.draw import Cell, Tone, cell, part
from kolony_tui.ui.looks import Drawing, span
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.widgets.rows import Column, RowList

SIGNS: dict[InboxKind, tuple[str, str, Tone]] = {
    InboxKind.PERMISSION: ("⚠", "allow?", "warn"),
    InboxKind.QUESTION: ("?", "asks", "warn"),
    InboxKind.FAILURE: ("✖", "failed", "bad"),
    InboxKind.LIMIT: ("⊘", "limit", "bad"),
    InboxKind.GONE: ("○", "gone", "dim"),
    InboxKind.STOP: ("✖", "stop?", "bad"),
}
TIERS: dict[str, Tone] = {"urgent": "bad", "blocks others": "warn", "high risk": "warn", "by age": "dim"}


def _kind(item: InboxItem, drawing: Drawing) -> Cell:
    glyph, word, tone = SIGNS[item.kind]
    return cell(f"{drawing.glyph(glyph)} {word}", tone)


def _left(item: InboxItem, drawing: Drawing) -> Cell:
    if item.expires_at is None:
        return ()
    seconds = (item.expires_at - drawing.now).total_seconds()
    return cell(span(seconds), "bad" if seconds < 900 else "dim")


COLUMNS: tuple[Column[InboxItem], ...] = (
    Column("kind", "WHAT", 8, _kind, lambda item: item.kind.value),
    Column("agent", "AGENT", 12, lambda item, _: cell(item.agent, "strong"), lambda item: item.agent.raw),
    Column("title", "TITLE", 24, lambda item, _: cell(item.title), lambda item: item.title.raw),
    Column("why", "WHY HERE", 22, lambda item, _: (part(item.tier, TIERS[item.tier]), part(f"  {item.why}", "dim")),
           lambda item: item.tier, flexible=True, rank=2),
    Column("run", "RUN", 7, lambda item, _: cell(item.reference, "dim"), lambda item: item.reference or "", rank=4),
    Column("left", "LEFT", 5, _left, lambda item: item.expires_at is None or item.expires_at.timestamp(), right=True,
           rank=3),
    Column("age", "AGE", 5, lambda item, drawing: cell(drawing.age(item.since), "dim"), lambda item: item.since,
           right=True, rank=1),
)  # fmt: skip


class InboxList(RowList[InboxItem]):
    """Items, by id."""

    place: ClassVar[Place] = "inbox"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("list"),
        *bindings("inbox"),
        Binding("m", "mark", "Mark or unmark", show=False, id="inbox.mark"),  # space answers here
    ]

    def __init__(self, drawing: Callable[[], Drawing], *, id: str | None = None) -> None:
        super().__init__(COLUMNS, lambda item: item.id, drawing, empty="nothing waits for you", id=id)
