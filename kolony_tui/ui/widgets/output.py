"""`OutputView`: what a run prints, live; it never moves under a reader and shows nothing but safe text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.cache import LRUCache
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from kolony_tui.models.records import OutputPiece
from kolony_tui.text.sgr import without_colours
from kolony_tui.ui.after import after
from kolony_tui.ui.widgets.extent import set_extent
from kolony_tui.ui.widgets.output_rows import (
    OUTPUT_BINDINGS,
    OUTPUT_CSS,
    STYLES,
    Look,
    TextRow,
    look_of,
    margin,
    margin_width,
    notice,
    search_pattern,
    text_rows,
)  # fmt: skip
from kolony_tui.ui.widgets.output_selection import copied, shifted
from kolony_tui.ui.widgets.output_window import OutputWindow, Place

MAX_LINES = 500_000
MAX_BYTES = 16 * 1024 * 1024
FRAME = 1 / 30
UNFOCUSED_FRAME = 1 / 15
_WHOLE = re.compile(".+")
_PENDING_BYTES = 128 * 1024  # beyond it pieces are taken in before the frame is over


class OutputView(ScrollView, can_focus=True):
    """What an attempt printed, merged over its streams in the order in which it was written.

    Feed it pieces; it keeps the newest ``max_lines`` lines and ``max_bytes`` bytes (16 bytes a line beside the text)
    and says how much it dropped. It is drawn at most 30 times a second. ``follow`` keeps the end in view; going up
    turns it off, and then what the person reads stays where it is whatever comes in or is dropped; ``new_lines``
    counts what came since. Times are shown in the zone of this machine.
    """

    DEFAULT_CSS = OUTPUT_CSS
    COMPONENT_CLASSES: ClassVar[set[str]] = set(STYLES)
    BINDINGS: ClassVar[list[BindingType]] = OUTPUT_BINDINGS

    follow: reactive[bool] = reactive(True, repaint=False)
    """Whether the end is kept in view."""
    wrap: reactive[bool] = reactive(False, repaint=False)
    """Whether lines wider than the view go on in the next row."""
    timestamps: reactive[bool] = reactive(False, repaint=False)
    """Whether each line shows when it began."""
    new_lines: reactive[int] = reactive(0, repaint=False)
    """Lines that came since ``follow`` was left; 0 while following."""

    class SearchRequested(Message):
        """The person wants to search; the screen asks for what and calls ``search``."""

        def __init__(self, view: OutputView) -> None:
            super().__init__()
            self.view = view

        @property
        def control(self) -> OutputView:
            """The view that is to be searched."""
            return self.view

    def __init__(
        self,
        *,
        first_seq: int = 0,
        max_lines: int = MAX_LINES,
        max_bytes: int = MAX_BYTES,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._bounds = max_lines, max_bytes
        self.window = OutputWindow(first_seq=first_seq, max_lines=max_lines, max_bytes=max_bytes)
        """What is here."""
        self._pending: list[OutputPiece] = []
        self._pending_bytes = 0
        self._framed = self._unshown = False
        self._on_screen = False
        self._seen = 0
        self._pattern = ""
        self._found: Place | None = None
        self._aim: tuple[int, float] | None = None
        self._aim_found = self._aim_asked = False
        self._look: Look | None = None
        self._drawn: LRUCache[Place, list[TextRow]] = LRUCache(512)
        self.far: Callable[[int], None] | None = None
        """Told the number of a line that is wanted and not here; ``put`` is the answer."""
        self._asked_at: int | None = None

    def put(self, window: OutputWindow, around: int | None = None) -> None:
        """Show this part of the output from now on, the one ``around`` the line that was wanted.

        The reader stays where they are, or goes where they want to.
        """
        self._flush()
        top = self.scroll_offset.y
        place = self.window.place_at(top, backwards=False) if self.window.is_read(top, top) else None
        row = self.window.row_of(place) - top if place is not None else 0
        number = place.segment.number(place.number) if place is not None else self.window.number_at(top)
        self.window = window
        self._found = None
        window.wrap(self._wrap_width)
        self._restyle()
        self._asked_at = None
        self._show(window.with_number(number), row)
        if self._aim is not None:
            if (wanted := window.with_number(self._aim[0])) is not None:
                self._reveal(self._mark_found(wanted) if self._aim_found else wanted)
                self._aim = None
            elif around == self._aim[0]:
                self._aim = None  # it is nowhere
            elif not self._aim_asked:
                self._ask_for_aim()

    @property
    def line_numbers(self) -> tuple[int, int]:
        """The number of the first line in view, and how many lines there are (both count newlines)."""
        return self.window.number_at(self.scroll_offset.y), self.window.lines_seen

    def lines_changed(self) -> None:
        """The window has more lines below than before."""
        self._show(*self._reading())

    def feed(self, pieces: Sequence[OutputPiece]) -> None:
        """Add pieces; those that are there already are ignored, missing ones may come later."""
        self._pending += pieces
        self._pending_bytes += sum(len(piece.data) for piece in pieces)
        if not self._on_screen:
            self._flush()
        elif self._pending_bytes > _PENDING_BYTES:
            self._take_in() if self.follow else self._flush()
        if self._on_screen and not self._framed and pieces:
            self._framed = True
            after(self, FRAME if self.has_focus else UNFOCUSED_FRAME, self._end_frame)

    def finish(self, total: int) -> None:
        """Nothing more will come: the attempt wrote ``total`` pieces. What is missing of them is shown as a hole."""
        self._flush()
        self.window.finish(total)
        self._show(None, 0)

    def clear(self, *, first_seq: int = 0) -> None:
        """Begin anew, for another attempt or at another piece, following."""
        self._pending, self._pending_bytes = [], 0
        self.window = OutputWindow(first_seq=first_seq, max_lines=self._bounds[0], max_bytes=self._bounds[1])
        self._found = self._aim = self._asked_at = None
        self._seen = 0
        self.window.wrap(self._wrap_width)
        self._restyle()
        self.new_lines = 0
        self.follow = True
        self._show(None, 0)

    @property
    def earlier(self) -> int:
        """Lines that were dropped from the top to stay in bounds."""
        return self.window.earlier

    @property
    def line_count(self) -> int:
        """Lines that are there."""
        return self.window.lines_seen - self.window.earlier

    # Search

    def search(self, text: str) -> bool:
        """Mark every occurrence of ``text`` (an empty one marks nothing) and go to one; False when there is none.

        While following that is the last, else the first from here on, going on at the top.
        """
        self._pattern = text
        self._found = None
        self._restyle()
        if self._current_look.search is None:
            return False
        return self._find(backwards=self.follow)

    def mark_nothing(self) -> None:
        """Leave the search."""
        self.search("")

    def go_to_line(self, number: int, at: float) -> None:
        """Go to the line with so many newlines before it, or what was printed next at that time; once it is there."""
        self._aim, self._aim_found, self._aim_asked = (number, at), False, False
        self._take_aim()

    def show_found(self, number: int) -> None:
        """Go to the line with so many newlines before it, in which what is searched for stands."""
        self.follow = False
        place = self.window.with_number(number)
        if place is not None:
            self._reveal(self._mark_found(place))
        else:
            self._aim, self._aim_found, self._aim_asked = (number, 0.0), True, False
            self._ask_for_aim()

    def mark(self, text: str) -> None:
        """Mark every occurrence of ``text`` (an empty one marks nothing) and go nowhere."""
        self._pattern, self._found = text, None
        self._restyle()

    def _mark_found(self, place: Place) -> Place:
        """Of the parts of a line that other streams cut, the one in which it is."""
        segment = place.segment
        place = Place(segment, segment.with_match(place.number, self._current_look.search))
        self._found = place
        self._drawn.clear()
        return place

    def _take_aim(self) -> None:
        if self._aim is None:
            return
        place = self.window.place_near(*self._aim)
        if place is not None:
            if self.window.lines_seen > self._aim[0]:
                self._aim = None
            self._reveal(place)
        elif not self._aim_asked:
            self._ask_for_aim()

    def _ask_for_aim(self) -> None:
        if self._aim is not None and self.far is not None and self._aim[0] < self.window.lines_seen:
            self.follow, self._aim_asked = False, True
            self.far(self._aim[0])

    def action_search(self) -> None:
        """Ask the screen for something to search for."""
        self.post_message(self.SearchRequested(self))

    def action_find(self, direction: int) -> None:
        """Go to the next (1) or previous (-1) line with a match."""
        if not self._find(backwards=direction < 0):
            self.app.bell()

    def _find(self, *, backwards: bool) -> bool:
        pattern = self._current_look.search
        if pattern is None:
            return False
        since = self._found or self.window.place_at(
            self._bottom if backwards else self.scroll_offset.y, backwards=backwards
        )
        place = self.window.find(pattern, since, backwards=backwards, beyond=self._found is not None)
        if place is None:
            return False
        self._found = place
        self._drawn.clear()
        self._reveal(place)
        return True

    def _reveal(self, place: Place) -> None:
        self.follow = False
        height = self.scrollable_content_region.height
        row = self.window.row_of(place)
        if not self.scroll_offset.y <= row < self.scroll_offset.y + height:
            self.scroll_to(y=row - height // 3, animate=False)
        self.refresh()

    # Following and moving

    def action_follow_end(self) -> None:
        """Go to the end and stay there."""
        self.follow = True
        self._scroll_to_end()

    def action_scroll_home(self) -> None:
        """Go to the first line that is there."""
        self.scroll_to(y=0, animate=False)

    def action_toggle_follow(self) -> None:
        """Follow the end, or stay here."""
        self.follow = not self.follow

    def action_toggle_wrap(self) -> None:
        """Wrap long lines, or scroll sideways for them."""
        self.wrap = not self.wrap

    def action_toggle_timestamps(self) -> None:
        """Show or hide when each line began."""
        self.timestamps = not self.timestamps

    def watch_follow(self, follow: bool) -> None:
        """Go to the end when following begins; count what is new from when it ends."""
        self._seen = self.window.lines_seen
        self.new_lines = 0
        if follow:
            self._scroll_to_end()

    def watch_wrap(self) -> None:
        """Lay the lines out anew around what the person reads."""
        self._reflow()

    def watch_timestamps(self) -> None:
        """Lay the lines out anew: the margin has changed."""
        self._reflow()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Going up from the end is leaving it."""
        super().watch_scroll_y(old_value, new_value)
        if self.follow and new_value < old_value and round(new_value) < self.max_scroll_y:
            self.follow = False
        self._ask_for_more()

    def _ask_for_more(self) -> None:
        """What is in view, and a screenful around it, is to be here."""
        top, height = self.scroll_offset.y, self.scrollable_content_region.height
        going = self._aim is not None and self._aim_asked  # what is asked for now is where one goes
        if self.far is None or going or self._asked_at == top or self.window.is_read(top - height, top + 2 * height):
            return
        self._asked_at = top
        self.far(self.window.number_at(top + height // 2))

    def _scroll_to(self, x: float | None = None, y: float | None = None, **options: Any) -> bool:
        # An animation would fight with lines that come in meanwhile, and lose.
        return super()._scroll_to(x, y, **{**options, "animate": False})

    def _scroll_to_end(self) -> None:
        if self._on_screen:
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True)

    @property
    def _bottom(self) -> int:
        below = self.scroll_offset.y + self.scrollable_content_region.height
        return max(min(below, self.window.rows) - 1, 0)

    # Taking pieces in

    def on_mount(self) -> None:
        """Show what was fed before."""
        self._on_screen = True
        self._reflow()

    def on_resize(self) -> None:
        """Wrap at the new width."""
        self._reflow()

    def _end_frame(self) -> None:
        self._framed = False
        self._flush()

    def _flush(self) -> None:
        place, row = self._reading()
        if self._pending or self._unshown:
            self._show(self._take_in(place), row)
            self._unshown = False
            self._take_aim()

    def _take_in(self, place: Place | None = None) -> Place | None:
        """What waits becomes lines; who follows the end sees them with the next frame."""
        pieces, self._pending, self._pending_bytes = self._pending, [], 0
        segments = len(self.window.segments)
        place = self.window.feed(pieces, place)
        if len(self.window.segments) < segments:
            self._drawn.clear()  # its keys would keep what was joined alive
            if self._found is not None and self._found.segment not in self.window.segments:
                self._found = None
        self._unshown = True
        return place

    def _reading(self) -> tuple[Place | None, int]:
        """The first line in view, and the row of the view on which it begins."""
        top = self.scroll_offset.y
        place = self.window.place_at(top, backwards=False)
        return place, (self.window.row_of(place) - top if place else 0)

    def _show(self, place: Place | None, row: int) -> None:
        """Bring size, position and counts up to date; the line at ``place`` keeps its ``row`` of the view."""
        if not self._on_screen:
            return
        before = self.scroll_offset.y
        width = margin_width(self.timestamps) + (self.window.width or self.window.widest)
        set_extent(self, Size(width, self.window.rows))
        if place is not None:
            top = self.window.row_of(place) - row
            self._move_selection(top - before)
            if not self.follow and top != self.scroll_offset.y:
                self.scroll_to(y=top, animate=False, force=True)
        if self.follow:
            self._scroll_to_end()
        else:
            self.new_lines = max(self.window.lines_seen - self._seen, 0)
        self.refresh()
        self._ask_for_more()

    def _reflow(self) -> None:
        """Wrap anew, if need be, with the same line at the top."""
        if not self._on_screen:
            return
        place, row = self._reading()
        self.window.wrap(self._wrap_width)
        self._restyle()
        self._show(place, row if row > 0 else 0)

    @property
    def _wrap_width(self) -> int | None:
        if not (self.wrap and self._on_screen):
            return None
        return max(self.scrollable_content_region.width - margin_width(self.timestamps), 1)

    # Drawing

    def notify_style_update(self) -> None:
        """The theme has changed: nothing drawn is right any more."""
        super().notify_style_update()
        self._restyle()

    def _restyle(self) -> None:
        self._look = None
        self._drawn.clear()
        self.refresh()

    @property
    def _current_look(self) -> Look:
        if self._look is None:
            self._look = look_of(self, self.window.width, self.timestamps, search_pattern(self._pattern))
        return self._look

    def render_line(self, y: int) -> Strip:
        """One row of the view, with ``y`` counted from its top."""
        look = self._current_look
        width = self.size.width
        number = self.scroll_offset.y + y
        row = self.window.at_row(number)
        if row is None or row.kind == "unread":
            return Strip.blank(width, look.text)
        if row.place is None:
            return notice(row.words, look).adjust_cell_length(width, look.text)
        scroll_x = self.scroll_offset.x
        shown = self._rows_of(row.place)[row.part]
        selection = self.text_selection
        selected = selection.get_span(number) if selection is not None else None
        strip = shown.strip(selected, self.screen.get_component_rich_style("screen--selection"))
        strip = strip.crop_extend(scroll_x, scroll_x + max(width - look.margin, 0), look.text)
        strip = strip.apply_offsets(shown.character_at(scroll_x), number)
        return Strip.join([margin(self.window.line(row.place), row.part, look), strip]).crop(0, width)

    def _rows_of(self, place: Place) -> list[TextRow]:
        if place.number == place.segment.store.end:
            return self._text_rows(place)  # still being written
        rows = self._drawn.get(place)
        if rows is None:
            rows = self._drawn[place] = self._text_rows(place)
        return rows

    def _text_rows(self, place: Place) -> list[TextRow]:
        look = self._current_look
        line = self.window.line(place)
        if place == self._found:
            there = look.search is not None and look.search.search(without_colours(line.text))
            look = replace(look, match=look.found, search=look.search if there else _WHOLE)
        return text_rows(line, look)

    # Selecting and copying

    @property
    def allow_select(self) -> bool:
        """Text can be selected with the mouse."""
        return True

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw the selection."""
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text without margins and notices; a wrapped line is one line."""
        return copied(selection, self.window.rows, self._text_row), "\n"

    def _text_row(self, number: int) -> TextRow | None:
        row = self.window.at_row(number)
        return self._rows_of(row.place)[row.part] if row is not None and row.place is not None else None

    def _move_selection(self, rows: int) -> None:
        """Keep the selection on its text when rows come in or go above it."""
        selection = self.text_selection
        if not rows or selection is None:
            return
        selections = {widget: each for widget, each in self.screen.selections.items() if widget is not self}
        moved = shifted(selection, rows)
        if moved is not None:
            selections[self] = moved
        self.screen.selections = selections
