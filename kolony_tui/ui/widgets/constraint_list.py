"""`ConstraintList`: constraint profiles as rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType

from kolony_tui.models.constraints import ConstraintProfile, Limits
from kolony_tui.ui.draw import Cell, cell
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.widgets.rows import Column, RowList


def _limit(limits: Limits) -> Cell:
    """One of the limits."""
    return () if limits == Limits() else cell(limits.words)


COLUMNS: tuple[Column[ConstraintProfile], ...] = (
    Column("default", "", 1, lambda each, drawing: cell(drawing.glyph("●") if each.is_default else "", "good")),
    Column("name", "NAME", 14, lambda each, _: cell(each.name, "strong"), lambda each: each.name.raw),
    Column("time", "TIME", 9, lambda each, _: _limit(Limits(time_limit_ms=each.time_limit_ms)),
           lambda each: -(each.time_limit_ms or 0), right=True),
    Column("tokens", "TOKENS", 14, lambda each, _: _limit(Limits(token_budget=each.token_budget)),
           lambda each: -(each.token_budget or 0), right=True),
    Column("memory", "MEMORY", 9, lambda each, _: _limit(Limits(memory_limit_mb=each.memory_limit_mb)),
           lambda each: -(each.memory_limit_mb or 0), right=True),
    Column("cpu", "CPU", 8, lambda each, _: _limit(Limits(cpu_limit_percent=each.cpu_limit_percent)),
           lambda each: -(each.cpu_limit_percent or 0), right=True),
    Column("about", "ABOUT", 10, lambda each, _: cell(each.description, "dim"), lambda each: each.description.raw,
           flexible=True, rank=1),
    Column("by", "MADE BY", 8, lambda each, _: cell(each.created_by_login or "", "dim"),
           lambda each: each.created_by_login or "", rank=2),
)  # fmt: skip


class ConstraintList(RowList[ConstraintProfile]):
    """Constraint profiles, by id."""

    place: ClassVar[Place] = "constraints"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list"), *bindings("constraints")]

    def __init__(self, drawing: Callable[[], Drawing], *, id: str | None = None) -> None:
        super().__init__(COLUMNS, lambda each: each.constraint_id, drawing, empty="none: runs have no limits", id=id)
