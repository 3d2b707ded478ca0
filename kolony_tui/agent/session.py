"""The runner's session in the database: opening it, renewing its leases, and the orders that come back."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from kolony_tui import __version__
from kolony_tui.agent.adapter import Assignment
from kolony_tui.agent.brief import NO_BRIEF, brief_of
from kolony_tui.agent.lease import Lease
from kolony_tui.agent.link import Link
from kolony_tui.agent.supervision.guardian import boot_seconds
from kolony_tui.models.errors import KolonyError, LoginRefused, NotFound, SchemaMismatch
from kolony_tui.server.migrations import newest_version


@dataclass(frozen=True, slots=True)
class Order:
    """A beat's answer: ``cancel``, ``interrupt``, ``over_budget``, ``lost``, ``unknown`` and ``answered`` (``why`` is
    the approval) name an attempt; ``paused``, ``stopped`` and ``retired`` do not."""

    what: str
    run_id: UUID | None
    attempt_id: UUID | None
    why: str


@dataclass(frozen=True, slots=True)
class Session:
    """An open session. ``lease`` is this machine's idea of how long it lives without being renewed."""

    session_id: UUID
    agent_id: UUID
    agent: str
    agent_type: str
    workspace: str
    channel: str
    heartbeat_seconds: int
    schema_version: int
    lease: Lease
    link: Link

    async def beat(self, health: dict[str, Any] | None, holding: Iterable[UUID]) -> list[Order]:
        """Renews the leases; without ``health`` the last report stands. Raises Fenced, CannotConnect, LoginRefused."""
        sent_at = boot_seconds()
        rows = await self.link.call("beat", self.session_id, health, list(holding))
        self.lease.renew(sent_at)
        return [Order(*row) for row in rows]

    async def claim(self, up_to: int) -> list[Assignment]:
        """Takes up to so many runs and begins them. After CannotConnect some may be held unknown: the next beat names
        them."""
        shared: dict[str, Any] = {}
        common = NO_BRIEF
        claimed = []
        for row in await self.link.call("claim_attempts", self.session_id, up_to):
            facts = dict(row)
            if (first := facts.pop("shared")) is not None:
                shared, common = first, brief_of(first)
            own = facts.pop("brief")
            claimed.append(Assignment(**facts, brief=brief_of({**shared, **own}) if own else common))
        return claimed

    async def hand_back(self, attempt_id: UUID, why: str, alive: Callable[[], bool]) -> None:
        """Returns an attempt that never began."""
        await self.link.insist("finish_attempt", attempt_id, "released", None, None, why, {}, 0, 0, 0, alive=alive)

    async def acknowledge_stop(self) -> None:
        """Says that this runner has heard of every emergency stop that is on."""
        await self.link.call("acknowledge_stop", self.session_id)

    async def close(self, why: str, *, failed: bool) -> None:
        """Ends the session; what it still holds is lost at once, not when its lease runs out."""
        await self.link.call("close_session", self.session_id, why, failed)


async def open_session(link: Link, adapter: str, concurrency: int) -> Session:
    """Begins a session. Raises WrongState for a retired agent, CannotConnect, LoginRefused."""
    sent_at = boot_seconds()
    await link.learn_time()
    row = (await link.call("open_session", platform.node(), os.getpid(), __version__, adapter, concurrency))[0]
    return Session(
        session_id=row["session_id"],
        agent_id=row["agent_id"],
        agent=row["agent"],
        agent_type=row["agent_type"],
        workspace=row["workspace"],
        channel=row["channel"],
        heartbeat_seconds=row["heartbeat_seconds"],
        schema_version=row["schema_version"],
        lease=Lease(row["lease_seconds"], sent_at),
        link=link,
    )


async def check(session: Session, agent: str) -> None:
    """Closes a session that is another agent's than was named (NotFound) or of a newer schema (SchemaMismatch)."""
    wrong: KolonyError | None = None
    if agent not in (session.agent, str(session.agent_id)):
        words = f"the token belongs to the agent {session.agent!r}, not to {agent!r}"
        wrong = NotFound(words, "name that one, or give the other's token")
    elif session.schema_version > newest_version():
        words = f"the schema is version {session.schema_version}, newer than this program's {newest_version()}"
        wrong = SchemaMismatch(words, "upgrade kolony")
    if wrong is not None:
        await session.close(wrong.message, failed=True)
        raise wrong


def token_refused(error: LoginRefused) -> LoginRefused:
    """The server's refusal in the words of whoever started the runner."""
    return LoginRefused(f"the agent's token was refused ({error.message})", "issue another: kolony token issue AGENT")


def application_name(agent: str) -> str:
    """What the server shows as this runner's name: ASCII, at most 63 characters."""
    plain = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in agent)
    return f"kolony run {plain}"[:63]
