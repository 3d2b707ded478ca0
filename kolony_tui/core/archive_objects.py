"""The object that an attempt's archived output is: gzip over a head, its chunks as they were, and an end to prove it.

    {"format": "kolony output", "version": 1, "workspace_id", "run_id", "attempt", "output_day"}\\n
    {"seq", "stream", "at_us", "first_line", "line_count", "length"}\\n  and so many bytes and \\n, for each chunk
    {"end": true, "chunks", "bytes", "digest"}\\n

``digest`` is that of ``kolony.output_digest``: SHA-256 over the SHA-256 of each chunk with all that is known of it.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import IO, Any

from kolony_tui.models.errors import WorkFailed

FORMAT, VERSION = "kolony output", 1
MOST_WORDS = 20_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_LINE = 4096
_LARGEST = 1 << 20
_WORD = re.compile(r"\w{2,64}")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A row of output. ``at_us``: microseconds since 1970."""

    seq: int
    stream: str
    at_us: int
    first_line: int
    line_count: int
    data: bytes

    @property
    def at(self) -> datetime:
        """When it was written."""
        return _EPOCH + timedelta(microseconds=self.at_us)

    @property
    def digest(self) -> bytes:
        """As the database computes it."""
        head = struct.pack(">i", self.seq) + self.stream.encode() + b"\0"
        numbers = struct.pack(">qqi", self.at_us, self.first_line, self.line_count)
        return hashlib.sha256(head + numbers + self.data).digest()


@dataclass(slots=True)
class Summary:
    """What was written or read: chunks, bytes, the digest of all, and the words to find it by."""

    chunks: int = 0
    size: int = 0
    words: set[str] = field(default_factory=set)
    words_cut: bool = False
    _digest: Any = field(default_factory=hashlib.sha256)
    _tail: str = ""

    @property
    def digest(self) -> bytes:
        """Of all chunks so far."""
        found: bytes = self._digest.digest()
        return found

    def add(self, chunk: Chunk, *, with_words: bool = False) -> None:
        """Counts one more chunk."""
        self.chunks += 1
        self.size += len(chunk.data)
        self._digest.update(chunk.digest)
        if with_words and not self.words_cut:
            text = self._tail + chunk.data.decode("utf-8", "replace").lower()
            # The last word may go on in the next chunk.
            cut = len(text) - len(text.rpartition("\n")[2][-64:]) if not text.endswith("\n") else len(text)
            self._take(text[:cut])
            self._tail = text[cut:]

    def end(self) -> None:
        """No chunk comes any more."""
        self._take(self._tail)
        self._tail = ""

    def _take(self, text: str) -> None:
        for word in _WORD.findall(text):
            self.words.add(word)
        if len(self.words) > MOST_WORDS:
            self.words_cut = True
            self.words = set(sorted(self.words)[:MOST_WORDS])


class ObjectWriter:
    """Writes an object into a file; ``sha256`` and ``size`` are of what was written."""

    def __init__(self, file: IO[bytes], head: dict[str, object]) -> None:
        self._file = file
        self._gzip = zlib.compressobj(6, zlib.DEFLATED, 31)
        self._sha256 = hashlib.sha256()
        self.summary = Summary()
        self.size = 0
        self._line({"format": FORMAT, "version": VERSION, **head})

    @property
    def sha256(self) -> str:
        """Of the object so far."""
        return self._sha256.hexdigest()

    def add(self, chunk: Chunk) -> None:
        """One more chunk, in their order."""
        self._line({"seq": chunk.seq, "stream": chunk.stream, "at_us": chunk.at_us, "first_line": chunk.first_line,
                    "line_count": chunk.line_count, "length": len(chunk.data)})  # fmt: skip
        self._out(self._gzip.compress(chunk.data + b"\n"))
        self.summary.add(chunk, with_words=True)

    def end(self) -> None:
        """Writes the end."""
        self.summary.end()
        self._line({"end": True, "chunks": self.summary.chunks, "bytes": self.summary.size,
                    "digest": self.summary.digest.hex()})  # fmt: skip
        self._out(self._gzip.flush())
        self._file.flush()

    def _line(self, facts: dict[str, object]) -> None:
        self._out(self._gzip.compress(json.dumps(facts).encode() + b"\n"))

    def _out(self, data: bytes) -> None:
        self._file.write(data)
        self._sha256.update(data)
        self.size += len(data)


@dataclass(slots=True)
class ObjectReader:
    """Reads an object from its bytes; ``head`` is known once a chunk was read, the rest at the end of ``chunks``.

    ``sha256``, ``size``: of the bytes themselves.
    """

    pieces: Iterable[bytes]
    head: dict[str, Any] = field(default_factory=dict)
    summary: Summary = field(default_factory=Summary)
    size: int = 0
    sha256: str = ""

    def chunks(self) -> Iterator[Chunk]:
        """Its chunks, in order. Raises WorkFailed where it is damaged, or no such object."""
        source = _Bytes(self._unpacked())
        try:
            self.head = json.loads(source.line())
            if (self.head.get("format"), self.head.get("version")) != (FORMAT, VERSION):
                raise WorkFailed("the archive has something else under that name", "or a newer Kolony wrote it")
            while not (facts := json.loads(source.line())).get("end"):
                if not 0 < facts["length"] <= _LARGEST:
                    raise ValueError("a chunk of no size that there is")
                data = source.take(facts["length"] + 1)[:-1]
                chunk = Chunk(
                    facts["seq"], facts["stream"], facts["at_us"], facts["first_line"], facts["line_count"], data
                )
                self.summary.add(chunk)
                yield chunk
            rest = source.rest()
        except (ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
            raise WorkFailed("what the archive gave is damaged", "it was changed, or cut") from error
        mine = (self.summary.chunks, self.summary.size, self.summary.digest.hex())
        if rest or (facts["chunks"], facts["bytes"], facts["digest"]) != mine:
            raise WorkFailed("what the archive gave is not what was put into it", "it was changed, or cut")

    def _unpacked(self) -> Iterator[bytes]:
        sha256, unpacker = hashlib.sha256(), zlib.decompressobj(31)
        for piece in self.pieces:
            sha256.update(piece)
            self.size += len(piece)
            while piece:
                yield unpacker.decompress(piece, 1 << 21)
                piece = unpacker.unconsumed_tail
        yield unpacker.flush()
        self.sha256 = sha256.hexdigest()


class _Bytes:
    """Bytes that come in pieces, by lines and by lengths; ValueError where they end too early."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._here = bytearray()

    def line(self) -> bytes:
        while (end := self._here.find(b"\n")) < 0:
            if len(self._here) > _LONGEST_LINE:
                raise ValueError("a line without end")
            self._more()
        return self.take(end + 1)

    def take(self, length: int) -> bytes:
        while len(self._here) < length:
            self._more()
        taken = bytes(self._here[:length])
        del self._here[:length]
        return taken

    def rest(self) -> bytes:
        return bytes(self._here) + b"".join(self._pieces)

    def _more(self) -> None:
        piece = next(self._pieces, None)
        if piece is None:
            raise ValueError("cut")
        self._here += piece
