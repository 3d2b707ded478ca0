"""A program on a terminal of its own: what its screen shows, and keys to it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import pyte

# What pyte takes for text: sequences with a private marker or an intermediate character, and DCS strings.
_UNKNOWN = re.compile(rb"\x1bP[^\x1b]*\x1b\\|\x1b\[[<=>][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*\$p")


class Terminal:
    """Runs a program on a new pseudo-terminal, until the ``with`` block ends."""

    def __init__(
        self,
        program: Sequence[str | Path],
        environment: Mapping[str, str],
        *,
        columns: int = 100,
        rows: int = 30,
        folder: Path | None = None,
    ) -> None:
        self.written = bytearray()
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._pending = b""
        self._here, there = pty.openpty()
        fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            program,
            stdin=there,
            stdout=there,
            stderr=there,
            cwd=folder,
            env={**environment, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that the terminal's signals arrive
        )
        os.close(there)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._here)

    @property
    def lines(self) -> list[str]:
        """The screen, row by row, without the blanks at the ends."""
        return [row.rstrip() for row in self._screen.display]

    @property
    def text(self) -> str:
        """The screen as one text."""
        return "\n".join(self.lines)

    def send(self, keys: str) -> None:
        """Types ``keys``."""
        os.write(self._here, keys.encode())

    def wait_for(self, shown: str | Callable[[str], object], deadline: float = 60.0) -> None:
        """Reads until the screen shows that text or fulfils that condition; fails after ``deadline`` seconds."""
        ready = (lambda text: shown in text) if isinstance(shown, str) else shown
        end = time.monotonic() + deadline
        while not ready(self.text):
            assert time.monotonic() < end, f"not shown in {deadline} s: {shown}\n{self.text}"
            assert self.read(), f"the program ended before it showed {shown}\n{self.text}"

    def wait_for_end(self, deadline: float = 30.0) -> int:
        """Reads until the program ends; its exit code."""
        end = time.monotonic() + deadline
        while self.read():
            assert time.monotonic() < end, f"it did not end in {deadline} s\n{self.text}"
        return self.process.wait(max(0.1, end - time.monotonic()))

    def read(self, patience: float = 0.05) -> bool:
        """Takes in what was written within ``patience`` seconds; false when the other end is closed."""
        if not select.select([self._here], [], [], patience)[0]:
            return True
        try:
            piece = os.read(self._here, 65_536)
        except OSError:  # Linux says "end" so
            return False
        self.written += piece
        self._show(piece)
        return bool(piece)

    def _show(self, piece: bytes) -> None:
        piece = self._pending + piece
        # A sequence that is not whole yet is kept for the next piece.
        cut = piece.rfind(b"\x1b", max(0, len(piece) - 64))
        whole = cut < 0 or re.match(rb"\x1b(\[[0-9;:<=>?$]*[@-~]|P.*\x1b\\|[^\[P])", piece[cut:], re.DOTALL) is not None
        keep = len(piece) if whole else cut
        self._pending = piece[keep:]
        self._stream.feed(_UNKNOWN.sub(b"", piece[:keep]))
