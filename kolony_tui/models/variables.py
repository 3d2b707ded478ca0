"""What an agent has from one run to the next: variables of its environment, and its notes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kolony_tui.models.untrusted import Untrusted


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable; ``value`` None: it is secret. ``length``: of the value, in bytes."""

    name: str
    value: Untrusted | None
    secret: bool
    length: int
    description: Untrusted
    updated_by: str | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Note:
    """A note. ``run``: the run in which the agent wrote it; None: ``updated_by`` did."""

    name: str
    bytes: int
    version: int
    updated_by: str | None
    run: str | None
    updated_at: datetime
    content: Untrusted
