"""The emergency stop: nothing more is claimed from its commit on, running work is cancelled, nobody is forgotten."""

from __future__ import annotations

import asyncio
from uuid import UUID

import asyncpg
import pytest

from tests.database import Agent, Database, Workspace, refused, until_blocked, until_ended
from tests.work.calls import Runner, let_pass, send, state


async def stop(operator: asyncpg.Connection, workspace: Workspace, *agents: Agent, why: str = "it burns") -> UUID:
    """Stops these agents, or everyone."""
    ids = [agent.agent_id for agent in agents] or None
    made: UUID = await operator.fetchval("SELECT kolony.stop_agents($1, $2, $3)", workspace.workspace_id, ids, why)
    return made


async def lift(operator: asyncpg.Connection, workspace: Workspace, *agents: Agent) -> None:
    """Lifts what is stopped, for these agents or all of it."""
    ids = [agent.agent_id for agent in agents] or None
    await operator.execute("SELECT kolony.lift_stop($1, $2)", workspace.workspace_id, ids)


async def known(viewer: asyncpg.Connection, agent: Agent) -> str:
    """What is known of an agent under the one stop that it stands under."""
    row = await viewer.fetchval("SELECT state FROM kolony.stop_acknowledgements WHERE agent_id = $1", agent.agent_id)
    return str(row)


async def acknowledge(runner: Runner) -> int:
    """The runner has heard of the stop."""
    heard: int = await runner.connection.fetchval("SELECT kolony.acknowledge_stop($1)", runner.session_id)
    return heard


async def audited(workspace: Workspace) -> list[tuple[str, str]]:
    """The events of stops and what they cancelled: (event, subject)."""
    admin = await workspace.database.connect("ada")
    rows = await admin.fetch(
        """SELECT event, subject FROM kolony.audit_log
           WHERE event IN ('EMERGENCY_STOP', 'STOP_LIFTED', 'RUN_CANCELLED') ORDER BY entry_id"""
    )
    return [(row["event"], row["subject"]) for row in rows]


async def test_an_operator_stops_and_lifts_and_a_viewer_does_neither(workspace: Workspace, agent: Agent) -> None:
    bob, eve = await workspace.database.connect("bob"), await workspace.database.connect("eve")
    runner = await Runner.of(workspace.database, agent)
    run = (await send(bob, agent))[0]
    with refused("42501"):
        await stop(eve, workspace)
    await stop(bob, workspace)
    assert await runner.claim() == []
    assert await state(eve, run) == "waiting"
    with refused("42501"):
        await lift(eve, workspace)
    await lift(bob, workspace)
    assert [row["run_id"] for row in await runner.claim()] == [run]
    with refused("55000", "no emergency stop is on"):
        await lift(bob, workspace)
    otto = await workspace.database.connect("otto")
    with refused("42501"):
        await stop(otto, workspace)
    events = await audited(workspace)
    assert [event for event, _ in events] == ["EMERGENCY_STOP", "STOP_LIFTED"]


