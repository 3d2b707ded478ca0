"""`SectionBar`: the names of a screen's sections, below each other or in one line, whatever there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from kolony_tui.text import safe
from kolony_tui.ui.widgets.rows import CURSOR

_GAP = 1
_ASCII_CURSOR = ">"


@dataclass(frozen=True, slots=True)
class SectionName:
    """A section in the bar; ``closed``: this person cannot go in."""

    slug: str
    title: str
    closed: bool = False


class SectionBar(Widget, can_focus=True):
    """One of several names is chosen. Up and down choose (left and right where they are in a line), enter goes in."""

    DEFAULT_CSS = """
    SectionBar { height: 1fr; width: 18; background: $surface; }
    SectionBar > .sections--name { color: $foreground; }
    SectionBar > .sections--closed { color: $text-disabled; }
    SectionBar > .sections--chosen { background: $surface-lighten-1; color: $text-primary; text-style: bold; }
    SectionBar:focus > .sections--chosen { background: $primary-muted; color: $text; text-style: bold; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"sections--name", "sections--closed", "sections--chosen"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "along(-1)", "Previous section", show=False),
        Binding("down,j", "along(1)", "Next section", show=False),
        Binding("left,h", "across(-1)", "Previous section", show=False),
        Binding("right,l", "across(1)", "Next section, or into this one", show=False),
        Binding("enter", "enter", "Into the section", show=False),
    ]

    class Chosen(Message):
        """Another section is wanted, by its slug; ``enter``: and the focus in it."""

        def __init__(self, slug: str, enter: bool) -> None:
            super().__init__()
            self.slug = slug
            self.enter = enter

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._names: tuple[SectionName, ...] = ()
        self._chosen = ""

    def say(self, names: Sequence[SectionName], chosen: str) -> None:
        """Shows these names, one of them chosen."""
        if (tuple(names), chosen) != (self._names, self._chosen):
            self._names, self._chosen = tuple(names), chosen
            self.refresh()

    @property
    def upright(self) -> bool:
        """Whether the names stand below each other."""
        return self.size.height > 1

    @property
    def _at(self) -> int:
        return next((at for at, each in enumerate(self._names) if each.slug == self._chosen), 0)

    def action_along(self, by: int) -> None:
        """Up and down: another name; in a line down goes in."""
        if self.upright or not self._names:
            self._choose(self._at + by)
        elif by > 0:
            self.action_enter()

    def action_across(self, by: int) -> None:
        """Left and right: another name in a line, else right goes in."""
        if not self.upright:
            self._choose(self._at + by)
        elif by > 0:
            self.action_enter()

    def action_enter(self) -> None:
        """Into the section."""
        self.post_message(self.Chosen(self._chosen, True))

    def _choose(self, at: int) -> None:
        if self._names:
            self.post_message(self.Chosen(self._names[min(max(at, 0), len(self._names) - 1)].slug, False))

    def on_click(self, event: events.Click) -> None:
        """A click chooses, and goes in."""
        if self.upright:
            if event.y < len(self._names):
                self.post_message(self.Chosen(self._names[event.y].slug, True))
            return
        for begins, width, each in self._in_line(self.size.width):
            if begins <= event.x < begins + width:
                self.post_message(self.Chosen(each.slug, True))

    # Drawing

    def _words(self, each: SectionName) -> str:
        name = f"{self._sign if each.closed else ''}{each.title}"
        if each.slug != self._chosen:
            return f" {name} "
        return f"{_ASCII_CURSOR if self.app.has_class('-ascii') else CURSOR}{name} " if self.upright else f"[{name}]"

    @property
    def _sign(self) -> str:
        return "- " if self.app.has_class("-ascii") else "⊘ "

    def _in_line(self, width: int) -> list[tuple[int, int, SectionName]]:
        """Where each name begins and how wide it is; the chosen one is always in sight."""
        widths = [safe(self._words(each)).cells for each in self._names]
        first = 0
        while first < self._at and sum(widths[first : self._at + 1]) + _GAP * (self._at - first) > width:
            first += 1
        found, begins = [], 0
        for each, wide in zip(self._names[first:], widths[first:], strict=True):
            found.append((begins, wide, each))
            begins += wide + _GAP
        return found

    def _style(self, each: SectionName) -> Style:
        name = "chosen" if each.slug == self._chosen else "closed" if each.closed else "name"
        return self.rich_style + self.get_component_rich_style(f"sections--{name}", partial=True)

    def render_line(self, y: int) -> Strip:
        """A name, or all of them."""
        width, base = self.size.width, self.rich_style
        if self.upright:
            if y >= len(self._names):
                return Strip.blank(width, base)
            each = self._names[y]
            return Strip([Segment(safe(self._words(each)).fit(width).plain, self._style(each))]).adjust_cell_length(
                width, base
            )
        segments = []
        for _, _, each in self._in_line(width):
            segments += [Segment(self._words(each), self._style(each)), Segment(" " * _GAP, base)]
        return Strip(segments).adjust_cell_length(width, base)
