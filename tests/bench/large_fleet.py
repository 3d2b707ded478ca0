"""A workspace as large as lists have to bear: 10,000 agents, 1,000,000 runs that ended, some thousand that have not."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from kolony_tui.db.target import Target
from kolony_tui.models.secret import Secret
from kolony_tui.server.embedded import EmbeddedServer
from kolony_tui.server.home import Home
from kolony_tui.server.migrations import migrate

AGENTS, ENDED, EXECUTING, READY, SCHEDULED = 10_000, 1_000_000, 1_000, 8_000, 500
PERSON, PASSWORD = "bench_person", Secret("only for a benchmark")
_NUMBERS: dict[str, int | str] = {
    "agents": AGENTS,
    "ended": ENDED,
    "executing": EXECUTING,
    "ready": READY,
    "scheduled": SCHEDULED,
    "runs": ENDED + EXECUTING + READY + SCHEDULED,
    "person": PERSON,
}
_PEOPLE = """
INSERT INTO kolony.workspaces (slug, name) VALUES ('main', 'Main');
INSERT INTO kolony.profiles (login, role_oid) VALUES ('{person}', '{person}'::regrole::oid);
INSERT INTO kolony.memberships (workspace_id, profile_id, role)
SELECT w.workspace_id, p.profile_id, 'admin' FROM kolony.workspaces w, kolony.profiles p;
"""
_AGENTS = """
INSERT INTO kolony.agents (workspace_id, name, type, category, desired, created_by, tags)
SELECT m.workspace_id, 'agent-' || lpad(n::text, 5, '0'), (ARRAY['claude', 'codex', 'gemini', 'process'])[1 + n % 4],
       'team ' || n % 25, CASE WHEN n % 100 = 7 THEN 'paused' ELSE 'active' END, m.profile_id,
       CASE WHEN n % 10 = 0 THEN ARRAY['canary'] ELSE '{{}}' END
FROM kolony.memberships m, generate_series(1, {agents}) n;
CREATE TEMP TABLE made_agents AS
SELECT agent_id, row_number() OVER (ORDER BY name) AS n FROM kolony.agents;
CREATE UNIQUE INDEX ON made_agents (n);
-- Two sessions that ended for each, and for eight of ten one that goes on; its lease does not run out.
INSERT INTO kolony.agent_sessions (workspace_id, agent_id, token_id, host, pid, version, adapter, concurrency,
    lease_seconds, started_at, last_seen, ready, health, ended_at, end_reason, end_error)
SELECT w.workspace_id, a.agent_id, kolony.new_id(), 'build-' || a.n % 40, 1000 + a.n, '1.0', 'process', 4, 10000000,
       now() - s * interval '1 day', now() - s * interval '1 day', true,
       jsonb_build_object('cpu_percent', a.n % 100, 'memory_bytes', 100000000 + a.n, 'uptime_seconds', 3600,
                          'done', a.n % 500, 'failed', 0, 'mean_seconds', 4.2),
       CASE WHEN s > 0 THEN now() - s * interval '1 day' END, CASE WHEN s > 0 THEN 'its machine went down' END,
       s > 0 AND a.n % 50 = 9
FROM kolony.workspaces w, generate_series(2, 0, -1) s, made_agents a WHERE s > 0 OR a.n % 5 < 4;
"""
_RUNS = """
CREATE TEMP TABLE made_runs AS
SELECT g.n, kolony.new_id() AS command_id, kolony.new_id() AS run_id, a.agent_id,
       now() - ({runs} - g.n) * interval '2.5 seconds' AS at,
       CASE WHEN g.n > {ended} THEN NULL
            ELSE (ARRAY['completed', 'completed', 'completed', 'completed', 'completed', 'completed', 'completed',
                        'failed', 'completed', 'cancelled'])[1 + g.n % 10] END AS outcome
FROM generate_series(1, {runs}) g (n) JOIN made_agents a ON a.n = 1 + g.n * 7919::bigint % {agents}
ORDER BY g.n;
INSERT INTO kolony.commands (workspace_id, command_id, content, targets, priority, created_by, created_at, submitted_at,
    outcome, finished_at)
SELECT m.workspace_id, r.command_id, (ARRAY['review', 'test', 'summarise', 'fix'])[1 + r.n % 4] || ' src/part_'
       || r.n % 977 || '/file_' || r.n % 89 || '.py and say what is wrong with it', ARRAY[r.agent_id], r.n % 11 * 10,
       m.profile_id, r.at, r.at, r.outcome, CASE WHEN r.outcome IS NOT NULL THEN r.at + interval '20 seconds' END
FROM kolony.memberships m, made_runs r ORDER BY r.n;
INSERT INTO kolony.runs (workspace_id, run_id, command_id, ordinal, agent_id, priority, created_at, outcome,
    finished_at, exit_code, error)
SELECT w.workspace_id, r.run_id, r.command_id, 1, r.agent_id, r.n % 11 * 10, r.at, r.outcome,
       CASE WHEN r.outcome IS NOT NULL THEN r.at + interval '20 seconds' END,
       CASE r.outcome WHEN 'completed' THEN 0 WHEN 'failed' THEN 1 END,
       CASE WHEN r.outcome = 'failed' THEN 'exited with 1' END
