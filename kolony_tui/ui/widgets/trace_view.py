"""`TraceView`: the tree of what an agent did, live; only the rows in view are drawn, and none is a widget."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import ClassVar, Literal, cast

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from kolony_tui.core.trace_tree import TraceRow, TraceTree, in_words, measured, type_word
from kolony_tui.models.trace import TraceLine
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.text import safe
from kolony_tui.ui.draw import Cell, Part, Tone, part
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.widgets.extent import set_extent
from kolony_tui.ui.widgets.row_drawing import CURSOR, DrawnRows

STATUS_SIGNS: dict[str, tuple[str, Tone]] = {
    "running": ("▶", "busy"),
    "completed": ("✔", "good"),
    "failed": ("✖", "bad"),
    "denied": ("⊘", "warn"),
    "cancelled": ("⊘", "dim"),
}
_TYPE_TONES: dict[str, Tone] = {"llm_prompt": "accent", "tool_call": "busy", "response": "good", "plan": "warn"}
_ROOM_FOR_FIGURES = 36
_INDENTED_AT_MOST = 3
"""So much of the width, as a fraction, goes to indentation at most."""


class TraceView(DrawnRows[TraceRow], can_focus=True):
    """Entries as rows of a tree. ``take`` adds news of them and keeps cursor and folds; at its last row the cursor
    stays there while the work goes on. ``search_with`` answers which entries have some words in them."""

    LINES_OF_ROW: ClassVar[int] = 1
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="trace.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="trace.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="trace.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="trace.page_down"),
        Binding("home", "jump(0)", "First entry", show=False, id="trace.first"),
        Binding("end,G", "jump(-1)", "Last entry, and follow", show=False, id="trace.last"),
        Binding("space", "fold", "Fold or unfold", show=False, id="trace.fold"),
        Binding("left", "shut", "Fold, or to what it is a part of", show=False, id="trace.shut"),
        Binding("right,l", "unfold", "Unfold, or to its first part", show=False, id="trace.unfold"),
        Binding("z", "fold_all", "Fold or unfold everything", show=False, id="trace.fold_all"),
        Binding("enter", "want('open')", "Show the entry whole", show=False, id="trace.open"),
        Binding("y", "want('copy')", "Copy the entry", show=False, id="trace.copy"),
        Binding("o", "want('output')", "To the output that it made", show=False, id="trace.output"),
        Binding("slash", "search", "Search in all of the trace", show=False, id="trace.search"),
        Binding("n", "find(1)", "Next match, or a new command", show=False, id="trace.next"),
        Binding("N", "find(-1)", "Previous match", show=False, id="trace.previous"),
    ]

    class Wanted(Message):
        """A person wants the entry under the cursor: to open or copy it, or to see its output."""

        def __init__(self, view: TraceView, line: TraceLine, what: Literal["open", "copy", "output"]) -> None:
            super().__init__()
            self.view, self.line, self.what = view, line, what

        @property
        def control(self) -> TraceView:
            """The view."""
            return self.view

    class SearchRequested(Message):
        """A person wants to search; the screen asks for what and calls ``search``."""

        def __init__(self, view: TraceView) -> None:
            super().__init__()
            self.view = view

    class Moved(Message):
        """The cursor was moved."""

    def __init__(
        self,
        drawing: Callable[[], Drawing],
        search_with: Callable[[str], Awaitable[list[Untrusted]]],
        *,
        empty: str,
        id: str | None = None,
    ) -> None:
        super().__init__(header=False, id=id)
        self._drawing, self._search_with, self._empty = drawing, search_with, empty
        self.entries = TraceTree()
        self.rows: list[TraceRow] = []
        self.folded: set[str] = set()
        self.follow = True
        self.found: list[str] = []
        self._found: set[str] = set()
        self._places: dict[str, int] = {}
        self._at = 0

    # What is there

    def clear(self) -> None:
        """Begins anew."""
        self.entries = TraceTree()
        self.folded.clear()
        self.found, self._found = [], set()
        self.follow, self._at = True, 0
        self._lay_rows(None)

    def take(self, news: Iterable[TraceLine], *, live: bool) -> None:
        """Entries, new or again. What is not ``live`` any more is not followed: it is read from its beginning."""
        news = list(news)
        if not self.entries.lines and not live:
            self.follow = False
        pointed = self.pointed
        if self.entries.take(news):
            self._lay_rows(pointed.key.raw if pointed is not None else None)
            return
        for line in news:
            if (place := self._places.get(line.key.raw)) is not None:
                self.rows[place] = replace(self.rows[place], line=line)
        self.refresh()

    @property
    def pointed(self) -> TraceLine | None:
        """The entry under the cursor."""
        return self.rows[self._at].line if self._at < len(self.rows) else None

    def _lay_rows(self, key: str | None) -> None:
        before = self._at
        self.rows = self.laid(self.entries)
        self._places = {row.line.key.raw: place for place, row in enumerate(self.rows)}
        last = max(len(self.rows) - 1, 0)
        self._at = last if self.follow else min(self._places.get(key, before) if key is not None else before, last)
        set_extent(self, Size(self.scrollable_content_region.width, len(self.rows) * self.LINES_OF_ROW))
        if self.follow:
            self._into_view()
        elif self._at != before:
            moved = self.scroll_offset.y + (self._at - before) * self.LINES_OF_ROW
            self.scroll_to(y=moved, animate=False, force=True)
        self.refresh()

    def laid(self, tree: TraceTree) -> list[TraceRow]:
        """The rows that are shown of a tree."""
        return tree.rows(self.folded)

    def on_mount(self) -> None:
        """What goes on is drawn with how long it has."""
        self.set_interval(1, self._tick)

    def _tick(self) -> None:
        top, height = self.scroll_offset.y // self.LINES_OF_ROW, self.size.height // self.LINES_OF_ROW + 1
        shown = self.rows[top : top + height]
        if self.display and self.screen.is_current and any(row.line.status == "running" for row in shown):
            self.refresh()

    def on_resize(self) -> None:
        """The cursor stays in view."""
        set_extent(self, Size(self.scrollable_content_region.width, len(self.rows) * self.LINES_OF_ROW))
        self._into_view()

    # Moving

    def point(self, place: int) -> None:
        """Moves the cursor to a row; from the last one on the newest is followed."""
        if self.rows:
            self._at = min(max(place, 0), len(self.rows) - 1)
            self.follow = self._at == len(self.rows) - 1
            self._into_view()
            self.refresh()
            self.post_message(self.Moved())

    def _into_view(self) -> None:
        height, lines = self.scrollable_content_region.height, self.LINES_OF_ROW
        if not self.is_mounted or height <= 0:
            return
        top, line = self.scroll_offset.y, self._at * lines
        if line < top:
            self.scroll_to(y=line, animate=False, force=True)
        elif line + lines > top + height:
            self.scroll_to(y=line + lines - height, animate=False, force=True)

    def action_move(self, by: int) -> None:
        """Moves the cursor by so many rows."""
        self.point(self._at + by)

    def action_page(self, pages: int) -> None:
        """Moves the cursor by so many pages."""
        self.point(self._at + pages * max(self.scrollable_content_region.height // self.LINES_OF_ROW - 1, 1))

    def action_jump(self, to: int) -> None:
        """Moves the cursor to the first (0) or last (-1) row."""
        self.point(0 if to == 0 else len(self.rows) - 1)

    def on_click(self, event: events.Click) -> None:
        """Points; on what is pointed at already, a second click opens it."""
        place = (self.scroll_offset.y + event.y) // self.LINES_OF_ROW
        if place < len(self.rows):
            self.point(place)
            if event.chain == 2:
                self.action_want("open")

    # Folding

    def action_fold(self) -> None:
        """Folds the entry under the cursor, or unfolds it."""
        if self.rows and self.rows[self._at].parts:
            self._fold({self.rows[self._at].line.key.raw})

    def _fold(self, keys: set[str]) -> None:
        pointed = self.pointed
        self.folded ^= keys
        self.follow = False
        self._lay_rows(pointed.key.raw if pointed is not None else None)
        self._into_view()

    def action_shut(self) -> None:
        """Folds the entry; one that is folded, or has no parts, leads to the one that it is a part of."""
        if not self.rows:
            return
        row = self.rows[self._at]
        if row.parts and not row.folded:
            self._fold({row.line.key.raw})
        elif (above := self.entries.parent(row.line.key.raw)) is not None and above in self._places:
            self.point(self._places[above])

    def action_unfold(self) -> None:
        """Unfolds the entry; one that is unfolded leads to its first part."""
        if not self.rows:
            return
        row = self.rows[self._at]
        if row.folded:
            self._fold({row.line.key.raw})
        elif row.parts:
            self.point(self._at + 1)

    def action_fold_all(self) -> None:
        """Folds everything that has parts; if something is folded, unfolds everything."""
        self._fold(set(self.folded) if self.folded else {row.line.key.raw for row in self.rows if row.parts})

    # Searching

    def action_search(self) -> None:
        """Asks the screen for something to search for."""
        self.post_message(self.SearchRequested(self))

    async def search(self, words: str) -> bool:
        """Marks every entry with the words in it (none: nothing) and goes to the next; False where there is none."""
        self.found = [key.raw for key in await self._search_with(words)] if words else []
        self._found = set(self.found)
        self.refresh()
        return self._find(1, beyond=False) if self.found else False

    def mark_nothing(self) -> None:
        """Leaves the search."""
        self.found, self._found = [], set()
        self.refresh()

    def action_find(self, direction: int) -> None:
        """Goes to the next or previous match; without a search ``n`` is what it is elsewhere."""
        if self.found:
            self._find(direction, beyond=True)
        elif direction > 0:
            from kolony_tui.ui.app import KolonyApp

            cast("KolonyApp", self.app).do("work.new")

    def _find(self, direction: int, *, beyond: bool) -> bool:
        pointed, known = self.pointed, self.entries.lines
        here = pointed.position if pointed is not None else -1
        ordered = sorted((key for key in self.found if key in known), key=lambda key: known[key].position * direction)
        ahead = [key for key in ordered if (known[key].position - here) * direction >= int(beyond)]
        chosen = next(iter([*ahead, *ordered]), None)
        if chosen is None:
            return False
        self.folded -= set(self.entries.above(chosen))
        self.follow = False
        self._lay_rows(chosen)
        if chosen in self._places:
            self.point(self._places[chosen])
        return True

    def action_want(self, what: Literal["open", "copy", "output"]) -> None:
        """Asks for the entry under the cursor."""
        if self.pointed is not None:
            self.post_message(self.Wanted(self, self.pointed, what))

    # Drawing

    def drawing(self) -> Drawing:
        """What rows are drawn with."""
        return self._drawing()

    def draw_line(self, line: int) -> Strip | None:
        """A line of the tree."""
        if not self.rows:
            return self.draw_words(self._empty) if line == 0 else None
        place, part_of_row = divmod(line, self.LINES_OF_ROW)
        if place >= len(self.rows):
            return None
        row, base = self.rows[place], self.rich_style
        if place == self._at:
            base = base + self.style_of("cursor")
        first = self.drawing().glyph(CURSOR) if place == self._at and not part_of_row else " "
        mark = Segment(first, base + self.style_of("mark") if row.line.key.raw in self._found else base)
        left, right = self.sides(place, row, part_of_row)
        return self._strip(mark, left, right, base)

    def sides(self, place: int, row: TraceRow, part_of_row: int) -> tuple[Cell, Cell]:
        """What a row says on the left, and its figures on the right."""
        line, drawing = row.line, self.drawing()
        glyph, tone = STATUS_SIGNS.get(line.status, ("?", "warn"))
        room = self.scrollable_content_region.width // _INDENTED_AT_MOST
        indent = "  " * min(row.depth, room // 2)
        fold = drawing.glyph("▸" if row.folded else "▾") if row.parts else " "
        left: list[Part] = [part(f"{indent}{drawing.glyph(glyph)} ", tone), part(f"{fold} ", "dim")]
        left.append(part(f"{type_word(line.type):<8} ", _TYPE_TONES.get(line.type, "dim")))
        if line.name and line.name.raw != type_word(line.type):
            left += [part(line.name, "strong", limit=60), part("  ")]
        if line.summary:
            left.append(part(line.summary, "plain", limit=240))
        if row.folded:
            left.append(part(f"  +{row.parts}", "dim"))
        if line.error:
            left += [part("  "), part(line.error, "bad", limit=200)]
        return tuple(left), self.figures(line)

    def figures(self, line: TraceLine) -> Cell:
        """How long it took or takes, its tokens."""
        if line.status == "running":
            return (part(in_words(max((self.drawing().now - line.started_at).total_seconds(), 0) * 1000), "busy"),)
        return (part("  ".join(measured(line)), "dim"),)

    def _strip(self, mark: Segment, left: Cell, right: Cell, base: Style) -> Strip:
        width = self.scrollable_content_region.width
        ellipsis = self.drawing().glyph("…")
        taken = sum(text.cells for text, _ in right)
        if width - taken < _ROOM_FOR_FIGURES:
            right, taken = (), 0
        room = max(width - 1 - (taken + 1 if taken else 0), 0)
        segments = [mark]
        for text, tone in left:
            if room <= 0:
                break
            shown = text.cut(room, ellipsis=ellipsis)
            room -= shown.cells
            segments.append(Segment(shown.plain, base + self.style_of(tone)))
        segments.append(Segment(" " * (max(room, 0) + bool(taken)), base))
        segments += [Segment(text.plain, base + self.style_of(tone)) for text, tone in right]
        return Strip(segments).adjust_cell_length(width, base)

    @property
    def words(self) -> str:
        """What the row under the cursor says, for tests and screen readers."""
        left = self.sides(self._at, self.rows[self._at], 0)[0] if self.rows else ()
        return safe("".join(text.plain for text, _ in left)).plain
