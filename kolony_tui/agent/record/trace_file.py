"""`TraceFile`: what a plain program says of its own steps, in ``trace.jsonl`` of the run's folder, read as it grows.

A line is a JSON object: ``id``, ``parent_id``, ``type`` (llm_prompt, tool_call, response, thought, plan, event; input,
processing, action and output mean the first four in another order), ``name``, ``status``, ``input``, ``output``,
``append``, ``error``, ``tokens``, ``confidence`` (0 to 1), ``duration_ms``, ``attributes``; all may be left out. A
second line with the same id is news of the same entry. A line without a status says what has been done already.
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from kolony_tui.agent.events import Traced, TraceStatus, TraceType

LINE_BYTES = 2 * 1024 * 1024
_READ_BYTES = 1024 * 1024
_MOST_BYTES = 256 * 1024 * 1024
_TYPES: dict[str, TraceType] = {
    "input": "llm_prompt", "prompt": "llm_prompt", "processing": "thought", "reasoning": "thought",
    "thinking": "thought", "action": "tool_call", "tool": "tool_call", "output": "response", "message": "response",
    **{each: cast("TraceType", each) for each in get_args(TraceType)},
}  # fmt: skip
_STATUSES: dict[str, TraceStatus] = {
    "started": "running", "pending": "running", "in_progress": "running", "ok": "completed", "success": "completed",
    "done": "completed", "error": "failed", "rejected": "denied",
    **{each: cast("TraceStatus", each) for each in get_args(TraceStatus)},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FileNote:
    """A line; ``duration_ms`` where the program measured it itself."""

    traced: Traced
    duration_ms: float | None


class TraceFile:
    """One file. ``wrong`` says what of it could not be read, once for each kind of thing; ``masked`` takes secrets out
    of what a line says."""

    def __init__(self, path: Path, masked: Callable[[Any], Any]) -> None:
        self._path = path
        self._masked = masked
        self._descriptor: int | None = None
        self._rest = b""
        self._skipping = False
        self._read = 0
        self._line = 0
        self._told: set[str] = set()
        self.wrong = ""

    def news(self, *, last: bool = False) -> list[FileNote]:
        """What was added since; nothing where there is no such file. ``last``: a line without an end has one now."""
        if self._descriptor is None and not self._open():
            return []
        assert self._descriptor is not None
        notes: list[FileNote] = []
        while self._read < _MOST_BYTES:
            try:
                data = os.read(self._descriptor, _READ_BYTES)
            except OSError as error:
                self._say(f"cannot be read: {error.strerror}")
                break
            if not data:
                notes += self._lines(b"\n") if last and self._rest else []
                break
            self._read += len(data)
            notes += self._lines(data)
        return notes

    def close(self) -> None:
        """Frees the file; a second time does nothing more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            self._read = _MOST_BYTES

    def _open(self) -> bool:
        if self._read:
            return False
        try:
            # Without waiting: a pipe of that name would never answer.
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return False
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            self._say("is no regular file")
            return False
        self._descriptor = descriptor
        return True

    def _lines(self, data: bytes) -> list[FileNote]:
        *whole, self._rest = (self._rest + data).split(b"\n")
        notes = []
        for line in whole:
            self._line += 1
            if self._skipping:
                self._skipping = False
            elif line.strip() and (note := self._note(line)) is not None:
                notes.append(note)
        if len(self._rest) > LINE_BYTES:
            self._skipping, self._rest = True, b""
            self._say(f"line {self._line + 1} has more than {LINE_BYTES // 1024**2} MiB")
        return notes

    def _note(self, line: bytes) -> FileNote | None:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            self._say(f"line {self._line} is no JSON object")
            return None
        return note_of(self._masked(found), self._line)

    def _say(self, words: str) -> None:
        kind = words.split(" ")[-1]
        if kind not in self._told:
            self._told.add(kind)
            self.wrong = f"{self._path.name}: {words}"


def note_of(found: dict[str, Any], line: int) -> FileNote:
    """The entry, or news of one, that a line's object says."""
    key, parent = _name(found, "id", "key"), _name(found, "parent_id", "parent")
    said = found.get("type")
    append = found.get("append")
    attributes = found.get("attributes")
    extra = dict(attributes) if isinstance(attributes, dict) else {}
    kind = _TYPES.get(said.lower(), "event") if isinstance(said, str) else "thought"
    if isinstance(said, str) and said != kind:
        extra.setdefault("kolony.node_type", said)
    status = _STATUSES.get(str(found.get("status")).lower())
    traced = Traced(
        key=f"file:{key if key is not None else f'line {line}'}",
        type=kind,
        parent=f"file:{parent}" if parent is not None else None,
        name=_text(found.get("name")),
        status=status or (None if append else "completed"),
        input=found.get("input"),
        output=found.get("output"),
        append=append if isinstance(append, str) else "",
        error=_text(found.get("error")),
        tokens=_tokens(found.get("tokens")),
        confidence=_number(found.get("confidence")),
        attributes=extra,
    )
    duration = _number(found.get("duration_ms"))
    return FileNote(traced, duration if duration is not None and duration >= 0 else None)


def _name(found: dict[str, Any], *names: str) -> str | None:
    value = next((found[name] for name in names if found.get(name) is not None), None)
    return str(value) if isinstance(value, str | int) and value != "" else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None if value is None else json.dumps(value)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e18 and math.isfinite(value) else None


def _tokens(value: object) -> int | None:
    if isinstance(value, dict):
        value = value.get("total", value.get("total_tokens"))
    number = _number(value)
    return int(number) if number is not None and number >= 0 else None
