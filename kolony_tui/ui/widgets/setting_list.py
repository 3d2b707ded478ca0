"""`SettingList`: settings and facts as rows: a name, a value, and what one can do about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import BindingType

from kolony_tui.ui.draw import Cell, Tone, cell, part
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.widgets.rows import Column, RowList

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp


@dataclass(frozen=True, slots=True)
class Setting:
    """A row. ``command`` is the id of what enter does, ``about`` says what that is or where else it is changed."""

    id: str
    name: str
    value: Cell
    about: str = ""
    command: str = ""
    tone: Tone = "plain"


COLUMNS: tuple[Column[Setting], ...] = (
    Column("name", "", 14, lambda each, _: cell(each.name, "strong")),
    Column("value", "", 18, lambda each, _: each.value, flexible=True),
    Column("about", "", 32, lambda each, _: (part(each.about, "dim"),), flexible=True, rank=1),
)


class SettingList(RowList[Setting]):
    """Settings, by id."""

    place: ClassVar[Place] = "list"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list")]

    def __init__(self, drawing: Callable[[], Drawing], *, id: str | None = None) -> None:
        super().__init__(COLUMNS, lambda each: each.id, drawing, header=False, id=id)

    def action_open(self) -> None:
        """Does what the setting under the cursor is for."""
        if self.pointed is not None and self.pointed.command:
            cast("KolonyApp", self.app).do(self.pointed.command)
