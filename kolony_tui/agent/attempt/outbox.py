"""Brings one attempt's chunks into the database, in order, however often the connection is lost."""

from __future__ import annotations

import asyncio
import contextlib
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterable
from uuid import UUID

from kolony_tui.agent.attempt.output import Chunk
from kolony_tui.agent.attempt.spool import Spool
from kolony_tui.agent.link import Link
from kolony_tui.models.errors import CannotConnect, KolonyError, LoginRefused

MEMORY_BYTES = 4 * 1024 * 1024
"""What waits in memory before the disk is used or the program is slowed; also what is kept of what was written."""

LEAST_BYTES, MOST_BYTES = 128 * 1024, 2 * 1024 * 1024
"""What goes into one statement: more while that is quick, less on a slow way to the server."""

QUICK_SECONDS, SLOW_SECONDS = 0.2, 1.0
BATCH_CHUNKS = 500


class Outbox:
    """Chunks that wait to be written, oldest first: in memory, then in the spool while the database is away.

    While it is there and too slow, or the spool has reached its bound, ``room`` makes the reader wait, and so the
    program. ``acknowledged`` counts what is written. ``on_trouble`` gets the error after which nothing more of this
    attempt can be written.
    """

    def __init__(
        self,
        attempt_id: UUID,
        link: Link,
        turn: asyncio.Lock,
        spool: Spool,
        alive: Callable[[], bool],
        on_written: Callable[[], None],
        on_trouble: Callable[[KolonyError], None],
    ) -> None:
        self._attempt_id = attempt_id
        self._link = link
        self._turn = turn
        self._spool = spool
        self._alive = alive
        self._on_written = on_written
        self._on_trouble = on_trouble
        self._first: deque[Chunk] = deque()
        self._last: deque[Chunk] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self._trouble: KolonyError | None = None
        self._written: deque[Chunk] = deque()
        self._written_bytes = 0
        self._first_lines = array("Q")
        self._batch_bytes = 8 * LEAST_BYTES
        self.acknowledged = 0
        self._sender: asyncio.Task[None] | None = None

    @property
    def full(self) -> bool:
        """Whether the program has to wait."""
        if self._link.up.is_set():
            return max(self._bytes, self._spool.waiting_bytes) >= MEMORY_BYTES
        return self._bytes >= MEMORY_BYTES and (self._spool.full or bool(self._last))

    def put(self, chunks: Iterable[Chunk]) -> None:
        """Takes chunks, always; ask ``room`` before reading more of the program."""
        for chunk in chunks:
            self._first_lines.append(chunk.first_line)
            self._emptied.clear()
            if not self._keep(chunk):
                self._last.append(chunk)
                self._bytes += len(chunk.data)
            self._news.set()
            if self._sender is None:
                self._sender = asyncio.create_task(self._send())

    async def room(self) -> None:
        """Returns when more may be read, or when nothing can be written any more."""
        while self.full and self._trouble is None:  # noqa: ASYNC110  (several things change that)
            await asyncio.sleep(0.02)

    async def emptied(self) -> None:
        """Returns when every chunk is written. Raises what made that impossible."""
        if self._sender is None:
            return
        waiting = asyncio.create_task(self._emptied.wait())
        try:
            await asyncio.wait([waiting, self._sender], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self._trouble is not None:
            raise self._trouble

    async def write_again(self) -> None:
        """Writes once more what is still kept of what was written: a server that lost its newest data gets it back."""
        kept = list(self._written)
        while kept:
            batch = self._some(kept)
            if await self._append(batch):
                del kept[: len(batch)]

    async def stand_in(self, numbers: Iterable[int]) -> None:
        """Writes, in the place of chunks that the server lost and that are not kept, a line that says so."""
        now = self._link.now()
        line = b"[kolony: the server lost this piece of the output]\n"
        chunks = [Chunk(number, "log", now, self._first_lines[number], 1, line) for number in numbers]
        while not await self._append(chunks):
            continue

    async def close(self) -> None:
        """Drops what was not written."""
        if self._sender is not None:
            self._sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sender
        self._spool.close()

    def _keep(self, chunk: Chunk) -> bool:
        """Puts a chunk behind all earlier ones, unless only ``_last`` can take it."""
        if self._last:
            return False
        if not self._spool.waiting_bytes and (self._bytes < MEMORY_BYTES or self._link.up.is_set()):
            self._first.append(chunk)
            self._bytes += len(chunk.data)
            return True
        return self._spool.put(chunk)

    def _batch(self) -> list[Chunk]:
        """The oldest chunks, as many as go into one statement; they stay in the queue."""
        size = 0
        for chunk in self._first:
            size += len(chunk.data)
        while size < self._batch_bytes and (spooled := self._spool.take()) is not None:
            self._first.append(spooled)
            self._bytes += len(spooled.data)
            size += len(spooled.data)
        while not self._spool.waiting_bytes and self._last:
            self._first.append(self._last.popleft())
        return self._some(self._first)

    def _some(self, chunks: Iterable[Chunk]) -> list[Chunk]:
        """The first of these, as many as go into one statement."""
        batch: list[Chunk] = []
        size = 0
        for chunk in chunks:
            if batch and (size + len(chunk.data) > self._batch_bytes or len(batch) == BATCH_CHUNKS):
                break
            batch.append(chunk)
            size += len(chunk.data)
        return batch

    async def _send(self) -> None:
        try:
            while True:
                batch = self._batch()
                if not batch:
                    self._emptied.set()
                    self._news.clear()
                    await self._news.wait()
                    continue
                if not await self._append(batch):
                    continue
                for chunk in batch:
                    self._first.popleft()
                    self._bytes -= len(chunk.data)
                    self._remember(chunk)
                self.acknowledged += len(batch)
                self._on_written()
        except Exception as error:  # whatever it is: an output that is not sent any more must hold nobody up
            known = error if isinstance(error, KolonyError) else KolonyError(f"a fault of the runner: {error!r}")
            self._trouble = known
            self._on_trouble(known)

    def _remember(self, chunk: Chunk) -> None:
        self._written.append(chunk)
        self._written_bytes += len(chunk.data)
        while self._written_bytes > MEMORY_BYTES:
            self._written_bytes -= len(self._written.popleft().data)

    async def _append(self, chunks: list[Chunk]) -> bool:
        """Writes these; False where the connection was lost over it: then it is to be tried again, with less."""
        # One append at a time for the whole runner: a heartbeat never waits behind more than one of them.
        async with self._turn:
            began = time.monotonic()
            try:
                await self._link.insist(
                    "append_output",
                    self._attempt_id,
                    [chunk.seq for chunk in chunks],
                    [chunk.stream for chunk in chunks],
                    [chunk.at for chunk in chunks],
                    [chunk.first_line for chunk in chunks],
                    [chunk.line_count for chunk in chunks],
                    [chunk.data for chunk in chunks],
                    alive=self._alive,
                    tries=1,
                )
            except LoginRefused:
                raise
            except CannotConnect:
                self._batch_bytes = max(LEAST_BYTES, self._batch_bytes // 4)
                return False
            took = time.monotonic() - began
        if took > SLOW_SECONDS:
            self._batch_bytes = max(LEAST_BYTES, self._batch_bytes // 2)
        elif took < QUICK_SECONDS and len(chunks) < BATCH_CHUNKS:
            self._batch_bytes = min(MOST_BYTES, self._batch_bytes * 2)
        return True
