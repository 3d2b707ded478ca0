"""`RowContent`: the rows of a list, all of them or a window; filter, order, groups, and the row under the cursor."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import ClassVar, TypeVar

from textual.geometry import Size
from textual.reactive import reactive
from textual.strip import Strip

from kolony_tui.core.filter_fields import Fields
from kolony_tui.models.lists import Group, Page, Wish
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.models.views import Look
from kolony_tui.ui.draw import plain
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.widgets.columns import Column
from kolony_tui.ui.widgets.extent import set_extent
from kolony_tui.ui.widgets.row_drawing import DrawnRows
from kolony_tui.ui.widgets.row_filter import column_fields, passing
from kolony_tui.ui.widgets.row_groups import Heading, Lines
from kolony_tui.ui.widgets.row_source import AHEAD, FURTHEST, Source

S = TypeVar("S")


class RowContent(DrawnRows[S]):
    """What ``RowList`` has in it. Its subclass says what a person can do with it, and tells of changes."""

    cursor: reactive[Hashable | None] = reactive(None, repaint=False, init=False)
    """The key of the row under the cursor, or a heading."""
    fields: ClassVar[Fields | None] = None
    """What a filter can ask about; None: the columns."""
    list_name: ClassVar[str] = ""
    """What its views are kept under; empty: its id."""

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
        super().__init__(header=header, id=id)
        self.columns = tuple(columns)
        self.key = key
        self._drawing = drawing
        self.empty = empty
        self.past = past
        self.marks: set[Hashable] = set()
        self.known = False  # whether any rows (perhaps none) were ever shown
        self.filter = ""
        self.sorted_by: str | None = None
        self.backwards = False
        self.grouped_by: str | None = None
        self.folded: set[str] = set()
        self.rest = ""
        self.source: Source | None = None
        self.sortable: frozenset[str] | None = None
        """The columns that the source can sort by; None: all that have an order."""
        self._chosen_columns: tuple[str, ...] = ()
        self._passes: Callable[[S], bool] | None = None
        self._all: Sequence[S] = ()
        self._view: list[S] = []  # what passes, or the window of it
        self._first = 0  # the place of the view's first row
        self._index: dict[Hashable, int] = {}
        self._lines = Lines(0)
        self._total = 0
        self._place = 0  # the place of the cursor's row, when it was last seen
        self._pointed: S | None = None
        self._goal: int | None = None  # a row to point at as soon as it is read
        self._marked: dict[Hashable, S] = {}
        self._asked: Wish | None = None
        self._anew = False  # everything stands elsewhere: what comes is read and shown from the top

    def tell_changed(self) -> None:
        """Marks, filter, order or the number of rows are others."""
        raise NotImplementedError

    def tell_pointed(self, by_person: bool) -> None:
        """The cursor is on another row."""
        raise NotImplementedError

    # What is in the list

    def show(self, rows: Sequence[S]) -> None:
        """Replaces the rows; the order of ``rows`` is the order without sorting."""
        self._all = rows
        self.known = True
        self._arrange()

    def show_page(self, page: Page[S]) -> None:
        """Takes up a window that the source has read; one for another filter or order came too late and is dropped."""
        if not self.answers(page.wish):
            return
        self.known = True
        self.rest = page.rest
        if not self.filter:
            self._total = page.passed
        before = self._cursor_line, self._pointed, list(self._view)
        drawn = self._picture()
        self._view, self._first = list(page.rows), page.wish.first
        self._index = {self.key(row): self._first + number for number, row in enumerate(self._view)}
        self._lines = Lines(page.passed, page.groups, self.folded)
        for row in self._view:
            if self.key(row) in self.marks:
                self._marked[self.key(row)] = row
        if self._anew and page.wish.first == 0:
            self._begin_anew()
        else:
            self._keep_cursor(*before)
        self._draw_changes(drawn, before[2])
        self._look_around()

    def _picture(self) -> tuple[object, ...]:
        """Where this is the same, every row is still on the line on which it was, or another stands there now."""
        lines = self._lines
        return self._first, len(self._view), len(lines), lines.groups, self.cursor, self.scroll_offset, self.known

    def _draw_changes(self, before: tuple[object, ...], rows: Sequence[S]) -> None:
        if before != self._picture() or not rows:
            self.refresh()
            return
        for number, (old, new) in enumerate(zip(rows, self._view, strict=True)):
            if old != new:
                self.refresh_lines(self._lines.of_row(self._first + number) + self._header)

    def forget(self) -> None:
        """Nothing of what was shown stays; what comes is of another workspace."""
        self.known, self.rest = False, ""
        self.marks.clear()
        self._marked.clear()
        self._all, self._view, self._index, self._lines = (), [], {}, Lines(0)
        self._total = self._first = self._place = 0
        self._goal = self._asked = self._pointed = None
        self.cursor = None
        self._fit()
        self.refresh()

    def know_total(self, total: int) -> None:
        """How many rows there are without the filter."""
        self._total = total

    def wish(self) -> Wish:
        """The part that is wanted of a source now: what is in view and some rows around it."""
        first, last = (0, self._page) if self._anew else self._places_in_view()
        if self._goal is not None:
            first, last = min(first, self._goal), max(last, self._goal)
            if last - first > 4 * AHEAD:
                first, last = self._goal - self._page, self._goal + self._page
        start = max(first - AHEAD, 0)
        return self._wish(start, last + AHEAD - start)

    def whole_wish(self, first: int, count: int) -> Wish:
        """The same for a given part."""
        return self._wish(first, count)

    def _wish(self, first: int, count: int) -> Wish:
        return Wish(first, count, self.filter, self.sorted_by or "", self.backwards, self.grouped_by or "")

    def answers(self, wish: Wish) -> bool:
        """Whether what was read for a wish is of the list as it is filtered and sorted now."""
        return self._wish(wish.first, wish.count) == wish

    def _places_in_view(self) -> tuple[int, int]:
        """The first and the last place in view; where folded groups lie far between, those at the end."""
        top = self.scroll_offset.y
        if not self._lines.groups:
            return top, top + self._page
        lines = range(top, min(top + self._page, len(self._lines)))
        places = [at for line in lines if not isinstance(at := self._lines.at(line), Heading)] or [0]
        first = places[-1]
        for place in reversed(places):
            if first - place > FURTHEST:
                break
            first = place
        return first, places[-1]

    def narrow(self, text: str) -> None:
        """Filters. Raises FilterError, and the list stays as it was."""
        fields = self.fields or column_fields(self.columns, self.drawing)
        self._passes = passing(text.strip(), fields, self.drawing)
        self.filter = text.strip()
        self._changed()

    def sort(self, column: str | None, *, backwards: bool = False) -> None:
        """Sorts by a column, or with None not at all."""
        self.sorted_by = column if column in self.orders else None
        self.backwards = backwards and self.sorted_by is not None
        self._changed()

    def group(self, column: str | None) -> None:
        """Puts rows with the same in a column under a heading, or with None no more."""
        self.grouped_by = column if column in self.groupings else None
        self.folded.clear()
        self._changed()

    def choose_columns(self, ids: Sequence[str]) -> None:
        """Shows these columns in this order; none: the list's own."""
        known = {column.id for column in self.columns}
        self._chosen_columns = tuple(dict.fromkeys(each for each in ids if each in known))
        self.lay_out()
        self.tell_changed()

    def _changed(self) -> None:
        if self.source is None:
            self._arrange()
        else:
            self._asked = self._goal = None
            self._anew = True
            self.source.look()
        self.tell_changed()

    @property
    def view_name(self) -> str:
        """What its views are kept under."""
        return self.list_name or (self.id or "list").replace("-", "_")

    @property
    def orders(self) -> list[str]:
        """The columns that it can be sorted by."""
        return [
            column.id
            for column in self.columns
            if column.order is not None and (self.sortable is None or column.id in self.sortable)
        ]

    @property
    def groupings(self) -> list[str]:
        """The columns that it can be grouped by."""
        return [column.id for column in self.columns if column.groups]

    @property
    def look(self) -> Look:
        """How it is looked at now."""
        return Look(self.filter, self.sorted_by or "", self.backwards, self._chosen_columns, self.grouped_by or "")

    def take_look(self, look: Look) -> None:
        """Looks at it like this; what the list does not have is left out. Raises FilterError."""
        self.choose_columns(look.columns)
        self.grouped_by = look.group if look.group in self.groupings else None
        self.folded.clear()
        self.sorted_by = look.sort if look.sort in self.orders else None
        self.backwards = look.backwards and self.sorted_by is not None
        self.narrow(look.filter)

    @property
    def rows(self) -> list[S]:
        """The rows that the filter lets through and that are in hand, in the order in which they are drawn."""
        return self._view

    @property
    def passed(self) -> int:
        """How many rows the filter lets through."""
        return self._lines.rows

    @property
    def total(self) -> int:
        """How many rows there are without the filter, as far as it is known."""
        return max(self._total, self._lines.rows) if self.source is not None else len(self._all)

    @property
    def pointed(self) -> S | None:
        """The row under the cursor."""
        return None if isinstance(self.cursor, Heading) else self._pointed

    @property
    def chosen(self) -> list[S]:
        """What an action is for: the marked rows (those that the filter hides too), or the one under the cursor."""
        if self.marks and self.source is not None:
            return [row for key, row in self._marked.items() if key in self.marks]
        if self.marks:
            return [row for row in self._all if self.key(row) in self.marks]
        return [self.pointed] if self.pointed is not None else []

    @property
    def hidden_marks(self) -> int:
        """How many marked rows the filter hides, as far as that is known without reading them."""
        if self.source is not None:
            return 0
        return sum(1 for row in self._all if self.key(row) in self.marks and self.key(row) not in self._index)

    def _arrange(self) -> None:
        before = self._cursor_line, self._pointed, self._view
        test = self._passes
        view = [row for row in self._all if test(row)] if test is not None else list(self._all)
        column = next((each for each in self.columns if each.id == self.sorted_by), None)
        if column is not None and column.order is not None:
            view.sort(key=column.order, reverse=self.backwards)
        if self.past is not None:
            view.sort(key=self.past)
        groups = self._gather(view)
        self._view = view
        key = self.key
        self._index = {key(row): number for number, row in enumerate(view)}
        self._lines = Lines(len(view), groups, self.folded)
        if self.marks:
            self.marks &= {key(row) for row in self._all}
        self._keep_cursor(*before)
        self.refresh()

    def _gather(self, view: list[S]) -> list[Group]:
        column = next((each for each in self.columns if each.id == self.grouped_by), None)
        if column is None:
            return []
        drawing = self.drawing()
        names = {self.key(row): plain(column.cell(row, drawing)).strip() for row in view}
        view.sort(key=lambda row: names[self.key(row)])
        counts: dict[str, int] = {}
        for row in view:
            name = names[self.key(row)]
            counts[name] = counts.get(name, 0) + 1
        return [Group(Untrusted(name), count) for name, count in counts.items()]

    # The cursor

    @property
    def _cursor_line(self) -> int | None:
        """The line under the cursor; None where there is none."""
        if isinstance(self.cursor, Heading):
            return self._lines.of_heading(self.cursor.name)
        if self.cursor is None or (self.source is None and self.cursor not in self._index):
            return None
        return self._lines.of_row(self._index.get(self.cursor, self._place))

    def _keep_cursor(self, before: int | None, pointed: S | None, old: Sequence[S]) -> None:
        """The cursor stays on its row, and that row where it was in view; a row that went leaves it to the next one."""
        top, height = self.scroll_offset.y, self._page
        self._fit()
        if self._goal is not None and self._row_at(self._goal) is not None:
            goal, self._goal = self._goal, None
            self._point_at(goal, by_person=True)
            return
        if isinstance(self.cursor, Heading) and self._lines.of_heading(self.cursor.name) is not None:
            return
        place = self._index.get(self.cursor)
        if place is None:
            if self.source is None or self._in_window(self._place) or not self._lines.rows:
                self._point(self._heir(pointed, old), by_person=False)
            return
        self._place, self._pointed = place, self._row_at(place)
        now = self._lines.of_row(place)
        if before is None or pointed is None or self._pointed is None:
            return
        if self.past is not None and self.past(pointed) != self.past(self._pointed):
            # It went to the end of the list: to follow it there would leave what goes on out of sight.
            self._into_view()
        elif now != before and top <= before < top + height:
            self.scroll_to(y=max(top + now - before, 0), animate=False, force=True, immediate=True)

    def _begin_anew(self) -> None:
        """From the top; the cursor on its row where that is in hand, else on the first."""
        self._anew = False
        self._fit()
        self.scroll_to(y=0, animate=False, force=True, immediate=True)
        if self.cursor not in self._index:
            self._place, self._pointed = 0, None
            self._point(self.key(self._view[0]) if self._view else None, by_person=False)
        else:
            self._place = self._index[self.cursor]
            self._pointed = self._row_at(self._place)
            self._into_view()

    def _in_window(self, place: int) -> bool:
        return self._first <= place < self._first + len(self._view) or place >= self._lines.rows

    def _heir(self, pointed: S | None, old: Sequence[S]) -> Hashable | None:
        """Who gets the cursor of a row that went: the next one that is still there, else the one before it."""
        keys = [self.key(row) for row in old]
        key = self.key(pointed) if pointed is not None else None
        if key in keys:
            at = keys.index(key)
            for each in (*keys[at + 1 :], *reversed(keys[:at])):
                if each in self._index:
                    return each
        return self.key(self._view[0]) if self._view else None

    def _row_at(self, place: int) -> S | None:
        number = place - self._first
        return self._view[number] if 0 <= number < len(self._view) else None

    def point(self, key: Hashable) -> bool:
        """Puts the cursor on a row; False where it is not shown."""
        if key not in self._index:
            return False
        self._point(key, by_person=True)
        return True

    def _point(self, key: Hashable | None, *, by_person: bool) -> None:
        if key in self._index:
            self._place = self._index[key]
            self._pointed = self._row_at(self._place)
        elif not isinstance(key, Heading):
            self._pointed = None
        if key == self.cursor:
            return
        self.cursor = key
        self._into_view()
        self.refresh()
        self.tell_pointed(by_person)

    def _point_at(self, place: int, *, by_person: bool) -> None:
        row = self._row_at(place)
        if row is not None:
            self._point(self.key(row), by_person=by_person)
            return
        # It is not read yet: the view goes there, and the cursor follows.
        self._goal = place
        self._scroll_to_line(self._lines.of_row(place))
        self._look_around()

    def _into_view(self) -> None:
        line = self._cursor_line
        if line is not None:
            self._scroll_to_line(line)

    def _scroll_to_line(self, line: int) -> None:
        top, page = self.scroll_offset.y, self._page
        if line < top or line >= top + page:
            goal = line if line < top else line - page + 1
            self.scroll_to(y=max(goal, 0), animate=False, force=True, immediate=True)

    @property
    def _page(self) -> int:
        return max(self.scrollable_content_region.height - self._header, 1)

    def _fit(self) -> None:
        set_extent(self, Size(self.scrollable_content_region.width, len(self._lines) + self._header))

    # What is in view

    def on_resize(self) -> None:
        """Keeps the cursor in view."""
        self._fit()
        self._into_view()
        self._look_around()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """What comes into view may have to be read."""
        super().watch_scroll_y(old_value, new_value)
        self._look_around()

    def _look_around(self) -> None:
        """Asks the source where what is in view, or nearly, is not in hand."""
        if self.source is None or not self.known:
            return
        wanted = self.wish()
        last = min(wanted.first + wanted.count, self._lines.rows)
        near = AHEAD // 2
        begun = wanted.first == 0 or self._first <= wanted.first + near
        short = self._first + len(self._view) < last - near
        early = not begun or self._first > wanted.first + near
        if (early or short) and self._lines.rows and wanted != self._asked:
            self._asked = wanted
            self.source.look()

    @property
    def shown_columns(self) -> list[Column[S]]:
        """The columns, in the order in which they stand."""
        if not self._chosen_columns:
            return list(self.columns)
        by_id = {column.id: column for column in self.columns}
        return [by_id[each] for each in self._chosen_columns]

    @property
    def sign_of_order(self) -> tuple[str, bool] | None:
        """The column that it is sorted by, and whether backwards."""
        return (self.sorted_by, self.backwards) if self.sorted_by is not None else None

    def drawing(self) -> Drawing:
        """What rows are drawn with."""
        return self._drawing()

    def draw_line(self, line: int) -> Strip | None:
        """A row or a heading; None below the last."""
        if line >= len(self._lines):
            if line or not self.known:
                return None
            return self.draw_words(f"nothing matches {self.filter}; esc shows all" if self.filter else self.empty)
        at = self._lines.at(line)
        if isinstance(at, Heading):
            count = self._lines.size_of(at.name)
            folded = at.name in self.folded
            return self.draw_heading(at.name, count, folded=folded, under_cursor=at == self.cursor)
        row = self._row_at(at)
        if row is None:
            return self.draw_row(None, under_cursor=at == self._goal, marked=False, past=False)
        key = self.key(row)
        past = self.past is not None and self.past(row)
        return self.draw_row(row, under_cursor=key == self.cursor, marked=key in self.marks, past=past)
