"""With much work in the tables, what is asked often still goes by its index, and by little of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from kolony_tui.db.queries import query
from tests.database import Agent, Workspace
from tests.work.calls import Runner, send

MUCH = 50_000
LITTLE = 2_000
"""Buffers (8 KiB each) that a question may touch: far below what reading a table of that size takes."""
COUNTED = 10_000
"""Of a longer queue so many are counted."""

FILL = """
INSERT INTO kolony.commands (workspace_id, content, targets, created_by, submitted_at, outcome, finished_at)
SELECT $1, 'x', ARRAY[$2::uuid], p.profile_id, now(), 'completed', now()
FROM generate_series(1, $3) n, kolony.profiles p WHERE p.login = $4;
"""
RUNS = """
INSERT INTO kolony.runs (workspace_id, command_id, ordinal, agent_id, priority, outcome, finished_at)
SELECT c.workspace_id, c.command_id, 1, $1::uuid, 50,
       CASE WHEN n % 2 = 0 THEN 'completed' END, CASE WHEN n % 2 = 0 THEN now() END
FROM (SELECT c.*, row_number() OVER () AS n FROM kolony.commands c) c
"""
READY = """
INSERT INTO kolony.ready_runs (workspace_id, run_id, agent_id, priority)
SELECT r.workspace_id, r.run_id, r.agent_id, r.priority FROM kolony.runs r WHERE r.outcome IS NULL
"""


HOLD = """
WITH held AS (DELETE FROM kolony.ready_runs q USING kolony.runs r WHERE r.run_id = q.run_id
              RETURNING q.*, r.command_id, r.ordinal)
INSERT INTO kolony.blocked_runs (workspace_id, run_id, agent_id, command_id, ordinal, priority, held)
SELECT workspace_id, run_id, agent_id, command_id, ordinal, priority, true FROM held
"""


async def _fill(workspace: Workspace, agent: Agent) -> asyncpg.Connection:
    superuser = await workspace.database.superuser()
    bob = workspace.database.cluster.login("bob")
    await superuser.execute("SET session_replication_role = replica")
    await superuser.execute(FILL, workspace.workspace_id, agent.agent_id, MUCH, bob)
    await superuser.execute(RUNS, agent.agent_id)
    await superuser.execute(READY)
    await superuser.execute("UPDATE kolony.commands c SET outcome = NULL, finished_at = NULL FROM kolony.runs r"
                            " WHERE r.command_id = c.command_id AND r.outcome IS NULL")  # fmt: skip
    await superuser.execute("RESET session_replication_role; ANALYZE")
    return superuser


async def _explained(connection: asyncpg.Connection, statement: str, *arguments: Any) -> dict[str, Any]:
    found = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON, TIMING OFF) {statement}", *arguments)
    plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    assert isinstance(plan, dict)
    return plan


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)


def _touched(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


@pytest.fixture
async def full(workspace: Workspace, agent: Agent) -> asyncpg.Connection:
    """A superuser's connection to a database with 50,000 runs, half of them waiting for one agent."""
    return await _fill(workspace, agent)


