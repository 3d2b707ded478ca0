"""What frames every screen: the header line, the banner of a lost connection, and the hints at the bottom."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from kolony_tui.ui.draw import Part, content, line, part


class OneLine(Widget):
    """A line with a left and a right side."""

    DEFAULT_CSS = "OneLine { height: 1; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._left: Sequence[Part] = ()
        self._right: Sequence[Part] = ()

    def say(self, left: Sequence[Part], right: Sequence[Part] = ()) -> None:
        """Replaces both sides."""
        if (tuple(left), tuple(right)) != (self._left, self._right):
            self._left, self._right = tuple(left), tuple(right)
            self.refresh()

    @property
    def words(self) -> str:
        """What it says."""
        return f"{content(*self._left).plain} {content(*self._right).plain}"

    @property
    def _ellipsis(self) -> str:
        return "~" if self.app.has_class("-ascii") else "…"

    def render(self) -> Content:
        """Both sides at the width that there is."""
        return Content.assemble(" ", line(self._left, self._right, max(self.size.width - 2, 0), self._ellipsis), " ")


class Badge(Widget):
    """The person's role, or READ-ONLY."""

    DEFAULT_CSS = """
    Badge { width: auto; height: 1; padding: 0 1; background: $primary; color: $background; text-style: bold; }
    Badge.-read-only { background: $warning; color: $background; }
    Badge.-nobody { display: none; }
    """

    def __init__(self) -> None:
        super().__init__(classes="-nobody")
        self.words = ""

    def say(self, words: str, *, read_only: bool) -> None:
        """Shows a role."""
        self.set_class(not words, "-nobody")
        self.set_class(read_only, "-read-only")
        if words != self.words:
            self.words = words
            self.refresh(layout=True)

    def render(self) -> Content:
        """The word."""
        return content(part(self.words))


class Header(Horizontal):
    """Where one is, how the fleet is, who one is. Its content comes from the app (``app.header_parts``)."""

    DEFAULT_CSS = """
    Header { height: 1; dock: top; background: $panel; color: $foreground; }
    """

    def __init__(self, trail: str = "") -> None:
        super().__init__()
        self.trail: Sequence[Part] = (part(trail),) if trail else ()
        self.line = OneLine()
        self.badge = Badge()

    def compose(self) -> ComposeResult:
        """The line, and the role at its end."""
        yield self.line
        yield self.badge

    def walk(self, trail: Sequence[Part]) -> None:
        """Says where one is: the crumbs after the workspace's name."""
        self.trail = trail
        self.post_message(self.Stale())

    class Stale(Message):
        """The header needs its words anew."""


class Banner(OneLine):
    """Why nothing moves; hidden while all is well."""

    DEFAULT_CSS = """
    Banner { display: none; background: $error; color: $background; text-style: bold; }
    Banner.-shown { display: block; }
    """


class Hints(Widget):
    """The keys of where one is; dim ones cannot be used now. A click uses them."""

    DEFAULT_CSS = """
    Hints { height: 1; dock: bottom; background: $panel; color: $text-muted; }
    Hints > .hints--key { color: $text-accent; text-style: bold; }
    Hints > .hints--word { color: $foreground; }
    Hints > .hints--off { color: $text-disabled; }
    """
    COMPONENT_CLASSES = {"hints--key", "hints--word", "hints--off"}  # noqa: RUF012  (Textual reads a plain set)

    class Used(Message):
        """A hint was clicked."""

        def __init__(self, command: str) -> None:
            super().__init__()
            self.command = command

    def __init__(self) -> None:
        super().__init__()
        self._hints: tuple[tuple[str, str, str, bool], ...] = ()

    def say(self, hints: Sequence[tuple[str, str, str, bool]]) -> None:
        """Shows (command id, key, word, whether it can be used now) in this order, as many as there is room for."""
        if tuple(hints) != self._hints:
            self._hints = tuple(hints)
            self.refresh()

    @property
    def words(self) -> str:
        """What it says."""
        return "  ".join(f"{key} {word}" for _, key, word, _ in self._hints)

    def render(self) -> Content:
        """Keys and words in a line."""
        key, word, off = (self.get_visual_style(f"hints--{name}", partial=True) for name in ("key", "word", "off"))
        pieces: list[tuple[str, object]] = [(" ", "")]
        used = 1
        for _, keys, words, usable in self._hints:
            if used + len(keys) + len(words) + 3 > self.size.width:
                break
            used += len(keys) + len(words) + 3
            pieces += [(keys, key if usable else off), (f" {words}  ", word if usable else off)]
        return Content.assemble(*pieces)  # type: ignore[arg-type]

    def on_click(self, event: events.Click) -> None:
        """Uses the hint under the pointer."""
        at = 1
        for command, keys, words, _ in self._hints:
            at += len(keys) + len(words) + 3
            if event.x < at:
                self.post_message(self.Used(command))
                return
