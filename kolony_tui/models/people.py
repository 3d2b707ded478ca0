"""People and tenants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kolony_tui.models.states import Role as Role
from kolony_tui.models.untrusted import Untrusted


@dataclass(frozen=True, slots=True)
class Workspace:
    """A tenant as one of its members sees it. ``channel`` is the NOTIFY channel of its hints."""

    workspace_id: UUID
    slug: str
    name: Untrusted
    role: Role
    channel: str
    heartbeat_seconds: int
    lease_seconds: int


@dataclass(frozen=True, slots=True)
class Me:
    """Who the session is, and where it may work."""

    profile_id: UUID
    login: str
    display_name: Untrusted
    avatar: Untrusted
    workspaces: tuple[Workspace, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """A member of a workspace."""

    login: str
    display_name: Untrusted
    role: Role
    disabled: bool
    granted_by: str | None
    granted_at: datetime
    created_at: datetime