async def test_lists_go_by_their_index(workspace: Workspace, agent: Agent, full: asyncpg.Connection) -> None:
    eve = await workspace.database.connect("eve")
    home, nothing = workspace.workspace_id, None
    [run] = await eve.fetch("SELECT run_id, command_id FROM kolony.runs ORDER BY run_id LIMIT 1")
    asked: dict[str, tuple[Any, ...]] = {
        "work/runs": (home, nothing, nothing, 50),
        "work/commands": (home, nothing, 50),
        "work/run": (home, run["run_id"]),
        "work/command": (home, run["command_id"]),
        "work/runs_of_command": (home, run["command_id"]),
        "work/attempts": (home, run["run_id"]),
        "records/output": (home, run["run_id"], 1, datetime.now(UTC).date(), -1, nothing, 100),
    }
    for name, arguments in asked.items():
        plan = await _explained(eve, query(name), *arguments)
        whole = [node["Relation Name"] for node in _nodes(plan) if node["Node Type"] == "Seq Scan"]
        assert {"runs", "commands", "ready_runs"}.isdisjoint(whole), (name, whole)
        assert _touched(plan) < LITTLE, (name, _touched(plan))
    since = datetime.now(UTC) - timedelta(hours=1)
    plan = await _explained(eve, query("work/queue_window"), home, 0, 50, since, 0, MUCH // 2)
    long = [node["Node Type"] for node in _nodes(plan) if "Relation Name" in node and node["Actual Rows"] > COUNTED]
    assert (long, _touched(plan) < LITTLE) == ([], True), _touched(plan)


async def test_what_ended_lately_is_found_in_a_long_past(workspace: Workspace, full: asyncpg.Connection) -> None:
    await full.execute("SET session_replication_role = replica")
    await full.execute("DELETE FROM kolony.ready_runs")
    await full.execute("UPDATE kolony.runs SET outcome = 'failed', finished_at = now() WHERE outcome IS NULL")
    await full.execute("VACUUM ANALYZE kolony.runs")
    eve = await workspace.database.connect("eve")
    since = datetime.now(UTC) - timedelta(hours=1)
    plan = await _explained(eve, query("work/recent"), workspace.workspace_id, 1000, since, 50)
    whole = {node["Relation Name"] for node in _nodes(plan) if node["Node Type"] == "Seq Scan" and node["Actual Loops"]}
    assert {"runs", "commands"}.isdisjoint(whole), whole
    assert (plan["Actual Rows"], _touched(plan) < LITTLE) == (50, True), _touched(plan)


async def test_the_fleet_is_told_at_a_bearable_cost(
    workspace: Workspace, agent: Agent, full: asyncpg.Connection
) -> None:
    """The length of a queue is counted: a full one costs its index once, not the history."""
    eve = await workspace.database.connect("eve")
    plan = await _explained(eve, query("fleet/agents"), workspace.workspace_id, True)
    touched = {node.get("Relation Name") for node in _nodes(plan)}
    assert ({"runs", "commands"} & touched, _touched(plan) < LITTLE) == (set(), True), _touched(plan)


async def test_a_claim_reads_its_share_of_the_queue(
    workspace: Workspace, agent: Agent, full: asyncpg.Connection
) -> None:
    runner = await Runner.of(workspace.database, agent, 4)
    await runner.claim()  # what a connection does once: to read what the functions are
    claim = "SELECT * FROM kolony.claim_runs($1, 2)"
    plan = await _explained(runner.connection, claim, runner.session_id)
    assert (plan["Actual Rows"], _touched(plan) < LITTLE) == (2, True), _touched(plan)
    await full.execute(HOLD)
    for table in ("ready_runs", "blocked_runs"):
        await full.execute(f"VACUUM ANALYZE kolony.{table}")
    plan = await _explained(runner.connection, claim, runner.session_id)
    assert (plan["Actual Rows"], _touched(plan) < LITTLE) == (0, True), _touched(plan)


async def test_a_plan_made_while_the_queue_was_empty_still_serves(workspace: Workspace, agent: Agent) -> None:
    """Statistics say "empty" until somebody analyses; the claim must not scan because of it."""
    superuser = await workspace.database.superuser()
    await superuser.execute("ANALYZE")
    runner = await Runner.of(workspace.database, agent)
    bob = await workspace.database.connect("bob")
    for _ in range(8):
        await send(bob, agent)
        [held] = await runner.claim()
        await runner.finish(held["attempt_id"])
    await _fill_without_analyze(
        superuser, workspace.workspace_id, agent.agent_id, workspace.database.cluster.login("bob")
    )
    plan = await _explained(runner.connection, "SELECT * FROM kolony.claim_runs($1, 2)", runner.session_id)
    assert (plan["Actual Rows"], _touched(plan) < LITTLE) == (2, True), _touched(plan)


async def _fill_without_analyze(superuser: asyncpg.Connection, home: UUID, agent: UUID, login: str) -> None:
    await superuser.execute(
        "SET session_replication_role = replica; ALTER TABLE kolony.ready_runs SET (autovacuum_enabled = off)"
    )
    await superuser.execute(FILL, home, agent, 10_000, login)
    await superuser.execute("DELETE FROM kolony.attempts; DELETE FROM kolony.runs")
    await superuser.execute(RUNS, agent)
    await superuser.execute(READY)
    await superuser.execute("RESET session_replication_role")
