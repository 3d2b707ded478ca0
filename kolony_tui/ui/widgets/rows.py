"""`RowList`: a list that draws only the rows in view, and whose cursor and marks stay with the thing, not the place."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from kolony_tui.ui.draw import Cell, part, plain
from kolony_tui.ui.looks import Drawing

S = TypeVar("S")
CURSOR = "›"  # noqa: RUF001  (points, and is not "greater than")
_GUTTER = 2
_GAP = 1
_NARROW = 4


@dataclass(frozen=True)
class Column(Generic[S]):
    """A column: how a row's cell looks and what it is sorted by.

    ``width`` in cells; a ``flexible`` column takes what is left and has at least that. Where room is short, columns
    with a higher ``rank`` go first.
    """

    id: str
    title: str
    width: int
    cell: Callable[[S, Drawing], Cell]
    order: Callable[[S], Any] | None = None
    flexible: bool = False
    right: bool = False
    rank: int = 0


class RowList(ScrollView, Generic[S], can_focus=True):
    """Rows of ``S``, told apart by ``key``. ``show`` replaces them all and keeps cursor, marks, filter and sort order.

    Rows that are ``past`` are dimmed and stay below the others, however the list is sorted.
    A filter is plain text that a row holds, without regard to case; ``!text`` is the rows that do not hold it.
    """

    DEFAULT_CSS = """
    RowList { overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; }
    RowList > .rows--header { color: $text-muted; }
    RowList > .rows--sorted { color: $text-primary; }
    RowList > .rows--cursor { background: $surface-lighten-1; }
    RowList:focus > .rows--cursor { background: $primary-muted; text-style: bold; }
    RowList > .rows--mark { color: $text-accent; text-style: bold; }
    RowList > .rows--empty { color: $text-muted; }
    RowList > .rows--dim { color: $text-muted; }
    RowList > .rows--strong { text-style: bold; }
    RowList > .rows--good { color: $text-success; }
    RowList > .rows--busy { color: $text-accent; }
    RowList > .rows--warn { color: $text-warning; }
    RowList > .rows--bad { color: $text-error; }
    RowList > .rows--accent { color: $text-primary; text-style: bold; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"rows--{name}"
        for name in (
            "header",
            "sorted",
            "cursor",
            "mark",
            "empty",
            "dim",
            "strong",
            "good",
            "busy",
            "warn",
            "bad",
            "accent",
        )
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="rows.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="rows.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="rows.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="rows.page_down"),
        Binding("home,g", "jump(0)", "First row", show=False, id="rows.first"),
        Binding("end,G", "jump(-1)", "Last row", show=False, id="rows.last"),
        Binding("enter", "open", "Open", show=False, id="rows.open"),
        Binding("space", "mark", "Mark or unmark", show=False, id="rows.mark"),
        Binding("ctrl+a", "mark_all", "Mark all shown, or none", show=False, id="rows.mark_all"),
    ]

    cursor: reactive[Hashable | None] = reactive(None, repaint=False, init=False)
    """The key of the row under the cursor."""

    class Pointed(Message):
        """The cursor is on another row; ``by_person`` when a person moved it there."""

        def __init__(self, rows: RowList[Any], by_person: bool) -> None:
            super().__init__()
            self.rows = rows
            self.by_person = by_person

        @property
        def control(self) -> RowList[Any]:
            """The list."""
            return self.rows

    class Opened(Message):
        """A person wants to see the row under the cursor in full."""

        def __init__(self, rows: RowList[Any]) -> None:
            super().__init__()
            self.rows = rows

        @property
        def control(self) -> RowList[Any]:
            """The list."""
            return self.rows

    class Changed(Message):
        """Marks, filter, sort order or the number of rows have changed."""

        def __init__(self, rows: RowList[Any]) -> None:
            super().__init__()
            self.rows = rows

        @property
        def control(self) -> RowList[Any]:
            """The list."""
            return self.rows

    def __init__(
        self,
        columns: Sequence[Column[S]],
        key: Callable[[S], Hashable],
        drawing: Callable[[], Drawing],
        *,
        empty: str = "",
        header: bool = True,
        past: Callable[[S], bool] | None = None,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.columns = tuple(columns)
        self.key = key
        self.drawing = drawing
        self.empty = empty
        self.past = past
        self.marks: set[Hashable] = set()
        self.known = False  # whether any rows (perhaps none) were ever shown
        self.filter = ""
        self.sorted_by: str | None = None
        self.backwards = False
        self._header = int(header)
        self._rows: Sequence[S] = ()
        self._view: list[S] = []
        self._index: dict[Hashable, int] = {}
        self._layout: tuple[int, list[tuple[Column[S], int]]] = (-1, [])
        self._styles: dict[str, Style] = {}

    # What is in the list

    def show(self, rows: Sequence[S]) -> None:
        """Replaces the rows; the order of ``rows`` is the order without sorting."""
        self._rows = rows
        self.known = True
        self._arrange()

    def narrow(self, text: str) -> None:
        """Filters."""
        self.filter = text.strip()
        self._arrange()
        self.post_message(self.Changed(self))

    def sort(self, column: str | None, *, backwards: bool = False) -> None:
        """Sorts by a column, or with None not at all."""
        known = {each.id for each in self.columns if each.order is not None}
        self.sorted_by = column if column in known else None
        self.backwards = backwards and self.sorted_by is not None
        self._arrange()
        self.post_message(self.Changed(self))

    @property
    def rows(self) -> list[S]:
        """The rows that the filter lets through, in the order in which they are drawn."""
        return self._view

    @property
    def total(self) -> int:
        """How many rows there are without the filter."""
        return len(self._rows)

    @property
    def pointed(self) -> S | None:
        """The row under the cursor."""
        at = self._index.get(self.cursor)
        return self._view[at] if at is not None else None

    @property
    def chosen(self) -> list[S]:
        """What an action is for: the marked rows (those that the filter hides too), or the one under the cursor."""
        if self.marks:
            return [row for row in self._rows if self.key(row) in self.marks]
        return [self.pointed] if self.pointed is not None else []

    @property
    def hidden_marks(self) -> int:
        """How many marked rows the filter hides."""
        return sum(1 for row in self._rows if self.key(row) in self.marks and self.key(row) not in self._index)

    def _arrange(self) -> None:
        before, old = self._index.get(self.cursor), self._view
        view = [row for row in self._rows if self._passes(row)] if self.filter else list(self._rows)
        column = next((each for each in self.columns if each.id == self.sorted_by), None)
        if column is not None and column.order is not None:
            view.sort(key=column.order, reverse=self.backwards)
        if self.past is not None:
            view.sort(key=self.past)
        self._view = view
        key = self.key
        self._index = {key(row): number for number, row in enumerate(view)}
        if self.marks:
            self.marks &= {key(row) for row in self._rows}
        self._keep_cursor(before, old)
        self.refresh()

    def _keep_cursor(self, before: int | None, old: Sequence[S]) -> None:
        """The cursor stays on its row, and that row where it was in view; a row that went leaves it to the next one."""
        top = self.scroll_offset.y
        height = self._page
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._view) + self._header)
        now = self._index.get(self.cursor)
        if now is None:
            self._point(self._heir(before, old), by_person=False)
        elif before is not None and self.past is not None and self.past(old[before]) != self.past(self._view[now]):
            # It went to the end of the list: to follow it there would leave what goes on out of sight.
            self._into_view()
        elif before is not None and now != before and top <= before < top + height:
            self.scroll_to(y=max(top + now - before, 0), animate=False, force=True, immediate=True)

    def _heir(self, before: int | None, old: Sequence[S]) -> Hashable | None:
        """Who gets the cursor of a row that went: the next one that is still there, else the one before it."""
        if before is not None:
            for row in (*old[before + 1 :], *reversed(old[:before])):
                if self.key(row) in self._index:
                    return self.key(row)
        return self.key(self._view[0]) if self._view else None

    def _passes(self, row: S) -> bool:
        wanted = self.filter.lower()
        inverse = wanted.startswith("!")
        wanted = wanted.removeprefix("!")
        drawing = self.drawing()
        held = any(wanted in plain(column.cell(row, drawing)).lower() for column in self.columns)
        return not wanted or held != inverse

    # Cursor and marks

    def point(self, key: Hashable) -> bool:
        """Puts the cursor on a row; False where it is not shown."""
        if key not in self._index:
            return False
        self._point(key, by_person=True)
        return True

    def _point(self, key: Hashable | None, *, by_person: bool) -> None:
        if key == self.cursor:
            return
        self.cursor = key
        self._into_view()
        self.refresh()
        self.post_message(self.Pointed(self, by_person))

    def _into_view(self) -> None:
        at = self._index.get(self.cursor)
        if at is None:
            return
        top, page = self.scroll_offset.y, self._page
        if at < top or at >= top + page:
            goal = at if at < top else at - page + 1
            self.scroll_to(y=max(goal, 0), animate=False, force=True, immediate=True)

    @property
    def _page(self) -> int:
        return max(self.scrollable_content_region.height - self._header, 1)

    def action_move(self, by: int) -> None:
        """Moves the cursor by so many rows."""
        if self._view:
            at = min(max(self._index.get(self.cursor, 0) + by, 0), len(self._view) - 1)
            self._point(self.key(self._view[at]), by_person=True)

    def action_page(self, pages: int) -> None:
        """Moves the cursor by so many pages."""
        self.action_move(pages * self._page)

    def action_jump(self, at: int) -> None:
        """Moves the cursor to the first (0) or last (-1) row."""
        if self._view:
            self._point(self.key(self._view[at]), by_person=True)

    def action_open(self) -> None:
        """Opens the row under the cursor."""
        if self.pointed is not None:
            self.post_message(self.Opened(self))

    def action_mark(self) -> None:
        """Marks the row under the cursor, or takes its mark away, and goes on to the next."""
        if self.cursor is not None:
            self.marks ^= {self.cursor}
            self.action_move(1)
            self.refresh()
            self.post_message(self.Changed(self))

    def action_mark_all(self) -> None:
        """Marks every row that is shown; if they all are, none."""
        shown = set(self._index)
        self.marks = self.marks - shown if shown <= self.marks else self.marks | shown
        self.refresh()
        self.post_message(self.Changed(self))

    def unmark(self) -> None:
        """Takes all marks away."""
        self.marks.clear()
        self.refresh()
        self.post_message(self.Changed(self))

    def sort_next(self) -> None:
        """Sorts by the next column that can be sorted by; after the last one not at all."""
        known = [column.id for column, _ in self._columns() if column.order is not None]
        at = known.index(self.sorted_by) + 1 if self.sorted_by in known else 0
        self.sort(known[at] if at < len(known) else None)

    def on_click(self, event: events.Click) -> None:
        """A click points, a second one opens; on a title it sorts."""
        if event.y < self._header:
            at = _GUTTER
            for column, width in self._columns():
                if at <= event.x < at + width + _GAP and column.order is not None:
                    self.sort(column.id, backwards=self.sorted_by == column.id and not self.backwards)
                at += width + _GAP
            return
        row = self.scroll_offset.y + event.y - self._header
        if row < len(self._view):
            self._point(self.key(self._view[row]), by_person=True)
            if event.chain == 2:
                self.action_open()

    # Drawing

    def on_mount(self) -> None:
        """Times on the rows go on by themselves."""
        self.set_interval(1, self._tick)

    def _tick(self) -> None:
        if self._view and self.screen.is_current:
            self.refresh()

    def on_resize(self) -> None:
        """Keeps the cursor in view."""
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._view) + self._header)
        self._into_view()

    def notify_style_update(self) -> None:
        """The theme has changed."""
        super().notify_style_update()
        self._styles.clear()

    def _style(self, name: str) -> Style:
        if name == "plain":
            return Style.null()
        found = self._styles.get(name)
        if found is None:
            found = self._styles[name] = self.get_component_rich_style(f"rows--{name}", partial=True)
        return found

    def _columns(self) -> list[tuple[Column[S], int]]:
        """The columns that there is room for, with their widths."""
        width = self.scrollable_content_region.width - _GUTTER
        if self._layout[0] == width:
            return self._layout[1]
        kept = list(self.columns)
        while any(each.rank for each in kept) and sum(each.width + _GAP for each in kept) - _GAP > width:
            kept.remove(max(reversed(kept), key=lambda each: each.rank))
        if sum(each.width + _GAP for each in kept) - _GAP > width:
            self._layout = width, _squeezed(kept, width)
            return self._layout[1]
        left = width - sum(each.width + _GAP for each in kept) + _GAP
        flexible = [each for each in kept if each.flexible]
        extra = {each.id: left // len(flexible) for each in flexible} if flexible and left > 0 else {}
        sized = [(each, max(min(each.width + extra.get(each.id, 0), width), 0)) for each in kept]
        self._layout = width, sized
        return sized

    def render_line(self, y: int) -> Strip:
        """One row of the view, ``y`` counted from its top."""
        width = self.scrollable_content_region.width
        if y < self._header:
            return self._header_strip(width)
        number = self.scroll_offset.y + y - self._header
        if number < len(self._view):
            return self._row_strip(self._view[number], width)
        if not self._view and number == 0:
            words = f"nothing matches {self.filter}; esc shows all" if self.filter else self.empty
            text = part(words)[0].cut(max(width - _GUTTER, 0)).plain
            style = self.rich_style + self._style("empty")
            return Strip([Segment(" " * _GUTTER + text, style)]).adjust_cell_length(width, self.rich_style)
        return Strip.blank(width, self.rich_style)

    def _header_strip(self, width: int) -> Strip:
        base = self.rich_style + self._style("header")
        segments = [Segment(" " * _GUTTER, base)]
        glyph = self.drawing().glyph
        for column, room in self._columns():
            title, style = column.title, base
            if column.id == self.sorted_by:
                title = f"{title}{glyph('▼' if self.backwards else '▲')}"
                style = base + self._style("sorted")
            fitted = part(title)[0].fit(room, align="right" if column.right else "left").plain
            segments.append(Segment(fitted + " " * _GAP, style))
        return Strip(segments).adjust_cell_length(width, base)

    def _row_strip(self, row: S, width: int) -> Strip:
        drawing = self.drawing()
        key = self.key(row)
        base = self.rich_style
        under_cursor = key == self.cursor
        if under_cursor:
            base = base + self._style("cursor")
        marked = key in self.marks
        past = self.past is not None and self.past(row)
        segments = [
            Segment(drawing.glyph(CURSOR) if under_cursor else " ", base),
            Segment(drawing.glyph("✓") if marked else " ", base + self._style("mark")),
        ]
        for column, room in self._columns():
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
            segments.append(Segment(shown.plain, base + self._style(tone)))
        padding = Segment(" " * max(left, 0), base)
        gap = Segment(" " * _GAP, base)
        return [padding, *segments, gap] if column.right else [*segments, padding, gap]


def _faded(parts: Cell) -> Cell:
    """The same in quiet; what has a tone of its own (how it ended) keeps it."""
    return tuple((text, "dim" if tone in ("plain", "strong") else tone) for text, tone in parts)


def _squeezed(columns: list[Column[S]], width: int) -> list[tuple[Column[S], int]]:
    """Columns of which none may go: the wide ones share what there is."""
    room = width - _GAP * (len(columns) - 1) - sum(each.width for each in columns if each.width <= _NARROW)
    total = sum(each.width for each in columns if each.width > _NARROW)
    return [(each, each.width if each.width <= _NARROW else max(each.width * room // total, 0)) for each in columns]
