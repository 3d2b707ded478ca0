"""How runs and commands end: cancel, retry, retirement, and the sum of it in the command."""

from __future__ import annotations

import asyncio

import pytest

from tests.database import Agent, Workspace, refused, until_blocked
from tests.work.calls import Runner, command_state, let_backoff_pass, let_pass, send, state


async def test_a_waiting_run_is_cancelled_at_once(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    [run] = await send(bob, agent)
    assert await bob.fetchval("SELECT kolony.cancel_run($1, 'a slip')", run) == "cancelled"
    assert (await state(bob, run), await command_state(bob, run)) == ("cancelled", "cancelled")
    runner = await Runner.of(workspace.database, agent)
    assert await runner.claim() == []
    with refused("55000", "has ended already (cancelled)"):
        await bob.execute("SELECT kolony.cancel_run($1)", run)


async def test_an_executing_run_is_asked_to_end_and_ends_when_its_runner_says_so(
    workspace: Workspace, agent: Agent
) -> None:
    bob = await workspace.database.connect("bob")
    [run] = await send(bob, agent)
    runner = await Runner.of(workspace.database, agent)
    [held] = await runner.claim()
    await runner.start(held["attempt_id"])
    with refused("55000", "nobody asked to cancel"):
        await runner.finish(held["attempt_id"], "cancelled")
    assert await bob.fetchval("SELECT kolony.cancel_run($1, 'enough')", run) == "requested"
    assert await bob.fetchval("SELECT kolony.cancel_run($1, 'again')", run) == "requested"
    assert await state(bob, run) == "executing"
    assert await runner.beat(held["attempt_id"]) == [("cancel", run, held["attempt_id"])]
    await runner.finish(held["attempt_id"], "cancelled")
    row = await bob.fetchrow(
        "SELECT status, cancel_why, cancel_by_login FROM kolony.run_overview WHERE run_id = $1", run
    )
    assert row is not None
    assert (row["status"], row["cancel_why"]) == ("cancelled", "enough")
    assert await command_state(bob, run) == "cancelled"


@pytest.mark.parametrize(
    ("ended", "becomes"), [("completed", "completed"), ("failed", "cancelled"), ("released", "cancelled")]
)
async def test_what_a_run_becomes_that_ends_by_itself_after_a_cancel(
    workspace: Workspace, agent: Agent, ended: str, becomes: str
) -> None:
    bob = await workspace.database.connect("bob")
    [run] = await send(bob, agent)
    runner = await Runner.of(workspace.database, agent)
    [held] = await runner.claim()
    await bob.execute("SELECT kolony.cancel_run($1)", run)
    await runner.finish(held["attempt_id"], ended)
    assert await state(bob, run) == becomes


async def test_a_cancel_that_nobody_confirmed_says_so(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    [run] = await send(bob, agent)
    runner = await Runner.of(database, agent)
    await runner.claim()
    assert await bob.fetchval("SELECT kolony.cancel_run($1)", run) == "requested"
    await let_pass(superuser, runner.session_id)
    await bob.execute("SELECT kolony.settle($1)", workspace.workspace_id)
    row = await bob.fetchrow("SELECT status, error FROM kolony.run_overview WHERE run_id = $1", run)
    assert row is not None
    assert tuple(row) == ("cancelled", "cancel not confirmed: the runner on host-1 stopped answering")


async def test_a_lost_run_is_cancelled_at_once(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    [run] = await send(bob, agent)
    runner = await Runner.of(database, agent)
    [held] = await runner.claim()
    await let_pass(superuser, runner.session_id)
    assert await bob.fetchval("SELECT kolony.cancel_run($1)", run) == "cancelled"
    with refused("KO001"):
        await runner.finish(held["attempt_id"])
    assert await state(bob, run) == "cancelled"


async def test_a_run_handed_back_while_it_is_cancelled_is_not_run_again(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    [run] = await send(bob, agent)
    runner = await Runner.of(database, agent)
    [held] = await runner.claim()
    async with runner.connection.transaction():
        await runner.finish(held["attempt_id"], "released")
        cancelling = asyncio.create_task(bob.fetchval("SELECT kolony.cancel_run($1)", run))
        await until_blocked(superuser, bob)
    assert await cancelling == "cancelled"
    assert await bob.fetchval("SELECT count(*) FROM kolony.ready_runs") == 0
    assert await runner.claim() == []


async def test_a_cancel_during_a_claim_becomes_a_request(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    [run] = await send(bob, agent)
    runner = await Runner.of(database, agent)
    async with runner.connection.transaction():
        [held] = await runner.claim()
        cancelling = asyncio.create_task(bob.fetchval("SELECT kolony.cancel_run($1)", run))
        await until_blocked(superuser, bob)
    assert await cancelling == "requested"
    assert await runner.beat(held["attempt_id"]) == [("cancel", run, held["attempt_id"])]


async def test_a_command_says_how_its_runs_ended(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    others = [await database.add_agent(name) for name in ("second", "third")]
    bob = await database.connect("bob")
    agents = [agent, *others]
    runs = await send(bob, [each.agent_id for each in agents])
    runners = [await Runner.of(database, each) for each in agents]
    claims = [(await runner.claim())[0]["attempt_id"] for runner in runners]
    assert await command_state(bob, runs[0]) == "dispatching"
    await runners[0].start(claims[0])
    await runners[0].finish(claims[0])
    assert await command_state(bob, runs[0]) == "executing"
    await runners[1].finish(claims[1], "failed")
    assert await command_state(bob, runs[0]) == "executing"
    await runners[2].finish(claims[2])
    row = await bob.fetchrow("SELECT status, runs, completed, failed, cancelled FROM kolony.command_overview")
    assert row is not None
    assert tuple(row) == ("failed", 3, 2, 1, 0)
    command = await bob.fetchval("SELECT command_id FROM kolony.commands")
    assert await bob.fetchval("SELECT kolony.retry_command($1)", command) == 1
    assert await command_state(bob, runs[0]) == "executing"
    [again] = await runners[1].claim()
    assert again["attempt"] == 2
    await runners[1].finish(again["attempt_id"])
    assert await command_state(bob, runs[0]) == "completed"


async def test_two_runs_of_a_command_that_end_at_once_end_it(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    second = await database.add_agent("second")
    bob, superuser = await database.connect("bob"), await database.superuser()
    runs = await send(bob, [agent.agent_id, second.agent_id])
    one, two = await Runner.of(database, agent), await Runner.of(database, second)
    [first], [last] = await one.claim(), await two.claim()
    async with one.connection.transaction():
        await one.finish(first["attempt_id"])
        finishing = asyncio.create_task(two.finish(last["attempt_id"]))
        await until_blocked(superuser, two.connection)
    await finishing
    assert await command_state(bob, runs[0]) == "completed"


async def test_only_what_failed_or_was_cancelled_is_retried(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    [run] = await send(bob, agent)
    with refused("55000", "only a run that failed or was cancelled"):
        await bob.execute("SELECT kolony.retry_run($1)", run)
    await bob.execute("SELECT kolony.cancel_run($1)", run)
    await bob.execute("SELECT kolony.retry_run($1)", run)
    assert (await state(bob, run), await command_state(bob, run)) == ("waiting", "queued")
    runner = await Runner.of(workspace.database, agent)
    [held] = await runner.claim()
    await runner.finish(held["attempt_id"])
    with refused("55000"):
        await bob.execute("SELECT kolony.retry_run($1)", run)
    assert await command_state(bob, run) == "completed"


async def test_a_cancelled_command_asks_the_runners_and_empties_the_queues(workspace: Workspace, agent: Agent) -> None:
    second = await workspace.database.add_agent("second")
    bob = await workspace.database.connect("bob")
    runs = await send(bob, [agent.agent_id, second.agent_id])
    runner = await Runner.of(workspace.database, agent)
    [held] = await runner.claim()
    command = await bob.fetchval("SELECT command_id FROM kolony.commands")
    row = await bob.fetchrow("SELECT * FROM kolony.cancel_command($1, 'stop it')", command)
    assert row is not None
    assert tuple(row) == (1, 1)
    assert [await state(bob, run) for run in runs] == ["dispatching", "cancelled"]
    await runner.finish(held["attempt_id"], "cancelled")
    assert await command_state(bob, command) == "cancelled"
    with refused("55000", "has ended already (cancelled)"):
        await bob.execute("SELECT kolony.cancel_command($1)", command)


async def test_retiring_cancels_what_waits_and_lets_running_work_end(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    [running], [waiting], [released] = [await send(bob, agent) for _ in range(3)]
    runner = await Runner.of(database, agent)
    [held] = await runner.claim()
    await bob.execute("SELECT kolony.set_run_priority($1, 60)", released)
    [back] = await runner.claim()
    await bob.execute("SELECT kolony.set_agent_desired($1, 'retired', 'old')", agent.agent_id)
    assert await runner.beat(held["attempt_id"], back["attempt_id"]) == [("retired", None, None)]
    assert (await state(bob, running), await state(bob, waiting)) == ("dispatching", "cancelled")
    await runner.finish(held["attempt_id"])
    await runner.finish(back["attempt_id"], "released")
    assert (await state(bob, running), await state(bob, released)) == ("completed", "cancelled")
    assert await bob.fetchval("SELECT error FROM kolony.runs WHERE run_id = $1", released) == "its agent was retired"
    with refused("55000", "is retired"):
        await Runner.of(database, agent)
    with refused("55000", "its agent is retired"):
        await bob.execute("SELECT kolony.retry_run($1)", waiting)
    await bob.execute("SELECT kolony.set_agent_desired($1, 'active')", agent.agent_id)
    await bob.execute("SELECT kolony.retry_run($1)", waiting)
    await let_backoff_pass(superuser)
    assert len(await runner.claim()) == 1


async def test_the_priority_of_a_lost_run_can_be_changed(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    [run] = await send(bob, agent)
    runner = await Runner.of(database, agent)
    await runner.claim()
    with refused("55000", "does not wait any more"):
        await bob.execute("SELECT kolony.set_run_priority($1, 99)", run)
    await let_pass(superuser, runner.session_id)
    await bob.execute("SELECT kolony.set_run_priority($1, 99)", run)
    assert await bob.fetchval("SELECT priority FROM kolony.scheduled_runs WHERE run_id = $1", run) == 99


@pytest.mark.parametrize("step", ["cancel_run($1)", "set_run_priority($1, 1)"])
async def test_steps_of_people_and_claims_do_not_deadlock(workspace: Workspace, agent: Agent, step: str) -> None:
    """Four people change runs that three runners claim and finish; nobody is refused but for the run's state."""
    database = workspace.database
    bob = await database.connect("bob")
    runs = [run for _ in range(40) for run in await send(bob, agent)]
    people = [await database.connect("bob") for _ in range(4)]
    runners = [await Runner.of(database, agent, 3) for _ in range(3)]

    async def change(index: int) -> None:
        for run in runs[index :: len(people)]:
            try:
                await people[index].execute(f"SELECT kolony.{step}", run)
            except Exception as error:
                assert getattr(error, "sqlstate", "") == "55000", error  # noqa: PT017

    async def work(runner: Runner) -> None:
        while claimed := await runner.claim(3):
            for held in claimed:
                await runner.finish(held["attempt_id"], "completed")

    await asyncio.gather(*(change(index) for index in range(len(people))), *(work(runner) for runner in runners))
    await work(runners[0])
    assert await bob.fetchval("SELECT count(*) FROM kolony.runs WHERE outcome IS NULL") == 0
    for table in ("ready_runs", "scheduled_runs", "leases"):
        assert await bob.fetchval(f"SELECT count(*) FROM kolony.{table}") == 0
