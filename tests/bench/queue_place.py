"""A database with one agent, and ways to fill its queue: what the benchmarks of the queue share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from kolony_tui.db.target import Target
from tests.bench.idle_work import TOKEN, Quiet, make_token
from tests.bench.peers import Server

AGENT, PERSON, LOGIN = "worker", "bench_person", "ka_00000000000bec03"
_FLEET = f"""
INSERT INTO kolony.workspaces (slug, name) VALUES ('main', 'Main');
INSERT INTO kolony.profiles (login, role_oid) VALUES ('{PERSON}', '{PERSON}'::regrole::oid);
INSERT INTO kolony.memberships (workspace_id, profile_id, role)
SELECT w.workspace_id, p.profile_id, 'admin' FROM kolony.workspaces w, kolony.profiles p;
INSERT INTO kolony.agents (workspace_id, name) SELECT workspace_id, '{AGENT}' FROM kolony.workspaces;
"""
_FILL = """
WITH sent AS (
    INSERT INTO kolony.commands (workspace_id, content, targets, created_by, submitted_at)
    SELECT workspace_id, 'true', ARRAY[$1::uuid], profile_id, now() FROM kolony.memberships, generate_series(1, $2)
    RETURNING *),
runs AS (
    INSERT INTO kolony.runs (workspace_id, command_id, ordinal, agent_id, priority)
    SELECT workspace_id, command_id, 1, $1, priority FROM sent RETURNING *)
INSERT INTO kolony.ready_runs (workspace_id, run_id, agent_id, priority)
SELECT workspace_id, run_id, agent_id, priority FROM runs
"""


@dataclass(frozen=True)
class Place:
    """A database with an agent; ``superuser`` is a connection into it, ``target`` what the agent's runner is given."""

    dsn: str
    superuser: asyncpg.Connection
    agent_id: UUID
    target: Target

    async def fill(self, count: int) -> None:
        """Puts so many commands for the agent into its queue, behind the runner's back."""
        await self.superuser.execute(_FILL, self.agent_id, count)

    async def hint(self) -> None:
        """Tells the agent's runner to look."""
        await self.superuser.execute(
            "SELECT kolony.hint(workspace_id, 'agent:' || agent_id) FROM kolony.agents WHERE agent_id = $1",
            self.agent_id,
        )

    async def drained(self, report: Quiet, until: int) -> None:
        """Returns when the runner has ended so many runs in all."""
        while report.ended < until:
            await asyncio.sleep(0.001)


@asynccontextmanager
async def queue_place(server: Server, name: str = "kolony_bench", login: str = LOGIN) -> AsyncIterator[Place]:
    """A database of this name with one agent in it, and its token."""
    dsn = await server.kolony_database(name)
    superuser = await asyncpg.connect(dsn)
    try:
        if not await superuser.fetchval("SELECT to_regrole($1) IS NOT NULL", PERSON):
            await superuser.execute(f"CREATE ROLE {PERSON} LOGIN IN ROLE kolony_user")
        await superuser.execute(_FLEET)
        agent_id = await superuser.fetchval("SELECT agent_id FROM kolony.agents")
        await make_token(superuser, agent_id, login)
        target = Target(dsn=dsn, origin="the benchmark").as_login(login, TOKEN)
        yield Place(dsn, superuser, agent_id, target)
    finally:
        await superuser.close()
