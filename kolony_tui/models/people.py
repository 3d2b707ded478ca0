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
    avatar: Untrusted
    role: Role
    disabled: bool
    granted_by: str | None
    granted_at: datetime
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Connected:
    """A session of a member. ``application`` is what the program calls itself.

    Of a login that was made outside Kolony the server shows no ``client``, ``since`` and ``state``. ``idle_seconds``:
    since its last statement ended; None while one runs.
    """

    login: str
    pid: int
    application: Untrusted
    client: str | None
    since: datetime | None
    idle_seconds: int | None
    state: str | None


@dataclass(frozen=True, slots=True)
class Limits:
    """A workspace's plan in free words, and how much it allows; None: any number."""

    plan: str
    max_members: int | None
    max_agents: int | None
    max_waiting_runs: int | None


@dataclass(frozen=True, slots=True)
class WorkspaceOverview:
    """A workspace of which the person is a member, with its plan and what there is of what the plan limits.

    ``members`` and ``agents`` count as the limits do: without who is disabled and what is retired.
    """

    workspace_id: UUID
    slug: str
    name: Untrusted
    role: Role
    admits_viewers: bool
    masks_secrets: bool
    redacts_tokens: bool
    plan: str
    max_members: int | None
    max_agents: int | None
    max_waiting_runs: int | None
    members: int
    agents: int
    waiting_runs: int
    created_at: datetime

    @property
    def limits(self) -> Limits:
        """The plan and its limits alone."""
        return Limits(self.plan, self.max_members, self.max_agents, self.max_waiting_runs)


@dataclass(frozen=True, slots=True)
class Right:
    """Something that people may do: the role that it ``needs`` (or ``anyone``), and the ``rule`` that decides."""

    action: str
    needs: str
    allowed: bool
    rule: str
