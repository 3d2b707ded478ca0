"""The terminal driver, forgiving: a terminal that is gone (a closed window, a broken ssh) must not keep the app."""

from __future__ import annotations

from typing import IO, Any

from textual.drivers.linux_driver import LinuxDriver


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
    """Textual's driver for Unix terminals, on such a file."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._file: Any = _Forgiving(self._file)
