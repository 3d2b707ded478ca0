"""Rules by which people answer agents before they ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kolony_tui.models.untrusted import Untrusted


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """One of them. ``agent`` None: every agent; ``tool`` None: every tool; ``prefix`` None: whatever the tool does.

    ``decision``: 'allow' or 'reject'. ``until`` None: until it is revoked. ``hits``: so often it has answered.
    ``state``: 'in force', 'over' or 'revoked'.
    """

    id: UUID
    agent: Untrusted | None
    tool: Untrusted | None
    prefix: Untrusted | None
    decision: str
    until: datetime | None
    hits: int
    last_hit_at: datetime | None
    created_by: str | None
    created_at: datetime
    note: Untrusted | None
    state: str
    revoked_by: str | None
    revoked_at: datetime | None
    agent_id: UUID | None
