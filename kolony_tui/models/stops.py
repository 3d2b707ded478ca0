"""Emergency stops, and what is known of each agent under one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from kolony_tui.models.untrusted import Untrusted


class StopState(StrEnum):
    """What the database can say of an agent under a stop.

    ``NOT_CONNECTED``: it had nothing to stop. ``ASKED``: its runner has not heard of it. ``ENDING``: heard, and at
    work still. ``ENDED``: heard, nothing is at work. ``NOT_CONFIRMED``: its runner is gone with work, or had its time.
    """

    NOT_CONNECTED = "not connected"
    ASKED = "asked"
    ENDING = "ending"
    ENDED = "ended"
    NOT_CONFIRMED = "not confirmed"

    @property
    def confirmed(self) -> bool:
        """Whether nothing of this agent can be at work any more."""
        return self in (StopState.ENDED, StopState.NOT_CONNECTED)


@dataclass(frozen=True, slots=True)
class Stop:
    """An open stop of ``everyone`` or of some agents, and how many of its ``agents`` have ``confirmed``.

    ``missing``: had their time, or their runner is gone with work; ``running``: runs that their runners hold still.
    """

    stop_id: UUID
    everyone: bool
    why: Untrusted
    began_at: datetime
    began_by_login: str | None
    confirm_by: datetime
    agents: int
    confirmed: int
    running: int
    missing: int


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """One agent under one stop. ``since``: since when it is in this state, as far as the database knows."""

    stop_id: UUID
    agent_id: UUID
    agent: Untrusted
    state: StopState
    running: int
    host: Untrusted
    since: datetime
    heard_at: datetime | None
