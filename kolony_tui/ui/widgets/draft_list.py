"""`DraftList`: commands that nobody has sent yet, as rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType

from kolony_tui.models.work import Draft
from kolony_tui.ui.draw import cell
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.widgets.rows import Column, RowList

COLUMNS: tuple[Column[Draft], ...] = (
    Column("draft", "DRAFT", 6, lambda draft, _: cell(f"#{draft.number}", "dim"), lambda draft: -draft.number, rank=4),
    Column(
        "priority",
        "PRI",
        4,
        lambda draft, _: cell(str(draft.priority), "dim"),
        lambda draft: -draft.priority,
        right=True,
        rank=2,
    ),
    Column(
        "age",
        "AGE",
        5,
        lambda draft, drawing: cell(drawing.age(draft.created_at), "dim"),
        lambda draft: draft.created_at,
        right=True,
        rank=3,
    ),
    Column("targets", "FOR", 16, lambda draft, _: cell(draft.agents, "strong"), lambda draft: draft.agents.raw, rank=1),
    Column("command", "COMMAND", 20, lambda draft, _: cell(draft.title), lambda draft: draft.title.raw, flexible=True),
    Column(
        "by",
        "BY",
        8,
        lambda draft, _: cell(draft.created_by_login, "dim"),
        lambda draft: draft.created_by_login or "",
        rank=5,
    ),
)


class DraftList(RowList[Draft]):
    """Drafts, by id."""

    place: ClassVar[Place] = "drafts"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list"), *bindings("drafts")]

    def __init__(self, drawing: Callable[[], Drawing], *, id: str | None = None) -> None:
        empty = "no drafts; ctrl+s keeps what the composer (n) holds as one"
        super().__init__(COLUMNS, lambda draft: draft.command_id, drawing, empty=empty, id=id)

    def chosen_drafts(self) -> list[Draft]:
        """What a step on drafts is for."""
        return self.chosen
