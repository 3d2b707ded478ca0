"""The closed sets of words: what a person may be, where agents, commands and runs stand."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a person may do in a workspace; each includes the one before it."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, needed: Role) -> bool:
        """Whether a holder of this role may do what ``needed`` may do."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


class Desired(StrEnum):
    """What people want of an agent."""

    ACTIVE = "active"
    PAUSED = "paused"
    RETIRED = "retired"


class AgentStatus(StrEnum):
    """What the database observes of an agent; derived, never written."""

    CONNECTING = "connecting"
    ONLINE = "online"
    BUSY = "busy"
    ERROR = "error"
    OFFLINE = "offline"


class Activity(StrEnum):
    """Whether an agent has work."""

    IDLE = "idle"
    QUEUED = "queued"
    PROCESSING = "processing"


class TokenState(StrEnum):
    """Whether an agent's token still serves; derived."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class CommandStatus(StrEnum):
    """Where a command stands; rolled up from its runs by the database."""

    DRAFT = "draft"
    QUEUED = "queued"
    DISPATCHING = "dispatching"
    EXECUTING = "executing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RunStatus(StrEnum):
    """Where a run stands; what has not ended is derived from its lease."""

    WAITING = "waiting"
    DISPATCHING = "dispatching"
    EXECUTING = "executing"
    INTERRUPTED = "interrupted"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to the run by itself."""
        return self in (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED)
