"""`ThemeScreen`: chooses the colours, seen while one chooses."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from kolony_tui.ui.draw import content, part


class ThemeScreen(ModalScreen[str | None]):
    """Answers with a theme, or None; what the cursor is on is worn meanwhile."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Stay with the old one")]

    def __init__(self) -> None:
        super().__init__()
        self._before = self.app.theme

    def compose(self) -> ComposeResult:
        """Their names."""
        yield OptionList(
            *(Option(content(part(name)), id=name) for name in sorted(self.app.available_themes)), id="box"
        )

    def on_mount(self) -> None:
        """On the present one."""
        names = self.query_one("#box", OptionList)
        names.border_title = Content("Theme")
        names.highlighted = names.get_option_index(self._before)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Tries it on."""
        if event.option.id is not None:
            self.app.theme = event.option.id

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Chosen."""
        self.dismiss(event.option.id)

    def action_leave(self) -> None:
        """As before."""
        self.app.theme = self._before
        self.dismiss(None)
