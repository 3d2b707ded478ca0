"""A command to 1,000 agents, beside one multi-row insert of the same rows; and a run's way, beside the released one.

Run with ``python -m tests.bench broadcast``; it takes about a minute. The peer of sending writes the same command, runs
and ready runs with one statement, in the same tables and on the same server. A run's way is a claim, a start and a
finish; its peer are the functions of migration 0006 under other names, with the index that they had.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg

from kolony_tui.db.queries import sql_folder
from kolony_tui.server.embedded import EmbeddedServer
from kolony_tui.server.home import Home
from kolony_tui.server.migrations import migrate
from tests.bench.measuring import machine, told

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


async def main() -> None:
    """Print both figures."""
    print(machine())
    async with _server() as dsn:
        superuser, operator, runner = [await asyncpg.connect(dsn) for _ in range(3)]
        await operator.execute(f"SET SESSION AUTHORIZATION {PERSON}")
        agents = [row[0] for row in await superuser.fetch("SELECT agent_id FROM kolony.agents ORDER BY name")]
        await _sends(operator, superuser, agents)
        await superuser.execute("TRUNCATE kolony.commands CASCADE; ANALYZE")
        await runner.execute(f"SET SESSION AUTHORIZATION {RUNNER}")
        await _runs(runner, superuser, agents[0])
        for connection in (superuser, operator, runner):
            await connection.close()


async def _sends(operator: asyncpg.Connection, superuser: asyncpg.Connection, agents: list[UUID]) -> None:
    home = await operator.fetchval("SELECT workspace_id FROM kolony.workspaces")
    call = "SELECT count(*) FROM kolony.send_command($1, $2, 'true')"
    sides: dict[str, Callable[[], Awaitable[object]]] = {
        "send_command": lambda: operator.fetchval(call, home, agents),
        "one insert": lambda: superuser.execute(_INSERT, agents),
    }
    taken = await _interleaved(sides, SENDS)
    ours, peer = ((name, median(taken[name])) for name in sides)
    rows = await superuser.fetchval("SELECT count(*) FROM kolony.ready_runs")
    assert rows == 2 * (SENDS + 1) * len(agents)
    print(told(f"a command to {len(agents):,} agents", ours, peer, BOUND_SEND))


async def _runs(runner: asyncpg.Connection, superuser: asyncpg.Connection, agent: UUID) -> None:
    await superuser.execute(_released())

    async def way(suffix: str) -> None:
        await runner.execute("SELECT kolony.beat($1, NULL, '{}')", session)
        for _ in range(RUNS):
            [held] = await runner.fetch(f"SELECT * FROM kolony.claim_runs{suffix}($1, 1)", session)
            await runner.execute("SELECT kolony.start_attempt($1)", held["attempt_id"])
            finish = f"SELECT kolony.finish_attempt{suffix}($1, 'completed', 0, NULL, NULL, '{{}}', 0, 0, 0)"
            await runner.execute(finish, held["attempt_id"])

    async with superuser.transaction():
        for _ in range(2 * (BLOCKS + 1) * RUNS):
            await superuser.execute(_INSERT, [agent])
    await superuser.execute("VACUUM ANALYZE")
    session = await runner.fetchval("SELECT session_id FROM kolony.open_session('bench', 1, '0', 'process', 10)")
    taken = await _interleaved({"now": lambda: way(""), "as released": lambda: way("_before")}, BLOCKS)
    ours, peer = ((name, median(taken[name])) for name in taken)
    print(told(f"{RUNS} runs claimed, started and finished", ours, peer, BOUND_RUN))
    rates = ", ".join(f"{RUNS / seconds:.0f} a second {name}" for name, seconds in (ours, peer))
    print(f"one connection: {rates}")


async def _interleaved(sides: dict[str, Callable[[], Awaitable[object]]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each side, taken in turns; a first round is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name in list(sides)[:: 1 if number % 2 else -1]:
            began = time.perf_counter()
            await sides[name]()
            if number:
                taken[name].append(time.perf_counter() - began)
    return taken


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
    folder = Path(tempfile.mkdtemp(prefix="kolony-bench-")).resolve()
    server = EmbeddedServer(Home(folder / "home"))
    try:
        await server.ensure_async()
        given = server.superuser_dsn("postgres")
        superuser = await asyncpg.connect(given)
        await superuser.execute("CREATE ROLE bench_installer CREATEROLE")
        await superuser.execute("CREATE DATABASE kolony_bench OWNER bench_installer")
        await superuser.close()
        parts = urlsplit(given)
        dsn = urlunsplit((parts.scheme, parts.netloc, "/kolony_bench", parts.query, ""))
        owner = await asyncpg.connect(dsn)
        await owner.execute("SET SESSION AUTHORIZATION bench_installer")
        await migrate(owner)
        await owner.execute("RESET SESSION AUTHORIZATION")
        for role, group in ((PERSON, "kolony_user"), (RUNNER, "kolony_agents")):
            await owner.execute(f"CREATE ROLE {role} LOGIN IN ROLE {group}")
        await owner.execute(_FLEET)
        await owner.execute("VACUUM ANALYZE")
        await owner.close()
        yield dsn
    finally:
        server.stop(force=True)
        shutil.rmtree(folder)
