"""A program in a real terminal: a pseudo-terminal whose every byte is kept."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Lock, Thread

import pyte

DEADLINE = 30.0


class Terminal:
    """A process with a terminal of its own."""

    def __init__(self, pid: int, descriptor: int, columns: int, rows: int) -> None:
        self.pid = pid
        self.descriptor = descriptor
        self.seen = bytearray()
        """Every byte that it printed."""
        self._reading = Lock()
        self._drawn = 0
        self.code: int | None = None
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def shown(self) -> str:
        """What a person sees."""
        # Drawn when somebody looks: that is most of the work. pyte does not know every private mode that Textual sets;
        # it is only asked for what is in the cells.
        news, self._drawn = self.seen[self._drawn :], len(self.seen)
        for start in range(0, len(news), 65536):
            with contextlib.suppress(Exception):
                self._stream.feed(bytes(news[start : start + 65536]))
        return "\n".join(self._screen.display)

    def until(self, true: Callable[[], object], what: str, deadline: float = DEADLINE) -> None:
        """Reads what the process prints until the condition holds."""
        end = time.monotonic() + deadline
        while not true():
            assert time.monotonic() < end, f"not in {deadline} s: {what}\n{self.shown}"
            self.read(0.05)

    def read(self, wait: float) -> bool:
        """Takes in what there is; False at the end."""
        with self._reading:
            if not select.select([self.descriptor], [], [], wait)[0]:
                return True
            try:
                data = os.read(self.descriptor, 65536)
            except OSError:
                return False
            self.seen += data
            return bool(data)

    @contextmanager
    def read_along(self) -> Iterator[None]:
        """Takes in what is printed while the block lasts, as a terminal does: a program waits for one that does not."""
        over = Event()

        def read() -> None:
            while not over.is_set() and self.read(0.05):
                over.wait(0.02)

        reader = Thread(target=read)
        reader.start()
        try:
            yield
        finally:
            over.set()
            reader.join()

    def press(self, keys: str) -> None:
        """Types."""
        os.write(self.descriptor, keys.encode())

    def insist(self, keys: str, true: Callable[[], object], what: str) -> None:
        """Types, and again every two seconds, as a person does when nothing happens."""
        end = time.monotonic() + DEADLINE
        while not true():
            assert time.monotonic() < end, f"not in {DEADLINE} s: {what}\n{self.shown}"
            self.press(keys)
            again = time.monotonic() + 2
            while not true() and time.monotonic() < again:
                self.read(0.05)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the process."""
        os.kill(self.pid, number)

    def ended(self) -> bool:
        """Whether the process is gone."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code is not None

    def hang_up(self) -> None:
        """Closes the terminal, as a closed window does."""
        os.close(self.descriptor)
        self.descriptor = -1


@contextmanager
def running(
    words: Sequence[str | Path], environment: Mapping[str, str], *, columns: int = 100, rows: int = 30
) -> Iterator[Terminal]:
    """The program ``words`` in a terminal of that size, until the block ends."""
    # Test runners set the size of a terminal of theirs.
    given = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}
    pid, descriptor = pty.fork()
    if pid == 0:
        os.execve(words[0], [str(word) for word in words], {**given, "TERM": "xterm-256color", "LANG": "C.UTF-8"})
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    terminal = Terminal(pid, descriptor, columns, rows)
    try:
        yield terminal
    finally:
        if not terminal.ended():
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        if terminal.descriptor >= 0:
            os.close(terminal.descriptor)
