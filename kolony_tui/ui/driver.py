"""The terminal driver, forgiving: a terminal that is gone (a closed window, a broken ssh) must not keep the app."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import termios
import time
from functools import partial
from threading import Thread
from typing import IO, Any

from textual.drivers.linux_driver import LinuxDriver

PATIENCE = 30.0
"""Seconds from the wish to leave to the end of the process, whatever hangs; what is done properly needs far less."""

_GIVE_BACK = b"\x1b[?2004l\x1b[?7h\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l"
"""No pasting marks, lines wrap, no mouse, usual keys, the normal screen, a cursor, no focus marks."""


class _Forgiving:
    """A file whose writes go nowhere once the terminal is gone.

    Textual writes from a thread that dies of such an error; the queue in front of it then fills, and the whole app
    waits for ever.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._gone = False

    def write(self, text: str) -> int:
        """Writes, or loses it."""
        if not self._gone:
            try:
                return self._file.write(text)
            except OSError:
                self._gone = True
        return len(text)

    def flush(self) -> None:
        """Flushes, or loses it."""
        if not self._gone:
            try:
                self._file.flush()
            except OSError:
                self._gone = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class KolonyDriver(LinuxDriver):
    """Textual's driver for Unix terminals, on such a file; for an app that has the process to itself."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._file: Any = _Forgiving(self._file)
        self._leaving = False
        Thread(target=self._watch, name="kolony-hang-up", daemon=True).start()

    def end_surely(self, code: int) -> None:
        """The app is to end: in half a minute the process does, with this code, and gives the terminal back."""
        if not self._leaving:
            self._leaving = True
            Thread(target=self._end, args=(code,), name="kolony-end", daemon=True).start()

    def _end(self, code: int) -> None:
        time.sleep(PATIENCE)
        with contextlib.suppress(termios.error, OSError):
            if self.attrs_before is not None:
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)
            # A terminal that takes nothing must not hold this up, too.
            if select.select([], [self.fileno], [], 1.0)[1]:
                os.write(self.fileno, _GIVE_BACK)
        os._exit(code)

    def _watch(self) -> None:
        """Ends the app with its terminal: not everybody is sent SIGHUP, and who reads there would read on and on."""
        terminal = select.poll()
        terminal.register(self.fileno, 0)
        mask = 0
        while not mask & (select.POLLHUP | select.POLLERR | select.POLLNVAL):
            mask = terminal.poll()[0][1]
        if mask & select.POLLNVAL:
            return  # a platform on which terminals cannot be asked
        self.exit_event.set()
        code = 128 + signal.SIGHUP
        self.end_surely(code)
        with contextlib.suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(partial(self._app.exit, return_code=code))
