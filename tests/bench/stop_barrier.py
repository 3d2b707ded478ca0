"""An emergency stop of 10,000 agents with 1,000 runs at work, and what its barrier costs a claim.

Run with ``python -m tests.bench stop_barrier``; it takes some minutes, most of them to fill a workspace. The peer of a
claim is the same claim without the barrier.
"""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import asyncpg

from kolony_tui.db.connect import connect
from tests.bench.figures import Figure, rounds
from tests.bench.large_fleet import large_fleet
from tests.bench.measuring import milliseconds

STOPS = 11
BOUND_MS = 50
CLAIMS, BLOCKS = 100, 10
"""Claims in a block, and blocks for each side."""
BOUND_CLAIM = 1.05
GATE = "EXISTS (SELECT FROM kolony.stops s WHERE s.workspace_id = session.workspace_id AND s.lifted_at IS NULL)"
LOGIN = "ka_00000000000bec01"


async def main() -> list[Figure]:
    """Both figures."""
    async with large_fleet() as (person, dsn):
        superuser = await asyncpg.connect(dsn)
        operator = await connect(person, "kolony bench")
        home = await operator.fetchval("SELECT workspace_id FROM kolony.workspaces")
        figures = [await _stops(operator, superuser, home), await _claims(superuser, home)]
        await operator.close()
        await superuser.close()
    return figures


async def _stops(operator: asyncpg.Connection, superuser: asyncpg.Connection, home: UUID) -> Figure:
    taken = []
    for _ in range(rounds(STOPS) + 1):
        began = time.perf_counter()
        made = await operator.fetchval("SELECT kolony.stop_agents($1, NULL, 'a benchmark')", home)
        taken.append(time.perf_counter() - began)
        asked = await superuser.fetchval("SELECT count(*) FROM kolony.runs WHERE cancel_stop = $1", made)
        await operator.execute("SELECT kolony.lift_stop($1)", home)
        await superuser.execute(
            """UPDATE kolony.runs SET cancel_at = NULL, cancel_by = NULL, cancel_why = NULL, cancel_stop = NULL
               WHERE cancel_stop IS NOT NULL"""
        )
        await superuser.execute("VACUUM kolony.runs, kolony.agents")
    agents = await superuser.fetchval("SELECT count(*) FROM kolony.agents")
    what = f"emergency stop of {agents:,} agents with {asked:,} runs at work, with its commit"
    return Figure(what, "ms", milliseconds(taken[1:]), reach=f"at most {BOUND_MS} ms", limit=float(BOUND_MS))


async def _claims(superuser: asyncpg.Connection, home: UUID) -> Figure:
    claim = "'kolony.claim_attempts(uuid, integer, boolean)'::regprocedure"
    released = await superuser.fetchval(f"SELECT pg_get_functiondef({claim})")
    assert GATE in released
    sides = {"with": released, "without": released.replace(GATE, "false")}
    session = await _claimer(superuser, home)
    blocks: dict[str, list[float]] = {name: [] for name in sides}
    for block in range(2 * rounds(BLOCKS) + 2):
        name = ("with", "without")[(block + block // 2) % 2]
        await superuser.execute("RESET SESSION AUTHORIZATION")
        await superuser.execute(sides[name])
        await superuser.execute(f"SET SESSION AUTHORIZATION {LOGIN}")
        await _claim(superuser, session, 10)  # until plans are made again
        seconds = await _claim(superuser, session, CLAIMS)
        if block > 1:
            blocks[name].append(seconds)
    await superuser.execute("RESET SESSION AUTHORIZATION")
    await superuser.execute(sides["with"])
    ours, peer = ([seconds / CLAIMS * 1000 for seconds in blocks[name]] for name in ("with", "without"))
    reach = f"at most {BOUND_CLAIM} times"
    return Figure("a claim with the stop's barrier", "ms", ours, "without it", peer, reach, limit=BOUND_CLAIM)


async def _claimer(superuser: asyncpg.Connection, home: UUID) -> UUID:
    """An agent's session that may take as much as there is, and work for it."""
    await superuser.execute(f"DROP ROLE IF EXISTS {LOGIN}")
    await superuser.execute(f"CREATE ROLE {LOGIN} LOGIN IN ROLE kolony_agents")
    agent = await superuser.fetchval(
        "INSERT INTO kolony.agents (workspace_id, name) VALUES ($1, 'claimer') RETURNING agent_id", home
    )
    arguments: tuple[Any, ...] = (home, agent)
    await superuser.execute(
        """INSERT INTO kolony.agent_tokens (workspace_id, agent_id, login, token_hash, token_hint)
           VALUES ($1, $2, $3, sha256('bench'), 'kol_0000')""",
        *arguments,
        LOGIN,
    )
    await superuser.execute(
        """WITH sent AS (
               INSERT INTO kolony.commands (workspace_id, content, targets, created_by, submitted_at)
               SELECT $1, 'true', ARRAY[$2::uuid], p.profile_id, now()
               FROM kolony.profiles p, generate_series(1, $3) RETURNING *),
           runs AS (
               INSERT INTO kolony.runs (workspace_id, command_id, ordinal, agent_id, priority)
               SELECT workspace_id, command_id, 1, $2, 50 FROM sent RETURNING *)
           INSERT INTO kolony.ready_runs (workspace_id, run_id, agent_id, priority)
           SELECT workspace_id, run_id, agent_id, priority FROM runs""",
        *arguments,
        100,
    )
    await superuser.execute("ANALYZE kolony.ready_runs")
    await superuser.execute(f"SET SESSION AUTHORIZATION {LOGIN}")
    made: UUID = await superuser.fetchval(
        "SELECT session_id FROM kolony.open_session('bench', 1, '0', 'process', 1000)"
    )
    return made


async def _claim(superuser: asyncpg.Connection, session: UUID, times: int) -> float:
    """Seconds for so many claims of one run each; they are not kept, so that each meets the same."""
    seconds = 0.0
    for _ in range(times):
        transaction = superuser.transaction()
        await transaction.start()
        began = time.perf_counter()
        claimed = await superuser.fetch("SELECT * FROM kolony.claim_runs($1, 1)", session)
        seconds += time.perf_counter() - began
        await transaction.rollback()
        assert claimed
    return seconds
