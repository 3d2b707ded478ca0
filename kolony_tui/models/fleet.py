"""Agents, their tokens and the sessions of their runners."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kolony_tui.models.states import Activity as Activity
from kolony_tui.models.states import AgentStatus as AgentStatus
from kolony_tui.models.states import Desired as Desired
from kolony_tui.models.states import TokenState as TokenState
from kolony_tui.models.untrusted import Untrusted


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent with its derived state.

    ``health`` is what its runner reported with its last heartbeat. ``ready``, ``scheduled`` and ``blocked`` count its
    waiting runs. ``agent_stopped``: an emergency stop holds it; ``asks``: how many questions of it are open.
    """

    agent_id: UUID
    name: Untrusted
    type: str
    category: Untrusted
    icon: Untrusted
    description: Untrusted
    desired: Desired
    desired_why: Untrusted
    desired_since: datetime
    desired_by_login: str | None
    created_by_login: str | None
    created_at: datetime
    status: AgentStatus
    activity: Activity
    sessions: int
    slots: int
    running: int
    ready: int
    scheduled: int
    host: Untrusted | None
    version: Untrusted | None
    adapter: Untrusted | None
    pid: int | None
    health: dict[str, Any] | None
    connected_at: datetime | None
    disconnected_at: datetime | None
    last_seen: datetime | None
    end_reason: Untrusted | None
    blocked: int
    agent_stopped: bool
    asks: int
    tags: tuple[Untrusted, ...]


@dataclass(frozen=True, slots=True)
class AgentTold:
    """What an agent's runner is told: with each command, and about itself."""

    instructions: Untrusted
    config: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AgentSession:
    """A runner's session. ``alive``: it has not ended and its last heartbeat is younger than its lease."""

    session_id: UUID
    host: Untrusted
    pid: int | None
    version: Untrusted
    adapter: Untrusted
    concurrency: int
    started_at: datetime
    last_seen: datetime
    ended_at: datetime | None
    end_reason: Untrusted | None
    end_error: bool
    alive: bool


@dataclass(frozen=True, slots=True)
class TokenUse:
    """A runner that lives by a token: where it says it is, and the runs that it holds ("12.1": command, ordinal)."""

    session_id: UUID
    host: Untrusted
    pid: int | None
    since: datetime
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AgentToken:
    """A token as an admin sees it: never the secret, only its hint.

    ``last_used_at`` is right to the minute, ``last_used_from`` an address (None: by a socket of the server's machine),
    ``last_used_host`` what its newest runner calls its machine.
    """

    token_id: UUID
    agent_id: UUID
    agent: Untrusted
    token_hint: str
    token_active: bool
    state: TokenState
    label: Untrusted
    expires_at: datetime | None
    created_at: datetime
    created_by: str | None
    revoked_at: datetime | None
    revoked_by: str | None
    last_used_at: datetime | None
    last_used_from: str | None
    last_used_host: Untrusted | None
    in_use_by: tuple[TokenUse, ...]


@dataclass(frozen=True, slots=True)
class RevokedToken:
    """What a revocation found: by whom the token was in use, and whether somebody had revoked it before, and when."""

    token_id: UUID
    revoked_before: bool
    revoked_at: datetime
    revoked_by: str | None
    in_use_by: tuple[TokenUse, ...]
