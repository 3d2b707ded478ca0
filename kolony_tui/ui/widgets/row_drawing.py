"""How a list draws itself: titles, rows, headings; only what is in view, and no widget for any of it."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual.scroll_view import ScrollView
from textual.strip import Strip

from kolony_tui.models.untrusted import Untrusted
from kolony_tui.text import safe
from kolony_tui.ui.draw import Cell, part
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.widgets.columns import GAP, GUTTER, Column, fitted

S = TypeVar("S")
CURSOR = "›"  # noqa: RUF001  (points, and is not "greater than")
_STYLES = (
    "header", "sorted", "cursor", "mark", "empty", "dim", "strong", "good", "busy", "warn", "bad", "accent", "group",
)  # fmt: skip


class DrawnRows(ScrollView, Generic[S]):
    """The drawing half of ``RowList``."""

    DEFAULT_CSS = """
    DrawnRows { overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; }
    DrawnRows > .rows--header { color: $text-muted; }
    DrawnRows > .rows--sorted { color: $text-primary; }
    DrawnRows > .rows--cursor { background: $surface-lighten-1; }
    DrawnRows:focus > .rows--cursor { background: $primary-muted; text-style: bold; }
    DrawnRows > .rows--mark { color: $text-accent; text-style: bold; }
    DrawnRows > .rows--empty { color: $text-muted; }
    DrawnRows > .rows--dim { color: $text-muted; }
    DrawnRows > .rows--strong { text-style: bold; }
    DrawnRows > .rows--good { color: $text-success; }
    DrawnRows > .rows--busy { color: $text-accent; }
    DrawnRows > .rows--warn { color: $text-warning; }
    DrawnRows > .rows--bad { color: $text-error; }
    DrawnRows > .rows--accent { color: $text-primary; text-style: bold; }
    DrawnRows > .rows--group { color: $text-primary; text-style: bold; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"rows--{name}" for name in _STYLES}

    def __init__(self, *, header: bool, id: str | None) -> None:
        super().__init__(id=id)
        self._header = int(header)
        self._layout: tuple[int, list[tuple[Column[S], int]]] = (-1, [])
        self._styles: dict[str, Style] = {}

    # What the list says of itself

    @property
    def shown_columns(self) -> list[Column[S]]:
        """The columns, in the order in which they stand."""
        raise NotImplementedError

    def draw_line(self, line: int) -> Strip | None:
        """A line of the list, counted from its first row; None below the last."""
        raise NotImplementedError

    @property
    def sign_of_order(self) -> tuple[str, bool] | None:
        """The column that it is sorted by, and whether backwards."""
        raise NotImplementedError

    # Drawing

    def notify_style_update(self) -> None:
        """The theme has changed."""
        super().notify_style_update()
        self._styles.clear()

    def lay_out(self) -> None:
        """The columns are others."""
        self._layout = (-1, [])
        self.refresh()

    def style_of(self, name: str) -> Style:
        """The style of a tone or of a part of the list."""
        if name == "plain":
            return Style.null()
        found = self._styles.get(name)
        if found is None:
            found = self._styles[name] = self.get_component_rich_style(f"rows--{name}", partial=True)
        return found

    @property
    def ground(self) -> Style:
        """What rows stand on; asked for each of them, and put together from all that is around the list."""
        found = self._styles.get("")
        if found is None:
            found = self._styles[""] = self.rich_style
        return found

    def columns_in_view(self) -> list[tuple[Column[S], int]]:
        """The columns that there is room for, with their widths."""
        width = self.scrollable_content_region.width - GUTTER
        if self._layout[0] != width:
            self._layout = width, fitted(self.shown_columns, width)
        return self._layout[1]

    def render_line(self, y: int) -> Strip:
        """One row of the view, ``y`` counted from its top."""
        if y < self._header:
            return self._titles(self.scrollable_content_region.width)
        drawn = self.draw_line(self.scroll_offset.y + y - self._header)
        return drawn if drawn is not None else Strip.blank(self.scrollable_content_region.width, self.rich_style)

    def _titles(self, width: int) -> Strip:
        base = self.rich_style + self.style_of("header")
        segments = [Segment(" " * GUTTER, base)]
        glyph = self.drawing().glyph
        order = self.sign_of_order
        for column, room in self.columns_in_view():
            title, style = column.title, base
            if order is not None and column.id == order[0]:
                title = f"{title}{glyph('▼' if order[1] else '▲')}"
                style = base + self.style_of("sorted")
            text = part(title)[0].fit(room, align="right" if column.right else "left").plain
            segments.append(Segment(text + " " * GAP, style))
        return Strip(segments).adjust_cell_length(width, base)

    def drawing(self) -> Drawing:
        """What rows are drawn with."""
        raise NotImplementedError

    def draw_words(self, words: str) -> Strip:
        """A line of words in the place of rows."""
        width = self.scrollable_content_region.width
        text = safe(words).cut(max(width - GUTTER, 0)).plain
        style = self.rich_style + self.style_of("empty")
        return Strip([Segment(" " * GUTTER + text, style)]).adjust_cell_length(width, self.rich_style)

    def draw_heading(self, name: str, count: int, *, folded: bool, under_cursor: bool) -> Strip:
        """A group's line: whether it is folded, its name, how many it has."""
        width, drawing = self.scrollable_content_region.width, self.drawing()
        base = self.rich_style + self.style_of("cursor") if under_cursor else self.rich_style
        sign = drawing.glyph("▸" if folded else "▾")
        room = max(width - GUTTER - 4 - len(str(count)), 0)
        text = safe(Untrusted(name or "none"), limit=200).cut(room, ellipsis=drawing.glyph("…")).plain
        segments = [
            Segment(drawing.glyph(CURSOR) if under_cursor else " ", base),
            Segment(f"{sign} ", base + self.style_of("group")),
            Segment(text, base + self.style_of("group")),
            Segment(f"  {count}", base + self.style_of("dim")),
        ]
        return Strip(segments).adjust_cell_length(width, base)

    def draw_row(self, row: S | None, *, under_cursor: bool, marked: bool, past: bool) -> Strip:
        """A row; None: one that is not read yet."""
        width, drawing = self.scrollable_content_region.width, self.drawing()
        base = self.ground
        if under_cursor:
            base = base + self.style_of("cursor")
        segments = [
            Segment(drawing.glyph(CURSOR) if under_cursor else " ", base),
            Segment(drawing.glyph("✓") if marked else " ", base + self.style_of("mark")),
        ]
        if row is None:
            segments.append(Segment(drawing.glyph("…"), base + self.style_of("dim")))
            return Strip(segments).adjust_cell_length(width, base)
        for column, room in self.columns_in_view():
            cells = column.cell(row, drawing)
            segments += self._cell(column, _faded(cells) if past else cells, room, base, drawing)
        return Strip(segments).adjust_cell_length(width, base)

    def _cell(self, column: Column[S], parts: Cell, room: int, base: Style, drawing: Drawing) -> list[Segment]:
        left = room
        segments: list[Segment] = []
        for text, tone in parts:
            if left <= 0:
                break
            shown = text.cut(left, ellipsis=drawing.glyph("…"))
            left -= shown.cells
            segments.append(Segment(shown.plain, base + self.style_of(tone)))
        padding = Segment(" " * max(left, 0), base)
        gap = Segment(" " * GAP, base)
        return [padding, *segments, gap] if column.right else [*segments, padding, gap]


def _faded(parts: Cell) -> Cell:
    """The same in quiet; what has a tone of its own (how it ended) keeps it."""
    return tuple((text, "dim" if tone in ("plain", "strong") else tone) for text, tone in parts)
