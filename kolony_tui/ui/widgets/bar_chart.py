"""`BarChart`: a bar for each of several values, drawn in one piece; and the bar of a share within a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.widget import Widget

from kolony_tui.text import safe
from kolony_tui.ui.draw import TONES, Tone

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_LYING = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: its label below (cut to its width), what it is worth, and what that means."""

    label: str
    value: float
    tone: Tone = "busy"


class BarChart(Widget):
    """Bars from 0 to the greatest of them, as high as the widget is; the oldest go where there is no room."""

    DEFAULT_CSS = "BarChart { height: 1fr; width: 1fr; padding: 0 1; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.bars: tuple[Bar, ...] = ()

    def say(self, bars: Sequence[Bar]) -> None:
        """Shows these."""
        if tuple(bars) != self.bars:
            self.bars = tuple(bars)
            self.refresh()

    def render(self) -> Content:
        """Line by line from above; the last one has the labels."""
        room = self.content_size
        lines = drawn(self.bars, room.width, room.height, plain=self.app.has_class("-ascii"))
        return Content("\n").join(Content.assemble(*((text, TONES[tone]) for text, tone in line)) for line in lines)


def drawn(bars: Sequence[Bar], width: int, height: int, *, plain: bool) -> list[list[tuple[str, Tone]]]:
    """The lines of a chart, each as pieces with their tones; none where there is no room for any.

    >>> ["".join(text for text, _ in line) for line in drawn([Bar("a", 1), Bar("b", 2)], 8, 3, plain=False)]
    ['    ███ ', '███ ███ ', 'a   b   ']
    """
    if width < 1 or height < 2 or not bars:
        return []
    bars = bars[-max(width // 2, 1) :]
    wide = min(max(width // len(bars) - 1, 1), 12)
    top = max(bar.value for bar in bars) or 1
    lines: list[list[tuple[str, Tone]]] = [
        [(f"{_piece(bar.value / top, row, height - 1, plain) * wide} ", bar.tone) for bar in bars]
        for row in range(height - 2, -1, -1)
    ]
    return [*lines, [(_labels(bars, wide), "dim")]]


def _piece(share: float, row: int, rows: int, plain: bool) -> str:
    """What a bar has in one of its rows, counted from below."""
    filled = share * rows - row
    if share > 0 and row == 0:
        filled = max(filled, 0.125)  # what is there is seen
    if plain:
        return "#" if filled >= 0.5 or (row == 0 and share > 0) else " "
    return _EIGHTHS[min(max(round(filled * 8), 0), 8)]


def _labels(bars: Sequence[Bar], wide: int) -> str:
    """Each below its bar; where bars are thin, as many as there is room for, the last one in any case."""
    longest = max(safe(bar.label).cells for bar in bars)
    step = -(-(longest + 1) // (wide + 1))
    if step <= 1:
        return "".join(f"{safe(bar.label).fit(wide).plain} " for bar in bars)
    text = ""
    for at in range((len(bars) - 1) % step, len(bars), step):
        place = max(at * (wide + 1) - (longest - wide) // 2, 0)
        if place >= len(text):
            text = f"{text:<{place}}{bars[at].label} "
    return text.rstrip()


def share_bar(share: float, width: int, *, plain: bool) -> str:
    """A bar that lies in a line of ``width`` cells, of which ``share`` (0 to 1) is filled.

    >>> share_bar(0.5, 4, plain=False), share_bar(0.3, 4, plain=True), share_bar(7, 2, plain=False)
    ('██  ', '#   ', '██')
    """
    share = min(max(share, 0.0), 1.0)
    if plain:
        return ("#" * round(share * width)).ljust(width)
    eighths = round(share * width * 8)
    if share > 0:
        eighths = max(eighths, 1)
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (_LYING[rest] if rest else "")).ljust(width)
