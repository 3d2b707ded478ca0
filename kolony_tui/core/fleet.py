"""What a person can do about agents and their tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kolony_tui.core.finding import agent_named
from kolony_tui.core.session import PersonSession
from kolony_tui.core.tokens import Token, new_token
from kolony_tui.models.errors import NotFound
from kolony_tui.models.fleet import Agent, AgentSession, AgentToken, Desired
from kolony_tui.server.scram import verifier


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A fresh token: the only time that its clear text exists on this side."""

    token_id: UUID
    agent_id: UUID
    token: Token


async def agents(session: PersonSession, *, with_retired: bool = False) -> list[Agent]:
    """The agents of the workspace with their derived state, by name."""
    return await session.db.rows(Agent, "fleet/agents", session.workspace.workspace_id, with_retired)


async def agent(session: PersonSession, agent_id: UUID) -> Agent:
    """One agent. Raises NotFound."""
    found = await session.db.rows(Agent, "fleet/agent", session.workspace.workspace_id, agent_id)
    if not found:
        raise NotFound("there is no such agent here", "see kolony agent list")
    return found[0]


async def agent_sessions(session: PersonSession, agent_id: UUID, limit: int = 20) -> list[AgentSession]:
    """The sessions of an agent's runners, newest first."""
    return await session.db.rows(AgentSession, "fleet/sessions", session.workspace.workspace_id, agent_id, limit)


async def agent_ids(session: PersonSession, names: Sequence[str]) -> list[UUID]:
    """The ids of agents by name, in the order of ``names``. Raises NotFound naming the first that is unknown."""
    found = await session.db.records("fleet/agent_ids_by_name", session.workspace.workspace_id, list(names))
    by_name: dict[str, UUID] = {row["name"]: row["agent_id"] for row in found}
    return [agent_named(name, by_name, session.workspace.slug) for name in names]


async def all_agent_ids(session: PersonSession) -> list[UUID]:
    """Every agent that is not retired, by name."""
    found = await session.db.records("fleet/active_agent_ids", session.workspace.workspace_id)
    return [row["agent_id"] for row in found]


async def create_agent(
    session: PersonSession,
    name: str,
    *,
    type: str = "process",
    category: str = "",
    instructions: str = "",
    description: str = "",
) -> UUID:
    """Makes an agent. Raises NoRight, or Refused where the name is taken or cannot be one."""
    rows = await session.db.call(
        "create_agent", session.workspace.workspace_id, name, type, category, instructions, description
    )
    made: UUID = rows[0][0]
    return made


async def set_desired(session: PersonSession, agent_id: UUID, desired: Desired, why: str = "") -> None:
    """Pauses, resumes or retires. Retiring cancels what waits for the agent; what runs is finished."""
    await session.db.call("set_agent_desired", agent_id, desired.value, why)


async def issue_token(
    session: PersonSession, agent_id: UUID, *, label: str = "", expires_at: datetime | None = None
) -> IssuedToken:
    """Makes a token for an agent; the server gets its verifier and digest only. Raises NoRight (admins only)."""
    token = new_token()
    rows = await session.db.call(
        "issue_token", agent_id, token.login, verifier(token.secret), token.digest, token.hint, label, expires_at
    )
    return IssuedToken(rows[0][0], agent_id, token)


async def tokens(session: PersonSession) -> list[AgentToken]:
    """Every token of the workspace, without the secrets. Raises NoRight (admins only)."""
    return await session.db.rows(AgentToken, "fleet/tokens", session.workspace.workspace_id)


async def revoke_token(session: PersonSession, token_id: UUID) -> None:
    """Takes a token out of service at once and ends its sessions."""
    await session.db.call("revoke_token", token_id)


async def expire_token(session: PersonSession, token_id: UUID, at_latest: datetime) -> None:
    """Lets a token run out at a time, no later than it would anyway."""
    await session.db.call("expire_token", token_id, at_latest)
