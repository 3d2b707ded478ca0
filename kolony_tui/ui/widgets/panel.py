"""`Title`, the one line above a panel, and `Panel`, which puts it there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget

from kolony_tui.ui.draw import Part, content, line


class Title(Widget):
    """One line: what the panel is on the left, how much and in what state on the right; it shows the focus."""

    DEFAULT_CSS = """
    Title { height: 1; width: 1fr; color: $text-muted; background: $surface; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._left: Sequence[Part] = ()
        self._right: Sequence[Part] = ()

    def say(self, left: Iterable[Part], right: Iterable[Part] = ()) -> None:
        """Replaces both sides."""
        left, right = tuple(left), tuple(right)
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.refresh()

    @property
    def words(self) -> str:
        """What it says, for tests and for screen readers."""
        return f"{content(*self._left).plain} {content(*self._right).plain}"

    def render(self) -> Content:
        """The line at the width that there is."""
        room = max(self.size.width - 2, 0)
        return Content.assemble(
            " ", line(self._left, self._right, room, "~" if self.app.has_class("-ascii") else "…"), " "
        )


class Panel(Vertical):
    """A title above whatever the panel holds."""

    DEFAULT_CSS = "Panel { height: 1fr; width: 1fr; }"

    def __init__(self, *children: Widget, id: str | None = None) -> None:
        super().__init__(id=id)
        self.title = Title()
        self._held = children

    def compose(self) -> ComposeResult:
        """Title first."""
        yield self.title
        yield from self._held
