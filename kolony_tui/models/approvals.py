"""What an agent asks people and waits on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from kolony_tui.models.untrusted import Untrusted


class ApprovalState(StrEnum):
    """How an approval stands. Only a person or a person's rule allows or denies; what ran out has expired."""

    OPEN = "open"
    ALLOWED = "allowed"
    DENIED = "denied"
    ANSWERED = "answered"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Approval:
    """A permission or a question of one attempt.

    ``options``: ``{"id", "label"}`` each, text of the agent's. ``answer`` is the id of one or free text. ``heard_at``:
    when its runner took the end of it. ``command``: exactly what would be done. ``rule_by_login``: whose rule answered.
    """

    approval_id: UUID
    attempt: int
    kind: str
    title: Untrusted
    detail: Untrusted
    options: list[dict[str, Any]]
    risk: str
    created_at: datetime
    expires_at: datetime | None
    state: ApprovalState
    answer: Untrusted | None
    note: Untrusted | None
    answered_by_login: str | None
    answered_at: datetime | None
    cancelled_why: Untrusted | None
    heard_at: datetime | None
    tool: Untrusted | None
    command: Untrusted | None
    rule_by_login: str | None
