"""What a runner and an operator say to the database, in few words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from tests.database import Agent, Database


@dataclass
class Runner:
    """An open session of an agent."""

    connection: asyncpg.Connection
    session_id: UUID

    @classmethod
    async def of(cls, database: Database, agent: Agent, concurrency: int = 2) -> Runner:
        """A new session on a connection of its own."""
        connection = await database.open(agent.target)
        call = "SELECT session_id FROM kolony.open_session('host-1', 42, '0', 'process', $1)"
        return cls(connection, await connection.fetchval(call, concurrency))

    async def beat(self, *holding: UUID) -> list[tuple[str, UUID | None, UUID | None]]:
        """Renews, and answers with the orders: (what, run, attempt)."""
        rows = await self.connection.fetch("SELECT * FROM kolony.beat($1, '{}', $2)", self.session_id, list(holding))
        return [(row["what"], row["run_id"], row["attempt_id"]) for row in rows]

    async def claim(self, up_to: int = 1) -> list[asyncpg.Record]:
        """Up to so many runs."""
        claimed: list[asyncpg.Record] = await self.connection.fetch(
            "SELECT * FROM kolony.claim_runs($1, $2)", self.session_id, up_to
        )
        return claimed

    async def start(self, attempt: UUID) -> None:
        """Says that the work has begun."""
        await self.connection.execute("SELECT kolony.start_attempt($1)", attempt)

    async def append(self, attempt: UUID, chunks: Sequence[tuple[int, bytes]], stream: str = "stdout") -> None:
        """Appends (number, bytes)."""
        now = datetime.now(UTC)
        await self.connection.execute(
            "SELECT kolony.append_output($1, $2, $3, $4, $5, $6, $7)",
            attempt,
            [number for number, _ in chunks],
            [stream for _ in chunks],
            [now for _ in chunks],
            [0 for _ in chunks],
            [data.count(b"\n") for _, data in chunks],
            [data for _, data in chunks],
        )

    async def finish(
        self,
        attempt: UUID,
        ended: str = "completed",
        *,
        chunks: int = 0,
        error: str | None = None,
        limit_hit: str | None = None,
    ) -> None:
        """Ends an attempt."""
        code = {"completed": 0, "failed": 1}.get(ended)
        call = "SELECT kolony.finish_attempt($1, $2, $3, NULL, $4, '{}', $5, 0, 0, $6)"
        await self.connection.execute(call, attempt, ended, code, error, chunks, limit_hit)

    async def step(self, attempt: UUID, step: str, detail: str = "") -> None:
        """Says what was done to end or interrupt it."""
        await self.connection.execute("SELECT kolony.note_step($1, $2, $3)", attempt, step, detail)

    async def close(self) -> None:
        """Ends the session in good order."""
        await self.connection.execute("SELECT kolony.close_session($1, 'done', false)", self.session_id)


async def send(operator: asyncpg.Connection, agent: Agent | list[UUID], content: str = "x", **given: Any) -> list[UUID]:
    """The runs of a new command, in the order of its agents."""
    targets = [agent.agent_id] if isinstance(agent, Agent) else agent
    return [row["run_id"] for row in await send_rows(operator, targets, content, **given)]


async def send_rows(
    operator: asyncpg.Connection, agents: list[UUID], content: str = "x", **given: Any
) -> list[asyncpg.Record]:
    """What ``send_command`` answers."""
    home = await operator.fetchval("SELECT workspace_id FROM kolony.workspaces")
    extra = "".join(f", {name} => ${number}" for number, name in enumerate(given, 4))
    rows: list[asyncpg.Record] = await operator.fetch(
        f"SELECT * FROM kolony.send_command($1, $2, $3{extra})", home, agents, content, *given.values()
    )
    return rows


async def state(viewer: asyncpg.Connection, run: UUID) -> str:
    """A run's status, with ``lost`` where its runner is gone."""
    row = await viewer.fetchrow("SELECT status, lost FROM kolony.run_overview WHERE run_id = $1", run)
    assert row is not None
    return "lost" if row["lost"] else str(row["status"])


async def command_state(viewer: asyncpg.Connection, run_or_command: UUID) -> str:
    """The status of a command, by its id or by that of one of its runs."""
    found = await viewer.fetchval(
        """SELECT status FROM kolony.command_overview c WHERE c.command_id = $1
           OR c.command_id = (SELECT r.command_id FROM kolony.runs r WHERE r.run_id = $1)""",
        run_or_command,
    )
    return str(found)


async def let_pass(superuser: asyncpg.Connection, session_id: UUID) -> None:
    """The lease of a session runs out, as if its runner had been silent for an hour."""
    await superuser.execute(
        "UPDATE kolony.agent_sessions SET last_seen = last_seen - interval '1 hour' WHERE session_id = $1", session_id
    )


async def let_backoff_pass(superuser: asyncpg.Connection) -> None:
    """Every run that waits for its time is due."""
    await superuser.execute("UPDATE kolony.scheduled_runs SET due_at = now() - interval '1 second'")
    await superuser.execute("UPDATE kolony.blocked_runs SET due_at = now() - interval '1 second' WHERE due_at > now()")
