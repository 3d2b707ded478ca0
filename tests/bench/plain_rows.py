"""The rows that claims and ends of runs write, written by nothing but SQL: no roles, no rules, no triggers, no program.

What the queue could do at most with these rows, their indexes and this disk. Two statements a batch, each committed:
of every run eleven rows are made, changed or removed (its place in the queue, attempt, lease, run, command, three
events, an audit entry).
"""

from __future__ import annotations

import asyncio
import time

import asyncpg

BATCH = 50
_TABLES = ("ready_runs", "attempts", "leases", "runs", "commands", "events", "audit_log")
_COPY = """
INSERT INTO plain.commands SELECT c.* FROM kolony.commands c
JOIN kolony.runs r USING (workspace_id, command_id) JOIN kolony.ready_runs q USING (workspace_id, run_id);
INSERT INTO plain.runs SELECT r.* FROM kolony.runs r JOIN kolony.ready_runs q USING (workspace_id, run_id);
INSERT INTO plain.ready_runs SELECT * FROM kolony.ready_runs;
"""
_CLAIM = """
WITH taken AS (
    DELETE FROM plain.ready_runs q WHERE q.ctid = ANY (ARRAY(
        SELECT n.ctid FROM plain.ready_runs n WHERE n.workspace_id = $1 AND n.agent_id = $2
        ORDER BY n.priority DESC, n.place, n.run_id LIMIT $3 FOR UPDATE SKIP LOCKED))
    RETURNING q.run_id, q.attempt),
tried AS (
    INSERT INTO plain.attempts (workspace_id, run_id, number, agent_id, session_id, started_at)
    SELECT $1, taken.run_id, taken.attempt, $2, $2, now() FROM taken RETURNING run_id, attempt_id),
leased AS (
    INSERT INTO plain.leases (workspace_id, run_id, attempt_id, agent_id, session_id)
    SELECT $1, tried.run_id, tried.attempt_id, $2, $2 FROM tried),
told AS (
    INSERT INTO plain.events (workspace_id, at, kind, agent_id, command_id, run_id, facts)
    SELECT $1, clock_timestamp(), 'run.started', $2, r.command_id, r.run_id, '{"attempt": 1}'
    FROM tried JOIN plain.runs r ON r.workspace_id = $1 AND r.run_id = tried.run_id)
SELECT tried.attempt_id, c.content FROM tried
JOIN plain.runs r ON r.workspace_id = $1 AND r.run_id = tried.run_id
JOIN plain.commands c ON c.workspace_id = $1 AND c.command_id = r.command_id
"""
_END = """
WITH gone AS (DELETE FROM plain.leases l WHERE l.attempt_id = ANY ($2) AND l.workspace_id = $1 RETURNING l.attempt_id),
ended AS (
    UPDATE plain.attempts t SET ended_at = now(), outcome = 'completed', exit_code = 0, usage = '{}', chunk_count = 0,
        byte_count = 0, line_count = 0
    FROM gone WHERE t.workspace_id = $1 AND t.attempt_id = gone.attempt_id RETURNING t.run_id),
settled AS (
    UPDATE plain.runs r SET outcome = 'completed', finished_at = now(), updated_at = now(), exit_code = 0
    FROM ended WHERE r.workspace_id = $1 AND r.run_id = ended.run_id RETURNING r.run_id, r.command_id, r.agent_id),
done AS (
    UPDATE plain.commands c SET outcome = 'completed', finished_at = now(), updated_at = now()
    FROM settled WHERE c.workspace_id = $1 AND c.command_id = settled.command_id RETURNING c.command_id, c.number),
told AS (
    INSERT INTO plain.events (workspace_id, at, kind, agent_id, command_id, run_id, facts)
    SELECT $1, clock_timestamp(), 'run.completed', agent_id, command_id, run_id, '{"exit_code": 0}'::jsonb
    FROM settled
    UNION ALL SELECT $1, clock_timestamp(), 'command.completed', NULL, command_id, NULL, '{}' FROM done),
audited AS (
    INSERT INTO plain.audit_log (workspace_id, entry_id, at, event, login, application, command_id, subject, details)
    SELECT $1, nextval('kolony.audit_entries'), clock_timestamp(), 'COMMAND_COMPLETED', session_user, '', command_id,
           '#' || number, '{"outcome": "completed", "agents": 1}'
    FROM done)
SELECT count(*) FROM settled
"""


async def copy_waiting(superuser: asyncpg.Connection) -> None:
    """Copies what waits in the queue into tables of the same columns and indexes."""
    await superuser.execute("SET client_min_messages = error; CREATE SCHEMA IF NOT EXISTS plain")
    for table in _TABLES:
        like = f"(LIKE kolony.{table} INCLUDING DEFAULTS INCLUDING INDEXES)"
        await superuser.execute(f"CREATE TABLE IF NOT EXISTS plain.{table} {like}")
    await superuser.execute(_COPY)


async def written(superuser: asyncpg.Connection, jobs: int) -> float:
    """Claims and ends all that was copied; runs a second."""
    [row] = await superuser.fetch("SELECT workspace_id, agent_id FROM plain.ready_runs LIMIT 1")
    home, agent = row
    claim, end = await superuser.prepare(_CLAIM), await superuser.prepare(_END)
    ended = 0
    began = time.perf_counter()
    while claimed := await claim.fetch(home, agent, BATCH):
        ended += await end.fetchval(home, [each["attempt_id"] for each in claimed])
        await asyncio.sleep(0)
    assert ended == jobs, ended
    return jobs / (time.perf_counter() - began)
