"""Claims that begin what they take, and ends of many attempts in one call: one that is refused loses no other."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

from tests.database import Agent, Workspace, refused
from tests.work.calls import Runner, command_state, let_pass, send, state

CLAIM = "SELECT * FROM kolony.claim_attempts($1, $2)"
EACH = 150
"""Buffers that a run may touch in its batch; reading through the leases once takes as many."""


def _end(attempt: UUID, **given: Any) -> dict[str, Any]:
    return {"attempt_id": str(attempt), "exit_code": 0, "chunks": 0, "bytes": 0, "lines": 0, **given}


async def _complete(runner: Runner, *ends: dict[str, Any]) -> set[UUID]:
    rows = await runner.connection.fetch("SELECT * FROM kolony.complete_attempts($1)", list(ends))
    return {row[0] for row in rows}


async def test_a_claim_begins_what_it_takes_and_briefs_it(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    runs = [(await send(bob, agent, f"say {number}"))[0] for number in range(3)]
    await bob.execute("SELECT kolony.set_variable($1, 'COLOUR', 'red')", agent.agent_id)
    runner = await Runner.of(workspace.database, agent, 3)
    rows = await runner.connection.fetch(CLAIM, runner.session_id, 5)
    assert [(row["run_id"], row["content"]) for row in rows] == [(run, f"say {n}") for n, run in enumerate(runs)]
    assert [await state(bob, run) for run in runs] == ["executing"] * 3
    [shared] = [row["shared"] for row in rows if row["shared"] is not None]
    assert shared == rows[0]["shared"]
    assert shared["variables"] == [{"name": "COLOUR", "value": "red", "secret": False}]


async def test_a_claim_does_not_bring_more_text_than_a_runner_bears(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    for _ in range(12):
        await send(bob, agent, "x" * 1_000_000)
    runner = await Runner.of(workspace.database, agent, 12)
    taken = [len(await runner.connection.fetch(CLAIM, runner.session_id, 12)) for _ in range(3)]
    assert taken == [8, 4, 0]


async def test_what_cannot_be_ended_in_a_batch_holds_up_nothing(workspace: Workspace, agent: Agent) -> None:
    """One never was, one has a hole in its output, one is held by somebody, one has ended so before."""
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    runs = [(await send(bob, agent))[0] for _ in range(5)]
    runner = await Runner.of(database, agent, 5)
    claimed = [row["attempt_id"] for row in await runner.connection.fetch(CLAIM, runner.session_id, 5)]
    plain, holed, held, before, warned = claimed
    await runner.finish(before)
    async with superuser.transaction():
        await superuser.execute("SELECT FROM kolony.runs WHERE run_id = $1 FOR NO KEY UPDATE", runs[2])
        ended = await _complete(runner, _end(plain), _end(uuid4()), _end(holed, chunks=2), _end(held), _end(before),
                                _end(warned, warning="look", usage={"wall_seconds": 1}))  # fmt: skip
    assert ended == {plain, before, warned}
    assert [await state(bob, run) for run in runs] == ["completed", "executing", "executing", "completed", "completed"]
    row: Any = await superuser.fetchrow("SELECT * FROM kolony.attempts WHERE attempt_id = $1", warned)
    assert (json.loads(row["usage"]), row["warning"], row["chunk_count"]) == ({"wall_seconds": 1}, "look", 0)
    assert await superuser.fetchval("SELECT count(*) FROM kolony.leases") == 2
    # Each of the others by itself: done, or refused with the reason.
    with refused("KO002"):
        await runner.finish(holed, chunks=2)
    await runner.finish(held)
    assert await state(bob, runs[2]) == "completed"


async def test_a_batch_of_a_lost_session_ends_nothing(workspace: Workspace, agent: Agent) -> None:
    bob, superuser = await workspace.database.connect("bob"), await workspace.database.superuser()
    run = (await send(bob, agent))[0]
    runner = await Runner.of(workspace.database, agent)
    [claimed] = await runner.connection.fetch(CLAIM, runner.session_id, 1)
    await let_pass(superuser, runner.session_id)
    assert await _complete(runner, _end(claimed["attempt_id"])) == set()
    assert await state(bob, run) == "lost"


async def test_nobody_ends_the_attempts_of_another_agent(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    run = (await send(bob, agent))[0]
    runner = await Runner.of(workspace.database, agent)
    [claimed] = await runner.connection.fetch(CLAIM, runner.session_id, 1)
    thief = await Runner.of(workspace.database, await workspace.database.add_agent("thief"))
    assert await _complete(thief, _end(claimed["attempt_id"])) == set()
    assert await state(bob, run) == "executing"


async def test_the_commands_of_a_batch_are_told_of_once_each(workspace: Workspace, agent: Agent) -> None:
    """One has all its runs in the batch, one goes on elsewhere, one lets the next of its runs go."""
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    other = await database.add_agent("other")
    whole = (await send(bob, agent))[0]
    part = (await send(bob, [agent.agent_id, other.agent_id]))[0]
    narrow = await send(bob, [agent.agent_id, other.agent_id], at_a_time=1)
    runner = await Runner.of(database, agent, 5)
    rows = await runner.connection.fetch(CLAIM, runner.session_id, 5)
    assert len(rows) == 3
    await _complete(runner, *(_end(row["attempt_id"]) for row in rows))
    states = [await command_state(bob, run) for run in (whole, part, narrow[0])]
    assert states == ["completed", "executing", "executing"]
    told = await superuser.fetch("SELECT details FROM kolony.audit_log WHERE event = 'COMMAND_COMPLETED'")
    assert [json.loads(row["details"]) for row in told] == [{"outcome": "completed", "agents": 1}]
    assert await superuser.fetchval("SELECT count(*) FROM kolony.ready_runs WHERE run_id = $1", narrow[1]) == 1


async def test_batches_find_their_rows_whatever_analyze_has_seen(workspace: Workspace, agent: Agent) -> None:
    """Statistics of hot tables are of a moment when they were empty; 2,000 leases and 3,000 waiting runs are there."""
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    others = await Runner.of(database, agent, 1_000)
    runner = await Runner.of(database, agent, 100)
    for table in ("leases", "ready_runs"):
        await superuser.execute(f"ALTER TABLE kolony.{table} SET (autovacuum_enabled = off)")
    for _ in range(7):  # plans are made, and kept
        await send(bob, agent)
        [row] = await runner.connection.fetch(CLAIM, runner.session_id, 1)
        assert await _complete(runner, _end(row["attempt_id"]))
    await superuser.execute("VACUUM ANALYZE kolony.leases, kolony.ready_runs")
    await superuser.execute("SET session_replication_role = replica")
    await superuser.execute(_CROWD, agent.agent_id, others.session_id)
    await superuser.execute("RESET session_replication_role; ANALYZE kolony.runs, kolony.attempts, kolony.commands")
    touched = await _touched(runner, CLAIM, runner.session_id, 50)
    assert touched < 50 * EACH, touched
    held = await superuser.fetch("SELECT attempt_id FROM kolony.leases WHERE session_id = $1", runner.session_id)
    ends = [_end(row["attempt_id"]) for row in held]
    touched = await _touched(runner, "SELECT * FROM kolony.complete_attempts($1)", ends)
    assert (len(ends), touched < 50 * EACH) == (50, True), touched


_CROWD = """
WITH sent AS (
    INSERT INTO kolony.commands (workspace_id, content, targets, created_by, submitted_at)
    SELECT a.workspace_id, 'x', ARRAY[$1::uuid], p.profile_id, now()
    FROM kolony.agents a, (SELECT profile_id FROM kolony.profiles LIMIT 1) p, generate_series(1, 5000)
    WHERE a.agent_id = $1 RETURNING *),
made AS (
    INSERT INTO kolony.runs (workspace_id, command_id, ordinal, agent_id, priority)
    SELECT workspace_id, command_id, 1, $1, 50 FROM sent RETURNING *),
placed AS (SELECT made.*, row_number() OVER () AS n FROM made),
tried AS (
    INSERT INTO kolony.attempts (workspace_id, run_id, number, agent_id, session_id)
    SELECT workspace_id, run_id, 1, $1, $2 FROM placed WHERE n <= 2000 RETURNING *),
leased AS (
    INSERT INTO kolony.leases (workspace_id, run_id, attempt_id, agent_id, session_id)
    SELECT workspace_id, run_id, attempt_id, $1, $2 FROM tried)
INSERT INTO kolony.ready_runs (workspace_id, run_id, agent_id, priority)
SELECT workspace_id, run_id, $1, 50 FROM placed WHERE n > 2000
"""


async def _touched(runner: Runner, statement: str, *arguments: Any) -> int:
    found = await runner.connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON, TIMING OFF) {statement}",
                                             *arguments)  # fmt: skip
    [plan] = json.loads(found) if isinstance(found, str) else found
    return int(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])
