"""Lengths of time and moments as people write them: ``90``, ``24h``, ``2026-12-31``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from kolony_tui.models.errors import UsageError

_SPAN = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)([smhdw]?)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_LONGEST = timedelta(days=36500)


def span(text: str, unit: str = "s") -> timedelta:
    """A length of time; a bare number counts in ``unit`` (s, m, h, d, w). Raises UsageError.

    >>> span("90"), span("1.5h"), span("2", "d")
    (datetime.timedelta(seconds=90), datetime.timedelta(seconds=5400), datetime.timedelta(days=2))
    """
    match = _SPAN.fullmatch(text)
    found = None if match is None else timedelta(seconds=float(match[1]) * _SECONDS[match[2] or unit])
    if found is None or found > _LONGEST:
        raise UsageError(f"{text!r} is no length of time", "write for example 90s, 24h or 7d")
    return found


def moment_ahead(text: str) -> datetime:
    """A moment that has not passed: days from now, a length of time from now, or a date. Raises UsageError."""
    now = datetime.now(UTC)
    if _SPAN.fullmatch(text):
        found = now + span(text, "d")
    else:
        try:
            found = datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            raise UsageError(f"{text!r} is no time to run out at", "write for example 30, 12h or 2026-12-31") from None
    if found <= now:
        raise UsageError(f"{text!r} has passed already", "a token runs out some time from now")
    return found
