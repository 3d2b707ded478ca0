"""A program's output bytes, made safe to be written to a terminal as they come."""

from __future__ import annotations

from kolony_tui.text.characters import MarkCap
from kolony_tui.text.sequences import Sequences

RESET = "\x1b[0m"


class TerminalSafe:
    """One stream's filter: bytes in, in pieces cut anywhere; bytes that may reach a terminal out.

    Text, newlines, tabs, carriage returns, backspaces and colours (SGR) pass; every other sequence is cut, other
    control and invisible characters are replaced as in ``Sequences``. ``encoding`` is the terminal's; what it cannot
    write becomes ``?``, so that no byte of UTF-8 is taken for a C1 control by a terminal that expects Latin-1.
    """

    def __init__(self, encoding: str = "utf-8") -> None:
        self._encoding = encoding
        self._sequences = Sequences()
        self._marks = MarkCap()
        self._coloured = False

    def feed(self, data: bytes) -> bytes:
        """The safe form of the next piece; an unfinished sequence or character at its end is held back."""
        return self._encoded(self._sequences.feed(data))

    def close(self) -> bytes:
        """What is left at the end, and a reset of the colours if any were set."""
        rest = self._sequences.feed(b"", final=True)
        reset, self._coloured = (RESET if self._coloured or "\x1b" in rest else ""), False
        return self._encoded(rest) + reset.encode(self._encoding)

    def _encoded(self, text: str) -> bytes:
        self._coloured = self._coloured or "\x1b" in text
        return self._marks.feed(text).encode(self._encoding, "replace")
