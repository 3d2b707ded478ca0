"""What waits for a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from kolony_tui.models.untrusted import Untrusted


class InboxKind(StrEnum):
    """What an item is: the first two are questions, which take an answer."""

    PERMISSION = "permission"
    QUESTION = "question"
    FAILURE = "failure"
    LIMIT = "limit"
    GONE = "gone"
    STOP = "stop"

    @property
    def asks(self) -> bool:
        """Whether an agent waits for the answer."""
        return self in (InboxKind.PERMISSION, InboxKind.QUESTION)


@dataclass(frozen=True, slots=True)
class Option:
    """One of the answers that a question offers; ``id`` is what the agent gets."""

    id: Untrusted
    label: Untrusted


@dataclass(frozen=True, slots=True)
class InboxItem:
    """Something that waits for this person. ``id``: the question's id, or one derived from what the item is about.

    ``tier``: 'urgent', 'blocks others', 'high risk' or 'by age'; ``why``: what put it there. ``blocks``: so many runs
    wait behind it, its own among them. ``likeness``: the same for items that differ in paths, ids and numbers only.
    ``exact``: the detail is exactly what would be done, by ``tool``; the title is the agent's wording then.
    """

    id: UUID
    kind: InboxKind
    agent: Untrusted
    run_id: UUID | None
    title: Untrusted
    detail: Untrusted
    expires_at: datetime | None
    tier: str
    why: str
    risk: str
    options: Any
    since: datetime
    blocks: int
    blocked_agents: int
    agent_id: UUID
    reference: str | None
    likeness: str
    snoozed_until: datetime | None
    done_at: datetime | None
    tool: Untrusted | None
    exact: bool

    @property
    def choices(self) -> list[Option]:
        """The answers that the question offers; none: any text."""
        return [Option(Untrusted(each["id"]), Untrusted(each["label"])) for each in self.options or ()]


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of one of several questions: its state, or why it refused."""

    approval_id: UUID
    became: str | None
    refused: Untrusted | None
