"""JSON-RPC 2.0 over lines of bytes, without any input or output of its own: bytes in, messages out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from kolony_tui.agent.json_lines import END_BYTES, LINE_BYTES, JsonLines, NotJson, TooLong

UNSENT_BYTES = 4 * 1024 * 1024
"""What waits to be read by the other side; beyond it, refusals of its requests are not even written."""

METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
PARSE_ERROR = -32700
REQUEST_CANCELLED = -32800

_SHOWN_BYTES = 8192
_ID = re.compile(rb'"id"\s*:\s*(?:"((?:[^"\\]|\\.){0,200})"|(-?\d{1,18}))')
_METHOD = re.compile(rb'"method"\s*:\s*"([^"\\]*)"')
_NOTES = (b"session/update", b"session/cancel")


@dataclass(frozen=True, slots=True)
class Call:
    """The other side asks, and waits for an answer under its own ``id``."""

    id: Any
    method: str
    params: Any


@dataclass(frozen=True, slots=True)
class Note:
    """The other side says something."""

    method: str
    params: Any


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to our request ``number`` for ``method``: ``result``, or ``error`` as {"code", "message", "data"}."""

    number: int
    method: str
    result: Any = None
    error: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Junk:
    """A line that is no message. ``size``: its bytes, of which ``text`` has the first. ``meant``: it was to be one, but
    cannot be read, and may have been what is waited for."""

    text: bytes
    size: int
    meant: bool = False


Message = Call | Note | Reply | Junk


class Peer:
    """One end of a connection: numbers its requests from 0, knows which of them are open, and collects what is to be
    written. The other end's ids are its own: they are handed back as they came."""

    def __init__(self, line_bytes: int = LINE_BYTES) -> None:
        self._lines = JsonLines(line_bytes)
        self._next = 0
        self._open: dict[int, str] = {}
        self._unsent = bytearray()

    def request(self, method: str, params: dict[str, Any]) -> int:
        """Asks; the number under which the answer comes."""
        number = self._next
        self._next += 1
        self._open[number] = method
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        return number

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Says something."""
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def respond(self, request_id: Any, result: Any) -> None:
        """Answers a call."""
        self._send({"jsonrpc": "2.0", "id": request_id, "result": result})

    def refuse(self, request_id: Any, code: int, message: str) -> None:
        """Answers a call with an error."""
        if len(self._unsent) < UNSENT_BYTES:
            self._send({"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}})

    def unsent(self) -> bytes:
        """What is to be written, once."""
        data = bytes(self._unsent)
        self._unsent.clear()
        return data

    def receive(self, data: bytes) -> Iterator[Message]:
        """Takes the next bytes; gives the messages that they complete."""
        for found in self._lines.feed(data):
            yield self._message(found)

    def finish(self) -> Iterator[Message]:
        """Nothing more comes."""
        for found in self._lines.end():
            yield self._message(found)

    def _send(self, message: dict[str, Any]) -> None:
        self._unsent += json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"

    def _message(self, found: dict[str, Any] | NotJson | TooLong) -> Message:
        if isinstance(found, TooLong):
            return self._broken(found.ends, Junk(found.ends[:_SHOWN_BYTES], found.size, meant=True))
        if isinstance(found, NotJson):
            junk = Junk(found.data, len(found.data), found.data.lstrip()[:1] == b"{")
            ends = found.data[:END_BYTES] + b"\n" + found.data[-END_BYTES:]
            return self._broken(ends, junk) if junk.meant else junk
        method, request_id = found.get("method"), found.get("id")
        if isinstance(method, str):
            params = found.get("params")
            return Note(method, params) if request_id is None else Call(request_id, method, params)
        number = self._number(request_id)
        if number is None or not ("result" in found or "error" in found):
            text = json.dumps(found, ensure_ascii=False).encode()
            return Junk(text[:_SHOWN_BYTES], len(text))
        error = found.get("error")
        if error is None:
            return Reply(number, self._open.pop(number), found.get("result"))
        facts = error if isinstance(error, dict) else {"message": str(error)}
        return Reply(number, self._open.pop(number), None, facts)

    def _number(self, request_id: Any) -> int | None:
        """Our open request of this id; an id that came back as a text is taken as well."""
        if isinstance(request_id, str) and request_id.isdecimal() and len(request_id) < 10:
            request_id = int(request_id)
        if isinstance(request_id, int | float) and not isinstance(request_id, bool) and request_id in self._open:
            return int(request_id)
        return None

    def _broken(self, ends: bytes, junk: Junk) -> Message:
        """A message that cannot be read, though somebody waits for its end: the asker is told, and so are we."""
        named, method = _ID.search(ends), _METHOD.search(ends)
        request_id: int | str | None = None
        if named is not None:
            request_id = int(named[2]) if named[2] is not None else named[1].decode("utf-8", "replace")
        if method is not None:
            if request_id is not None and method[1] not in _NOTES:
                self.refuse(request_id, PARSE_ERROR, "this request could not be read")
            return replace(junk, meant=False)
        number = self._number(request_id)
        if number is None:
            return junk
        why = f"a line of {junk.size:,} bytes" if junk.size > LINE_BYTES else "what is no JSON"
        return Reply(number, self._open.pop(number), None, {"code": PARSE_ERROR, "message": f"it answered with {why}"})
