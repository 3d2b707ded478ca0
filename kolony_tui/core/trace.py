"""The trace of a run, as a person reads it: in short and live, whole, and searched."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, TypeVar
from uuid import UUID

from kolony_tui.core.records import OutputEnd
from kolony_tui.core.session import PersonSession
from kolony_tui.db.rows import read
from kolony_tui.models.trace import TraceEntry, TraceLine
from kolony_tui.models.untrusted import Untrusted

LINES = 2000
"""Entries in short that are read at once."""
ENTRIES = 40
"""Whole ones, of up to 2 MiB each."""

_Entry = TypeVar("_Entry", TraceLine, TraceEntry)


async def lines(session: PersonSession, run_id: UUID, of: OutputEnd, after: int = 0) -> list[TraceLine]:
    """News of an attempt's trace above the revision ``after``, by revision; at most ``LINES`` of them."""
    found = await session.db.records("records/trace_lines", *_attempt(session, run_id, of), after, LINES)
    return [settled(read(TraceLine, row), of) for row in found]


async def entries(session: PersonSession, run_id: UUID, of: OutputEnd, after: int = -1) -> list[TraceEntry]:
    """Whole entries behind the position ``after``, in order; at most ``ENTRIES`` of them."""
    found = await session.db.records("records/trace_entries", *_attempt(session, run_id, of), after, ENTRIES)
    return [settled(read(TraceEntry, row), of) for row in found]


async def entry(session: PersonSession, run_id: UUID, of: OutputEnd, key: Untrusted) -> TraceEntry | None:
    """One entry, whole."""
    found = await session.db.records("records/trace_entry", *_attempt(session, run_id, of), key.raw)
    return settled(read(TraceEntry, found[0]), of) if found else None


async def found_in(
    session: PersonSession, run_id: UUID, of: OutputEnd, words: str, limit: int = 10_000
) -> list[Untrusted]:
    """The keys of the entries in which the words are, upper and lower case alike, in order."""
    low = words.replace("\0", "").lower()
    if not low:
        return []
    within = json.dumps(low, ensure_ascii=False)[1:-1]
    rows = await session.db.records("records/trace_found", *_attempt(session, run_id, of), low, within, limit)
    return [Untrusted(row["key"]) for row in rows]


def _attempt(session: PersonSession, run_id: UUID, of: OutputEnd) -> tuple[Any, ...]:
    return session.workspace.workspace_id, run_id, of.attempt, of.output_day


def settled(entry: _Entry, of: OutputEnd) -> _Entry:
    """The entry; one that its runner could not close any more ended as the attempt did."""
    if entry.status != "running" or of.outcome is None:
        return entry
    return replace(entry, status=of.outcome if of.outcome in ("completed", "cancelled") else "failed")


def value(text: Untrusted | None, size: int | None) -> Any:
    """What the JSON of an input or output says; where it was cut, a text that ends by saying so."""
    if text is None:
        return None
    whole = json.loads(text.raw)
    kept = len(text.raw.encode("utf-8", "surrogatepass"))
    if size is None or size <= kept:
        return whole
    return f"{whole if isinstance(whole, str) else text.raw}\n[cut by Kolony: {kept} of {size} bytes are kept]"
