"""Rules that answer agents: listing them, making one, making one of an answer, and revoking."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

from kolony_tui.core.session import PersonSession
from kolony_tui.core.spans import moment_ahead
from kolony_tui.models.approval_rules import ApprovalRule
from kolony_tui.models.errors import NotFound, UsageError

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_FOREVER = ("", "revoked", "forever")
_PLAIN = re.compile(r"[A-Za-z0-9_./:=,@%+^-]+")


async def rules(session: PersonSession, *, over: bool = False) -> list[ApprovalRule]:
    """The workspace's rules, the newest first; with ``over`` also those that are over or revoked."""
    return await session.db.rows(ApprovalRule, "approvals/rules", session.workspace.workspace_id, over)


async def add_rule(
    session: PersonSession,
    decision: str,
    *,
    agent_id: UUID | None = None,
    tool: str | None = None,
    prefix: str | None = None,
    until: datetime | None = None,
    note: str | None = None,
) -> UUID:
    """Makes a rule ('allow' or 'reject'). Raises NoRight, UsageError, Refused where it would allow too much."""
    for text in (tool, prefix, note):
        if text is not None and "\x00" in text:
            raise UsageError("a rule holds no NUL character", "take it out")
    rows = await session.db.call(
        "add_rule", session.workspace.workspace_id, agent_id, tool, prefix, decision, until, note
    )
    made: UUID = rows[0][0]
    return made


async def answer_always(
    session: PersonSession,
    approval: UUID,
    allow: bool,
    *,
    prefix: str | None = None,
    until: datetime | None = None,
    any_agent: bool = False,
    note: str | None = None,
) -> UUID:
    """Answers a permission and makes a rule of it, whose id it gives; ``prefix`` None: for exactly this command.

    Raises Refused where the rule would not have answered what is asked: then nothing was answered either.
    """
    rows = await session.db.call("answer_always", approval, allow, prefix, until, any_agent, note)
    made: UUID = rows[0][0]
    return made


async def revoke_rule(session: PersonSession, rule: UUID) -> None:
    """Takes it out of force; a second time does no harm."""
    await session.db.call("revoke_rule", rule)


async def rule_meant(session: PersonSession, written: str) -> ApprovalRule:
    """The rule with this id, or whose id begins or ends so (4 characters at least). Raises NotFound, UsageError."""
    wanted = written.lower().replace("-", "")
    if not re.fullmatch(r"[0-9a-f]{4,32}", wanted):
        raise UsageError(f"{written!r} is no rule's id", "see kolony rule list")
    known = await rules(session, over=True)
    found = [each for each in known if each.id.hex.startswith(wanted) or each.id.hex.endswith(wanted)]
    if len(found) > 1:
        raise UsageError(f"{len(found)} rules go by {written!r}", "write more of the id")
    if not found:
        raise NotFound(f"there is no rule {written!r} here", "see kolony rule list")
    return found[0]


def until_written(text: str) -> datetime | None:
    """Until when a rule is to answer: a weekday or ``today`` (to its end by this machine's clock), a length of time, a
    date; empty or ``revoked``: until it is revoked. Raises UsageError."""
    word = text.strip().lower()
    if word in _FOREVER:
        return None
    days = [day for day in _DAYS if len(word) >= 2 and day.startswith(word)]
    if days or word in ("today", "tomorrow"):
        today = datetime.now()
        ahead = (_DAYS.index(days[0]) - today.weekday()) % 7 if days else int(word == "tomorrow")
        last = datetime.combine(today.date() + timedelta(days=ahead), datetime.max.time())
        return last.replace(microsecond=0).astimezone(UTC)
    try:
        return moment_ahead(text.strip())
    except UsageError as error:
        raise UsageError(f"{text!r} is no end of a rule", "write friday, 2d, 8h, 2026-12-31, or revoked") from error


def suggested_prefix(command: str) -> str | None:
    """What a rule for the like of a command may begin with: its program and subcommand; None where only a rule for
    exactly this command makes sense.

    >>> suggested_prefix("git push origin main"), suggested_prefix("ls -l /tmp"), suggested_prefix("a; b")
    ('git push', 'ls', None)
    """
    words = command.split(" ")
    if not command.isascii() or not command.isprintable() or re.search(r"[;&|<>()$`\\!#{}\[\]]", command):
        return None
    first = [word for word in words if word][:2]
    if not first or _PLAIN.fullmatch(first[0]) is None:
        return None
    second = first[1] if len(first) > 1 and re.fullmatch(r"[a-z][a-z-]*", first[1]) else ""
    return f"{first[0]} {second}".strip()
