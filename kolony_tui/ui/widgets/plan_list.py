"""`PlanList`: the items of a plan, as rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType

from kolony_tui.models.kinds import PlanItem, PlanState
from kolony_tui.ui.draw import Cell, Tone, cell
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.widgets.rows import Column, RowList

_SIGNS: dict[PlanState, tuple[str, Tone]] = {
    PlanState.DRAFT: ("◌", "warn"),
    PlanState.ACCEPTED: ("✔", "good"),
    PlanState.DISCARDED: ("⊘", "dim"),
}


def _state(item: PlanItem, drawing: Drawing) -> Cell:
    glyph, tone = _SIGNS[item.state]
    return cell(f"{drawing.glyph(glyph)} {item.state.value}", tone)


def _after(item: PlanItem, _: Drawing) -> Cell:
    return cell(", ".join(map(str, item.after_items)), "dim")


COLUMNS: tuple[Column[PlanItem], ...] = (
    Column("item", "ITEM", 4, lambda item, _: cell(str(item.item), "strong"), lambda item: item.item, right=True),
    Column("state", "STATE", 11, _state, lambda item: item.state.value),
    Column("agent", "FOR", 12, lambda item, _: cell(item.agent, "accent"), lambda item: item.agent.raw, rank=1),
    Column("priority", "PRI", 3, lambda item, _: cell(str(item.priority), "dim"), lambda item: -item.priority,
           right=True, rank=3),
    Column("after", "AFTER", 6, _after, lambda item: item.after_items, rank=2),
    Column("command", "COMMAND", 20, lambda item, _: cell(item.title), lambda item: item.title.raw, flexible=True),
    Column("number", "#", 6, lambda item, _: cell(f"#{item.number}", "dim"), lambda item: item.number, rank=4),
)  # fmt: skip


class PlanList(RowList[PlanItem]):
    """Items of a plan, by their drafts."""

    place: ClassVar[Place] = "plan"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list"), *bindings("plan")]

    def __init__(self, drawing: Callable[[], Drawing], *, id: str | None = None) -> None:
        empty = "no plan: the run left no plan.json, or has not ended yet"
        super().__init__(COLUMNS, lambda item: item.command_id, drawing, empty=empty, id=id)
