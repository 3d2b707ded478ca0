"""What a person can do about agents and their tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from kolony_tui.core.finding import agent_named
from kolony_tui.core.session import PersonSession
from kolony_tui.core.tokens import Token, hint_in, new_token
from kolony_tui.db.rows import read
from kolony_tui.db.target import SHARED_AGENT_LOGIN
from kolony_tui.models.errors import NotFound, UsageError
from kolony_tui.models.fleet import Agent, AgentSession, AgentToken, AgentTold, Desired, RevokedToken, TokenUse
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.server.scram import verifier


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A fresh token: the only time that its clear text exists on this side."""

    token_id: UUID
    agent_id: UUID
    token: Token
    expires_at: datetime | None = None


async def agents(session: PersonSession, *, with_retired: bool = False) -> list[Agent]:
    """The agents of the workspace with their derived state, by name."""
    return await session.db.rows(Agent, "fleet/agents", session.workspace.workspace_id, with_retired)


async def agent(session: PersonSession, agent_id: UUID) -> Agent:
    """One agent. Raises NotFound."""
    found = await session.db.rows(Agent, "fleet/agent", session.workspace.workspace_id, agent_id)
    if not found:
        raise NotFound("there is no such agent here", "see kolony agent list")
    return found[0]


async def agent_told(session: PersonSession, agent_id: UUID) -> AgentTold:
    """What an agent's runner is told. Raises NotFound."""
    found = await session.db.rows(AgentTold, "fleet/agent_told", session.workspace.workspace_id, agent_id)
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


async def create_agent(
    session: PersonSession,
    name: str,
    *,
    type: str = "process",
    category: str = "",
    instructions: str = "",
    description: str = "",
    config: Mapping[str, Any] | None = None,
) -> UUID:
    """Makes an agent; ``config`` is for its runner. Raises NoRight, or Refused (the name is taken or cannot be one)."""
    rows = await session.db.call(
        "create_agent", session.workspace.workspace_id, name, type, category, instructions, description,
        dict(config or {}),
    )  # fmt: skip
    made: UUID = rows[0][0]
    return made


async def edit_agent(session: PersonSession, agent_id: UUID, change: Mapping[str, Any]) -> bool:
    """Changes what stands in ``change``: type, category, icon, description, instructions (texts), config (the whole of
    it) or config_changes (keys of it, None takes one away); answers whether anything is different now. Raises NoRight,
    Refused."""
    rows = await session.db.call("edit_agent", agent_id, dict(change))
    changed: bool = rows[0][0]
    return changed


async def tag_agents(
    session: PersonSession, agent_ids: Sequence[UUID], add: Sequence[str], remove: Sequence[str]
) -> int:
    """Gives agents tags and takes others away; answers how many agents that changed. Raises UsageError, NoRight."""
    rows = await session.db.call("tag_agents", list(agent_ids), list(add), list(remove))
    changed: int = rows[0][0]
    return changed


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
    return IssuedToken(rows[0][0], agent_id, token, expires_at)


async def tokens(session: PersonSession, agent_id: UUID | None = None) -> list[AgentToken]:
    """The tokens of the workspace, or of one agent, without the secrets. Raises NoRight (admins only)."""
    found = await session.db.records("fleet/tokens", session.workspace.workspace_id, agent_id)
    return [read(AgentToken, {**row, "in_use_by": _uses(row["in_use_by"])}) for row in found]


def token_named(known: Sequence[AgentToken], reference: str) -> AgentToken:
    """A token by its id, or by a hint that only one has. Raises NotFound, or UsageError naming all that have it."""
    said = hint_in(reference)
    if said != reference:
        raise UsageError("a whole token belongs in no command line, where others can read it", f"its hint is {said}")
    meant = [each for each in known if reference in (str(each.token_id), each.token_hint)]
    if not meant:
        raise NotFound(f"there is no token {reference!r} here", "see kolony token list")
    if len(meant) > 1:
        ids = ", ".join(f"{each.token_id} ({each.agent.raw}, {each.state})" for each in meant)
        raise UsageError(f"{len(meant)} tokens have the hint {reference!r}", f"give the id: {ids}")
    return meant[0]


async def rotate_token(
    session: PersonSession,
    old: Sequence[AgentToken],
    *,
    overlap: timedelta,
    label: str | None = None,
    expires_at: datetime | None = None,
) -> IssuedToken:
    """Makes a token in the place of ``old`` ones of one agent, which run out after the overlap; all or nothing.

    What is left out is as with the first of them: its label, and the length of life that it was given.
    Raises WrongState where one of them serves no more.
    """
    token, first = new_token(), old[0]
    if expires_at is None and first.expires_at is not None:
        expires_at = datetime.now(UTC) + (first.expires_at - first.created_at)
    async with session.db.connection() as connection, connection.transaction():
        made = await connection.fetchval(
            "SELECT kolony.rotate_token($1, $2, $3, $4, $5, $6, $7, $8)",
            first.token_id, token.login, verifier(token.secret), token.digest, token.hint, overlap, label, expires_at,
        )  # fmt: skip
        for each in old[1:]:
            await connection.execute("SELECT kolony.expire_token($1, now() + $2::interval)", each.token_id, overlap)
    return IssuedToken(made, first.agent_id, token, expires_at)


async def revoke_token(session: PersonSession, token_id: UUID) -> RevokedToken:
    """Takes a token out of service at once and ends its sessions; once more does no harm."""
    [row] = await session.db.call("revoke_token", token_id)
    said = row[0]
    return RevokedToken(
        token_id,
        said["revoked_before"],
        datetime.fromisoformat(said["revoked_at"]),
        said["revoked_by"],
        _uses(said["in_use_by"]),
    )


def _uses(found: Sequence[Mapping[str, Any]]) -> tuple[TokenUse, ...]:
    return tuple(
        TokenUse(
            UUID(each["session_id"]),
            Untrusted(each["host"]),
            each["pid"],
            datetime.fromisoformat(each["since"]),
            tuple(each["runs"]),
        )
        for each in found
    )


async def expire_token(session: PersonSession, token_id: UUID, at_latest: datetime) -> None:
    """Lets a token run out at a time, no later than it would anyway."""
    await session.db.call("expire_token", token_id, at_latest)


async def shared_agent_login(session: PersonSession) -> str | None:
    """The login that agents share, where the server lets Kolony make none for each token; None where it does."""
    return None if await session.db.value("fleet/makes_logins") else SHARED_AGENT_LOGIN
