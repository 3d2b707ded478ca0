"""Notifications: who is told what and how often, quiet hours, rules, expiry; telling people never stops work."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from tests.database import Agent, Workspace, refused
from tests.work.calls import Runner, let_pass, send

NOTES = """SELECT n.kind, n.priority, n.title, n.message, n.count, n.quiet, n.channels, n.read_at IS NOT NULL AS read
           FROM kolony.notifications n ORDER BY n.created_at, n.notification_id"""


async def told(person: asyncpg.Connection, workspace: Workspace) -> list[tuple[str, str, str, int]]:
    """What a person was told: kind, priority, title, how often; what waits is handed out before."""
    await person.fetchval("SELECT kolony.take_notice($1)", workspace.workspace_id)
    return [(row["kind"], row["priority"], row["title"], row["count"]) for row in await person.fetch(NOTES)]


async def look(superuser: asyncpg.Connection) -> None:
    """The next one who hands out looks at the agents too."""
    await superuser.execute("UPDATE kolony.notification_turns SET looked_at = looked_at - interval '10 seconds'")


async def fail(runner: Runner, how_many: int = 1, error: str = "broken") -> None:
    """Claims so many runs, and they fail."""
    for _ in range(how_many):
        [claimed] = await runner.claim()
        await runner.start(claimed["attempt_id"])
        await runner.finish(claimed["attempt_id"], "failed", error=error)


async def rule(person: asyncpg.Connection, workspace: Workspace, kind: str, **given: Any) -> Any:
    """A new rule."""
    extra = "".join(f", {name} => ${number}" for number, name in enumerate(given, 3))
    call = f"SELECT kolony.make_notification_rule($1, $2{extra})"
    return await person.fetchval(call, workspace.workspace_id, kind, *given.values())


async def test_each_change_of_an_agents_status_is_told_once_to_who_made_it(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    ada, bob, superuser = await database.connect("ada"), await database.connect("bob"), await database.superuser()
    assert await told(ada, workspace) == []
    runner = await Runner.of(database, agent)
    await look(superuser)
    assert await told(ada, workspace) == [("agent_status", "low", "worker is online", 1)]
    await look(superuser)
    assert len(await told(ada, workspace)) == 1
    await let_pass(superuser, runner.session_id)
    for _ in range(2):  # nobody wrote a row when the lease ran out; the second look has nothing to tell
        await look(superuser)
        assert (await told(ada, workspace))[1:] == [("agent_status", "medium", "worker is offline", 1)]
    again = await Runner.of(database, agent)
    close = "SELECT kolony.close_session($1, 'its program\x1b[2J is\nnot there', true)"
    await again.connection.execute(close, again.session_id)
    await look(superuser)
    # It came and went between two looks: that it came is no news any more, its error is.
    assert (await told(ada, workspace))[2:] == [("agent_status", "high", "worker ended with an error", 1)]
    row = (await ada.fetch(NOTES))[2]
    assert row["message"] == "host-1: its program [2J is not there"
    assert await told(bob, workspace) == []


async def test_many_agents_that_go_at_once_are_one_notification(workspace: Workspace) -> None:
    database = workspace.database
    ada, bob, superuser = await database.connect("ada"), await database.connect("bob"), await database.superuser()
    agents = [await database.add_agent(f"a{number}") for number in range(7)]
    await rule(bob, workspace, "agent_status", audience="everyone", of_agent=agents[3].agent_id, priority="critical")
    runners = [await Runner.of(database, each) for each in agents]
    assert await told(ada, workspace) == [
        ("agent_status", "low", "a3 is online", 1), ("agent_status", "low", "6 agents are online", 1)
    ]  # fmt: skip
    for runner in runners:
        await let_pass(superuser, runner.session_id)
    await look(superuser)
    assert (await told(ada, workspace))[2:] == [
        ("agent_status", "medium", "a3 is offline", 1), ("agent_status", "medium", "6 agents are offline", 1)
    ]  # fmt: skip
    assert (await ada.fetch(NOTES))[3]["message"] == "a0, a1, a2, a4, a5, a6"
    assert [each[1:3] for each in await told(bob, workspace)] == [
        ("critical", "a3 is online"), ("critical", "a3 is offline")
    ]  # fmt: skip


async def test_failures_of_a_broadcast_are_one_notification_for_the_sender(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    ada, bob = await database.connect("ada"), await database.connect("bob")
    second = await database.add_agent("second")
    runners = [await Runner.of(database, each) for each in (agent, second)]
    await send(bob, [agent.agent_id, second.agent_id])
    for runner in runners:
        await fail(runner, error="exit 1: \x9b31mred\u202e")
    found = [each for each in await told(bob, workspace) if each[0] == "run_failed"]
    assert found == [("run_failed", "medium", "#1.2 failed on second", 2)]
    assert (await bob.fetch(NOTES))[0]["message"] == "exit 1:  31mred"
    # What follows soon is counted, until it was read.
    await bob.execute("SELECT kolony.retry_command(command_id) FROM kolony.commands")
    await fail(runners[0])
    assert (await told(bob, workspace))[0][3] == 3
    assert await bob.fetchval("SELECT kolony.read_all_notifications($1)", workspace.workspace_id) == 1
    await bob.execute("SELECT kolony.retry_command(command_id) FROM kolony.commands WHERE number = 1")
    await fail(runners[0])
    assert [each[3] for each in await told(bob, workspace)] == [3, 1]
    assert "run_failed" not in {each[0] for each in await told(ada, workspace)}


async def test_what_is_told_late_is_told_anew(workspace: Workspace, agent: Agent) -> None:
    bob, superuser = await workspace.database.connect("bob"), await workspace.database.superuser()
    runner = await Runner.of(workspace.database, agent)
    await send(bob, agent)
    await fail(runner)
    await told(bob, workspace)
    await superuser.execute("UPDATE kolony.notifications SET created_at = now() - interval '11 minutes'")
    await bob.execute("SELECT kolony.retry_command(command_id) FROM kolony.commands")
    await fail(runner)
    assert [each[3] for each in await told(bob, workspace)] == [1, 1]


async def test_everybody_sees_and_reads_only_their_own(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    ada, bob = await database.connect("ada"), await database.connect("bob")
    runner = await Runner.of(database, agent)
    await send(bob, agent)
    await fail(runner)
    await told(bob, workspace)
    ids = [row["notification_id"] for row in await bob.fetch("SELECT notification_id FROM kolony.notifications")]
    assert await ada.fetch("SELECT FROM kolony.notifications WHERE notification_id = ANY ($1)", ids) == []
    assert await ada.fetchval("SELECT kolony.read_notifications($1)", ids) == 0
    assert not (await bob.fetch(NOTES))[0]["read"]
    assert await bob.fetchval("SELECT kolony.read_notifications($1)", ids) == 1
    for refusal in ("UPDATE kolony.notifications SET read_at = now()", "SELECT FROM kolony.notification_events",
                    "SELECT kolony.notify_people(NULL, 'stop', 'low', 'x', 'y', '{}')"):  # fmt: skip
        with refused("42501"):
            await bob.execute(refusal)
    olga = await database.connect("olga")
    with refused("42501"):
        await olga.fetchval("SELECT kolony.take_notice($1)", workspace.workspace_id)


async def test_the_nearest_rule_decides(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    ada, bob, eve = [await database.connect(name) for name in ("ada", "bob", "eve")]
    other = await database.add_agent("other")
    runners = {each.name: await Runner.of(database, each) for each in (agent, other)}
    await told(ada, workspace)

    async def failed(by: asyncpg.Connection, of: Agent) -> dict[str, str]:
        """Who was told of a new failure, and how urgently."""
        await send(by, of)
        await fail(runners[of.name])
        title = f"#{await by.fetchval('SELECT max(number) FROM kolony.commands')} failed on {of.name}"
        people = {"ada": ada, "bob": bob, "eve": eve}
        return {name: each[1] for name, person in people.items()
                for each in await told(person, workspace) if each[2] == title}  # fmt: skip

    assert await failed(bob, agent) == {"bob": "medium"}
    await rule(ada, workspace, "run_failed", for_everybody=True, audience="admins", priority="high")
    assert await failed(bob, agent) == {"ada": "high", "bob": "medium"}
    await rule(eve, workspace, "run_failed", audience="everyone", of_agent=agent.agent_id, priority="low")
    assert await failed(bob, agent) == {"ada": "high", "bob": "medium", "eve": "low"}
    assert await failed(bob, other) == {"ada": "high", "bob": "medium"}
    mine = await rule(bob, workspace, "run_failed", enabled=False)
    assert await failed(bob, agent) == {"ada": "high", "eve": "low"}
    await rule(bob, workspace, "run_failed", of_agent=other.agent_id, priority="critical")
    assert await failed(bob, other) == {"ada": "high", "bob": "critical"}
    await bob.execute("SELECT kolony.delete_notification_rule($1)", mine)
    assert await failed(bob, agent) == {"ada": "high", "bob": "medium", "eve": "low"}
    with refused("P0002", "no such rule"):
        await bob.execute("SELECT kolony.delete_notification_rule($1)", mine)
    with refused("55000", "nothing to undo"):
        await eve.execute("SELECT kolony.undo()")
    assert await bob.fetchval("SELECT kolony.undo()") == "rule for run_failed deleted"
    assert await failed(bob, agent) == {"ada": "high", "eve": "low"}


async def test_rules_are_refused_with_reasons(workspace: Workspace, agent: Agent) -> None:
    ada, bob, eve = [await workspace.database.connect(name) for name in ("ada", "bob", "eve")]
    with refused("42501", "this needs the role admin"):
        await rule(bob, workspace, "stop", for_everybody=True)
    with refused("P0002", 'no kind of notification "birthday"'):
        await rule(eve, workspace, "birthday")
    with refused("22023", "low, medium, high or critical"):
        await rule(eve, workspace, "stop", priority="urgent")
    with refused("22023", "about what is yours"):
        await rule(eve, workspace, "stop", audience="admins")
    with refused("22023", "channels are bell and desktop"):
        await rule(eve, workspace, "stop", channels=["pigeon"])
    of_all = await rule(ada, workspace, "stop", for_everybody=True, audience="admins")
    change = "SELECT kolony.change_notification_rule($1, 'everyone', 'low', '{}', false)"
    with refused("42501"):
        await bob.execute(change, of_all)
    await ada.execute(change, of_all)
    [row] = await bob.fetch("SELECT audience, priority, channels, enabled FROM kolony.notification_rules")
    assert tuple(row) == ("everyone", "low", [], False)
    mine = await rule(bob, workspace, "stop")
    assert await ada.fetchval("SELECT count(*) FROM kolony.notification_rules") == 1, "what is bob's only bob sees"
    with refused("P0002"):
        await ada.execute(change, mine)


async def test_in_quiet_hours_all_is_kept_and_only_what_is_critical_sounds(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    runner = await Runner.of(workspace.database, agent)
    hours = "SELECT kolony.set_notification_settings($1, $2, $3, 'away', 'auto', 'high')"
    kathmandu = datetime.now(UTC) + timedelta(hours=5, minutes=45)
    begin, end = [(kathmandu + timedelta(minutes=by)).time() for by in (-60, 60)]
    await bob.execute(hours, begin, end, "Asia/Kathmandu")
    await send(bob, agent)
    await fail(runner)
    await told(bob, workspace)
    await rule(bob, workspace, "run_failed", priority="critical")
    await send(bob, agent)
    await fail(runner)
    await told(bob, workspace)
    await bob.execute(hours, end, begin, "Asia/Kathmandu")  # the other hours, over midnight
    await rule(bob, workspace, "run_failed", priority="low")
    await send(bob, agent)
    await fail(runner)
    await told(bob, workspace)
    assert [row["quiet"] for row in await bob.fetch(NOTES)] == [True, False, False]
    with refused("22023", 'no time zone "Mars/Olympus"'):
        await bob.execute(hours, begin, end, "Mars/Olympus")
    with refused("22023", "a beginning and another end"):
        await bob.execute(hours, begin, None, "UTC")


async def test_an_ask_is_told_to_operators_and_is_no_news_once_answered(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, eve, superuser = await database.connect("bob"), await database.connect("eve"), await database.superuser()
    runner = await Runner.of(database, agent)
    await send(bob, agent)
    [claimed] = await runner.claim()
    asked = await runner.connection.fetchval(
        "SELECT approval_id FROM kolony.ask($1, 'deploy', 'permission', 'Deploy?', 'to production', NULL, 'high')",
        claimed["attempt_id"],
    )
    assert ("approval", "high", "worker asks: Deploy?", 1) in await told(bob, workspace)
    assert await told(eve, workspace) == []
    assert not any(row["read"] for row in await bob.fetch(NOTES))
    await bob.execute("SELECT kolony.answer_approval($1, true, NULL, NULL)", asked)
    await look(superuser)
    await told(bob, workspace)
    assert [row["read"] for row in await bob.fetch(NOTES)] == [True]


async def test_who_hands_out_is_one_at_a_time_and_nobody_waits(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    ada, bob, superuser = await database.connect("ada"), await database.connect("bob"), await database.superuser()
    await told(ada, workspace)
    runner = await Runner.of(database, agent)
    await send(bob, agent)
    await fail(runner)
    async with superuser.transaction():
        await superuser.execute("SELECT FROM kolony.notification_turns FOR UPDATE")
        await superuser.execute("LOCK TABLE kolony.notifications IN EXCLUSIVE MODE")
        # Neither the next one who looks nor the work itself waits for whoever is just at it.
        async with asyncio.timeout(5):
            assert await bob.fetchval("SELECT kolony.take_notice($1)", workspace.workspace_id) == 0
            await send(bob, agent)
            await fail(runner)
    assert len([each for each in await told(bob, workspace) if each[0] == "run_failed"]) == 2


async def test_a_fault_in_telling_stops_no_work(workspace: Workspace, agent: Agent) -> None:
    bob, superuser = await workspace.database.connect("bob"), await workspace.database.superuser()
    runner = await Runner.of(workspace.database, agent)
    await superuser.execute(
        "ALTER TABLE kolony.notification_events ADD CONSTRAINT nothing_fits CHECK (false) NOT VALID"
    )
    await send(bob, agent)
    await fail(runner)
    assert await bob.fetchval("SELECT outcome FROM kolony.runs") == "failed"
    await bob.execute("SELECT kolony.stop_agents($1, NULL, 'fire')", workspace.workspace_id)
    assert await bob.fetchval("SELECT why FROM kolony.stops") == "fire"


async def test_a_stop_is_told_to_everybody_but_who_did_it(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, eve = await database.connect("bob"), await database.connect("eve")
    login = database.cluster.login("bob")
    await bob.execute("SELECT kolony.stop_agents($1, NULL, 'fire')", workspace.workspace_id)
    assert await told(eve, workspace) == [("stop", "critical", f"{login} stopped every agent", 1)]
    await bob.execute("SELECT kolony.lift_stop($1)", workspace.workspace_id)
    assert (await told(eve, workspace))[1:] == [("stop", "medium", f"{login} lifted the emergency stop", 1)]
    assert await told(bob, workspace) == []


async def test_the_end_of_a_command_is_told_to_who_wants_it(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    runner = await Runner.of(workspace.database, agent)
    for _ in range(2):
        await send(bob, agent, "make it\tso")
        [claimed] = await runner.claim()
        await runner.finish(claimed["attempt_id"])
        await rule(bob, workspace, "command_ended")
    assert await told(bob, workspace) == [("command_ended", "low", "#2 has completed", 1)]
    assert (await bob.fetch(NOTES))[0]["message"] == "make it so"


async def test_upkeep_hands_out_and_removes_what_has_expired(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    ada, bob, superuser = await database.connect("ada"), await database.connect("bob"), await database.superuser()
    runner = await Runner.of(database, agent)
    await send(bob, agent)
    await fail(runner)
    call = "SELECT result FROM kolony.run_upkeep(true, $1)"
    assert await ada.fetchval(call, "hand_out") == {"told": 2}
    days = await bob.fetchval("SELECT extract(day FROM expires_at - created_at) FROM kolony.notifications")
    assert days == 14
    assert (await ada.fetchval(call, "retain_notes"))["removed_notifications"] == 0
    await superuser.execute("UPDATE kolony.notifications SET expires_at = now()")
    assert (await ada.fetchval(call, "retain_notes"))["removed_notifications"] == 2


async def test_a_broadcasts_thousand_failures_are_told_in_a_moment(workspace: Workspace) -> None:
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    await superuser.execute(
        """INSERT INTO kolony.agents (workspace_id, name, created_by)
           SELECT w.workspace_id, 'a' || n, p.profile_id FROM kolony.workspaces w, generate_series(1, 1000) n,
                  kolony.profiles p
           WHERE w.slug = 'main' AND p.login = $1""",
        database.cluster.login("bob"),
    )
    agents = await bob.fetchval("SELECT array_agg(agent_id) FROM kolony.agents")
    await send(bob, agents)
    end = "UPDATE kolony.runs SET outcome = 'failed', finished_at = now(), error = 'x'"
    await superuser.execute("SET session_replication_role = replica")
    bare = await _seconds(superuser, end)
    await superuser.execute("UPDATE kolony.runs SET outcome = NULL, finished_at = NULL")
    await superuser.execute("SET session_replication_role = origin")
    noted = await _seconds(superuser, end)
    assert noted < bare + 0.5, f"1,000 failures took {noted:.3f} s, without telling {bare:.3f} s"
    assert [each[3] for each in await told(bob, workspace)] == [1000]


async def _seconds(connection: asyncpg.Connection, statement: str) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await connection.execute(statement)
    return loop.time() - began
