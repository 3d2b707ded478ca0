"""`MergedView`: what many runs print, line by line as it comes, each line with whose it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar
from zlib import crc32

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from kolony_tui.core.merging import MergedLine
from kolony_tui.text import safe
from kolony_tui.text.sgr import without_colours
from kolony_tui.ui.widgets.extent import set_extent
from kolony_tui.ui.widgets.output_lines import Line
from kolony_tui.ui.widgets.output_rows import OUTPUT_CSS, STYLES, Look, look_of, search_pattern, text_rows

MAX_LINES = 20_000
_SPARE = 5_000
_NAME, _REFERENCE = 12, 7
_NARROW = 60
_COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "bright_cyan", "bright_yellow", "bright_green",
            "bright_magenta", "bright_blue")  # fmt: skip


class MergedView(ScrollView, can_focus=True):
    """Keeps the newest ``MAX_LINES`` lines, shows those that the filter lets pass, follows the end until one goes up.

    ``dropped`` counts lines that are not shown any more; they are in the database.
    """

    DEFAULT_CSS = OUTPUT_CSS.replace("OutputView", "MergedView") + "\nMergedView { overflow-x: hidden; }\n"
    COMPONENT_CLASSES: ClassVar[set[str]] = set(STYLES)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False), Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False), Binding("pagedown", "page(1)", show=False),
        Binding("g,home", "top", "Top", show=False, id="merged.top"),
        Binding("G,end", "end", "End", show=False, id="merged.end"),
        Binding("p", "pause", "Pause", id="merged.pause"),
        Binding("enter", "open", "Open the run", id="merged.open"),
        Binding("slash", "filter", "Filter", id="merged.filter"),
    ]  # fmt: skip

    class Opened(Message):
        """The person wants to see the run of this line."""

        def __init__(self, line: MergedLine) -> None:
            super().__init__()
            self.line = line

    class Paused(Message):
        """It takes nothing more in, or goes on."""

    class FilterWanted(Message):
        """The person wants to type a filter."""

    def __init__(self, changed: Callable[[], None], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._changed = changed
        self._lines: list[MergedLine] = []
        self._shown: list[MergedLine] = []
        self._pattern: re.Pattern[str] | None = None
        self._look: Look | None = None
        self._cursor = 0
        self.filter = ""
        self.follow = True
        self.paused = False
        self.dropped = 0

    # What a filter line asks

    @property
    def passed(self) -> int:
        """Lines that the filter lets pass."""
        return len(self._shown)

    @property
    def total(self) -> int:
        """Lines that are there."""
        return len(self._lines)

    @property
    def rest(self) -> str:
        """Nothing is counted elsewhere."""
        return ""

    def narrow(self, text: str) -> None:
        """Shows only lines in which ``text`` stands, or whose agent or run it names."""
        here = self._shown[self._cursor] if self._cursor < len(self._shown) else None
        self.filter, self._pattern = text, search_pattern(text)
        self._shown = [line for line in self._lines if self._passes(line)]
        self._cursor = next((at for at, line in enumerate(self._shown) if line is here), max(len(self._shown) - 1, 0))
        self._look = None
        self._laid_out()

    def feed(self, lines: Sequence[MergedLine]) -> None:
        """Adds lines at the end."""
        self._lines += lines
        self._shown += [line for line in lines if self._passes(line)]
        if len(self._lines) > MAX_LINES + _SPARE:
            gone = self._lines[:-MAX_LINES]
            del self._lines[:-MAX_LINES]
            self.dropped += len(gone)
            first = sum(1 for line in gone if self._passes(line))
            del self._shown[:first]
            self._cursor = max(self._cursor - first, 0)
            if not self.follow:
                self.scroll_to(y=max(self.scroll_offset.y - first, 0), animate=False, force=True)
        self._laid_out()

    def _passes(self, line: MergedLine) -> bool:
        pattern = self._pattern
        return pattern is None or any(
            pattern.search(text) for text in (without_colours(line.text), line.agent.raw, line.run.reference)
        )

    def _laid_out(self) -> None:
        set_extent(self, Size(self.scrollable_content_region.width, len(self._shown)))
        if self.follow:
            self._cursor = max(len(self._shown) - 1, 0)
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True)
        self.refresh()
        self._changed()

    # Keys

    def action_move(self, by: int) -> None:
        """To the line above or below; going up leaves the end."""
        self._cursor = min(max(self._cursor + by, 0), max(len(self._shown) - 1, 0))
        self.follow = False
        self.scroll_to_region(Region(0, self._cursor, 1, 1), animate=False, force=True)
        self.refresh()
        self._changed()

    def action_page(self, by: int) -> None:
        """A screenful up or down."""
        self.action_move(by * max(self.scrollable_content_region.height - 1, 1))

    def action_top(self) -> None:
        """To the first line."""
        self.action_move(-len(self._shown))

    def action_end(self) -> None:
        """To the end, and stays there."""
        self.follow = True
        self._laid_out()

    def action_pause(self) -> None:
        """Takes nothing more in, or goes on."""
        self.paused = not self.paused
        self._changed()
        self.post_message(self.Paused())

    def action_open(self) -> None:
        """The run of the line."""
        if self._cursor < len(self._shown):
            self.post_message(self.Opened(self._shown[self._cursor]))

    def action_filter(self) -> None:
        """Asks for a filter."""
        self.post_message(self.FilterWanted())

    def _scroll_to(self, x: float | None = None, y: float | None = None, **options: Any) -> bool:
        return super()._scroll_to(x, y, **{**options, "animate": False})

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Going up with the wheel is leaving the end."""
        super().watch_scroll_y(old_value, new_value)
        if self.follow and new_value < old_value and round(new_value) < self.max_scroll_y:
            self.follow = False

    # Drawing

    def notify_style_update(self) -> None:
        """The theme has changed."""
        super().notify_style_update()
        self._look = None

    def render_line(self, y: int) -> Strip:
        """One row."""
        if self._look is None:
            self._look = look_of(self, None, False, self._pattern)
        look, width, at = self._look, self.size.width, self.scroll_offset.y + y
        if at >= len(self._shown):
            return Strip.blank(width, look.text)
        line = self._shown[at]
        colour = Style(color=_COLOURS[crc32(line.agent.raw.encode("utf-8", "replace")) % len(_COLOURS)])
        head = safe(line.agent).fit(_NAME).plain + " "
        if width >= _NARROW:
            head += f"{line.run.reference:<{_REFERENCE}} "
        mark = {"stderr": "!" if look.ascii_only else "┃", "log": "-" if look.ascii_only else "·"}.get(line.stream, " ")
        name = look.text + colour + Style(reverse=at == self._cursor and not self.follow)
        start = Strip([Segment(head, name), Segment(f"{mark} ", look.gutters[1] if mark in "┃!" else look.gutters[2])])
        text = text_rows(Line(line.text, 0, 0.0), look)[0].strip()
        return Strip.join([start, text]).adjust_cell_length(width, look.text)
