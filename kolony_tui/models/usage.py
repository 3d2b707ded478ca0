"""What work used and cost, the budgets that hold it, and what models cost."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from kolony_tui.models.errors import UsageError
from kolony_tui.models.untrusted import Untrusted

GROUPINGS = ("agent", "person", "model", "day", "preset", "run")
SCOPES = ("workspace", "people", "agent", "preset", "command", "person")
PERIODS = ("day", "week", "month", "total")
LATE = (
    "Budgets hold when an agent says what it used: many say so only at the end of each turn, and what a turn has taken "
    "by then is beyond them. Work of an empty budget is ended at once, at the latest one lease period later."
)
"""What people are to know of every budget."""


@dataclass(frozen=True, slots=True)
class UsageSum:
    """What one agent, person, model, day or preset used, in tokens and US dollars, and how its work ended.

    ``input_tokens``: ``input_fresh``, ``input_cached`` and ``cache_write`` together; ``reasoning`` is a part of
    ``output_tokens``. ``estimated_usd``: the part of ``cost_usd`` that is by the price list.
    """

    name: Untrusted
    input_tokens: int
    input_fresh: int
    input_cached: int
    cache_write: int
    output_tokens: int
    reasoning: int
    calls: int
    total_tokens: int
    cost_usd: float
    estimated_usd: float
    completed: int
    failed: int
    cancelled: int
    mean_seconds: float | None

    @property
    def success(self) -> float | None:
        """The share of its attempts that completed, 0 to 1; None where none ended by itself."""
        ended = self.completed + self.failed
        return self.completed / ended if ended else None


@dataclass(frozen=True, slots=True)
class RunUsage:
    """What one run used."""

    name: str
    run_id: UUID
    agent: Untrusted
    person: str | None
    title: Untrusted
    outcome: str
    input_tokens: int
    output_tokens: int
    total_tokens: int
    cost_usd: float
    estimated_usd: float


@dataclass(frozen=True, slots=True)
class UsageReport:
    """One report of a run, with what it added."""

    attempt: int
    number: int
    at: datetime
    source: Untrusted
    scope: str
    model: Untrusted
    input_tokens: int
    input_cached: int
    output_tokens: int
    reasoning: int
    calls: int
    cost_usd: float
    estimated: bool


@dataclass(frozen=True, slots=True)
class Today:
    """What today has cost so far, by the workspace's time zone."""

    time_zone: str
    today: date
    tokens: int
    cost_usd: float
    estimated_usd: float


