"""`Choice`: one of a few words, all of them in sight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from kolony_tui.ui.draw import content, part


class Choice(Widget, can_focus=True):
    """The chosen word stands in brackets. Left, right and space choose another, so does a click."""

    DEFAULT_CSS = """
    Choice { height: 1; width: 1fr; background: $panel; }
    Choice:focus { background: $primary-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "turn(-1)", "Previous choice", show=False),
        Binding("right,l,space", "turn(1)", "Next choice", show=False),
    ]

    class Changed(Message):
        """Another word was chosen."""

    def __init__(self, words: Sequence[str], chosen: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._words = tuple(words)
        self._at = self._words.index(chosen) if chosen in self._words else 0

    def offer(self, words: Sequence[str], chosen: str) -> None:
        """Replaces the words."""
        self._words = tuple(words)
        self._at = self._words.index(chosen) if chosen in self._words else 0
        self.refresh()

    @property
    def value(self) -> str:
        """The chosen word."""
        return self._words[self._at]

    def action_turn(self, by: int) -> None:
        """Chooses the next or the previous word."""
        self._choose((self._at + by) % len(self._words))

    def _choose(self, place: int) -> None:
        self._at = place
        self.refresh()
        self.post_message(self.Changed())

    def on_click(self, event: events.Click) -> None:
        """The word under the pointer."""
        begins = 0
        for at, word in enumerate(self._words):
            if begins <= event.x < begins + len(word) + 2:
                self._choose(at)
            begins += len(word) + 3

    def render(self) -> Content:
        """All words that there is room for, the chosen one first of all."""
        first = self._at if sum(len(word) + 3 for word in self._words) > max(self.size.width, 1) else 0
        return content(
            *(
                part(f"[{word}] " if at == self._at else f" {word}  ", "accent" if at == self._at else "plain")
                for at, word in enumerate(self._words)
                if at >= first
            )
        )
