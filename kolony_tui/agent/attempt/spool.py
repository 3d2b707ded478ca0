"""Chunks on disk while the database is away: a file without a name, bounded, read back in order."""

from __future__ import annotations

import os
import struct
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from kolony_tui.agent.attempt.output import Chunk

_HEAD = struct.Struct("<IBqQII")
_STREAMS = ("stdout", "stderr", "log")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Spool:
    """First in, first out. The file has no name and mode 0600: it is gone with the runner, however that ends."""

    def __init__(self, folder: Path, bound: int) -> None:
        self._folder = folder
        self._bound = bound
        self._file: IO[bytes] | None = None
        self._read_at = 0
        self._write_at = 0

    @property
    def waiting_bytes(self) -> int:
        """What has not been read back."""
        return self._write_at - self._read_at

    @property
    def full(self) -> bool:
        """Whether the bound is reached; what is put in all the same is still kept."""
        return self._write_at >= self._bound

    def put(self, chunk: Chunk) -> bool:
        """Keeps a chunk; False where the disk does not take it."""
        head = _HEAD.pack(chunk.seq, _STREAMS.index(chunk.stream), (chunk.at - _EPOCH) // _MICROSECOND,
                          chunk.first_line, chunk.line_count, len(chunk.data))  # fmt: skip
        try:
            if self._file is None:
                # Without a buffer, which would keep what a full disk did not take and fail over it when it is read.
                self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115  (until ``close``)
            self._write(head + chunk.data)
        except OSError:
            return False
        self._write_at += len(head) + len(chunk.data)
        return True

    def take(self) -> Chunk | None:
        """The oldest chunk that was not read back; None when there is none."""
        if self._file is None or not self.waiting_bytes:
            return None
        descriptor = self._file.fileno()
        head = os.pread(descriptor, _HEAD.size, self._read_at)
        seq, stream, micros, first_line, line_count, size = _HEAD.unpack(head)
        data = os.pread(descriptor, size, self._read_at + _HEAD.size)
        self._read_at += _HEAD.size + size
        if not self.waiting_bytes:
            self._read_at = self._write_at = 0
            self._file.truncate(0)
        return Chunk(seq, _STREAMS[stream], _EPOCH + micros * _MICROSECOND, first_line, line_count, data)

    def _write(self, data: bytes) -> None:
        assert self._file is not None
        rest, at = memoryview(data), self._write_at
        while rest:
            done = os.pwrite(self._file.fileno(), rest, at)
            rest, at = rest[done:], at + done

    def close(self) -> None:
        """Forgets everything."""
        if self._file is not None:
            self._file.close()
            self._file = None
