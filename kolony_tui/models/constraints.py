"""Constraint profiles: named limits of a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kolony_tui.models.errors import UsageError
from kolony_tui.models.untrusted import Untrusted

MOST_TOKENS = 10**12
_YEAR_SECONDS = 31_536_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may take; None: as much as it likes.

    ``time_limit_ms`` of its program, without the time for which it waits for a person. ``token_budget``: tokens that
    the program reports. ``memory_limit_mb``: resident memory of all its processes together, in 1,000,000 bytes.
    ``cpu_limit_percent`` of one processor, over some seconds.
    """

    time_limit_ms: int | None = None
    token_budget: int | None = None
    memory_limit_mb: int | None = None
    cpu_limit_percent: int | None = None

    @property
    def words(self) -> str:
        """In one line for a person.

        >>> Limits(90_000, 50_000, None, 150).words
        '90 s, 50000 tokens, 150% CPU'
        """
        parts = [
            duration(self.time_limit_ms) if self.time_limit_ms is not None else "",
            f"{self.token_budget} tokens" if self.token_budget is not None else "",
            f"{self.memory_limit_mb} MB" if self.memory_limit_mb is not None else "",
            f"{self.cpu_limit_percent}% CPU" if self.cpu_limit_percent is not None else "",
        ]
        return ", ".join(part for part in parts if part) or "no limits"


@dataclass(frozen=True, slots=True)
class ConstraintProfile:
    """Named limits; what is sent without naming any gets those of the default one, if there is one."""

    constraint_id: UUID
    name: Untrusted
    description: Untrusted
    time_limit_ms: int | None
    token_budget: int | None
    memory_limit_mb: int | None
    cpu_limit_percent: int | None
    is_default: bool
    created_by_login: str | None
    created_at: datetime
    updated_at: datetime

    @property
    def limits(self) -> Limits:
        """The limits alone."""
        return Limits(self.time_limit_ms, self.token_budget, self.memory_limit_mb, self.cpu_limit_percent)


def duration(milliseconds: int) -> str:
    """A time limit as people say it: in the largest unit of which it is a whole number, or in seconds.

    >>> duration(400), duration(1500), duration(90_000), duration(1_800_000), duration(28_800_000)
    ('400 ms', '1.5 s', '90 s', '30 min', '8 h')
    """
    for unit, word in ((3_600_000, "h"), (60_000, "min")):
        if milliseconds >= unit and milliseconds % unit == 0:
            return f"{milliseconds // unit} {word}"
    return f"{milliseconds / 1000:.10g} s" if milliseconds >= 1000 else f"{milliseconds} ms"


def limit_written(text: str, what: str, most: int = 2**31 - 1) -> int | None:
    """A limit that a person wrote; None for ``none`` or nothing. Raises UsageError. The database checks its range.

    >>> limit_written("200", "a memory limit"), limit_written("none", "a memory limit")
    (200, None)
    """
    text = text.strip().lower()
    if text in ("", "none"):
        return None
    if not (text.isascii() and text.isdecimal() and int(text) <= most):
        raise UsageError(f"{what} is a whole number, or none; not {text!r}")
    return int(text)


def time_limit_written(text: str) -> int | None:
    """A time limit that a person wrote in seconds, in milliseconds; None for ``none`` or nothing. Raises UsageError.

    >>> time_limit_written("1.5"), time_limit_written("none")
    (1500, None)
    """
    text = text.strip().lower()
    if text in ("", "none"):
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.001 <= seconds <= _YEAR_SECONDS:
        raise UsageError(f"a time limit is a number of seconds from 0.001 to {_YEAR_SECONDS}, or none; not {text!r}")
    return round(seconds * 1000)
