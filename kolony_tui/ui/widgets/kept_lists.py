"""`VariableList` and `NoteList`: what an agent has from one run to the next, as rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType

from kolony_tui.models.variables import Note, Variable
from kolony_tui.text import spelled_out
from kolony_tui.ui.draw import Cell, cell, part
from kolony_tui.ui.looks import Drawing, size
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.widgets.rows import Column, RowList


def _value(variable: Variable, drawing: Drawing) -> Cell:
    if variable.value is None:
        return cell(f"secret, {variable.length} bytes", "warn")
    return (part(spelled_out(variable.value.raw[:500].replace("\n", "\\n"))),)


def _begins(note: Note, drawing: Drawing) -> Cell:
    return (part(spelled_out(note.content.raw.strip().partition("\n")[0][:500]), "dim"),)


VARIABLES: tuple[Column[Variable], ...] = (
    Column("name", "NAME", 20, lambda each, _: cell(each.name, "strong"), lambda each: each.name),
    Column("value", "VALUE", 20, _value, flexible=True),
    Column("about", "ABOUT", 14, lambda each, _: cell(each.description, "dim"), lambda each: each.description.raw,
           rank=2),
    Column("by", "BY", 8, lambda each, _: cell(each.updated_by or "", "dim"), lambda each: each.updated_by or "",
           rank=1),
    Column("age", "AGE", 5, lambda each, drawing: cell(drawing.age(each.updated_at), "dim"),
           lambda each: each.updated_at, right=True),
)  # fmt: skip

NOTES: tuple[Column[Note], ...] = (
    Column("name", "NOTE", 20, lambda each, _: cell(each.name, "strong"), lambda each: each.name),
    Column("content", "BEGINS WITH", 20, _begins, flexible=True),
    Column("bytes", "SIZE", 8, lambda each, _: cell(size(each.bytes), "dim"), lambda each: -each.bytes, right=True),
    Column("version", "V", 4, lambda each, _: cell(str(each.version), "dim"), lambda each: -each.version, right=True,
           rank=2),
    Column("by", "BY", 8, lambda each, _: cell(each.run or each.updated_by or "", "dim"),
           lambda each: each.run or each.updated_by or "", rank=1),
    Column("age", "AGE", 5, lambda each, drawing: cell(drawing.age(each.updated_at), "dim"),
           lambda each: each.updated_at, right=True),
)  # fmt: skip


class VariableList(RowList[Variable]):
    """Variables, by name."""

    place: ClassVar[Place] = "variables"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list"), *bindings("variables")]

    def __init__(self, drawing: Callable[[], Drawing], *, id: str | None = None) -> None:
        super().__init__(VARIABLES, lambda each: each.name, drawing, empty="no variables", id=id)


class NoteList(RowList[Note]):
    """Notes, by name."""

    place: ClassVar[Place] = "memory"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list"), *bindings("memory")]

    def __init__(self, drawing: Callable[[], Drawing], *, id: str | None = None) -> None:
        super().__init__(NOTES, lambda each: each.name, drawing, empty="it keeps no notes", id=id)
