"""What an agent is told, and the plans that come back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from kolony_tui.models.untrusted import Untrusted


@dataclass(frozen=True, slots=True)
class Told:
    """A part of what an agent is told: its ``instructions``, the ``command``, or a ``subject`` that it is about."""

    part: str
    words: Untrusted


class PlanState(StrEnum):
    """Where an item of a plan stands."""

    DRAFT = "draft"
    ACCEPTED = "accepted"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class PlanItem:
    """An item of a plan; ``item`` counts from 1. Its draft is the command ``number``, for ``agent``.

    ``after_items``: those that have to be completed first.
    """

    item: int
    command_id: UUID
    number: int
    title: Untrusted
    content: Untrusted
    priority: int
    agent_id: UUID
    agent: Untrusted
    after_items: list[int]
    state: PlanState

    @property
    def open(self) -> bool:
        """Whether somebody has still to decide about it."""
        return self.state == PlanState.DRAFT


@dataclass(frozen=True, slots=True)
class AcceptedItem:
    """An item that was sent. ``waits_for``: the numbers of drafts that it comes after and that nobody has sent."""

    item: int
    command_id: UUID
    number: int
    waits_for: list[int]


@dataclass(frozen=True, slots=True)
class DiscardedItem:
    """An item that was thrown away."""

    item: int
    command_id: UUID
    number: int
