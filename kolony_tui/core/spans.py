"""Lengths of time and moments as people write them: ``90``, ``24h``, ``2026-12-31``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

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


def moment_to_begin(text: str) -> datetime:
    """A moment before which something is not to begin, in UTC: RFC 3339 (without an offset: this machine's time), a
    time of day (the next time that this machine's clock shows it), or ``+`` and a length of time. Raises UsageError.

    One that has passed is no error: it delays nothing.

    >>> moment_to_begin("2026-03-04T08:00:00+02:00").isoformat()
    '2026-03-04T06:00:00+00:00'
    """
    try:
        if text.startswith("+"):
            return datetime.now(UTC) + span(text[1:])
        if re.fullmatch(r"[0-9]{1,2}:[0-9]{2}", text):
            return _next_on_the_clock(time.fromisoformat(text.rjust(5, "0")))
        if not re.match(r"[0-9]{4}-", text):
            raise ValueError("not a date")
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError, UsageError):
        raise UsageError(
            f"{text!r} is no time to begin at", "write for example 14:30, +2h or 2026-12-31T08:00:00+01:00"
        ) from None


def _time(text: str) -> time:
    return time.fromisoformat(text if text.index(":") == 2 else "0" + text)


_CLOCK = re.compile(r"(?:(today|yesterday)\s+)?([0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)", re.IGNORECASE)


def moment_past(text: str, now: datetime | None = None) -> datetime:
    """A moment that has passed, in UTC: RFC 3339 (without an offset: this machine's time), a time of day (the last one
    on this machine's clock), ``yesterday`` and one, or how long ago. ``now``: the server's. Raises UsageError.

    >>> moment_past("2026-03-04T08:00:00+02:00").isoformat()
    '2026-03-04T06:00:00+00:00'
    >>> moment_past("10m", datetime(2026, 3, 4, 8, 0, tzinfo=UTC)).isoformat()
    '2026-03-04T07:50:00+00:00'
    """
    now = now or datetime.now(UTC)
    text = text.strip()
    try:
        if text.lower() == "now":
            return now
        if re.fullmatch(r"[0-9.]+[smhdw](?:\s+ago)?", text):
            return now - span(text.split()[0])
        if match := _CLOCK.fullmatch(text):
            here = now.astimezone()
            found = datetime.combine(here.date(), _time(match[2]))
            if (match[1] or "").lower() == "yesterday" or (not match[1] and found > here.replace(tzinfo=None)):
                found -= timedelta(days=1)
            return found.astimezone(UTC)
        if not re.match(r"[0-9]{4}-", text):
            raise ValueError("not a date")
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError, UsageError):
        raise UsageError(
            f"{text!r} is no moment in the past", "write for example 14:02, yesterday 14:02, 10m or 2026-12-31T08:00"
        ) from None


def _next_on_the_clock(at: time) -> datetime:
    now = datetime.now()
    day = now.date() if at > now.time() else now.date() + timedelta(days=1)
    return datetime.combine(day, at).astimezone(UTC)