async def test_who_is_stopped(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob = await database.connect("bob")
    other = await database.add_agent("other")
    runners = {each.name: await Runner.of(database, each) for each in (agent, other)}
    await send(bob, [agent.agent_id, other.agent_id])
    with refused("22023"):
        await bob.execute("SELECT kolony.stop_agents($1, '{}')", workspace.workspace_id)
    with refused("P0002"):
        await bob.execute("SELECT kolony.stop_agents($1, $2)", workspace.workspace_id, [workspace.workspace_id])
    await stop(bob, workspace, agent)
    assert await runners["worker"].claim() == []
    with refused("55000", 'the agent "other" is not stopped'):
        await lift(bob, workspace, other)
    # A second one adds, and reaches agents that are made later; lifting it for one leaves the first one in force.
    await stop(bob, workspace)
    later = await database.add_agent("later")
    runners["later"] = await Runner.of(database, later)
    await send(bob, later)
    assert [await runner.claim() for runner in runners.values()] == [[], [], []]
    await lift(bob, workspace, other)
    assert len(await runners["other"].claim()) == 1
    assert await runners["later"].claim() == []
    await lift(bob, workspace, agent)
    assert len(await runners["worker"].claim()) == 1
    assert await bob.fetchval("SELECT count(*) FROM kolony.stops WHERE lifted_at IS NULL") == 1
    await lift(bob, workspace)
    assert len(await runners["later"].claim()) == 1
    assert await bob.fetchval("SELECT count(*) FROM kolony.stops_in_force") == 0


async def test_what_runs_is_cancelled_with_the_reason(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, eve = await database.connect("bob"), await database.connect("eve")
    other = await database.add_agent("other")
    runner, beside = await Runner.of(database, agent), await Runner.of(database, other)
    running, waiting = (await send(bob, agent))[0], (await send(bob, agent))[0]
    await send(bob, other)
    claimed = (await runner.claim())[0]
    spared = (await beside.claim())[0]
    await runner.start(claimed["attempt_id"])
    await stop(bob, workspace, agent, why="it \x1b[2J burns")
    assert ("cancel", running, claimed["attempt_id"]) in await runner.beat(claimed["attempt_id"])
    assert [order for order in await beside.beat(spared["attempt_id"]) if order[0] == "cancel"] == []
    row = await eve.fetchrow("SELECT cancel_why, cancel_by_login FROM kolony.run_overview WHERE run_id = $1", running)
    assert row is not None
    assert row["cancel_why"] == "emergency stop: it \x1b[2J burns"
    assert row["cancel_by_login"] == database.cluster.login("bob")
    await runner.finish(claimed["attempt_id"], "cancelled")
    assert (await state(eve, running), await state(eve, waiting)) == ("cancelled", "waiting")
    number = await eve.fetchval("SELECT command_number FROM kolony.run_overview WHERE run_id = $1", running)
    assert await audited(workspace) == [("RUN_CANCELLED", f"#{number}"), ("EMERGENCY_STOP", "worker")]
    # Cancelled by a person later, after a retry, it is told as always.
    await lift(bob, workspace)
    await bob.execute("SELECT kolony.retry_run($1)", running)
    await bob.execute("SELECT kolony.cancel_run($1, 'no')", running)
    assert (await audited(workspace))[-1] == ("RUN_CANCELLED", f"#{number}")


async def test_what_is_known_of_each_agent(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, eve = await database.connect("bob"), await database.connect("eve")
    idle, away = await database.add_agent("idle"), await database.add_agent("away")
    runner, resting = await Runner.of(database, agent), await Runner.of(database, idle)
    await send(bob, agent)
    claimed = (await runner.claim())[0]
    await stop(bob, workspace)
    assert [await known(eve, each) for each in (agent, idle, away)] == ["asked", "asked", "not connected"]
    assert (await acknowledge(runner), await acknowledge(resting), await acknowledge(resting)) == (1, 1, 1)
    assert [await known(eve, each) for each in (agent, idle, away)] == ["ending", "ended", "not connected"]
    counts = "SELECT agents, confirmed, running, missing FROM kolony.stop_overview"
    assert tuple(await eve.fetchrow(counts) or ()) == (3, 2, 1, 0)
    await runner.finish(claimed["attempt_id"], "cancelled")
    assert await known(eve, agent) == "ended"
    assert tuple(await eve.fetchrow(counts) or ()) == (3, 3, 0, 0)


async def test_a_runner_that_hangs_is_named_until_it_has_confirmed(workspace: Workspace, agent: Agent) -> None:
    """G6."""
    database = workspace.database
    bob, eve, superuser = await database.connect("bob"), await database.connect("eve"), await database.superuser()
    runner = await Runner.of(database, agent)
    await send(bob, agent)
    await runner.claim()
    made = await stop(bob, workspace)
    assert await known(eve, agent) == "asked"
    # It beats, and does nothing about it: named when its time is over.
    later = "UPDATE kolony.stops SET confirm_by = now() - interval '1 second' WHERE stop_id = $1"
    await superuser.execute(later, made)
    await runner.beat()
    assert await known(eve, agent) == "not confirmed"
    # It is silent: the run ends by the clock, and the work may go on all the same.
    await let_pass(superuser, runner.session_id)
    assert await known(eve, agent) == "not confirmed"
    await eve.execute("SELECT kolony.settle($1)", workspace.workspace_id)
    assert await known(eve, agent) == "not confirmed"
    # Another process of the same agent knows nothing about it; the one that held the work does.
    another = await database.open(agent.target)
    opened = await another.fetchval("SELECT session_id FROM kolony.open_session('host-1', 43, '0', 'process', 1)")
    await acknowledge(Runner(another, opened))
    assert await known(eve, agent) == "not confirmed"
    await acknowledge(await Runner.of(database, agent))
    assert await known(eve, agent) == "ended"
    assert await eve.fetchval("SELECT missing FROM kolony.stop_overview") == 0


@pytest.mark.parametrize("of", ["everyone", "selection"])
async def test_nothing_is_claimed_after_the_stop(workspace: Workspace, of: str) -> None:
    """G5: claims of many runners race a stop; what is claimed when it returns is all that ever is."""
    database = workspace.database
    bob, eve = await database.connect("bob"), await database.connect("eve")
    agents = [await database.add_agent(f"worker-{number}") for number in range(10)]
    runners = [await Runner.of(database, agent, concurrency=100) for agent in agents]
    for _ in range(10):
        await send(bob, [agent.agent_id for agent in agents])
    claimed = asyncio.Event()

    async def claim(runner: Runner) -> None:
        for _ in range(10):
            await runner.claim(1)
            claimed.set()

    claims = [asyncio.create_task(claim(runner)) for runner in runners]
    await claimed.wait()
    await stop(bob, workspace, *([] if of == "everyone" else agents))
    count = """SELECT count(*), count(*) FILTER (WHERE r.cancel_at IS NULL)
               FROM kolony.leases JOIN kolony.runs r USING (run_id)"""
    after = tuple(await eve.fetchrow(count) or ())
    await asyncio.gather(*claims)
    assert tuple(await eve.fetchrow(count) or ()) == after
    assert 0 < after[0] < 100
    assert after[1] == 0, "claimed before the stop, and not cancelled by it"


async def test_an_agent_that_is_just_being_made_is_stopped_too(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, ada, superuser = await database.connect("bob"), await database.connect("ada"), await database.superuser()
    async with ada.transaction():
        made = await ada.fetchval("SELECT kolony.create_agent($1, 'newborn')", workspace.workspace_id)
        stopping = asyncio.create_task(stop(bob, workspace))
        await until_blocked(superuser, bob)
    await stopping
    assert await superuser.fetchval("SELECT kolony.pass_gate($1, $2)", workspace.workspace_id, made) is False


async def test_nobody_holds_up_a_stop(workspace: Workspace, agent: Agent) -> None:
    """An agent that keeps its claim in an open transaction, and an operator who left in the middle of one."""
    database: Database = workspace.database
    bob, ada, superuser = await database.connect("bob"), await database.connect("ada"), await database.superuser()
    runner = await Runner.of(database, agent)
    run = (await send(bob, agent))[0]
    await runner.connection.execute("BEGIN")
    await runner.claim()
    busy = asyncio.create_task(runner.connection.execute("SELECT pg_sleep(60)"))
    await ada.execute("BEGIN")
    await ada.execute("SELECT kolony.create_agent($1, 'held')", workspace.workspace_id)
    await stop(bob, workspace)
    with pytest.raises(asyncpg.PostgresError, match="terminating connection"):
        await busy
    await until_ended(superuser, ada)
    assert await state(bob, run) == "waiting"
    assert await bob.fetchval("SELECT count(*) FROM kolony.leases") == 0
    ended = await superuser.fetch("SELECT subject FROM kolony.audit_log WHERE event = 'SESSIONS_ENDED'")
    assert {row["subject"] for row in ended} == {"kol_" + agent.login[3:7], database.cluster.login("ada")}


async def test_who_holds_up_a_stop_in_earnest_is_named(workspace: Workspace, agent: Agent) -> None:
    """A person at work is nobody to be ended; the others can be stopped meanwhile."""
    bob, ada = await workspace.database.connect("bob"), await workspace.database.connect("ada")
    other = await workspace.database.add_agent("other")
    await ada.execute("BEGIN")
    await ada.execute("SELECT kolony.set_agent_desired($1, 'paused')", agent.agent_id)
    busy = asyncio.create_task(ada.execute("SELECT pg_sleep(60)"))
    with refused("55P03", "held up by an open transaction on worker"):
        await stop(bob, workspace)
    await stop(bob, workspace, other)
    assert await bob.fetchval("SELECT array_agg(agent_id) FROM kolony.stops_in_force") == [other.agent_id]
    busy.cancel()
    await asyncio.gather(busy, return_exceptions=True)