@dataclass(frozen=True, slots=True)
class Budget:
    """Tokens and money that may be used in each period. ``share`` of the limit that is nearer to its end: 1 is all.

    ``hard``: its work is ended and none is begun once it is used up; otherwise people are only warned.
    """

    budget_id: UUID
    scope: str
    subject: Untrusted | None
    subject_id: UUID | None
    period: str
    token_limit: int | None
    usd_limit: float | None
    warn_percent: int
    hard: bool
    tokens: int
    cost_usd: float
    tokens_left: int | None
    usd_left: float | None
    share: float
    starts: date
    set_by_login: str | None

    @property
    def reference(self) -> str:
        """What ``kolony budget`` calls it: ``agent:web``, ``team:ops``, ``workspace``."""
        scope = "team" if self.scope == "people" else self.scope
        return scope if self.subject is None else f"{scope}:{self.subject.raw}"


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens of the models that ``pattern`` fits; all None: nothing is estimated for them."""

    pattern: Untrusted
    input_usd: float | None
    cached_usd: float | None
    cache_write_usd: float | None
    output_usd: float | None
    valid_from: date
    shipped: bool
    set_by_login: str | None


@dataclass(frozen=True, slots=True)
class PeopleGroup:
    """People who share a budget."""

    group_id: UUID
    name: Untrusted
    people: list[str]


def money(usd: float, estimated: bool = False) -> str:
    """An amount for people; a ``~`` stands before what is estimated.

    >>> money(4.1234), money(0.0031), money(0), money(1234.5, estimated=True)
    ('$4.12', '$0.0031', '$0.00', '~$1,234.50')
    """
    sign, amount = "-" if usd < 0 else "", abs(usd)
    text = f"{amount:,.4f}".rstrip("0") if 0 < amount < 0.01 else f"{amount:,.2f}"
    return f"{'~' if estimated else ''}{sign}${'0.00' if text in ('0.', '0') else text}"


def counted(number: int) -> str:
    """A number of tokens in few characters.

    >>> counted(999), counted(12_345), counted(1_250_000), counted(3_000_000_000)
    ('999', '12.3k', '1.25M', '3G')
    """
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            return f"{number / size:.3g}{unit}" if number < 1000 * size else f"{number / size:,.0f}{unit}"
    return str(number)


def used_words(usage: dict[str, Any]) -> str:
    """What an attempt's ``usage`` says of tokens and money, for people; empty where it says nothing.

    >>> used_words({"total_tokens": 5342, "cost_usd": 0.25, "cost_estimated": True}), used_words({"wall_seconds": 1})
    ('5.34k tokens, ~$0.25', '')
    """
    tokens, cost = usage.get("total_tokens"), usage.get("cost_usd")
    parts = [f"{counted(int(tokens))} tokens"] if isinstance(tokens, int | float) and tokens > 0 else []
    if isinstance(cost, int | float) and (cost > 0 or parts):
        parts.append(money(cost, usage.get("cost_estimated") is True))
    return ", ".join(parts)


def exact(usd: float | None) -> Decimal | None:
    """The amount that a person meant, as the database counts.

    >>> exact(0.1)
    Decimal('0.1')
    """
    return None if usd is None else Decimal(str(usd))


def day_written(text: str) -> str:
    """A day that a person wrote, as the queries take it: a date, today, yesterday, or 7d for the last seven days.

    >>> day_written("7d"), day_written("today"), day_written("2026-03-01")
    ('-6', '-0', '2026-03-01')
    """
    text = text.strip().lower()
    known = {"today": "-0", "yesterday": "-1"}
    if text in known:
        return known[text]
    if (found := re.fullmatch(r"([1-9][0-9]{0,4})d", text)) is not None:
        return f"-{int(found[1]) - 1}"
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise UsageError(f"{text!r} is no day", "write 2026-03-01, today, yesterday, or 7d") from error


def tokens_written(text: str) -> int | None:
    """A number of tokens that a person wrote; None for none. Raises UsageError.

    >>> tokens_written("250k"), tokens_written("1.5M"), tokens_written("none")
    (250000, 1500000, None)
    """
    text = text.strip().replace("_", "").replace(",", "")
    if text.lower() in ("", "none"):
        return None
    found = re.fullmatch(r"([0-9]{1,16})(?:\.([0-9]{1,6}))?([kmgKMG]?)", text, re.ASCII)
    if found is None:
        raise UsageError(f"a number of tokens is like 250000, 250k or 1.5M; not {text!r}")
    size = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}[found[3].lower()]
    return round(float(f"{found[1]}.{found[2] or 0}") * size) if found[2] else int(found[1]) * size


def usd_written(text: str) -> float | None:
    """An amount of US dollars that a person wrote; None for none. Raises UsageError.

    >>> usd_written("$12.50"), usd_written("none")
    (12.5, None)
    """
    text = text.strip().removeprefix("$").replace(",", "")
    if text.lower() in ("", "none"):
        return None
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text, re.ASCII) is None:
        raise UsageError(f"an amount of US dollars is like 20 or 12.50; not {text!r}")
    return float(text)


def scope_written(text: str) -> tuple[str, str]:
    """What a budget is about, as a person wrote it. Raises UsageError.

    >>> scope_written("agent:web"), scope_written("workspace"), scope_written("team:ops"), scope_written("#12")
    (('agent', 'web'), ('workspace', ''), ('people', 'ops'), ('command', '#12'))
    """
    if text.startswith("#"):
        return "command", text
    scope, _, subject = text.partition(":")
    scope = {"team": "people", "user": "person"}.get(scope, scope)
    if scope not in SCOPES or bool(subject) == (scope == "workspace"):
        raise UsageError(
            f"{text!r} is nothing that has a budget",
            "write workspace, agent:NAME, person:LOGIN, team:NAME, preset:NAME or command:12",
        )
    return scope, subject
