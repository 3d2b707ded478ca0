"""Sending, drafts, and what a command must be."""

from __future__ import annotations

import asyncio

from tests.database import Agent, Workspace, refused, until_blocked
from tests.work.calls import Runner, command_state, send, send_rows, state


async def test_a_command_is_queued_for_each_of_its_agents_in_order(workspace: Workspace, agent: Agent) -> None:
    second = await workspace.database.add_agent("second")
    bob = await workspace.database.connect("bob")
    rows = await send_rows(bob, [second.agent_id, agent.agent_id])
    assert [(row["agent"], row["ordinal"]) for row in rows] == [("second", 1), ("worker", 2)]
    assert {row["number"] for row in rows} == {1}
    assert [await state(bob, row["run_id"]) for row in rows] == ["waiting", "waiting"]
    assert await command_state(bob, rows[0]["run_id"]) == "queued"


async def test_a_draft_is_edited_submitted_once_and_then_no_more(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    [row] = await send_rows(bob, [agent.agent_id], "first words", as_draft=True)
    draft = row["command_id"]
    assert (row["run_id"], await command_state(bob, draft)) == (None, "draft")
    await bob.execute("SELECT kolony.edit_command($1, 'better words', 80)", draft)
    await bob.execute("SELECT kolony.submit_command($1)", draft)
    runner = await Runner.of(workspace.database, agent)
    [claimed] = await runner.claim()
    assert claimed["content"] == "better words"
    assert await bob.fetchval("SELECT priority FROM kolony.runs WHERE command_id = $1", draft) == 80
    with refused("55000", "has begun"):
        await bob.execute("SELECT kolony.edit_command($1, 'too late')", draft)
    with refused("55000", "no draft"):
        await bob.execute("SELECT kolony.submit_command($1)", draft)
    assert await bob.fetchval("SELECT content FROM kolony.commands WHERE command_id = $1", draft) == "better words"


async def test_a_cancelled_draft_stays_cancelled(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    [row] = await send_rows(bob, [agent.agent_id], as_draft=True)
    await bob.execute("SELECT kolony.cancel_command($1)", row["command_id"])
    for step in ("cancel_command($1)", "submit_command($1)", "edit_command($1, 'x')", "retry_command($1)"):
        with refused("55000"):
            await bob.execute(f"SELECT kolony.{step}", row["command_id"])
    assert await command_state(bob, row["command_id"]) == "cancelled"


async def test_two_who_cancel_a_draft_at_once_do_not_complete_it(workspace: Workspace, agent: Agent) -> None:
    ada, bob = await workspace.database.connect("ada"), await workspace.database.connect("bob")
    superuser = await workspace.database.superuser()
    [row] = await send_rows(bob, [agent.agent_id], as_draft=True)
    async with ada.transaction():
        await ada.execute("SELECT kolony.cancel_command($1)", row["command_id"])
        second = asyncio.create_task(bob.execute("SELECT kolony.cancel_command($1)", row["command_id"]))
        await until_blocked(superuser, bob)
    with refused("55000", "has ended already (cancelled)"):
        await second
    assert await command_state(bob, row["command_id"]) == "cancelled"


async def test_wrong_commands_are_refused_with_words(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    elsewhere = await workspace.database.add_agent("theirs", workspace="other")
    for content in ("", " \n\t "):
        with refused("22023", "needs a text"):
            await send(bob, agent, content)
    for given, words in (
        ({"priority": 101}, "0 to 100"),
        ({"priority": -1}, "0 to 100"),
        ({"max_attempts": 0}, "1 to 100 attempts"),
        ({"max_attempts": 70000}, "1 to 100 attempts"),
        ({"retry_on": "whim"}, "tried again"),
        ({"time_limit_ms": 0}, "time limit"),
    ):
        with refused("22023", words):
            await send(bob, agent, **given)
    with refused("22023", "at least one agent"):
        await send(bob, [])
    with refused("22023", "named twice"):
        await send(bob, [agent.agent_id, agent.agent_id])
    with refused("P0002", "no agent"):
        await send(bob, [elsewhere.agent_id])
    assert await bob.fetchval("SELECT count(*) FROM kolony.commands") == 0


async def test_a_text_of_4_mib_is_taken_and_a_byte_more_is_not(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    runner = await Runner.of(workspace.database, agent)
    await send(bob, agent, "y" * 1_000_000)
    await send(bob, agent, "é" * (4 * 1024 * 1024 // 2))
    with refused("22023", "at most 4 MiB"):
        await send(bob, agent, "é" * (4 * 1024 * 1024 // 2) + "y")
    assert [len(run["content"].encode()) for run in await runner.claim(2)] == [1_000_000, 4 * 1024 * 1024]


async def test_a_retired_agent_gets_no_command_even_by_a_race(workspace: Workspace, agent: Agent) -> None:
    ada, bob = await workspace.database.connect("ada"), await workspace.database.connect("bob")
    superuser = await workspace.database.superuser()
    async with ada.transaction():
        await ada.execute("SELECT kolony.set_agent_desired($1, 'retired')", agent.agent_id)
        sending = asyncio.create_task(send(bob, agent))
        await until_blocked(superuser, bob)
    with refused("55000", "is retired"):
        await sending
    await ada.execute("SELECT kolony.set_agent_desired($1, 'active')", agent.agent_id)
    async with bob.transaction():
        [run] = await send(bob, agent)
        retiring = asyncio.create_task(ada.execute("SELECT kolony.set_agent_desired($1, 'retired')", agent.agent_id))
        await until_blocked(superuser, ada)
    await retiring
    assert await state(bob, run) == "cancelled"
    assert await bob.fetchval("SELECT count(*) FROM kolony.ready_runs") == 0
