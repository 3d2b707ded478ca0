"""`Told`: some lines that are more than a toast can say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from kolony_tui.ui.draw import Part, content, part


class Told(ModalScreen[None]):
    """A title and lines; any of the usual keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q", "dismiss", "Close")]

    def __init__(self, title: str, lines: Sequence[Sequence[Part]]) -> None:
        super().__init__()
        self._title, self._lines = title, lines

    def compose(self) -> ComposeResult:
        """A list that scrolls."""
        with VerticalScroll(id="box"):
            yield Static(Content("\n").join(content(*line) for line in self._lines))

    def on_mount(self) -> None:
        """Scrolls by keys."""
        box = self.query_one("#box", VerticalScroll)
        box.border_title = content(part(self._title))
        box.border_subtitle = Content("esc closes")
        box.focus()
