"""A command to 1,000 agents, beside one multi-row insert of the same rows; and a run's way, beside the released one.

Run with ``python -m tests.bench broadcast``; it takes about a minute. The peer of sending writes the same command, runs
and ready runs with one statement, in the same tables and on the same server. A run's way is a claim, a start and a
finish; its peer are the functions of migration 0006 under other names, with the index that they had.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg

from kolony_tui.db.queries import sql_folder
from tests.bench.figures import Figure, rounds
from tests.bench.measuring import milliseconds, turn_by_turn
from tests.bench.peers import server

AGENTS, SENDS, BOUND_SEND = 1_000, 15, 5.0
RUNS, BLOCKS, BOUND_RUN = 150, 8, 1.25
PERSON, RUNNER = "bench_person", "ka_00000000000bec02"
_FLEET = f"""
INSERT INTO kolony.workspaces (slug, name) VALUES ('main', 'Main');
INSERT INTO kolony.profiles (login, role_oid) VALUES ('{PERSON}', '{PERSON}'::regrole::oid);
INSERT INTO kolony.memberships (workspace_id, profile_id, role)
SELECT w.workspace_id, p.profile_id, 'operator' FROM kolony.workspaces w, kolony.profiles p;
INSERT INTO kolony.agents (workspace_id, name)
SELECT workspace_id, 'agent-' || n FROM kolony.workspaces, generate_series(1, {AGENTS}) n;
INSERT INTO kolony.agent_tokens (workspace_id, agent_id, login, token_hash, token_hint)
SELECT workspace_id, agent_id, '{RUNNER}', sha256('bench'), 'kol_0000' FROM kolony.agents WHERE name = 'agent-1';
"""
_INSERT = """
WITH sent AS (
    INSERT INTO kolony.commands (workspace_id, content, targets, created_by, submitted_at)
    SELECT workspace_id, 'true', $1::uuid[], profile_id, now() FROM kolony.memberships
    RETURNING *),
runs AS (
    INSERT INTO kolony.runs (workspace_id, command_id, ordinal, agent_id, priority)
    SELECT sent.workspace_id, sent.command_id, t.ordinal, t.agent_id, sent.priority
    FROM sent, unnest(sent.targets) WITH ORDINALITY AS t (agent_id, ordinal) RETURNING *)
INSERT INTO kolony.ready_runs (workspace_id, run_id, agent_id, priority)
SELECT workspace_id, run_id, agent_id, priority FROM runs
"""


async def main() -> list[Figure]:
    """Both figures."""
    async with _server() as dsn:
        superuser, operator, runner = [await asyncpg.connect(dsn) for _ in range(3)]
        await operator.execute(f"SET SESSION AUTHORIZATION {PERSON}")
        agents = [row[0] for row in await superuser.fetch("SELECT agent_id FROM kolony.agents ORDER BY name")]
        figures = [await _sends(operator, superuser, agents)]
        await superuser.execute("TRUNCATE kolony.commands CASCADE; ANALYZE")
        await runner.execute(f"SET SESSION AUTHORIZATION {RUNNER}")
        figures.append(await _runs(runner, superuser, agents[0]))
        for connection in (superuser, operator, runner):
            await connection.close()
    return figures


async def _sends(operator: asyncpg.Connection, superuser: asyncpg.Connection, agents: list[UUID]) -> Figure:
    home = await operator.fetchval("SELECT workspace_id FROM kolony.workspaces")
    call = "SELECT count(*) FROM kolony.send_command($1, $2, 'true')"
    sides: dict[str, Callable[[], Awaitable[object]]] = {
        "send_command": lambda: operator.fetchval(call, home, agents),
        "one insert": lambda: superuser.execute(_INSERT, agents),
    }
    taken = await turn_by_turn(sides, rounds(SENDS))
    ours, peer = (milliseconds(taken[name]) for name in sides)
    rows = await superuser.fetchval("SELECT count(*) FROM kolony.ready_runs")
    assert rows == 2 * (rounds(SENDS) + 1) * len(agents)
    what, reach = f"a command to {len(agents):,} agents", f"at most {BOUND_SEND:.0f} times"
    return Figure(what, "ms", ours, "one multi-row insert of the same rows", peer, reach, limit=BOUND_SEND)


async def _runs(runner: asyncpg.Connection, superuser: asyncpg.Connection, agent: UUID) -> Figure:
    await superuser.execute(_released())

    async def way(suffix: str) -> None:
        await runner.execute("SELECT kolony.beat($1, NULL, '{}')", session)
        for _ in range(RUNS):
            [held] = await runner.fetch(f"SELECT * FROM kolony.claim_runs{suffix}($1, 1)", session)
            await runner.execute("SELECT kolony.start_attempt($1)", held["attempt_id"])
            finish = f"SELECT kolony.finish_attempt{suffix}($1, 'completed', 0, NULL, NULL, '{{}}', 0, 0, 0)"
            await runner.execute(finish, held["attempt_id"])

    async with superuser.transaction():
        for _ in range(2 * (rounds(BLOCKS) + 1) * RUNS):
            await superuser.execute(_INSERT, [agent])
    await superuser.execute("VACUUM ANALYZE")
    session = await runner.fetchval("SELECT session_id FROM kolony.open_session('bench', 1, '0', 'process', 10)")
    taken = await turn_by_turn({"now": lambda: way(""), "as released": lambda: way("_before")}, rounds(BLOCKS))
    ours, peer = ([RUNS / seconds for seconds in taken[name]] for name in taken)
    what, reach = "runs claimed, started and finished one by one over one connection", f"at least {1 / BOUND_RUN}"
    return Figure(what, "runs/s", ours, "the functions of migration 0006", peer, reach, "higher", 1 / BOUND_RUN)


def _released() -> str:
    """The functions of a run's way as they were, each by its own name with ``_before``."""
    [path] = (sql_folder() / "migrations").glob("0006_*.sql")
    found = []
    for name in ("claim_runs", "finish_attempt", "end_attempt"):
        match = re.search(rf"^CREATE FUNCTION kolony\.{name}\(.*?^\$\$;$", path.read_text(), re.MULTILINE | re.DOTALL)
        assert match is not None, name
        found.append(match[0].replace(f"kolony.{name}(", f"kolony.{name}_before("))
    whole = "\n".join(found).replace("kolony.end_attempt(", "kolony.end_attempt_before(")
    return f"""
        SET ROLE kolony_api; {whole} RESET ROLE;
        GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA kolony TO kolony_agents;
        CREATE INDEX ON kolony.ready_runs (workspace_id, agent_id, priority DESC, enqueued_at, run_id)"""


@asynccontextmanager
async def _server() -> AsyncIterator[str]:
    """A server with the fleet on it, which goes at the end: the superuser's URL."""
    with server() as made:
        dsn = await made.kolony_database()
        owner = await asyncpg.connect(dsn)
        for role, group in ((PERSON, "kolony_user"), (RUNNER, "kolony_agents")):
            await owner.execute(f"CREATE ROLE {role} LOGIN IN ROLE {group}")
        await owner.execute(_FLEET)
        await owner.execute("VACUUM ANALYZE")
        await owner.close()
        yield dsn
