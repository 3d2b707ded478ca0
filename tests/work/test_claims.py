"""Claims, leases and fences: what a runner gets, how long it keeps it, and what it may still write."""

from __future__ import annotations

import asyncio
from collections import Counter
from uuid import UUID

from tests.database import Agent, Workspace, refused, until_blocked, until_ended
from tests.work.calls import Runner, command_state, let_backoff_pass, let_pass, send, state


async def test_the_queue_goes_by_priority_and_then_by_age(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    runs = {words: (await send(bob, agent, words, priority=at))[0] for words, at in
            (("old", 50), ("low", 10), ("new", 50), ("high", 90), ("raised", 0))}  # fmt: skip
    await bob.execute("SELECT kolony.set_run_priority($1, 100)", runs["raised"])
    runner = await Runner.of(workspace.database, agent, 10)
    assert [run["content"] for run in await runner.claim(2)] == ["raised", "high"]
    assert [run["content"] for run in await runner.claim(10)] == ["old", "new", "low"]


async def test_eight_connections_share_a_queue_without_a_duplicate(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob = await database.connect("bob")
    sent = {run for _ in range(60) for run in await send(bob, agent)}
    tokens = [agent]
    ada = await database.connect("ada")
    tokens.append(await database.issue_token(ada, agent.agent_id))
    runners = [await Runner.of(database, token, 3) for token in tokens for _ in range(4)]
    taken: Counter[UUID] = Counter()
    most = 0

    async def work(runner: Runner) -> None:
        nonlocal most
        while claimed := await runner.claim(5):
            most = max(most, len(claimed))
            held = await runner.connection.fetchval("SELECT 1")
            assert held
            for run in claimed:
                taken[run["run_id"]] += 1
                await runner.start(run["attempt_id"])
                await runner.finish(run["attempt_id"])

    await asyncio.gather(*(work(runner) for runner in runners))
    assert taken == Counter(sent)
    assert most == 3
    assert await bob.fetchval("SELECT count(*) FROM kolony.attempts") == 60


async def test_one_session_claiming_twice_at_once_stays_within_its_concurrency(
    workspace: Workspace, agent: Agent
) -> None:
    bob = await workspace.database.connect("bob")
    superuser = await workspace.database.superuser()
    for _ in range(6):
        await send(bob, agent)
    first = await Runner.of(workspace.database, agent, 2)
    second = Runner(await workspace.database.open(agent.target), first.session_id)
    async with first.connection.transaction():
        assert len(await first.claim(2)) == 2
        racing = asyncio.create_task(second.claim(2))
        await until_blocked(superuser, second.connection)
    assert await racing == []
    assert await first.claim(2) == []


async def test_a_paused_agent_gets_nothing_even_when_the_claim_is_under_way(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    superuser = await workspace.database.superuser()
    await send(bob, agent)
    runner = await Runner.of(workspace.database, agent)
    async with bob.transaction():
        await bob.execute("SELECT kolony.set_agent_desired($1, 'paused', 'lunch')", agent.agent_id)
        claiming = asyncio.create_task(runner.claim())
        await until_blocked(superuser, runner.connection)
    assert await claiming == []
    assert await runner.beat() == [("paused", None, None)]
    await bob.execute("SELECT kolony.set_agent_desired($1, 'active')", agent.agent_id)
    assert await runner.beat() == []
    assert len(await runner.claim()) == 1


async def test_a_silent_runner_is_seen_lost_at_once_and_its_work_passes_on(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    [run] = await send(bob, agent)
    silent = await Runner.of(database, agent)
    [held] = await silent.claim()
    assert await state(bob, run) == "dispatching"
    await silent.start(held["attempt_id"])
    await silent.append(held["attempt_id"], [(0, b"before\n")])
    assert (await state(bob, run), await command_state(bob, run)) == ("executing", "executing")
    await let_pass(superuser, silent.session_id)
    assert (await state(bob, run), await command_state(bob, run)) == ("lost", "queued")

    healthy = await Runner.of(database, agent)
    assert await healthy.claim() == []
    due = await bob.fetchval("SELECT extract(epoch FROM due_at - now()) FROM kolony.scheduled_runs")
    assert 0 < due <= 2
    await let_backoff_pass(superuser)
    [again] = await healthy.claim()
    assert (again["run_id"], again["attempt"]) == (run, 2)
    for late in (silent.beat(), silent.claim(), silent.start(held["attempt_id"]), silent.finish(held["attempt_id"]),
                 silent.append(held["attempt_id"], [(1, b"after\n")])):  # fmt: skip
        with refused("KO001"):
            await late
    assert await healthy.beat(again["attempt_id"]) == []
    await healthy.finish(again["attempt_id"])
    assert await state(bob, run) == "completed"
    attempts = await bob.fetch("SELECT number, outcome FROM kolony.attempts ORDER BY number")
    assert [tuple(row) for row in attempts] == [(1, "lost"), (2, "completed")]
    assert await bob.fetchval("SELECT array_agg(data) FROM kolony.output_chunks") == [b"before\n"]


async def test_a_run_that_is_lost_too_often_fails_with_the_last_error(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    [run] = await send(bob, agent, max_attempts=2)
    for number in (1, 2):
        runner = await Runner.of(database, agent)
        [held] = await runner.claim()
        assert held["attempt"] == number
        await let_pass(superuser, runner.session_id)
        home = workspace.workspace_id
        eve = await database.connect("eve")
        assert await eve.fetchval("SELECT kolony.settle($1)", home) == 1
        assert await eve.fetchval("SELECT kolony.settle($1)", home) == 0
        await let_backoff_pass(superuser)
    row = await bob.fetchrow("SELECT status, error FROM kolony.run_overview WHERE run_id = $1", run)
    assert row is not None
    assert tuple(row) == ("failed", "attempt 2 of 2 was lost: the runner on host-1 stopped answering")
    assert await command_state(bob, run) == "failed"


async def test_failures_are_retried_only_where_the_command_says_so(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    [once] = await send(bob, agent)
    [twice] = await send(bob, agent, retry_on="failure", max_attempts=2)
    runner = await Runner.of(database, agent)
    for held in await runner.claim(2):
        await runner.finish(held["attempt_id"], "failed", error="exit code 1")
    assert (await state(bob, once), await state(bob, twice)) == ("failed", "waiting")
    assert await runner.claim(2) == []
    await let_backoff_pass(superuser)
    [again] = await runner.claim(2)
    assert (again["run_id"], again["attempt"]) == (twice, 2)
    await runner.finish(again["attempt_id"], "failed", error="exit code 1")
    assert await state(bob, twice) == "failed"


async def test_the_backoff_doubles_and_never_exceeds_five_minutes(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    await send(bob, agent, retry_on="failure", max_attempts=100)
    runner = await Runner.of(database, agent)
    for number in range(1, 13):
        [held] = await runner.claim()
        await runner.finish(held["attempt_id"], "failed")
        wait = await bob.fetchval(
            """SELECT extract(epoch FROM s.due_at - r.updated_at)
               FROM kolony.scheduled_runs s JOIN kolony.runs r USING (run_id)"""
        )
        most = min(2 * 2 ** (number - 1), 300)
        assert most / 2 <= wait <= most
        await let_backoff_pass(superuser)


async def test_work_that_is_handed_back_keeps_its_place_and_its_tries(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    [first], [second] = await send(bob, agent), await send(bob, agent)
    runner = await Runner.of(workspace.database, agent)
    [held] = await runner.claim()
    await runner.finish(held["attempt_id"], "released")
    assert await state(bob, first) == "waiting"
    assert await bob.fetchval("SELECT failed_tries FROM kolony.runs WHERE run_id = $1", first) == 0
    assert [run["run_id"] for run in await runner.claim(2)] == [first, second]


async def test_a_session_that_ends_gives_its_work_back(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    [run] = await send(bob, agent)
    runner = await Runner.of(database, agent)
    await runner.claim()
    await runner.close()
    assert await state(bob, run) == "waiting"
    with refused("KO001"):
        await runner.claim()
    await let_backoff_pass(superuser)
    assert len(await (await Runner.of(database, agent)).claim()) == 1


async def test_a_frozen_clock_keeps_no_lease(workspace: Workspace, agent: Agent) -> None:
    """In an open transaction now() stands still; the lease does not."""
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    await superuser.execute("UPDATE kolony.workspaces SET lease_seconds = 3, heartbeat_seconds = 1")
    [run] = await send(bob, agent)
    runner = await Runner.of(database, agent)
    [held] = await runner.claim()
    await runner.connection.execute("BEGIN")
    await runner.connection.execute("SELECT now()")
    # The last sign of life came before the transaction began, and ran out after it.
    await superuser.execute("UPDATE kolony.agent_sessions SET last_seen = clock_timestamp() - interval '3.001 seconds'")
    with refused("KO001"):
        await runner.finish(held["attempt_id"])
    assert await state(bob, run) == "lost"


async def test_saying_the_same_end_twice_is_fine_and_another_end_is_not(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    [run] = await send(bob, agent)
    runner = await Runner.of(workspace.database, agent)
    [held] = await runner.claim()
    await runner.finish(held["attempt_id"])
    await runner.finish(held["attempt_id"])
    with refused("KO001"):
        await runner.finish(held["attempt_id"], "failed")
    assert await state(bob, run) == "completed"


async def test_only_the_token_that_claimed_writes(workspace: Workspace, agent: Agent) -> None:
    """Another token of the same agent, another agent, and another workspace's agent are all strangers to an attempt."""
    database = workspace.database
    bob, ada = await database.connect("bob"), await database.connect("ada")
    [run] = await send(bob, agent)
    runner = await Runner.of(database, agent)
    [held] = await runner.claim()
    strangers = [
        await database.issue_token(ada, agent.agent_id),
        await database.add_agent("colleague"),
        await database.add_agent("foreigner", workspace="other"),
    ]
    for stranger in strangers:
        theirs = await Runner.of(database, stranger)
        impostor = Runner(theirs.connection, runner.session_id)
        for attempt in (impostor.beat(), impostor.claim(), theirs.start(held["attempt_id"]),
                        theirs.append(held["attempt_id"], [(0, b"x")]), theirs.finish(held["attempt_id"])):  # fmt: skip
            with refused("KO001"):
                await attempt
        await impostor.close()
    assert await runner.beat(held["attempt_id"]) == []
    await runner.finish(held["attempt_id"])
    assert await state(bob, run) == "completed"


async def test_a_revoked_token_is_fenced_while_it_is_connected(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    [run] = await send(bob, agent)
    runner = await Runner.of(database, agent)
    [held] = await runner.claim()
    await superuser.execute("UPDATE kolony.agent_tokens SET token_active = false")
    for late in (runner.beat(), runner.claim(), runner.finish(held["attempt_id"])):
        with refused("28000"):
            await late
    ada = await database.connect("ada")
    await ada.execute("SELECT kolony.revoke_token($1)", agent.token_id)
    await until_ended(superuser, runner.connection)
    assert await state(bob, run) == "dispatching"
    await let_pass(superuser, runner.session_id)
    assert await state(bob, run) == "lost"


async def test_repeatable_read_is_refused(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    runner = await Runner.of(workspace.database, agent)
    async with bob.transaction(isolation="repeatable_read"):
        assert await bob.fetchval("SELECT count(*) FROM kolony.agents") == 1
        with refused("42501", "READ COMMITTED"):
            await send(bob, agent)
    for isolation in ("repeatable_read", "serializable"):
        transaction = runner.connection.transaction(isolation=isolation)
        await transaction.start()
        with refused("28000"):
            await runner.beat()
        await transaction.rollback()
    assert await bob.fetchval("SELECT count(*) FROM kolony.commands") == 0
    assert await runner.beat() == []
