"""`RowList`: a list that draws only the rows in view, and whose cursor and marks stay with the thing, not the place.

A list has all of its rows in hand (``show``), or a window of them that somebody else reads (``source``, ``show_page``):
then filter, order and groups are the database's work, and what is out of sight is not read.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar, TypeVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.widgets.columns import GAP, GUTTER
from kolony_tui.ui.widgets.columns import Column as Column
from kolony_tui.ui.widgets.row_content import RowContent
from kolony_tui.ui.widgets.row_drawing import CURSOR as CURSOR
from kolony_tui.ui.widgets.row_groups import Heading, Lines
from kolony_tui.ui.widgets.row_marks import Ranging

S = TypeVar("S")


class RowList(RowContent[S], can_focus=True):
    """Rows of ``S``, told apart by ``key``. ``show`` replaces them all and keeps cursor, marks, filter and sort order.

    Rows that are ``past`` are dimmed and stay below the others, however the list is sorted.
    A filter is in the language of ``core.selecting`` over ``fields``, or where a list has none over its columns.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="rows.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="rows.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="rows.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="rows.page_down"),
        Binding("home", "jump(0)", "First row", show=False, id="rows.first"),
        Binding("end,G", "jump(-1)", "Last row", show=False, id="rows.last"),
        Binding("enter", "open", "Open, or fold a group", show=False, id="rows.open"),
        Binding("space", "mark", "Mark or unmark", show=False, id="rows.mark"),
        Binding("ctrl+a", "mark_all", "Mark all that pass, or none", show=False, id="rows.mark_all"),
        Binding("shift+up,K", "extend(-1)", "Mark upwards", show=False, id="rows.extend_up"),
        Binding("shift+down,J", "extend(1)", "Mark downwards", show=False, id="rows.extend_down"),
        Binding("shift+pageup", "extend_page(-1)", "Mark a page upwards", show=False, id="rows.extend_page_up"),
        Binding("shift+pagedown", "extend_page(1)", "Mark a page downwards", show=False, id="rows.extend_page_down"),
        Binding("shift+home", "extend_to(0)", "Mark up to the first row", show=False, id="rows.extend_first"),
        Binding("shift+end", "extend_to(-1)", "Mark down to the last row", show=False, id="rows.extend_last"),
        Binding("M", "range", "Mark while moving, or no more", show=False, id="rows.range"),
    ]

    class _About(Message):
        """Something of a list."""

        def __init__(self, rows: RowList[Any]) -> None:
            super().__init__()
            self.rows = rows

        @property
        def control(self) -> RowList[Any]:
            """The list."""
            return self.rows

    class Pointed(_About):
        """The cursor is on another row; ``by_person`` when a person moved it there."""

        def __init__(self, rows: RowList[Any], by_person: bool) -> None:
            super().__init__(rows)
            self.by_person = by_person

    class Opened(_About):
        """A person wants to see the row under the cursor in full."""

    class Changed(_About):
        """Marks, filter, sort order or the number of rows have changed."""

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
        super().__init__(columns, key, drawing, empty=empty, header=header, past=past, id=id)
        self._ranging: Ranging | None = None

    def tell_changed(self) -> None:
        """Says so."""
        self.post_message(self.Changed(self))

    def tell_pointed(self, by_person: bool) -> None:
        """Says so."""
        self.post_message(self.Pointed(self, by_person))

    def on_mount(self) -> None:
        """Times on the rows go on by themselves."""
        self.set_interval(1, self._tick)

    def _tick(self) -> None:
        if self._view and self.screen.is_current:
            self.refresh()

    # What is in sight

    def take_up(self, rows: Sequence[S]) -> None:
        """Newer states of rows in hand, each in its place; order and filter are the next page's matter."""
        for row in rows:
            key = self.key(row)
            place = self._index.get(key)
            if place is None or self._row_at(place) == row:
                continue
            self._view[place - self._first] = row
            if key in self.marks:
                self._marked[key] = row
            if key == self.cursor:
                self._pointed = row
            self.refresh_lines(self._lines.of_row(place) + self._header)

    def keys_in_sight(self) -> set[Hashable]:
        """The rows that a person sees now."""
        top = self.scroll_offset.y
        lines = range(top, min(top + self._page, len(self._lines)))
        shown = (self._lines.at(line) for line in lines)
        found = (self._row_at(at) for at in shown if not isinstance(at, Heading))
        return {self.key(row) for row in found if row is not None}

    # Moving

    def _go_to_line(self, line: int) -> None:
        if len(self._lines):
            at = self._lines.at(min(max(line, 0), len(self._lines) - 1))
            if isinstance(at, Heading):
                self._point(at, by_person=True)
            else:
                self._point_at(at, by_person=True)

    def _line_now(self) -> int:
        if self._goal is not None:
            return self._lines.of_row(self._goal)
        line = self._cursor_line
        return line if line is not None else 0

    def action_move(self, by: int) -> None:
        """Moves the cursor by so many lines; while a range is marked it grows or shrinks."""
        if self._ranging is not None and self._ranging.lasting:
            self.action_extend(by)
            return
        self._ranging = None
        self._go_to_line(self._line_now() + by)

    def action_page(self, pages: int) -> None:
        """Moves the cursor by so many pages."""
        self.action_move(pages * self._page)

    def action_jump(self, at: int) -> None:
        """Moves the cursor to the first (0) or last (-1) line."""
        self.action_move(-len(self._lines) if at == 0 else len(self._lines))

    def action_open(self) -> None:
        """Opens the row under the cursor; a group's heading folds or unfolds it."""
        if isinstance(self.cursor, Heading):
            self.folded ^= {self.cursor.name}
            self._lines = Lines(self._lines.rows, self._lines.groups, self.folded)
            self._fit()
            self._into_view()
            self.refresh()
            self._look_around()
        elif self.pointed is not None:
            self.post_message(self.Opened(self))

    # Marks

    def action_mark(self) -> None:
        """Marks the row under the cursor, or takes its mark away, and goes on to the next; a heading: all below it."""
        if isinstance(self.cursor, Heading):
            members = self._lines.members(self.cursor.name)
            self._mark_places(members.start, len(members))
        elif self._ranging is not None and self._ranging.lasting:
            self._ranging = None
        elif self.pointed is not None:
            self._toggle(self.pointed)
            self._ranging = None
            self.action_move(1)

    def _toggle(self, row: S) -> None:
        self.marks ^= {self.key(row)}
        self._marked[self.key(row)] = row
        self._marks_changed()

    def action_mark_all(self) -> None:
        """Marks every row that passes; if they all are, none."""
        shown = set(self._index)
        if self.source is None or len(shown) >= self._lines.rows:
            if shown <= self.marks:
                self.marks = self.marks - shown
                self._marks_changed()
            else:
                self.mark_rows(self._view)
        elif len(self.marks) >= self._lines.rows:
            self.unmark()
        else:
            self._mark_places(0, self._lines.rows)

    def _mark_places(self, first: int, count: int) -> None:
        places = range(first, first + count)
        in_hand = [row for place in places if (row := self._row_at(place)) is not None]
        if len(in_hand) < count and self.source is not None:
            self.source.mark(first, count)
        else:
            self.mark_rows(in_hand)

    def mark_rows(self, rows: Sequence[S]) -> None:
        """Marks these rows too."""
        self._marked = self._marked | {self.key(row): row for row in rows}
        self.marks = self.marks | {self.key(row) for row in rows}
        self._marks_changed()

    def unmark(self) -> None:
        """Takes all marks away."""
        self.marks.clear()
        self._ranging = None
        self._marks_changed()

    def _marks_changed(self) -> None:
        if len(self._marked) > len(self.marks):
            self._marked = {key: row for key, row in self._marked.items() if key in self.marks}
        self.refresh()
        self.tell_changed()

    def action_range(self) -> None:
        """From here on moving marks, until the key comes again or a row is marked by itself."""
        if self._ranging is not None and self._ranging.lasting:
            self._ranging = None
        elif self.pointed is not None:
            self._ranging = Ranging(self._place, frozenset(self.marks), lasting=True)
            self._extend_to(self._place)
        self.tell_changed()

    @property
    def ranging(self) -> bool:
        """Whether moving marks."""
        return self._ranging is not None and self._ranging.lasting

    def action_extend(self, by: int) -> None:
        """Moves the cursor and marks every row from where that began."""
        if self.pointed is None:
            return
        if self._ranging is None:
            self._ranging = Ranging(self._place, frozenset(self.marks))
        self._go_to_line(self._line_now() + by)
        self._extend_to(self._goal if self._goal is not None else self._place)

    def action_extend_page(self, pages: int) -> None:
        """The same by so many pages."""
        self.action_extend(pages * self._page)

    def action_extend_to(self, at: int) -> None:
        """The same to the first (0) or last (-1) row."""
        self.action_extend(-len(self._lines) if at == 0 else len(self._lines))

    def _extend_to(self, place: int) -> None:
        assert self._ranging is not None
        self.marks = set(self._ranging.before)
        first, count = self._ranging.span(place)
        self._mark_places(first, count)

    # Sorting and grouping by key

    def sort_next(self) -> None:
        """Sorts by the next column that can be sorted by; after the last one not at all."""
        able = set(self.orders)
        known = [column.id for column, _ in self.columns_in_view() if column.id in able]
        at = known.index(self.sorted_by) + 1 if self.sorted_by in known else 0
        self.sort(known[at] if at < len(known) else None)

    def group_next(self) -> None:
        """Groups by the next column that can be grouped by; after the last one not at all."""
        known = self.groupings
        at = known.index(self.grouped_by) + 1 if self.grouped_by in known else 0
        self.group(known[at] if at < len(known) else None)

    # The mouse

    def on_click(self, event: events.Click) -> None:
        """Points, a second one opens; with shift it marks up to there, with ctrl that row; a title sorts."""
        if event.y < self._header:
            self._click_title(event.x)
            return
        line = self.scroll_offset.y + event.y - self._header
        if line >= len(self._lines):
            return
        if event.shift:
            self.action_extend(line - self._line_now())
            return
        self._ranging = None
        self._go_to_line(line)
        if event.ctrl and self.pointed is not None:
            self._toggle(self.pointed)
        elif event.chain == 2:
            self.action_open()

    def _click_title(self, x: int) -> None:
        at = GUTTER
        for column, width in self.columns_in_view():
            if at <= x < at + width + GAP and column.id in self.orders:
                self.sort(column.id, backwards=self.sorted_by == column.id and not self.backwards)
            at += width + GAP
