"""What was cancelled before it began, or retired, can be taken back: by whom, for how long, in which order."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import asyncpg

from tests.database import Agent, Workspace, refused, until_blocked
from tests.work.calls import Runner, command_state, send, send_rows, state


async def whole(superuser: asyncpg.Connection) -> list[tuple[Any, ...]]:
    """Where every run waits, with all that is known of it there."""
    rows = await superuser.fetch(
        """SELECT r.run_id, r.outcome, r.held_at, r.held_why, r.priority, q.place, s.due_at, b.held, b.after, b.beyond,
                  coalesce(q.attempt, s.attempt, b.attempt) AS attempt
           FROM kolony.runs r LEFT JOIN kolony.ready_runs q USING (run_id)
           LEFT JOIN kolony.scheduled_runs s USING (run_id) LEFT JOIN kolony.blocked_runs b USING (run_id)
           ORDER BY r.run_id"""
    )
    return [tuple(row) for row in rows]


async def age(superuser: asyncpg.Connection) -> None:
    """Every step was taken half a minute ago."""
    await superuser.execute("UPDATE kolony.undo_steps SET made_at = made_at - interval '31 seconds'")


async def test_cancelled_runs_come_back_to_where_they_waited(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    runs = {words: (await send(bob, agent, words))[0] for words in ("ready", "held", "first")}
    await bob.execute("SELECT kolony.move_run($1, 1)", runs["first"])
    await bob.execute("SELECT kolony.hold_run($1, 'later')", runs["held"])
    first = await bob.fetchval("SELECT command_id FROM kolony.runs WHERE run_id = $1", runs["first"])
    runs["after"] = (await send(bob, agent, "after", after_commands=[first]))[0]
    timed = "SELECT run_id FROM kolony.send_command($1, $2, 'timed', not_before => now() + interval '1 hour')"
    runs["timed"] = await bob.fetchval(timed, workspace.workspace_id, [agent.agent_id])
    other = await database.add_agent("other")
    await send(bob, [agent.agent_id, other.agent_id], "window", at_a_time=1)
    before = await whole(superuser)
    everything = await bob.fetch("SELECT run_id FROM kolony.runs")
    await bob.fetch("SELECT * FROM kolony.cancel_runs($1, 'oops')", [row["run_id"] for row in everything])
    assert {row[1] for row in await whole(superuser)} == {"cancelled"}
    assert await bob.fetchval("SELECT kolony.undo()") == "cancel of 7 runs"
    assert await whole(superuser) == before
    assert {row["status"] for row in await bob.fetch("SELECT status FROM kolony.command_overview")} == {"queued"}
    rows = await superuser.fetch(
        "SELECT event FROM kolony.audit_log WHERE event IN ('RUN_RETRIED', 'STEP_UNDONE', 'RUN_HELD')"
    )
    assert sorted(row["event"] for row in rows) == ["RUN_HELD", "STEP_UNDONE"]
    with refused("55000", "nothing to undo"):
        await bob.execute("SELECT kolony.undo()")


async def test_steps_are_taken_back_in_reverse_order_by_whoever_took_them(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, ada, eve = [await database.connect(login) for login in ("bob", "ada", "eve")]
    superuser = await database.superuser()
    one, two, three = [(await send(bob, agent))[0] for _ in range(3)]
    for person, run in ((bob, one), (ada, two), (bob, three)):
        await person.execute("SELECT kolony.cancel_run($1)", run)
    shown = await bob.fetch("SELECT step_id, title FROM kolony.undo_steps ORDER BY made_at")
    assert len(shown) == 2
    for person in (eve, await database.connect("olga")):
        with refused("55000", "nothing to undo"):
            await person.execute("SELECT kolony.undo($1)", shown[0]["step_id"])
    with refused("42501"):
        await (await database.connect("sam")).execute("SELECT kolony.undo()")
    await bob.execute("SELECT kolony.undo()")
    assert [await state(bob, run) for run in (one, two, three)] == ["cancelled", "cancelled", "waiting"]
    await bob.execute("SELECT kolony.undo($1)", shown[0]["step_id"])
    assert [await state(bob, run) for run in (one, two, three)] == ["waiting", "cancelled", "waiting"]
    await age(superuser)
    with refused("55000", "nothing to undo"):
        await ada.execute("SELECT kolony.undo()")


async def test_two_who_undo_at_once_undo_once(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, again, superuser = await database.connect("bob"), await database.connect("bob"), await database.superuser()
    [run] = await send(bob, agent)
    await bob.execute("SELECT kolony.cancel_run($1)", run)
    async with bob.transaction():
        await bob.execute("SELECT kolony.undo()")
        second = asyncio.create_task(again.execute("SELECT kolony.undo()"))
        await until_blocked(superuser, again)
    with refused("55000", "nothing to undo"):
        await second
    assert await bob.fetchval("SELECT count(*) FROM kolony.ready_runs") == 1


async def test_what_has_changed_since_is_left_alone(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    runner = await Runner.of(workspace.database, agent)
    one, two = [(await send(bob, agent))[0] for _ in range(2)]
    await bob.fetch("SELECT * FROM kolony.cancel_runs($1)", [one, two])
    await bob.execute("SELECT kolony.retry_run($1)", one)
    [held] = await runner.claim()
    await bob.execute("SELECT kolony.undo()")
    assert [await state(bob, run) for run in (one, two)] == ["dispatching", "waiting"]
    assert await runner.beat(held["attempt_id"]) == []
    await bob.execute("SELECT kolony.cancel_run($1)", one)
    with refused("55000", "nothing to undo"):
        await bob.execute("SELECT kolony.undo()")
    await bob.execute("SELECT kolony.cancel_run($1)", two)
    await bob.execute("SELECT kolony.retry_run($1)", two)
    with refused("55000", "nothing of it is cancelled any more"):
        await bob.execute("SELECT kolony.undo()")
    await bob.execute("SELECT kolony.cancel_run($1)", two)
    await bob.execute("SELECT kolony.set_agent_desired($1, 'retired')", agent.agent_id)
    await bob.execute("SELECT kolony.undo()")
    await bob.execute("SELECT kolony.undo()")
    assert await state(bob, two) == "waiting"


async def test_a_cancel_stays_that_somebody_repeated_or_whose_agent_is_retired(
    workspace: Workspace, agent: Agent
) -> None:
    bob, ada = await workspace.database.connect("bob"), await workspace.database.connect("ada")
    [run] = await send(bob, agent)
    await bob.execute("SELECT kolony.cancel_run($1)", run)
    await ada.execute("SELECT kolony.set_agent_desired($1, 'retired')", agent.agent_id)
    with refused("55000", "is retired"):
        await bob.execute("SELECT kolony.undo()")
    assert await state(bob, run) == "cancelled"
    await ada.execute("SELECT kolony.undo()")
    await ada.execute("SELECT kolony.retry_run($1)", run)
    await ada.execute("SELECT kolony.cancel_run($1, 'meant so')", run)
    with refused("55000", "nothing of it is cancelled any more"):
        await bob.execute("SELECT kolony.undo()")


async def test_a_retirement_is_taken_back_with_its_runs(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    [run] = await send(bob, agent)
    first = await bob.fetchval("SELECT command_id FROM kolony.commands")
    await send(bob, agent, "then", after_commands=[first], after_need="ended")
    await bob.execute("SELECT kolony.set_agent_desired($1, 'paused', 'lunch')", agent.agent_id)
    before = await whole(superuser)
    ask = "SELECT desired, desired_why, desired_since, desired_by_login FROM kolony.agent_overview"
    was = await bob.fetchrow(ask)
    await bob.execute("SELECT kolony.set_agent_desired($1, 'retired')", agent.agent_id)
    assert await state(bob, run) == "cancelled"
    assert await bob.fetchval("SELECT kolony.undo()") == 'retirement of "worker"'
    assert (await whole(superuser), await bob.fetchrow(ask)) == (before, was)
    await bob.execute("SELECT kolony.set_agent_desired($1, 'retired')", agent.agent_id)
    await bob.execute("SELECT kolony.set_agent_desired($1, 'active')", agent.agent_id)
    with refused("55000", "not retired any more"):
        await bob.execute("SELECT kolony.undo()")


async def test_a_command_and_a_draft_come_back(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    other = await database.add_agent("other")
    bob = await database.connect("bob")
    [draft] = await send_rows(bob, [agent.agent_id], as_draft=True)
    await bob.execute("SELECT kolony.cancel_command($1)", draft["command_id"])
    assert await bob.fetchval("SELECT kolony.undo()") == f"cancel of the draft #{draft['number']}"
    assert await command_state(bob, draft["command_id"]) == "draft"
    rows = await send_rows(bob, [agent.agent_id, other.agent_id])
    runner = await Runner.of(database, agent)
    await runner.claim()
    await bob.execute("SELECT kolony.cancel_command($1)", rows[0]["command_id"])
    assert await bob.fetchval("SELECT kolony.undo()") == f"cancel of #{rows[0]['number']}.2"
    assert [await state(bob, row["run_id"]) for row in rows] == ["dispatching", "waiting"]
    assert await bob.fetchval("SELECT cancel_at IS NOT NULL FROM kolony.runs WHERE run_id = $1", rows[0]["run_id"])


async def test_an_undo_that_the_plan_has_no_room_for_is_refused(workspace: Workspace, agent: Agent) -> None:
    bob, ada = await workspace.database.connect("bob"), await workspace.database.connect("ada")
    run: UUID = (await send(bob, agent))[0]
    await bob.execute("SELECT kolony.cancel_run($1)", run)
    await send(bob, agent)
    await ada.execute("SELECT kolony.set_limits($1, 'small', NULL, NULL, 1)", workspace.workspace_id)
    with refused("54000"):
        await bob.execute("SELECT kolony.undo()")
