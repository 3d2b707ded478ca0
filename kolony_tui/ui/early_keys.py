"""`EarlyKeys`: what is typed into a dialog before it is quite there is not lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events
from textual.widget import Widget
from textual.widgets import Input, TextArea

if TYPE_CHECKING:
    from textual.screen import Screen

    _Dialog = Screen[None]
else:
    _Dialog = object


class EarlyKeys(_Dialog):
    """Mixed into a dialog that people type ahead into; the app offers it every key."""

    early = ""

    def keep(self, event: events.Key) -> bool:
        """Keeps a character that comes before anything has the focus; False: it is for the dialog as it is.

        Others were on their way to what had the focus below, and come back from there unused.
        """
        if event.character is None or not event.is_printable:
            return False
        if self.focused is None:
            self.early += event.character
            return True
        if event.is_forwarded and isinstance(self.focused, (Input, TextArea)):
            _insert(self.focused, event.character)
            return True
        return False

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Gives what was kept to the text."""
        early, self.early = self.early, ""
        if early:
            _insert(event.widget, early)


def _insert(widget: Widget, text: str) -> None:
    if isinstance(widget, Input):
        widget.insert_text_at_cursor(text)
    elif isinstance(widget, TextArea):
        widget.insert(text)
