"""`CommandText`: the field in which a command is written."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea


class CommandText(TextArea):
    """The text: enter sends, ctrl+j (or alt+enter) begins a new line, up and down at its ends go through history."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+j,alt+enter", "new_line", "New line", show=False),
        Binding("ctrl+s", "screen.save_draft", "Keep as draft", show=False),
    ]

    class Sent(Message):
        """Enter was pressed."""

    class Recalled(Message):
        """History is wanted: 1 is further back, -1 towards now."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            self.post_message(self.Sent())
        elif event.key == "up" and self.cursor_location[0] == 0:
            event.stop()
            event.prevent_default()
            self.post_message(self.Recalled(1))
        elif event.key == "down" and self.cursor_location[0] == self.document.line_count - 1:
            event.stop()
            event.prevent_default()
            self.post_message(self.Recalled(-1))
        else:
            await super()._on_key(event)

    def action_new_line(self) -> None:
        """Begins a new line."""
        self.insert("\n")
