"""`Segment`: successive pieces of an output as lines, each with how many newlines were printed before it."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right

from kolony_tui.models.records import OutputPiece, OutputStream
from kolony_tui.text.lines import LineStream
from kolony_tui.text.sgr import without_colours
from kolony_tui.ui.widgets.output_lines import Line, LineStore

STREAMS: tuple[OutputStream, ...] = ("stdout", "stderr", "log")

_FORGOTTEN_AT_ONCE = 1024


class Segment:
    """Successive pieces without a hole, as lines."""

    def __init__(self, seq: int, line: int = 0) -> None:
        self.first_seq = seq
        self.next_seq = seq
        self.store = LineStore()
        self.kept: list[OutputPiece] | None = None
        self._streams: dict[OutputStream, LineStream] = {}
        self._open: OutputStream = "stdout"
        self._open_since: float | None = None  # when the unfinished line began
        self._last_at = 0.0
        self._newlines = line
        self._ids, self._leads = array("q", [0]), array("q", [line])

    def number(self, line: int) -> int:
        """How many newlines were printed before the line with this id."""
        return line + self._leads[max(bisect_right(self._ids, line) - 1, 0)]

    def with_number(self, number: int) -> int:
        """The id of the first line with so many newlines before it, or of the last line."""
        store = self.store
        lines = range(store.first, store.first + len(store))
        return store.first + min(bisect_left(lines, number, key=self.number), max(len(store) - 1, 0))

    def with_match(self, line: int, pattern: re.Pattern[str] | None) -> int:
        """Of the parts of a line that other streams cut, the one that matches; the first where none does."""
        store, number = self.store, self.number(line)
        for each in range(line, store.first + len(store)):
            if self.number(each) != number:
                break
            if pattern is not None and pattern.search(without_colours(store.line(each).text)):
                return each
        return line

    def append(self, piece: OutputPiece) -> None:
        """Add the piece ``next_seq``; ``settle`` is due afterwards."""
        at = self._last_at = piece.at.timestamp()
        if piece.stream != self._open:
            self._interrupt()
            self._open = piece.stream
        stream = self._streams.setdefault(piece.stream, LineStream())
        before, newlines = self.store.end, piece.data.count(b"\n")
        self._count(before, self._newlines)
        self._finish_lines(stream.feed(piece.data), at)
        self._newlines += newlines
        if self.store.end - before != newlines:
            # The first newline only ended a line that another stream had cut off.
            self._count(before, self._newlines - (self.store.end - before))
        if not stream.unfinished:
            self._open_since = None
        elif self._open_since is None:
            self._open_since = at
        self.next_seq = piece.seq + 1

    def settle(self) -> None:
        """Bring the line that is still being written up to date."""
        if self._open_since is None:
            self.store.set_tail(None)
        else:
            text = self._streams[self._open].tail
            self.store.set_tail(Line(text, STREAMS.index(self._open), self._open_since))

    def join(self, other: Segment) -> None:
        """Add the segment that begins where this one ends."""
        if other.kept is not None:
            for piece in other.kept:
                self.append(piece)
            self.settle()
            return
        self._interrupt()
        base = self.store.end
        self.store.absorb(other.store)
        for line, lead in zip(other._ids, other._leads, strict=True):
            self._count(base + line, line + lead)
        self._newlines = other._newlines
        self.next_seq = other.next_seq
        self._streams, self._open = other._streams, other._open
        self._open_since, self._last_at = other._open_since, other._last_at

    def close(self) -> None:
        """Nothing more will come: what is unfinished is finished."""
        at = self._open_since or self._last_at
        for name in sorted(self._streams, key=lambda name: name != self._open):
            self.store.extend(self._streams[name].close(), STREAMS.index(name), at)
        self._open_since = None
        self.settle()

    def _count(self, line: int, number: int) -> None:
        """From the line with this id on, so many newlines were before."""
        lead = number - line
        if self._leads[-1] == lead:
            return
        if self._ids[-1] == line:
            self._leads[-1] = lead
            return
        gone = bisect_right(self._ids, self.store.first) - 1
        if gone > _FORGOTTEN_AT_ONCE:
            del self._ids[:gone], self._leads[:gone]
        self._ids.append(line)
        self._leads.append(lead)

    def _interrupt(self) -> None:
        if self._open_since is not None:
            line = self._streams[self._open].interrupt()
            self.store.extend([line], STREAMS.index(self._open), self._open_since)
            self._open_since = None

    def _finish_lines(self, lines: list[str], at: float) -> None:
        if not lines:
            return
        stream = STREAMS.index(self._open)
        if self._open_since not in (None, at):
            self.store.extend(lines[:1], stream, self._open_since or at)
            lines = lines[1:]
        self._open_since = None
        if lines:
            self.store.extend(lines, stream, at)
