"""Lines of JSON out of bytes that come in pieces; what is no JSON, or too long, is told apart and never an error."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

LINE_BYTES = 8 * 1024 * 1024
"""A longer line is skipped. The longest that a real agent was seen to print had 563,202 bytes."""

END_BYTES = 4096
"""How much of the beginning and of the end of a skipped line is kept."""

_RARE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class NotJson:
    """A line that is no JSON object; ``data`` is without its newline."""

    data: bytes


@dataclass(frozen=True, slots=True)
class TooLong:
    """A line that was skipped, how many bytes it had, and its first and last few KiB."""

    size: int
    ends: bytes = field(default=b"", compare=False, repr=False)


class JsonLines:
    """Cuts a stream into its lines. Each comes out as the object it holds, as NotJson or as TooLong; empty ones do not.

    Strings have U+FFFD where they hold what no database takes: NUL, and halves of surrogate pairs.
    """

    def __init__(self, line_bytes: int = LINE_BYTES) -> None:
        self._line_bytes = line_bytes
        self._pieces: list[bytes] = []
        self._size = 0
        self._head = b""

    def feed(self, data: bytes) -> list[dict[str, Any] | NotJson | TooLong]:
        """What is whole by now."""
        found: list[dict[str, Any] | NotJson | TooLong] = []
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._keep(line)
            found += self._cut()
        self._keep(rest)
        return found

    def end(self) -> list[dict[str, Any] | NotJson | TooLong]:
        """The stream has ended: its last line may have no newline."""
        return self._cut()

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if data:
            self._pieces.append(data)
        if self._size > self._line_bytes:
            skipped = b"".join(self._pieces)
            self._head = self._head or skipped[:END_BYTES]
            self._pieces = [skipped[-END_BYTES:]]

    def _cut(self) -> list[dict[str, Any] | NotJson | TooLong]:
        line, size = b"".join(self._pieces), self._size
        head, self._pieces, self._size, self._head = self._head, [], 0, b""
        if size > self._line_bytes:
            return [TooLong(size, head + b"\n" + line)]
        line = line.removesuffix(b"\r")
        return [_read(line)] if line.strip() else []


def _read(line: bytes) -> dict[str, Any] | NotJson:
    try:
        text = line.decode("utf-8", "replace").removeprefix("\ufeff")
        found = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return NotJson(line)
    if not isinstance(found, dict):
        return NotJson(line)
    return _storable(found) if _RARE.search(line) else found


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_storable(each) for each in value]
    if isinstance(value, dict):
        return {_storable(name): _storable(each) for name, each in value.items()}
    return value


_DECODER = json.JSONDecoder(parse_constant=lambda word: None, parse_float=_finite)
