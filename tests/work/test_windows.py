"""How many runs of a command go at a time, what holds the rest, what comes after what, and when; and sending twice."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.database import Agent, Database, Workspace, refused, until_blocked
from tests.work.calls import Runner, command_state, let_backoff_pass, send, send_rows, state


async def fleet(database: Database, count: int) -> list[Agent]:
    """So many agents."""
    return [await database.add_agent(f"agent-{number}") for number in range(count)]


async def waits(viewer: asyncpg.Connection, *runs: UUID) -> list[str | None]:
    """What each run waits for; 'ready' where a claim may take it."""
    rows = await viewer.fetch(
        """SELECT o.run_id, CASE WHEN o.position IS NULL THEN coalesce(o.waits_for, o.status) ELSE 'ready' END AS what
           FROM kolony.run_overview o WHERE o.run_id = ANY ($1)""",
        list(runs),
    )
    found = {row["run_id"]: row["what"] for row in rows}
    return [found[run] for run in runs]


async def command_of(viewer: asyncpg.Connection, run: UUID) -> UUID:
    """The command of a run."""
    found: UUID = await viewer.fetchval("SELECT command_id FROM kolony.runs WHERE run_id = $1", run)
    return found


async def test_so_many_at_a_time_and_the_next_when_one_ends(workspace: Workspace) -> None:
    database = workspace.database
    agents = await fleet(database, 4)
    bob = await database.connect("bob")
    runs = await send(bob, [agent.agent_id for agent in agents], at_a_time=2)
    assert await waits(bob, *runs) == ["ready", "ready", "window", "window"]
    runners = [await Runner.of(database, agent) for agent in agents]
    [first] = await runners[0].claim()
    assert await runners[2].claim() == []
    await runners[0].finish(first["attempt_id"], "released")
    assert await waits(bob, *runs) == ["ready", "ready", "window", "window"]
    [first] = await runners[0].claim()
    await runners[0].finish(first["attempt_id"], "failed")
    assert await waits(bob, *runs) == ["failed", "ready", "ready", "window"]
    await bob.execute("SELECT kolony.cancel_run($1)", runs[1])
    assert await waits(bob, *runs) == ["failed", "cancelled", "ready", "ready"]
    await bob.execute("SELECT kolony.retry_run($1)", runs[0])
    assert await waits(bob, *runs) == ["window", "cancelled", "ready", "ready"]
    await bob.execute("SELECT kolony.hold_run($1)", runs[2])
    assert await waits(bob, *runs) == ["ready", "cancelled", "hold", "ready"]
    await bob.execute("SELECT kolony.release_run($1)", runs[2])
    assert await waits(bob, *runs) == ["ready", "cancelled", "window", "ready"]
    with refused("55000", "nobody holds"):
        await bob.execute("SELECT kolony.release_run($1)", runs[2])
    await bob.execute("SELECT kolony.set_agent_desired($1, 'retired')", agents[3].agent_id)
    assert await waits(bob, *runs) == ["ready", "cancelled", "ready", "cancelled"]
    assert await bob.fetchval("SELECT kolony.undo()") == 'retirement of "agent-3"'
    assert await waits(bob, *runs) == ["ready", "cancelled", "ready", "window"]


async def test_eight_claimers_never_have_more_of_a_command_than_it_lets_in(workspace: Workspace) -> None:
    database = workspace.database
    agents = await fleet(database, 8)
    bob = await database.connect("bob")
    runs = await send(bob, [agent.agent_id for agent in agents], at_a_time=3, max_attempts=3, retry_on="failure")
    open_runs, most = set(runs), 0

    async def work(agent: Agent) -> None:
        runner = await Runner.of(database, agent)
        while open_runs:
            for held in await runner.claim():
                await runner.start(held["attempt_id"])
                await runner.finish(held["attempt_id"], "failed" if held["attempt"] == 1 else "completed")
                if held["attempt"] > 1:
                    open_runs.discard(held["run_id"])

    async def watch() -> None:
        nonlocal most
        superuser = await database.superuser()
        while open_runs:
            await superuser.execute("UPDATE kolony.scheduled_runs SET due_at = now() WHERE due_at > now()")
            most = max(most, await superuser.fetchval("SELECT count(*) FROM kolony.leases"))

    async with asyncio.timeout(60):
        await asyncio.gather(watch(), *(work(agent) for agent in agents))
    assert await command_state(bob, runs[0]) == "completed"
    assert 1 <= most <= 3


async def test_enough_failures_hold_the_rest_until_somebody_lets_it_go(workspace: Workspace) -> None:
    database = workspace.database
    agents = await fleet(database, 5)
    bob = await database.connect("bob")
    runs = await send(bob, [agent.agent_id for agent in agents], at_a_time=2, stop_after=2)
    runners = [await Runner.of(database, agent) for agent in agents]
    one, two = (await runners[0].claim())[0], (await runners[1].claim())[0]
    await runners[0].finish(one["attempt_id"], "failed")
    [three] = await runners[2].claim()
    await runners[1].finish(two["attempt_id"], "failed")
    assert await waits(bob, *runs) == ["failed", "failed", "dispatching", "hold", "hold"]
    row = await bob.fetchrow("SELECT held_by_login, held_why FROM kolony.run_overview WHERE run_id = $1", runs[3])
    assert tuple(row or ()) == (None, "2 of the command's runs failed")
    await runners[2].finish(three["attempt_id"])
    assert await waits(bob, *runs[2:]) == ["completed", "hold", "hold"]
    assert await bob.fetchval("SELECT kolony.release_command($1)", await command_of(bob, runs[0])) == 2
    assert await waits(bob, *runs[3:]) == ["ready", "ready"]
    [four] = await runners[3].claim()
    await runners[3].finish(four["attempt_id"], "failed")
    assert await waits(bob, *runs[3:]) == ["failed", "hold"]
    superuser = await database.superuser()
    assert await superuser.fetchval(
        "SELECT count(*) FROM kolony.audit_log WHERE event IN ('COMMAND_HELD', 'RUN_HELD')"
    ) == 2  # fmt: skip


async def test_two_failures_at_once_count_as_two(workspace: Workspace) -> None:
    database = workspace.database
    agents = await fleet(database, 3)
    bob, superuser = await database.connect("bob"), await database.superuser()
    runs = await send(bob, [agent.agent_id for agent in agents], stop_after=2)
    runners = [await Runner.of(database, agent) for agent in agents[:2]]
    held = [(await runner.claim())[0] for runner in runners]
    async with runners[0].connection.transaction():
        await runners[0].finish(held[0]["attempt_id"], "failed")
        other = asyncio.create_task(runners[1].finish(held[1]["attempt_id"], "failed"))
        await until_blocked(superuser, runners[1].connection)
    await other
    assert await waits(bob, *runs) == ["failed", "failed", "hold"]


@pytest.mark.parametrize(
    ("need", "ended", "goes"),
    [("completed", "completed", True), ("completed", "failed", False), ("ended", "failed", True)],
)
async def test_a_command_comes_after_another(
    workspace: Workspace, agent: Agent, need: str, ended: str, goes: bool
) -> None:
    database = workspace.database
    bob = await database.connect("bob")
    [first] = await send(bob, agent, "first")
    [then] = await send(bob, agent, "then", after_commands=[await command_of(bob, first)], after_need=need)
    [later] = await send(bob, agent, "later", after_commands=[await command_of(bob, then)])
    runner = await Runner.of(database, agent, 5)
    [held] = await runner.claim(5)
    assert held["content"] == "first"
    await runner.finish(held["attempt_id"], ended)
    assert await waits(bob, then, later) == ["ready" if goes else "dependency", "dependency"]
    if not goes:
        await bob.execute("SELECT kolony.retry_run($1)", first)
        [held] = await runner.claim()
        await runner.finish(held["attempt_id"])
        assert await waits(bob, then) == ["ready"]
    await bob.execute("SELECT kolony.release_run($1)", later)
    assert [held["content"] for held in await runner.claim(5)] == ["then", "later"]


async def test_of_two_that_end_at_once_the_second_one_frees_what_comes_after_both(
    workspace: Workspace, agent: Agent
) -> None:
    database = workspace.database
    other = await database.add_agent("other")
    bob, superuser = await database.connect("bob"), await database.superuser()
    one, two = [(await send(bob, each))[0] for each in (agent, other)]
    after = [await command_of(bob, one), await command_of(bob, two)]
    [then] = await send(bob, agent, after_commands=after)
    runners = [await Runner.of(database, each) for each in (agent, other)]
    held = [(await runner.claim())[0]["attempt_id"] for runner in runners]
    transactions = [runner.connection.transaction() for runner in runners]
    for runner, transaction, attempt in zip(runners, transactions, held, strict=True):
        await transaction.start()
        await runner.finish(attempt)
    await superuser.execute("BEGIN; SELECT FROM kolony.workspaces FOR UPDATE")
    ends = [asyncio.create_task(transaction.commit()) for transaction in transactions]
    for runner in runners:
        await until_blocked(superuser, runner.connection)
    await superuser.execute("COMMIT")
    await asyncio.gather(*ends)
    assert await waits(bob, then) == ["ready"]


async def test_what_is_sent_after_a_command_that_is_just_ending_is_not_forgotten(
    workspace: Workspace, agent: Agent
) -> None:
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    [first] = await send(bob, agent)
    command = await command_of(bob, first)
    runner = await Runner.of(database, agent)
    [held] = await runner.claim()
    async with runner.connection.transaction():
        await runner.finish(held["attempt_id"])
        sending = asyncio.create_task(send(bob, agent, after_commands=[command]))
        await until_blocked(superuser, bob)
    [then] = await sending
    assert await waits(bob, then) == ["ready"]
    await bob.execute("SELECT kolony.cancel_run($1)", then)
    await runner.claim()
    [second] = await send(bob, agent)
    [held] = await runner.claim()
    async with bob.transaction():
        [third] = await send(bob, agent, after_commands=[await command_of(bob, second)])
        ending = asyncio.create_task(runner.finish(held["attempt_id"]))
        await until_blocked(superuser, runner.connection)
    await ending
    assert await waits(bob, third) == ["ready"]


async def test_what_was_passed_over_is_found_by_the_next_claim_and_by_settle(
    workspace: Workspace, agent: Agent
) -> None:
    """A run that somebody holds just when it is to be freed, and who then leaves it as it was."""
    database = workspace.database
    other = await database.add_agent("other")
    bob, ada = await database.connect("bob"), await database.connect("ada")
    [first] = await send(bob, other)
    [then] = await send(bob, agent, after_commands=[await command_of(bob, first)])
    both = await send(bob, [other.agent_id, agent.agent_id], at_a_time=1)
    holder = ada.transaction()
    await holder.start()
    await ada.execute("SELECT kolony.set_runs_priority($1, 60)", [then, both[1]])
    runner = await Runner.of(database, other, 5)
    for held in await runner.claim(5):
        await runner.finish(held["attempt_id"])
    await holder.rollback()
    assert await waits(bob, then, both[1]) == ["dependency", "window"]
    waiting = await Runner.of(database, agent, 5)
    assert await waiting.claim(5) == []
    assert {held["run_id"] for held in await waiting.claim(5)} == {then, both[1]}


async def test_a_release_and_the_end_of_what_comes_first_free_a_run_once(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    other = await database.add_agent("other")
    bob = await database.connect("bob")
    [first] = await send(bob, other)
    [then] = await send(bob, agent, after_commands=[await command_of(bob, first)])
    runner = await Runner.of(database, other)
    [held] = await runner.claim()
    async with bob.transaction():
        await bob.execute("SELECT kolony.release_run($1)", then)
        await runner.finish(held["attempt_id"])
    assert await waits(bob, then) == ["ready"]
    with refused("55000", "nobody holds"):
        await bob.execute("SELECT kolony.release_run($1)", then)


async def test_circles_are_refused_and_named(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, ada = await database.connect("bob"), await database.connect("ada")
    superuser = await database.superuser()
    commands = [await command_of(bob, (await send(bob, agent))[0]) for _ in range(3)]
    numbers = [await bob.fetchval("SELECT number FROM kolony.commands WHERE command_id = $1", c) for c in commands]
    put = "SELECT kolony.set_dependencies($1, $2)"
    await bob.execute(put, commands[1], [commands[0]])
    await bob.execute(put, commands[2], [commands[1]])
    circle = " after ".join(f"#{number}" for number in (numbers[0], numbers[2], numbers[1], numbers[0]))
    with refused("22023", circle):
        await bob.execute(put, commands[0], [commands[2]])
    with refused("22023", f"#{numbers[0]} after #{numbers[0]}"):
        await bob.execute(put, commands[0], [commands[0]])
    with refused("P0002"):
        await bob.execute(put, commands[0], [uuid4()])
    with refused("22023", "completed or ended"):
        await bob.execute("SELECT kolony.set_dependencies($1, '{}', 'begun')", commands[0])
    await bob.execute(put, commands[1], [])
    async with ada.transaction():
        await ada.execute(put, commands[0], [commands[1]])
        closing = asyncio.create_task(bob.execute(put, commands[1], [commands[0]]))
        await until_blocked(superuser, bob)
    with refused("22023"):
        await closing
    assert await bob.fetchval("SELECT array_agg(position) FROM kolony.run_overview WHERE waits_for IS NULL") == [1]


async def test_a_command_that_has_begun_is_not_edited_any_more(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    other = await database.add_agent("other")
    bob, superuser = await database.connect("bob"), await database.superuser()
    await send(bob, [agent.agent_id, other.agent_id], "old", at_a_time=1)
    command = await bob.fetchval("SELECT command_id FROM kolony.commands")
    await bob.execute("SELECT kolony.edit_command($1, 'new', 70)", command)
    runs = await bob.fetch("SELECT priority FROM kolony.runs UNION ALL SELECT priority FROM kolony.ready_runs"
                           " UNION ALL SELECT priority FROM kolony.blocked_runs")  # fmt: skip
    assert {row["priority"] for row in runs} == {70}
    runner = await Runner.of(database, agent)
    async with runner.connection.transaction():
        [held] = await runner.claim()
        editing = asyncio.create_task(bob.execute("SELECT kolony.edit_command($1, 'late')", command))
        await until_blocked(superuser, bob)
    assert held["content"] == "new"
    with refused("55000", "has begun"):
        await editing
    with refused("55000", "has begun"):
        await bob.execute("SELECT kolony.set_dependencies($1, '{}')", command)


async def test_not_before_its_time(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob = await database.connect("bob")
    later, soon = datetime.now(UTC) + timedelta(hours=1), datetime.now(UTC) - timedelta(seconds=1)
    [run] = await send(bob, agent, not_before=later)
    [other] = await send(bob, agent, not_before=soon)
    assert await waits(bob, run, other) == ["time", "ready"]
    with refused("55000", "not in the queue yet"):
        await bob.execute("SELECT kolony.move_run($1, 1)", run)
    await bob.execute("SELECT kolony.hold_run($1)", run)
    await bob.execute("SELECT kolony.release_run($1)", run)
    await bob.execute("SELECT kolony.cancel_run($1)", run)
    await bob.execute("SELECT kolony.retry_run($1)", run)
    assert await waits(bob, run) == ["time"]
    await let_backoff_pass(await database.superuser())
    runner = await Runner.of(database, agent, 2)
    assert {held["run_id"] for held in await runner.claim(2)} == {run, other}


async def test_a_key_sends_once(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, again, ada = await database.connect("bob"), await database.connect("bob"), await database.connect("ada")
    superuser = await database.superuser()
    async with bob.transaction():
        [first] = await send_rows(bob, [agent.agent_id], "once", idempotency_key="k")
        sending = asyncio.create_task(send_rows(again, [agent.agent_id], "once", idempotency_key="k"))
        await until_blocked(superuser, again)
    [second] = await sending
    assert (first["repeated"], second["repeated"]) == (False, True)
    assert (first["command_id"], first["run_id"]) == (second["command_id"], second["run_id"])
    with refused("22023", f"in command #{first['number']}"):
        await send(bob, agent, "another", idempotency_key="k")
    [other] = await send_rows(ada, [agent.agent_id], "once", idempotency_key="k")
    assert other["repeated"] is False
    assert await bob.fetchval("SELECT count(*) FROM kolony.commands") == 2


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"at_a_time": 0}, "22023", "not 0"),
    ({"stop_after": 0}, "22023", "not 0"),
    ({"kind": "poem"}, "22023", "poem"),
    ({"token_budget": 0}, "22023", "token budget"),
    ({"memory_limit_mb": -1}, "22023", "memory limit"),
    ({"cpu_limit_percent": 0}, "22023", "CPU limit"),
    ({"after_need": "begun"}, "22023", "completed or ended"),
    ({"target_words": "x" * 2001}, "22023", "2000"),
    ({"idempotency_key": ""}, "22023", "1 to 200"),
    ({"priority": 101}, "22023", "not 101"),
    ({"max_attempts": 70000}, "22023", "not 70000"),
    ({"parent": UUID(int=1)}, "P0002", "come from"),
    ({"constraint_profile": UUID(int=1)}, "P0002", "constraint"),
    ({"after_commands": [UUID(int=1)]}, "P0002", "no command"),
    ({"about_runs": [UUID(int=1)], "kind": "review"}, "P0002", "no run"),
    ({"about_runs": [], "kind": "review"}, "22023", "exactly one run"),
]


async def test_what_is_wrong_with_a_command_is_one_line(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    for given, code, words in WRONG:
        with refused(code, words):
            await send(bob, agent, **given)
    assert await bob.fetchval("SELECT count(*) FROM kolony.commands") == 0


async def test_limits_come_from_the_command_or_else_from_the_profile(workspace: Workspace, agent: Agent) -> None:
    ada, bob = await workspace.database.connect("ada"), await workspace.database.connect("bob")
    given = "time_limit_ms => 60000, memory_limit_mb => 64, as_default => true"
    make = f"SELECT kolony.make_constraint($1, 'small', {given})"
    profile = await ada.fetchval(make, workspace.workspace_id)
    await send(bob, agent, memory_limit_mb=128)
    row = await bob.fetchrow("SELECT constraint_id, time_limit_ms, memory_limit_mb, token_budget FROM kolony.commands")
    assert tuple(row or ()) == (profile, 60000, 128, None)
    runner = await Runner.of(workspace.database, agent)
    [held] = await runner.claim()
    assert (held["time_limit_ms"], held["memory_limit_mb"], held["kind"]) == (60000, 128, "natural")
    assert await state(bob, held["run_id"]) == "dispatching"
