"""Cuts what the work prints into the numbered chunks that the database keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

CHUNK_BYTES = 64 * 1024
FLUSH_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of one stream. ``seq`` numbers the chunks of an attempt from 0 over all streams; ``at`` is UTC.

    ``first_line`` counts the newlines in all earlier chunks of the attempt, ``line_count`` those in this one.
    """

    seq: int
    stream: str
    at: datetime
    first_line: int
    line_count: int
    data: bytes


class Cutter:
    """Bytes in, chunks out, in the order of arrival; a chunk holds bytes of one stream only.

    A chunk is full at 64 KiB, and is sent 0.1 s after the one before it at the latest: the first bytes after a pause go
    out at once. It ends with a line where one ends in it. Times are seconds on the caller's monotonic clock.
    """

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self.chunks = 0
        self.bytes = 0
        self.lines = 0
        self._stream = ""
        self._held = bytearray()
        self._at = clock()
        self._flushed = float("-inf")
        self._due = float("inf")

    @property
    def due(self) -> float | None:
        """When ``flush`` has something to do; None while nothing is held."""
        return self._due if self._held else None

    def feed(self, stream: str, data: bytes, now: float) -> list[Chunk]:
        """Takes the next bytes; gives the chunks that are ready."""
        ready = self._cut_all(now) if stream != self._stream else []
        self._stream = stream
        if not self._held:
            self._at = self._clock()
            self._due = max(now, self._flushed + FLUSH_SECONDS)
        self._held += data
        while len(self._held) >= CHUNK_BYTES:
            ready.append(self._cut(self._line_end(CHUNK_BYTES) or CHUNK_BYTES, now))
        return ready + self.flush(now)

    def flush(self, now: float) -> list[Chunk]:
        """What is due: whole lines, or else all that is held. A line's beginning waits once more for its end."""
        if not self._held or now < self._due:
            return []
        return [self._cut(self._line_end(len(self._held)) or len(self._held), now)]

    def finish(self) -> list[Chunk]:
        """What is left at the end."""
        return self._cut_all(self._flushed)

    def _cut_all(self, now: float) -> list[Chunk]:
        return [self._cut(len(self._held), now)] if self._held else []

    def _line_end(self, within: int) -> int:
        return self._held.rfind(b"\n", 0, within) + 1

    def _cut(self, size: int, now: float) -> Chunk:
        data = bytes(self._held[:size])
        del self._held[:size]
        chunk = Chunk(self.chunks, self._stream, self._at, self.lines, data.count(b"\n"), data)
        self.chunks += 1
        self.bytes += size
        self.lines += chunk.line_count
        self._at = self._clock()
        self._flushed = now
        self._due = now + FLUSH_SECONDS
        return chunk
