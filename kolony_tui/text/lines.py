"""A program's output bytes, turned into the lines that a person sees."""

from __future__ import annotations

import re

from kolony_tui.text.characters import tidy
from kolony_tui.text.safe import TAB_STOP, cell_width
from kolony_tui.text.sequences import Sequences
from kolony_tui.text.sgr import PLAIN, SgrState, after

LINE_LIMIT = 10_000
"""Characters of one line that are kept for display; the rest is counted. The bytes themselves are in the database."""

_COLOURS_PER_CHARACTER = 4  # a line that is nothing but colour changes is bounded too
_TOKEN = re.compile(r"\x1b\[(?P<colour>[0-9:;]*)m|(?P<back>\x08+)|\r|[^\x1b\r\x08]+")
_REWRITES_OR_TABS = re.compile(r"[\r\x08\t]")
_COLOUR = re.compile(r"\x1b\[([0-9:;]*)m")
_REWRITES_OR_COLOURS = re.compile(r"[\x1b\r\x08]")
_COLOUR_OR_PIECE = re.compile(r"\x1b\[[0-9:;]*m|[^\x1b]+")


class LineStream:
    """One stream of a program: bytes in, in pieces cut anywhere; display lines out.

    A line holds no control character and no escape sequence but SGR, and is complete in itself: where colours were in
    force when it began, it starts with the sequence that sets them. A carriage return starts the line over with the
    next character that is written (so a progress bar is one line and CR LF is one end of line), a backspace takes back
    the character before it in the same way; tabs are filled with spaces. Lines longer than ``limit`` characters are
    clipped and end in a marker that counts what was left out.
    """

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._sequences = Sequences()
        self._state = PLAIN
        self._interrupted = False
        self._begin()

    def feed(self, data: bytes) -> list[str]:
        """The lines that this piece finished."""
        return self._take(self._sequences.feed(data))

    @property
    def unfinished(self) -> bool:
        """Whether there is a line that is still being written."""
        return self._length > 0

    @property
    def tail(self) -> str:
        """The line that is still being written; empty when nothing can be seen of it."""
        return self._finished()

    def interrupt(self) -> str:
        """End the unfinished line where it is, because another stream writes below it; empty when there was none.

        What comes next begins a new line; a newline that would only have ended this one ends nothing.
        """
        line = self.tail
        if line:
            self._begin()
            self._interrupted = True
        return line

    def close(self) -> list[str]:
        """No more bytes will come: the lines that were still open."""
        lines = self._take(self._sequences.feed(b"", final=True))
        last = self.tail
        self._begin()
        return [*lines, last] if last else lines

    def _begin(self) -> None:
        self._start: SgrState = self._state  # the colours in force where the line begins
        self._pieces: list[str] = []
        self._stored = 0
        self._length = 0  # characters written, those beyond the limit among them
        self._take_back = 0

    def _take(self, text: str) -> list[str]:
        first, *rest = text.split("\n")
        self._write(first)
        if not rest:
            return []
        lines = []
        if not (self._interrupted and not self._length):
            lines.append(self._finished())
        self._interrupted = False
        self._begin()
        *whole, last = rest
        if whole:
            lines += self._plain_lines(whole) if self._is_simple(text) else map(self._line, whole)
        self._begin()
        self._write(last)
        return lines

    def _is_simple(self, text: str) -> bool:
        return self._state == PLAIN and "\t" not in text and not _REWRITES_OR_COLOURS.search(text)

    def _plain_lines(self, lines: list[str]) -> list[str]:
        """Whole lines without anything to interpret: the common case, and the fast one."""
        if max(map(len, lines)) > self._limit:
            return [self._line(line) for line in lines]
        return tidy("\n".join(lines)).split("\n")

    def _line(self, text: str) -> str:
        if len(text) <= self._limit and not _REWRITES_OR_TABS.search(text):
            return self._coloured_line(text)
        self._begin()
        self._write(text)
        return self._finished()

    def _coloured_line(self, text: str) -> str:
        """A whole line in which nothing but colours is to be followed: it stays as it is."""
        start, seen = self._state, len(text)
        for parameters in _COLOUR.findall(text):
            seen -= len(parameters) + 3
            self._state = after(self._state, parameters)
        if not seen:
            return ""
        return tidy(text) if start == PLAIN else start.sequence + tidy(text)

    def _write(self, text: str) -> None:
        if not _REWRITES_OR_COLOURS.search(text):
            self._put(text)
            return
        for match in _TOKEN.finditer(text):
            colour, back = match.group("colour", "back")
            token = match[0]
            if colour is not None:
                self._state = after(self._state, colour)
                if self._length < self._limit and self._stored < self._limit * _COLOURS_PER_CHARACTER:
                    self._keep(token)
            elif back is not None:
                self._take_back = min(self._take_back + len(back), self._length)
            elif token.startswith("\r"):
                self._take_back = self._length
            else:
                self._put(token)

    def _put(self, text: str) -> None:
        if not text:
            return
        if self._take_back:
            self._rewind()
        room = self._limit - self._length
        self._length += len(text)
        if room > 0:
            self._keep(text[:room])

    def _rewind(self) -> None:
        """Take back characters from the end of the line; the colours set since stay in force."""
        left = self._length - self._take_back
        recoloured = self._length > self._limit  # beyond the limit colours are followed, not kept
        excess = max(min(self._length, self._limit) - left, 0)
        self._length, self._take_back = left, 0
        while self._pieces and (excess or self._pieces[-1].startswith("\x1b")):
            piece = self._pieces.pop()
            self._stored -= len(piece)
            if piece.startswith("\x1b"):
                recoloured = True
                continue
            if len(piece) > excess:
                self._keep(piece[:-excess])
            excess -= min(excess, len(piece))
        if recoloured and (self._pieces or self._state != self._start):
            self._keep(self._state.sequence)

    def _keep(self, piece: str) -> None:
        self._pieces.append(piece)
        self._stored += len(piece)

    def _finished(self) -> str:
        if not self._length:
            return ""
        line = "".join(self._pieces)
        if "\t" in line:
            line = _fill_tabs(line, self._limit)
        line = tidy(line)
        if self._length > self._limit:
            line += f"\x1b[0m … {self._length - self._limit:,} more characters"
        return line if self._start == PLAIN else self._start.sequence + line


def _fill_tabs(line: str, limit: int) -> str:
    """The line with each tab replaced by the spaces up to the next stop, at most ``limit`` cells of them."""
    filled = []
    column = 0
    for match in _COLOUR_OR_PIECE.finditer(line):
        piece = match[0]
        if piece.startswith("\x1b"):
            filled.append(piece)
            continue
        first, *cells = piece.split("\t")
        filled.append(first)
        column += cell_width(first)
        for cell in cells:
            spaces = TAB_STOP - column % TAB_STOP if column < limit else 1
            filled.append(" " * spaces + cell)
            column += spaces + cell_width(cell)
    return "".join(filled)
