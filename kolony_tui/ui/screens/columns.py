"""`ColumnPicker`: which columns a list shows, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from kolony_tui.ui.draw import content, part
from kolony_tui.ui.widgets.columns import Column


class ColumnPicker(ModalScreen[tuple[str, ...] | None]):
    """Answers with the ids of the columns in their order, with nothing for the list's own, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "As it was"),
        Binding("space", "turn", "Shows it, or not"),
        Binding("shift+up,K", "shift(-1)", "Further to the left"),
        Binding("shift+down,J", "shift(1)", "Further to the right"),
        Binding("r", "reset", "The list's own columns"),
    ]

    def __init__(self, columns: Sequence[Column[Any]], shown: Sequence[Column[Any]]) -> None:
        super().__init__()
        self._shown = {column.id for column in shown}
        self._columns = [*shown, *(column for column in columns if column.id not in self._shown)]

    def compose(self) -> ComposeResult:
        """The columns and the keys."""
        keys = (("space", "shown"), ("K J", "move"), ("r", "own"), ("enter", "take"), ("esc", "leave"))
        with Vertical(id="box") as box:
            box.border_title = content(part("Columns"))
            yield OptionList(id="columns", compact=True)
            said = [piece for key, word in keys for piece in (part(key, "accent"), part(f" {word}  "))]
            yield Static(content(*said), id="keys")

    def on_mount(self) -> None:
        """As they are now."""
        self._draw(0)

    @property
    def _list(self) -> OptionList:
        return self.query_one("#columns", OptionList)

    def _draw(self, at: int) -> None:
        self._list.clear_options()
        for column in self._columns:
            sign = "[x] " if column.id in self._shown else "[ ] "
            name = column.title or column.id
            self._list.add_option(
                Option(content(part(sign, "accent"), part(name), part(f"  {column.id}", "dim")), id=column.id)
            )
        self._list.highlighted = at

    def action_turn(self) -> None:
        """Shows the column, or shows it no more; one at least stays."""
        at = self._list.highlighted
        if at is not None:
            changed = self._shown ^ {self._columns[at].id}
            self._shown = changed or self._shown
            self._draw(at)

    def action_shift(self, by: int) -> None:
        """Moves the column."""
        at = self._list.highlighted
        if at is not None and 0 <= at + by < len(self._columns):
            self._columns.insert(at + by, self._columns.pop(at))
            self._draw(at + by)

    def action_reset(self) -> None:
        """The list's own."""
        self.dismiss(())

    def action_leave(self) -> None:
        """As it was."""
        self.dismiss(None)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """So."""
        event.stop()
        self.dismiss(tuple(column.id for column in self._columns if column.id in self._shown))