FROM kolony.workspaces w, made_runs r ORDER BY r.n;
INSERT INTO kolony.attempts (workspace_id, run_id, number, agent_id, session_id, claimed_at, started_at, ended_at,
    outcome, exit_code)
SELECT w.workspace_id, r.run_id, 1, r.agent_id, s.session_id, r.at + interval '10 seconds',
       r.at + interval '11 seconds',
       CASE WHEN r.outcome IS NOT NULL THEN r.at + interval '20 seconds' END, r.outcome,
       CASE WHEN r.outcome = 'failed' THEN 1 ELSE 0 END
FROM kolony.workspaces w, made_runs r
JOIN (SELECT agent_id, max(session_id::text)::uuid AS session_id FROM kolony.agent_sessions GROUP BY agent_id) s
  USING (agent_id)
WHERE r.n <= {ended} + {executing} ORDER BY r.n;
INSERT INTO kolony.leases (workspace_id, run_id, attempt_id, agent_id, session_id)
SELECT workspace_id, run_id, attempt_id, agent_id, session_id FROM kolony.attempts WHERE outcome IS NULL;
INSERT INTO kolony.ready_runs (workspace_id, run_id, agent_id, priority, enqueued_at)
SELECT w.workspace_id, r.run_id, r.agent_id, r.n % 11 * 10, r.at FROM kolony.workspaces w, made_runs r
WHERE r.n > {ended} + {executing} AND r.n <= {ended} + {executing} + {ready};
INSERT INTO kolony.scheduled_runs (workspace_id, run_id, agent_id, priority, due_at)
SELECT w.workspace_id, r.run_id, r.agent_id, r.n % 11 * 10, now() + interval '1 hour'
FROM kolony.workspaces w, made_runs r WHERE r.n > {ended} + {executing} + {ready};
"""
_AUDIT = """
INSERT INTO kolony.audit_log (workspace_id, entry_id, at, event, login, application, command_id, details)
SELECT w.workspace_id, nextval('kolony.audit_entries'), now(), 'COMMAND_SENT', '{person}', 'kolony', r.command_id,
       jsonb_build_object('number', r.n)
FROM kolony.workspaces w, made_runs r WHERE r.n > {ended} - 200000 ORDER BY r.n;
"""


async def fill(server_dsn: str, **others: int) -> None:
    """Makes the database ``kolony_bench`` on an empty server and everything in it; takes about a minute.

    ``others``: agents, ended, executing, ready, scheduled, where there are to be more or fewer.
    """
    numbers: dict[str, int | str] = {**_NUMBERS, **others}
    numbers["runs"] = sum(int(numbers[each]) for each in ("ended", "executing", "ready", "scheduled"))
    superuser = await asyncpg.connect(server_dsn)
    await superuser.execute("CREATE ROLE bench_installer CREATEROLE")
    await superuser.execute("CREATE DATABASE kolony_bench OWNER bench_installer")
    await superuser.close()
    owner = await asyncpg.connect(_in_database(server_dsn))
    try:
        await owner.execute("SET SESSION AUTHORIZATION bench_installer")
        await migrate(owner)
        await owner.execute("RESET SESSION AUTHORIZATION")
        await owner.execute(f"CREATE ROLE {PERSON} LOGIN PASSWORD '{PASSWORD.reveal()}' IN ROLE kolony_user")
        await owner.execute("SET session_replication_role = replica")
        for statements in (_PEOPLE, _AGENTS, _RUNS, _AUDIT):
            await owner.execute(statements.format(**numbers))
        await owner.execute("VACUUM (ANALYZE, FREEZE)")
    finally:
        await owner.close()


def _in_database(server_dsn: str) -> str:
    parts = urlsplit(server_dsn)
    return urlunsplit((parts.scheme, parts.netloc, "/kolony_bench", parts.query, ""))


def person(server_dsn: str) -> Target:
    """Where the workspace's admin logs in."""
    dsn = _in_database(server_dsn)
    place = urlsplit(dsn).netloc
    bare = dsn.replace(place, place.rpartition("@")[2], 1)
    return Target(dsn=bare, origin="the benchmark").as_login(PERSON, PASSWORD)


@asynccontextmanager
async def large_fleet(**others: int) -> AsyncIterator[tuple[Target, str]]:
    """The workspace on a server of its own, which goes at the end: its admin's target, and the superuser's URL.

    ``others`` as in ``fill``.
    """
    folder = Path(tempfile.mkdtemp(prefix="kolony-bench-")).resolve()
    server = EmbeddedServer(Home(folder / "home"), settings={"fsync": "off"})
    try:
        await server.ensure_async()
        dsn = server.superuser_dsn("postgres")
        await fill(dsn, **others)
        yield person(dsn), _in_database(dsn)
    finally:
        server.stop(force=True)
        shutil.rmtree(folder)
