"""Answers on standard output: JSON for scripts, aligned and harmless text for people."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from kolony_tui.models.untrusted import Untrusted


def as_json(value: Any) -> Any:
    """What ``json`` can write: ids and times as text (ISO 8601), untrusted text as it is (JSON escapes it)."""
    if isinstance(value, Untrusted):
        return value.raw
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return value


def print_json(value: Any) -> None:
    """One JSON document on a line of its own; ASCII only, so no control character reaches a terminal."""
    sys.stdout.write(json.dumps(as_json(value), ensure_ascii=True) + "\n")
    sys.stdout.flush()


def print_line(text: str | Untrusted) -> None:
    """One line for a person, made safe."""
    from kolony_tui.text import safe

    print(safe(text, limit=100_000).plain)


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows for a person, in columns as wide as their content; the last column is not padded."""
    from kolony_tui.text import safe

    cells = [[safe(_shown(value), limit=200) for value in row] for row in rows]
    heads = [safe(heading) for heading in headings]
    widths = [max([head.cells, *(row[place].cells for row in cells)]) for place, head in enumerate(heads)]
    for line in [heads, *cells]:
        print("  ".join(cell.fit(width).plain for cell, width in zip(line, widths, strict=True)).rstrip())


def _shown(value: object) -> str | Untrusted:
    if value is None:
        return "-"
    if isinstance(value, Untrusted):
        return value
    if isinstance(value, datetime):
        return ago(value)
    return str(value)


def ago(moment: datetime) -> str:
    """How long ago, in the largest unit that says enough.

    >>> from datetime import timedelta
    >>> now = datetime.now(UTC)
    >>> ago(now - timedelta(seconds=75)), ago(now - timedelta(days=3)), ago(now + timedelta(minutes=5, seconds=1))
    ('1m ago', '3d ago', 'in 5m')
    """
    seconds = (datetime.now(UTC) - moment).total_seconds()
    size, unit = next(
        (amount, letter)
        for amount, letter in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
        if abs(seconds) >= amount or letter == "s"
    )
    text = f"{int(abs(seconds) // size)}{unit}"
    return f"{text} ago" if seconds >= 0 else f"in {text}"
