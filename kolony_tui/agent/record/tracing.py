"""`TraceBook`: brings what an agent says of its own steps into the database, merged, in order and beside the work."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kolony_tui.agent.events import Ended, Event, Traced
from kolony_tui.agent.link import Lapsed
from kolony_tui.agent.record.trace_file import TraceFile
from kolony_tui.agent.record.trace_words import SUMMARY_CHARACTERS, json_cut, json_text, plain, summary_of, text_cut
from kolony_tui.models.errors import Fenced, KolonyError, LoginRefused, Refused
from kolony_tui.patience import set_within

if TYPE_CHECKING:
    from kolony_tui.agent.record.sinks import Bench

VALUE_BYTES = 1024 * 1024
"""What is kept of an input or an output, as JSON."""
WAITING_BYTES = 8 * 1024 * 1024
"""Values that wait while the database is away; what comes beyond is counted, and shown as cut."""
ENTRIES = 50_000
"""As many entries an attempt may have."""
SPACING_SECONDS = 0.2
_BATCH_ENTRIES = 200
_BATCH_BYTES = 512 * 1024
_ATTRIBUTE_BYTES = 8 * 1024
_SLOW_BYTES = 64 * 1024
"""The more is there of an output that grows, the less often it is written: each time is a new copy in the database."""
_FILE_SECONDS = 0.25


@dataclass(slots=True)
class _Node:
    """What is known of an entry. ``kept`` and ``size``: bytes of its output as JSON, kept and in all."""

    position: int
    type: str
    began: float
    open: bool = True
    full: bool = False
    kept: int = 2
    size: int = 2
    head: str = ""
    about: str = ""
    not_before: float = 0.0


@dataclass(slots=True)
class _News:
    """What of an entry is not written yet."""

    facts: dict[str, Any] = field(default_factory=dict)
    pieces: list[str] = field(default_factory=list)
    bytes: int = 0


class TraceBook:
    """The trace of one attempt. Durations are by this machine's clock, from the first news of an entry to its end."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._nodes: dict[str, _Node] = {}
        self._due: dict[str, _News] = {}
        self._waiting = 0
        self._revision = 0
        self._news = asyncio.Event()
        self._hurry = asyncio.Event()
        self._written = asyncio.Event()
        self._written.set()
        self._writer: asyncio.Task[None] | None = None
        self._trouble: KolonyError | None = None
        self._refused = False
        self._ended: Ended | None = None
        folder = bench.work.run_dir
        self._file = TraceFile(folder / "trace.jsonl", bench.masking.value) if folder is not None else None
        self._reader = asyncio.create_task(self._read_file()) if self._file is not None else None

    def take(self, event: Event) -> None:
        """A node of the trace, news of one, or the end."""
        if isinstance(event, Traced):
            self._note(event)
        elif isinstance(event, Ended):
            self._ended = event

    async def flushed(self) -> None:
        """All is written, and what was open is closed by how the work ended. Raises Fenced, Lapsed, LoginRefused."""
        await self._stop_reading()
        self._take_file(last=True)
        if self._ended is not None:
            self._close_open(self._ended)
            self._ended = None
        self._hurry.set()
        await self._written.wait()
        if isinstance(self._trouble, Fenced | Lapsed | LoginRefused):
            raise self._trouble
        if self._trouble is not None:
            self._bench.say("trace failed", f"its trace is not whole: {self._trouble.line}")

    async def close(self) -> None:
        """Drops what is not written."""
        await self._stop_reading()
        if self._writer is not None:
            self._writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writer
        if self._file is not None:
            self._file.close()

    # What a program leaves in its folder

    async def _read_file(self) -> None:
        while True:
            self._take_file()
            await asyncio.sleep(_FILE_SECONDS)

    def _take_file(self, *, last: bool = False) -> None:
        if self._file is None:
            return
        for note in self._file.news(last=last):
            self._note(note.traced, note.duration_ms)
        if self._file.wrong:
            self._bench.say("trace refused", self._file.wrong)
            self._file.wrong = ""

    async def _stop_reading(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
            self._reader = None

    # Taking news in

    def _note(self, said: Traced, duration_ms: float | None = None) -> None:
        key = plain(said.key, 300) or "?"
        if self._trouble is not None:
            return
        if key not in self._nodes and len(self._nodes) >= ENTRIES:
            if len(self._nodes) > ENTRIES:
                return
            key = "event:full"
            words = f"no more than {ENTRIES} entries are kept"
            said = Traced(key, "event", name="the trace is full", status="completed", output=words)
        news = self._due.setdefault(key, _News())
        facts = news.facts
        node = self._nodes.get(key)
        if node is None:
            node = self._nodes[key] = _Node(len(self._nodes), said.type, time.monotonic())
            facts.update(position=node.position, started_at=self._now(), line_from=self._bench.lines())
        node.type = facts["type"] = said.type
        facts["line_to"] = self._bench.lines()
        if said.parent is not None:
            facts["parent"] = plain(said.parent, 300) or None
        if said.name is not None:
            facts["name"] = plain(said.name, 500)
        if said.error is not None:
            facts["error"] = plain(said.error, 10_000)
        if said.attributes:
            facts["attributes"] = facts.get("attributes", {}) | _attributes(said.attributes)
        self._note_numbers(facts, said)
        self._note_values(node, news, said)
        if said.status is not None:
            self._note_status(node, facts, said.status, duration_ms)
        self._written.clear()
        self._news.set()
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())

    def _note_numbers(self, facts: dict[str, Any], said: Traced) -> None:
        if isinstance(said.tokens, int) and not isinstance(said.tokens, bool) and 0 <= said.tokens < 2**62:
            facts["tokens"] = said.tokens
        if said.confidence is not None and math.isfinite(said.confidence):
            facts["confidence"] = min(max(float(said.confidence), 0.0), 1.0)

    def _note_status(self, node: _Node, facts: dict[str, Any], status: str, duration_ms: float | None) -> None:
        facts["status"] = status
        if status != "running" and node.open:
            measured = (time.monotonic() - node.began) * 1000
            facts.update(ended_at=self._now(), duration_ms=round(measured if duration_ms is None else duration_ms, 3))
        node.open = status == "running"

    def _now(self) -> str:
        return self._bench.link.now().isoformat()

    def _note_values(self, node: _Node, news: _News, said: Traced) -> None:
        before = news.bytes
        if said.input is not None:
            news.facts["input"], news.facts["input_size"] = self._value(said.input, news)
            node.about = summary_of(node.type, said.input, None)
        if said.output is not None:
            text, size = self._value(said.output, news)
            news.facts["output"], news.facts["output_size"] = text, size
            news.pieces.clear()
            node.kept, node.size, node.head = len(text.encode()), size, ""
            node.full = size > node.kept
            if not isinstance(said.output, str):
                node.kept = node.size = 2  # text behind it takes its place
            node.head = summary_of(node.type, None, said.output)
        if said.append:
            self._append(node, news, said.append)
        if said.input is not None or said.output is not None or said.append:
            first = node.about if node.type in ("tool_call", "llm_prompt") else node.head
            news.facts["summary"] = plain(first or node.head or node.about, SUMMARY_CHARACTERS)
        self._waiting += news.bytes - before

    def _value(self, value: Any, news: _News) -> tuple[str, int]:
        room = VALUE_BYTES if self._waiting < WAITING_BYTES else 2
        text, size = json_cut(value, room)
        news.bytes += len(text)
        return text, size

    def _append(self, node: _Node, news: _News, piece: str) -> None:
        escaped = json_text(piece)
        size = len(escaped.encode()) - 2
        node.size += size
        news.facts["output_size"] = node.size
        if len(node.head) < SUMMARY_CHARACTERS:
            node.head += piece[:SUMMARY_CHARACTERS]
        node.full = node.full or self._waiting >= WAITING_BYTES
        if node.full:
            return
        if node.kept + size > VALUE_BYTES:
            node.full = True
            escaped = text_cut(piece, VALUE_BYTES - node.kept + 2)
        news.pieces.append(escaped[1:-1])
        news.bytes += len(escaped)
        node.kept += len(escaped.encode()) - 2

    def _close_open(self, ended: Ended) -> None:
        """Entries that nobody closed ended with the work."""
        status = "completed" if not ended.error else "cancelled" if self._bench.stopped() else "failed"
        for key, node in list(self._nodes.items()):
            if node.open:
                error = ended.error if status == "failed" and node.type == "llm_prompt" else None
                self._note(Traced(key, node.type, status=status, error=error))  # type: ignore[arg-type]

    # Writing

    async def _write(self) -> None:
        try:
            while True:
                if not self._due:
                    self._written.set()
                    self._news.clear()
                    await self._news.wait()
                batch = self._batch()
                if batch:
                    await self._send(batch)
                    self._bench.hint(f"trace:{self._bench.work.run_id}")
                await set_within(self._hurry, SPACING_SECONDS)
        except Exception as error:  # whatever it is: a trace that is not written any more must hold nobody up
            known = error if isinstance(error, KolonyError) else KolonyError(f"a fault of the runner: {error!r}")
            self._trouble = known
            self._due.clear()
            self._written.set()

    def _batch(self) -> list[dict[str, Any]]:
        now, size = time.monotonic(), 0
        batch: list[dict[str, Any]] = []
        for key, news in list(self._due.items()):
            node = self._nodes[key]
            if not self._hurry.is_set() and node.open and "position" not in news.facts and now < node.not_before:
                continue
            if batch and (size + news.bytes > _BATCH_BYTES or len(batch) == _BATCH_ENTRIES):
                break
            del self._due[key]
            self._waiting -= news.bytes
            size += news.bytes
            self._revision += 1
            entry = {"key": key, "revision": self._revision, **news.facts}
            if news.pieces:
                entry["append"] = f'"{"".join(news.pieces)}"'
                node.not_before = now + SPACING_SECONDS * (node.kept / _SLOW_BYTES)
            batch.append(entry)
        return batch

    async def _send(self, batch: list[dict[str, Any]]) -> None:
        try:
            await self._bench.link.insist("append_trace", self._bench.work.attempt_id, batch, alive=self._bench.alive)
        except Fenced:
            raise
        except Refused as error:
            if len(batch) > 1:
                for entry in batch:
                    await self._send([entry])
            elif not self._refused:
                self._refused = True
                self._bench.say("trace refused", f"an entry of its trace was refused: {error.line}")


def _attributes(given: dict[str, Any]) -> dict[str, Any]:
    cleaned: dict[str, Any] = {plain(str(name), 200): _clean(value, 8) for name, value in given.items()}
    size = len(json_text(cleaned).encode())
    return cleaned if size <= _ATTRIBUTE_BYTES else {"kolony.attributes.bytes_left_out": size}


def _clean(value: Any, depth: int) -> Any:
    """The value as jsonb takes it."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth and isinstance(value, list | tuple):
        return [_clean(each, depth - 1) for each in value]
    if depth and isinstance(value, dict):
        return {plain(str(name), 200): _clean(each, depth - 1) for name, each in value.items()}
    return plain(value if isinstance(value, str) else str(value), _ATTRIBUTE_BYTES)
