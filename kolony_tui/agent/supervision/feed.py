"""The standard input of a program that is spoken to: a pipe that waits for whoever does not read."""

from __future__ import annotations

import asyncio
import os


class Feed:
    """The writing end of a pipe, owned from here on. What is written arrives whole and in order."""

    def __init__(self, end: int) -> None:
        os.set_blocking(end, False)
        self._end: int | None = end
        self._turn = asyncio.Lock()
        self._news = asyncio.Event()

    async def write(self, data: bytes) -> None:
        """Puts it in; returns when the pipe has all of it, or when the pipe was closed on either side."""
        async with self._turn:
            rest = memoryview(data)
            while rest and self._end is not None:
                try:
                    rest = rest[os.write(self._end, rest) :]
                except BlockingIOError:
                    await self._writable(self._end)
                except OSError:
                    # Nobody reads it any more.
                    self.close()

    def close(self) -> None:
        """Ends the input, also for who is writing at the moment; a second time does nothing more."""
        end, self._end = self._end, None
        self._news.set()
        if end is not None:
            asyncio.get_running_loop().remove_writer(end)
            os.close(end)

    async def _writable(self, end: int) -> None:
        self._news.clear()
        loop = asyncio.get_running_loop()
        loop.add_writer(end, self._news.set)
        try:
            await self._news.wait()
        finally:
            if self._end is not None:
                loop.remove_writer(end)
