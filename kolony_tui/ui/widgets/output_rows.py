"""From a line of output to the rows that show it: colours, wrapping, marks of a search, a selection."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len, split_graphemes
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.widget import Widget

from kolony_tui.text.sgr import runs, style
from kolony_tui.ui.widgets.output_lines import Line, row_breaks

# Which stream a row comes from, in the order of `output_window.STREAMS`: to be told without colour.
GUTTER_MARKS = (" ", "┃", "·")
ASCII_GUTTER_MARKS = (" ", "!", "-")
GUTTER_WIDTH = 2
OUTPUT_BINDINGS: list[BindingType] = [
    Binding("g", "scroll_home", "Top", show=False, id="output.top"),
    Binding("G,end", "follow_end", "End", show=False, id="output.end"),
    Binding("f", "toggle_follow", "Follow", id="output.follow"),
    Binding("w", "toggle_wrap", "Wrap", id="output.wrap"),
    Binding("ctrl+t", "toggle_timestamps", "Times", id="output.times"),
    Binding("slash", "search", "Search", id="output.search"),
    Binding("n", "find(1)", "Next match", show=False, id="output.next"),
    Binding("N", "find(-1)", "Previous match", show=False, id="output.previous"),
]
STYLES = ("output--stderr", "output--log", "output--time", "output--notice", "output--match", "output--found")
TIME_WIDTH = 9
OUTPUT_CSS = """
OutputView {
    overflow-y: scroll;
    overflow-x: auto;
    background: $background;
    color: $foreground;
}
OutputView > .output--stderr { color: $text-error; }
OutputView > .output--log { color: $text-muted; }
OutputView > .output--time { color: $text-muted; }
OutputView > .output--notice { color: $text-warning; text-style: italic; }
OutputView > .output--match { background: $warning; color: $background; text-style: bold; }
OutputView > .output--found { background: $accent; color: $background; text-style: bold reverse; }
"""


def margin_width(timestamps: bool) -> int:
    """Cells left of the text, with or without times."""
    return GUTTER_WIDTH + (TIME_WIDTH if timestamps else 0)


@dataclass(frozen=True, slots=True)
class Look:
    """Everything beside the line itself that decides how it looks. ``width`` is where it wraps, None for nowhere."""

    text: Style
    gutters: tuple[Style, ...]
    time: Style
    match: Style
    found: Style
    notice: Style
    width: int | None = None
    timestamps: bool = False
    search: re.Pattern[str] | None = None
    ascii_only: bool = False

    @property
    def margin(self) -> int:
        """Cells left of the text."""
        return margin_width(self.timestamps)


def look_of(widget: Widget, width: int | None, timestamps: bool, search: re.Pattern[str] | None) -> Look:
    """What a widget's styles make of it; it has those of ``STYLES``."""
    base = widget.rich_style
    part = {name: widget.get_component_rich_style(name, partial=True) for name in STYLES}
    return Look(
        text=base,
        gutters=(base, base + part["output--stderr"], base + part["output--log"]),
        time=base + part["output--time"],
        match=part["output--match"],
        found=part["output--found"],
        notice=base + part["output--notice"],
        width=width,
        timestamps=timestamps,
        search=search,
        ascii_only=widget.app.has_class("-ascii"),
    )


@dataclass(frozen=True, slots=True)
class TextRow:
    """One row's text in runs of one style."""

    parts: tuple[tuple[str, Style], ...]
    plain: str
    start: int
    """Character of the line at which the row begins."""

    def character_at(self, cell: int) -> int:
        """The character of the row that is in this cell."""
        if not cell or self.plain.isascii():
            return min(cell, len(self.plain))
        width = 0
        for start, _end, cells in split_graphemes(self.plain)[0]:
            if width >= cell:
                return start
            width += cells
        return len(self.plain)

    def strip(self, selected: tuple[int, int] | None = None, selection: Style | None = None) -> Strip:
        """The row as a strip; the characters ``selected`` (an end of -1 is the row's end) in the selection's style."""
        parts: Iterator[tuple[str, Style]] = iter(self.parts)
        if selected is not None and selection is not None:
            start, end = selected
            parts = _overlaid(parts, [(start, len(self.plain) if end == -1 else end)], selection)
        return Strip([Segment(text, text_style) for text, text_style in parts], cell_len(self.plain))


def text_rows(line: Line, look: Look) -> list[TextRow]:
    """The rows of a line, at least one."""
    parts: Iterator[tuple[str, Style]] = ((text, look.text + style(state)) for text, state in runs(line.text))
    plain = "".join(text for text, _ in runs(line.text))
    if look.search is not None:
        parts = _overlaid(parts, [match.span() for match in look.search.finditer(plain)], look.match)
    if look.width is None:
        return [TextRow(tuple(parts), plain, 0)]
    starts = row_breaks(plain, look.width)
    rows = []
    whole = list(parts)
    for start, end in zip(starts, [*starts[1:], len(plain)], strict=True):
        rows.append(TextRow(tuple(_between(whole, start, end)), plain[start:end], start))
    return rows


def margin(line: Line, part: int, look: Look) -> Strip:
    """What stands left of a row: the stream's mark, and on a line's first row its time if that is wanted."""
    marks = ASCII_GUTTER_MARKS if look.ascii_only else GUTTER_MARKS
    segments = [Segment(marks[line.stream] + " ", look.gutters[line.stream])]
    if look.timestamps:
        clock = datetime.fromtimestamp(line.at).strftime("%H:%M:%S") if part == 0 else ""
        segments.append(Segment(clock.ljust(TIME_WIDTH), look.time))
    return Strip(segments, look.margin)


def notice(text: str, look: Look) -> Strip:
    """A row that is not output: something is not shown here."""
    dots = "~" if look.ascii_only else "…"
    return Strip([Segment(f"{dots} {text} {dots}", look.notice)], len(text) + 4)


def search_pattern(text: str) -> re.Pattern[str] | None:
    """What is searched for: the text itself, in either case unless it has a capital; None for nothing."""
    text = text.split("\n")[0]
    if not text:
        return None
    return re.compile(re.escape(text), 0 if text != text.lower() else re.IGNORECASE)


def _between(parts: list[tuple[str, Style]], start: int, end: int) -> Iterator[tuple[str, Style]]:
    position = 0
    for text, text_style in parts:
        piece = text[max(start - position, 0) : max(end - position, 0)]
        if piece:
            yield piece, text_style
        position += len(text)


def _overlaid(
    parts: Iterator[tuple[str, Style]], spans: list[tuple[int, int]], over: Style
) -> Iterator[tuple[str, Style]]:
    """The same text with ``over`` on top in ascending, separate ``spans`` of characters."""
    pending = iter(spans)
    span = next(pending, None)
    position = 0
    for whole, text_style in parts:
        text = whole
        while text:
            while span is not None and span[1] <= position:
                span = next(pending, None)
            if span is None or span[0] >= position + len(text):
                taken, inside = len(text), False
            elif span[0] > position:
                taken, inside = span[0] - position, False
            else:
                taken, inside = min(span[1] - position, len(text)), True
            yield text[:taken], text_style + over if inside else text_style
            text, position = text[taken:], position + taken
