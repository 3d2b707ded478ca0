"""What a program prints: both of its pipes read in the order in which their bytes arrive."""

from __future__ import annotations

import array
import asyncio
import fcntl
import os
import termios
from collections import deque

READ_BYTES = 65536
AHEAD_BYTES = 4 * READ_BYTES
"""How much is read before somebody asks for it; beyond that the program waits in its write."""


class Pipes:
    """The reading ends of a program's stdout and stderr. ``ends``: name to descriptor, owned from here on."""

    def __init__(self, ends: dict[str, int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._open = dict(ends)
        self._left: dict[str, int] = {}
        self._arrived: deque[tuple[str, bytes]] = deque()
        self._waiting_bytes = 0
        self._reading = False
        self._news = asyncio.Event()
        for end in ends.values():
            os.set_blocking(end, False)
        self._read_on()

    async def next(self) -> tuple[str, bytes] | None:
        """The next bytes of either stream; None when both have ended and everything was handed out."""
        while not self._arrived:
            if not self._open:
                return None
            self._news.clear()
            await self._news.wait()
        stream, data = self._arrived.popleft()
        self._waiting_bytes -= len(data)
        self._read_on()
        return stream, data

    def settle(self) -> None:
        """Nobody of the program's session lives any more: what is in the pipes now is all that belongs to it.

        A process that left the session may hold a pipe open for ever; nothing that it writes later is waited for.
        """
        for stream, end in list(self._open.items()):
            waiting = array.array("i", [0])
            fcntl.ioctl(end, termios.FIONREAD, waiting)
            self._left[stream] = waiting[0]
            if not waiting[0]:
                self._end(stream)

    def close(self) -> None:
        """Closes both pipes; what was not handed out is gone."""
        for stream in list(self._open):
            self._end(stream)
        self._arrived.clear()

    def _read_on(self) -> None:
        if not self._reading and self._waiting_bytes < AHEAD_BYTES:
            self._reading = True
            for stream, end in self._open.items():
                self._loop.add_reader(end, self._readable, stream)

    def _readable(self, stream: str) -> None:
        end = self._open.get(stream)
        if end is None:
            return
        try:
            data = os.read(end, min(READ_BYTES, self._left.get(stream, READ_BYTES)))
        except BlockingIOError:
            return
        if not data:
            self._end(stream)
            return
        self._arrived.append((stream, data))
        self._waiting_bytes += len(data)
        self._news.set()
        if stream in self._left:
            self._left[stream] -= len(data)
            if not self._left[stream]:
                self._end(stream)
        if self._waiting_bytes >= AHEAD_BYTES and self._reading:
            self._reading = False
            for other in self._open.values():
                self._loop.remove_reader(other)

    def _end(self, stream: str) -> None:
        end = self._open.pop(stream)
        self._loop.remove_reader(end)
        os.close(end)
        self._news.set()
