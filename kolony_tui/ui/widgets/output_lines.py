"""The lines of an output, kept in byte arenas: a line costs its text and about 16 bytes."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from rich.cells import split_graphemes

from kolony_tui.text.safe import cell_width
from kolony_tui.text.sgr import without_colours

LINE_COST = 16
"""Bytes that a line costs beside its text."""

_BLOCK_BYTES = 64 * 1024
_BLOCK_LINES = 512
_WIDEST = 0xFFFF


class Line(NamedTuple):
    """A display line: text with SGR, the stream it came from, when it began (seconds since the epoch)."""

    text: str
    stream: int
    at: float


class _Block:
    """Some successive lines: their UTF-8 text, each ended by a newline, and what is known of each."""

    __slots__ = ("ats", "cells", "first", "starts", "streams", "text")

    def __init__(self, first: int) -> None:
        self.first = first
        self.text = bytearray()
        self.starts = array("I")
        self.cells = array("H")
        self.streams = bytearray()
        self.ats = array("d")

    def append(self, lines: Sequence[str], stream: int, at: float) -> None:
        joined = "\n".join(lines)
        sizes = [len(line) if line.isascii() else len(line.encode()) for line in lines]
        self.starts.extend(accumulate((size + 1 for size in sizes[:-1]), initial=len(self.text)))
        if joined.isascii() and "\x1b" not in joined:
            self.cells.extend(sizes)
        else:
            self.cells.extend(min(cell_width(without_colours(line)), _WIDEST) for line in lines)
        self.text += joined.encode()
        self.text += b"\n"
        self.streams += bytes([stream]) * len(lines)
        self.ats.extend([at] * len(lines))

    def raw(self, index: int) -> bytes:
        return bytes(self.text[self.starts[index] : self._start(index + 1) - 1])

    def cost(self, since: int, until: int) -> int:
        return self._start(until) - self._start(since) + LINE_COST * (until - since)

    def cost_from(self, since: int) -> Callable[[int], int]:
        return lambda count: self.cost(since, since + count)

    def _start(self, index: int) -> int:
        return self.starts[index] if index < len(self.starts) else len(self.text)


def row_breaks(plain: str, width: int) -> list[int]:
    """Where the rows of a line begin (character offsets) when it is wrapped at ``width`` cells."""
    if plain.isascii():
        return list(range(0, len(plain), width)) or [0]
    breaks = [0]
    used = 0
    for start, _end, cells in split_graphemes(plain)[0]:
        if used + cells > width and used:
            breaks.append(start)
            used = 0
        used += cells
    return breaks


class LineStore:
    """Lines with ascending ids, the last of which may still be written; the oldest can be dropped.

    A line is on one row, or with a wrap width on as many as it needs; rows count from 0 at the first kept line.
    """

    def __init__(self) -> None:
        self.first = 0
        self.end = 0  # id after the last finished line
        self.tail: Line | None = None
        self.widest = 0
        self.cost = 0
        self._blocks: list[_Block] = []
        self._firsts: list[int] = []
        self._width: int | None = None
        self._row_ends = array("Q")  # for each line from `_rows_from` on: rows up to and with it; only when wrapping
        self._rows_from = 0
        self._rows_gone = 0
        self._tail_rows = 0

    def __len__(self) -> int:
        return self.end - self.first + (self.tail is not None)

    def extend(self, lines: Sequence[str], stream: int, at: float) -> None:
        """Append finished lines."""
        for start in range(0, len(lines), _BLOCK_LINES):
            part = lines[start : start + _BLOCK_LINES]
            if not self._blocks or len(self._blocks[-1].text) >= _BLOCK_BYTES:
                self._add(_Block(self.end))
            block = self._blocks[-1]
            before, known = len(block.text), len(block.starts)
            block.append(part, stream, at)
            self.cost += len(block.text) - before + LINE_COST * len(part)
            self.end += len(part)
            self.widest = max(self.widest, max(block.cells[known:]))
            if self._width is not None:
                self._measure(block, known, self._width)

    def absorb(self, other: LineStore) -> None:
        """Append all finished lines of another store, which is not used afterwards, and take over its tail."""
        assert other.first == 0, "lines were dropped from the middle"
        for block in other._blocks:
            block.first = self.end
            self._add(block)
            self.end += len(block.starts)
        self.cost += other.cost
        self.widest = max(self.widest, other.widest)
        self.set_tail(other.tail)
        self._rebuild_rows()

    def set_tail(self, line: Line | None) -> None:
        """Set the line that is still being written (its id is ``end``), or that there is none."""
        self.tail = line
        self._tail_rows = 0
        if line is not None:
            plain = without_colours(line.text)
            cells = cell_width(plain)
            self.widest = max(self.widest, cells)
            self._tail_rows = self._height(cells, line.text) if self._width else 1

    def trim(self, count: int) -> None:
        """Drop the ``count`` oldest finished lines."""
        first = min(self.first + count, self.end)
        while self.first < first:
            block = self._blocks[0]
            until = min(first - block.first, len(block.starts))
            self.cost -= block.cost(self.first - block.first, until)
            self.first = block.first + until
            if until == len(block.starts):
                del self._blocks[0], self._firsts[0]
                self._forget_rows()

    def costing(self, amount: int) -> int:
        """How many of the oldest finished lines it takes to free ``amount`` bytes (all, if that is not enough)."""
        count = 0
        for block in self._blocks:
            since = max(self.first - block.first, 0)
            whole = block.cost(since, len(block.starts))
            if whole >= amount:
                return count + bisect_left(range(len(block.starts) - since), amount, key=block.cost_from(since))
            count += len(block.starts) - since
            amount -= whole
        return count

    def line(self, number: int) -> Line:
        """The line with this id."""
        if number == self.end and self.tail is not None:
            return self.tail
        block, index = self._place(number)
        return Line(block.raw(index).decode(), block.streams[index], block.ats[index])

    def find(self, pattern: re.Pattern[str], since: int, until: int, *, backwards: bool = False) -> int | None:
        """The id of the first (or last) line in ``since <= id < until`` whose text, without colours, matches.

        The pattern must not match a newline.
        """
        if backwards and self.tail is not None and since <= self.end < until and self._in_tail(pattern):
            return self.end
        blocks = reversed(self._blocks) if backwards else iter(self._blocks)
        for block in blocks:
            if block.first >= until or block.first + len(block.starts) <= since:
                continue
            hits = [hit for hit in _hits(block, pattern) if max(since, self.first) <= hit < min(until, self.end)]
            if hits:
                return hits[-1 if backwards else 0]
        if not backwards and self.tail is not None and since <= self.end < until and self._in_tail(pattern):
            return self.end
        return None

    @property
    def rows(self) -> int:
        """How many rows all lines take."""
        if self._width is None:
            return len(self)
        return (
            (self._row_ends[-1] if self._row_ends else self._rows_gone)
            - self._rows_before(self.first)
            + self._tail_rows
        )

    def wrap(self, width: int | None) -> None:
        """Wrap lines at ``width`` cells from now on, or with None not at all."""
        if width != self._width:
            self._width = width
            self._rebuild_rows()
            self.set_tail(self.tail)

    def row_of(self, number: int) -> int:
        """The row on which the line with this id (or the first kept one, if that is later) begins."""
        number = min(max(number, self.first), self.end)
        if self._width is None:
            return number - self.first
        return self._rows_before(number) - self._rows_before(self.first)

    def at_row(self, row: int) -> tuple[int, int]:
        """The id of the line on this row, and which of its rows it is, from 0."""
        if self._width is None:
            return self.first + row, 0
        absolute = row + self._rows_before(self.first)
        number = self._rows_from + bisect_right(self._row_ends, absolute)
        return number, absolute - self._rows_before(number)

    def _add(self, block: _Block) -> None:
        self._blocks.append(block)
        self._firsts.append(block.first)

    def _place(self, number: int) -> tuple[_Block, int]:
        block = self._blocks[bisect_right(self._firsts, number) - 1]
        return block, number - block.first

    def _in_tail(self, pattern: re.Pattern[str]) -> bool:
        return self.tail is not None and pattern.search(without_colours(self.tail.text)) is not None

    def _rows_before(self, number: int) -> int:
        index = number - self._rows_from
        return self._row_ends[index - 1] if index > 0 else self._rows_gone

    def _height(self, cells: int, text: str) -> int:
        width = self._width
        if width is None or cells <= width:
            return 1
        return -(-cells // width) if text.isascii() else len(row_breaks(without_colours(text), width))

    def _measure(self, block: _Block, since: int, width: int) -> None:
        total = self._row_ends[-1] if self._row_ends else self._rows_gone
        heights: Iterator[int]
        if max(block.cells[since:], default=0) <= width:
            heights = iter([1] * (len(block.starts) - since))
        else:
            heights = (
                1 if cells <= width else self._height(cells, block.raw(index).decode())
                for index, cells in enumerate(block.cells[since:], since)
            )
        self._row_ends.extend([total := total + height for height in heights])

    def _rebuild_rows(self) -> None:
        del self._row_ends[:]
        self._rows_gone = 0
        self._rows_from = self._firsts[0] if self._firsts else self.end
        if self._width is not None:
            for block in self._blocks:
                self._measure(block, 0, self._width)

    def _forget_rows(self) -> None:
        """Drop the row counts of lines whose block is gone; the others keep counting from where they did."""
        since = self._firsts[0] if self._firsts else self.end
        if self._width is not None:
            self._rows_gone = self._rows_before(since)
            del self._row_ends[: since - self._rows_from]
        self._rows_from = since


def _hits(block: _Block, pattern: re.Pattern[str]) -> Iterator[int]:
    text = without_colours(block.text.decode())
    number, counted = block.first, 0
    last = -1
    for match in pattern.finditer(text):
        number += text.count("\n", counted, match.start())
        counted = match.start()
        if number != last:
            yield number
            last = number
