"""What an output view holds of an attempt: pieces in, rows out, with holes where pieces are missing."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from kolony_tui.models.records import OutputPiece
from kolony_tui.ui.widgets.output_lines import Line
from kolony_tui.ui.widgets.output_segment import Segment

KEPT_BYTES = 4 * 1024 * 1024
"""Raw bytes kept of what comes after holes, so that lines and colours across a hole come out right once it is filled.
Beyond it a filled hole is still filled, but a line that it cut stays two."""

# What a piece and a segment take in memory beside their text.
_PIECE_COST = 200
_SEGMENT_COST = 4096


@dataclass(frozen=True, slots=True)
class Place:
    """A line that a person looks at, which stays the same line whatever comes in above it."""

    segment: Segment
    number: int


@dataclass(frozen=True, slots=True)
class Row:
    """One row: a part of a line, or a notice about what is not there (``count`` lines or pieces).

    ``unread``: what is in the database, and not here now; a row for each of its lines.
    """

    kind: Literal["line", "earlier", "hole", "unread"]
    count: int = 0
    pieces: int = 0
    place: Place | None = None
    part: int = 0

    @property
    def words(self) -> str:
        """What a notice says."""
        lines = f"{self.count:,} earlier line{'s' * (self.count != 1)}" if self.kind == "earlier" and self.count else ""
        pieces = f"{self.pieces:,} piece{'s' * (self.pieces != 1)} missing" if self.pieces else ""
        return ", ".join(filter(None, (lines, pieces)))


class OutputWindow:
    """All that is shown of one attempt: at most ``max_lines`` lines and ``max_bytes`` bytes of them, the newest.

    Pieces may come in any order and more than once; one that is missing leaves a hole, which is a row of its own.
    With ``reachable`` it is a part of an output that can be read anywhere: what is above and below it has its rows.
    """

    def __init__(self, *, first_seq: int, max_lines: int, max_bytes: int, reachable: bool = False) -> None:
        self.reachable = reachable
        self._below: int | None = None  # lines of the whole output, where its end is not here
        self._first_seq = first_seq
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._segments: list[Segment] = []
        self._firsts: list[int] = []
        self._earlier_lines = 0
        self._earlier_pieces = 0
        self._kept_bytes = 0
        self._total: int | None = None
        self._closed = False
        self.width: int | None = None  # where lines wrap
        self._moved: Place | None = None
        self._rows: list[Row] = []
        self._starts: list[int] = []
        self.rows = 0

    @property
    def lines_seen(self) -> int:
        """Lines that ever came in, those that were dropped among them."""
        if self.reachable:
            return max(self.end_number, self._below or 0)
        return self._earlier_lines + sum(len(segment.store) for segment in self._segments)

    @property
    def earlier(self) -> int:
        """Lines that were dropped from the top and cannot be read again."""
        return 0 if self.reachable else self._earlier_lines

    @property
    def cost(self) -> int:
        """Bytes that its lines take."""
        return sum(segment.store.cost + _SEGMENT_COST for segment in self._segments)

    @property
    def end_number(self) -> int:
        """Newlines up to its end, a line that is still being written among them."""
        if not self._segments:
            return 0
        last = self._segments[-1]
        return last.number(last.store.first + len(last.store))

    def go_on_below(self, lines: int | None) -> None:
        """The whole output has so many lines and its end is not here; None: it is."""
        self._below = lines
        self._lay_out()

    @property
    def missing(self) -> int:
        """Pieces that are known to be missing."""
        return sum(row.pieces for row in self._rows)

    @property
    def widest(self) -> int:
        """Width in cells of the widest line."""
        return max((segment.store.widest for segment in self._segments), default=0)

    def feed(self, pieces: Iterable[OutputPiece], looking_at: Place | None = None) -> Place | None:
        """Take in pieces; what ``looking_at`` has become is returned (a segment may have been joined to another)."""
        self._moved = looking_at
        touched: dict[int, Segment] = {}
        for piece in pieces:
            segment = self._put(piece)
            if segment is not None:
                touched[id(segment)] = segment
        for segment in touched.values():
            segment.settle()
        self._close_when_whole()
        self._trim()
        self._lay_out()
        return self._moved

    def finish(self, total: int) -> None:
        """The attempt wrote ``total`` pieces, no more will come."""
        self._total = total
        self._close_when_whole()
        self._lay_out()

    def wrap(self, width: int | None) -> None:
        """Wrap lines at ``width`` cells, or with None not at all."""
        self.width = width
        for segment in self._segments:
            segment.store.wrap(width)
        self._lay_out()

    def at_row(self, row: int) -> Row | None:
        """What is on a row, counted from 0; None below the last."""
        if not 0 <= row < self.rows:
            return None
        index = bisect_right(self._starts, row) - 1
        section = self._rows[index]
        if section.place is None:
            return section
        number, part = section.place.segment.store.at_row(row - self._starts[index])
        return Row("line", place=Place(section.place.segment, number), part=part)

    def number_at(self, row: int) -> int:
        """How many newlines are before what is on a row, whether it is here or not."""
        if not self.rows:
            return 0
        row = min(max(row, 0), self.rows - 1)
        index = bisect_right(self._starts, row) - 1
        section, start = self._rows[index], self._starts[index]
        if section.place is not None:
            segment = section.place.segment
            return segment.number(segment.store.at_row(row - start)[0])
        if section.kind == "unread":
            return section.count + row - start
        return self.number_at(self._starts[index + 1]) if index + 1 < len(self._rows) else self.end_number

    def with_number(self, number: int) -> Place | None:
        """The first line with so many newlines before it, if it is here."""
        for segment in self._segments:
            store = segment.store
            if len(store) and number <= segment.number(store.first + len(store) - 1):
                if number < segment.number(store.first):
                    return None
                return Place(segment, segment.with_number(number))
        return None

    def place_at(self, row: int, *, backwards: bool) -> Place | None:
        """The line on a row, or the nearest one below (or above) it."""
        if not self.rows or row >= self.rows:
            return None
        index = bisect_right(self._starts, max(row, 0)) - 1
        while 0 <= index < len(self._rows):
            place, start = self._rows[index].place, self._starts[index]
            if place is not None:
                end = start + place.segment.store.rows - 1
                number, _ = place.segment.store.at_row(min(max(row, start), end) - start)
                return Place(place.segment, number)
            index += -1 if backwards else 1
        return None

    def is_read(self, first: int, last: int) -> bool:
        """Whether all of these rows are here."""
        ends = [*self._starts, self.rows][1:]
        for section, start, end in zip(self._rows, self._starts, ends, strict=True):
            if section.kind == "unread" and start <= last and first < end:
                return False
        return True

    def row_of(self, place: Place) -> int:
        """The row on which a line begins; of a dropped one, the first that is left."""
        for section, start in zip(self._rows, self._starts, strict=True):
            if section.place is not None and section.place.segment is place.segment:
                return start + place.segment.store.row_of(place.number)
        return 0

    def line(self, place: Place) -> Line:
        """The line at a place."""
        return place.segment.store.line(place.number)

    def find(self, pattern: re.Pattern[str], place: Place | None, *, backwards: bool, beyond: bool) -> Place | None:
        """The nearest line that matches, from ``place`` on (with ``beyond`` after it), going round at the end."""
        if not self._segments:
            return None
        if place is None or place.segment not in self._segments:
            place = Place(self._segments[0], 0)
        here, number = self._segments.index(place.segment), place.number
        segment, before, behind = self._segments[here], self._segments[:here], self._segments[here + 1 :]
        ends = [(each, 0, each.store.end + 1) for each in (*before, *behind)]
        if backwards:
            ends = [(each, 0, each.store.end + 1) for each in (*reversed(before), *reversed(behind))]
            first, last = (0, number + (not beyond)), (number, segment.store.end + 1)
        else:
            ends = ends[here:] + ends[:here]
            first, last = (number + beyond, segment.store.end + 1), (0, number + 1)
        for each, since, until in [(segment, *first), *ends, (segment, *last)]:
            found = each.store.find(pattern, since, until, backwards=backwards)
            if found is not None:
                return Place(each, found)
        return None

    def place_near(self, number: int, at: float) -> Place | None:
        """The line with so many newlines before it, or the last; where the beginning is not here, the first since
        ``at`` (seconds since the epoch)."""
        if not self._segments:
            return None
        if self.reachable:
            return self.with_number(number)
        left = number - self._earlier_lines
        for segment in self._segments:
            store = segment.store
            if self._first_seq:
                first = bisect_left(range(store.first, store.end), at, key=lambda each: store.line(each).at)
                left = first if first < len(store) else len(store)
            if left < len(store):
                return Place(segment, store.first + max(left, 0))
            left -= len(store)
        return Place(segment, max(store.first + len(store) - 1, store.first))

    @property
    def segments(self) -> list[Segment]:
        """The segments, in order."""
        return self._segments

    def _put(self, piece: OutputPiece) -> Segment | None:
        index = bisect_right(self._firsts, piece.seq) - 1
        if index < 0 and (self._dropped or piece.seq < self._first_seq):
            return None
        segment = self._segments[index] if index >= 0 else None
        if segment is not None and piece.seq < segment.next_seq:
            return None
        if segment is None or piece.seq != segment.next_seq:
            index += 1
            segment = self._open_segment(index, piece.seq, piece.first_line)
        segment.append(piece)
        self._keep(segment, piece)
        if index + 1 < len(self._segments) and self._firsts[index + 1] == segment.next_seq:
            self._join(index)
        return segment

    @property
    def _dropped(self) -> bool:
        return bool(self._earlier_lines or self._earlier_pieces)

    def _open_segment(self, index: int, seq: int, line: int) -> Segment:
        segment = Segment(seq, line)
        segment.store.wrap(self.width)
        if index > 0 or seq > self._first_seq:
            segment.kept = []
        self._segments.insert(index, segment)
        self._firsts.insert(index, seq)
        return segment

    def _keep(self, segment: Segment, piece: OutputPiece) -> None:
        if segment.kept is None:
            return
        segment.kept.append(piece)
        self._kept_bytes += len(piece.data) + _PIECE_COST
        if self._kept_bytes > KEPT_BYTES:
            self._forget_kept(segment)

    def _forget_kept(self, segment: Segment) -> None:
        if segment.kept is not None:
            self._kept_bytes -= sum(len(piece.data) + _PIECE_COST for piece in segment.kept)
            segment.kept = None

    def _join(self, index: int) -> None:
        segment, other = self._segments[index], self._segments[index + 1]
        from_end = other.store.end - self._moved.number if self._moved and self._moved.segment is other else None
        added = other.kept
        other.settle()
        segment.join(other)
        if segment.kept is not None:
            if added is None:
                self._forget_kept(segment)
            else:
                segment.kept += added
        elif added is not None:
            self._kept_bytes -= sum(len(piece.data) + _PIECE_COST for piece in added)
        if from_end is not None:
            self._moved = Place(segment, max(segment.store.end - from_end, segment.store.first))
        del self._segments[index + 1], self._firsts[index + 1]
        self._closed = False

    def _close_when_whole(self) -> None:
        if self._closed or self._total is None or not self._segments:
            return
        if self._segments[-1].next_seq >= self._total:
            self._segments[-1].close()
            self._closed = True

    def _trim(self) -> None:
        while True:
            lines = sum(len(segment.store) for segment in self._segments) - self._max_lines
            cost = sum(segment.store.cost + _SEGMENT_COST for segment in self._segments) - self._max_bytes
            if lines <= 0 and cost <= 0:
                return
            if not self._dropped:
                self._earlier_pieces = self._firsts[0] - self._first_seq
            segment = self._segments[0]
            count = max(lines, segment.store.costing(cost) if cost > 0 else 0)
            count = min(count, segment.store.end - segment.store.first)
            segment.store.trim(count)
            self._earlier_lines += count
            if count == 0 and len(self._segments) == 1:
                return
            if len(self._segments) > 1 and segment.store.first == segment.store.end:
                self._drop_first()

    def _drop_first(self) -> None:
        """Give up the first segment, of which no finished line is left, and the hole behind it."""
        segment, following = self._segments[0], self._segments[1]
        self._earlier_lines += len(segment.store)
        self._earlier_pieces += following.first_seq - segment.next_seq
        self._forget_kept(segment)
        self._forget_kept(following)
        if self._moved and self._moved.segment is segment:
            self._moved = Place(following, following.store.first)
        del self._segments[0], self._firsts[0]

    def _lay_out(self) -> None:
        self._rows, self._starts, self.rows = [], [], 0
        expected = self._first_seq
        if self.reachable:
            expected = self._firsts[0] if self._dropped else expected
            first = self._segments[0] if self._segments else None
            above = first.number(first.store.first) if first is not None else 0
            if above:
                self._section(Row("unread", count=0), above)
        elif self._dropped:
            self._section(Row("earlier", count=self._earlier_lines, pieces=self._earlier_pieces), 1)
            expected = self._firsts[0]
        for segment in self._segments:
            if segment.first_seq > expected:
                self._section(Row("hole", pieces=segment.first_seq - expected), 1)
            if segment.store.rows:
                self._section(Row("line", place=Place(segment, segment.store.first)), segment.store.rows)
            expected = segment.next_seq
        below = (self._below or 0) - self.end_number
        if below > 0:
            self._section(Row("unread", count=self.end_number), below)
        elif self._total is not None and self._total > expected:
            self._section(Row("hole", pieces=self._total - expected), 1)

    def _section(self, row: Row, rows: int) -> None:
        self._rows.append(row)
        self._starts.append(self.rows)
        self.rows += rows
