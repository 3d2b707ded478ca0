"""Steering what waits and what runs: hold, order, assign, interrupt; one run or many; by whom, and in which state."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.database import Agent, Workspace, refused, until_blocked
from tests.work.calls import Runner, command_state, let_backoff_pass, let_pass, send, state

STEPS = {
    "hold_run($1, 'wait')": "hold_runs(ARRAY[$1::uuid], 'wait')",
    "release_run($1)": "release_runs(ARRAY[$1::uuid])",
    "interrupt_run($1, 'stop')": "interrupt_runs(ARRAY[$1::uuid], 'stop')",
    "cancel_run($1, 'no')": "cancel_runs(ARRAY[$1::uuid], 'no')",
    "retry_run($1)": "retry_runs(ARRAY[$1::uuid])",
    "set_run_priority($1, 3)": "set_runs_priority(ARRAY[$1::uuid], 3)",
    "move_run($1, 1)": "shift_runs_priority(ARRAY[$1::uuid], 10)",
}


async def queue(viewer: asyncpg.Connection) -> list[tuple[str, int | None, int]]:
    """What is ready, in the order of claims: text, position, priority."""
    rows = await viewer.fetch(
        """SELECT title, position, priority FROM kolony.run_overview
           WHERE position IS NOT NULL ORDER BY agent, position"""
    )
    return [(row["title"], row["position"], row["priority"]) for row in rows]


async def test_who_may_not_steer(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    [run] = await send(bob, agent)
    for login, code in (("eve", "42501"), ("olga", "P0002")):
        person = await workspace.database.connect(login)
        for one, many in STEPS.items():
            with refused(code):
                await person.execute(f"SELECT kolony.{one}", run)
            if login == "olga":
                [row] = await person.fetch(f"SELECT * FROM kolony.{many}", run)
                assert tuple(row) == (run, None, "there is no such run here")
                continue
            with refused(code):
                await person.execute(f"SELECT kolony.{many}", run)
        for call in (f"assign_run($1, '{agent.agent_id}')",):
            with refused(code):
                await person.execute(f"SELECT kolony.{call}", run)
    command = await bob.fetchval("SELECT command_id FROM kolony.runs")
    eve, olga = await workspace.database.connect("eve"), await workspace.database.connect("olga")
    for call in ("hold_command($1)", "release_command($1)", "set_dependencies($1, '{}')"):
        with refused("42501"):
            await eve.execute(f"SELECT kolony.{call}", command)
        with refused("P0002"):
            await olga.execute(f"SELECT kolony.{call}", command)
    assert await state(eve, run) == "waiting"


async def test_a_held_run_is_not_claimed_and_keeps_its_place(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    runs = {words: (await send(bob, agent, words))[0] for words in ("one", "two", "three")}
    await bob.execute("SELECT kolony.hold_run($1, 'not yet')", runs["one"])
    row = await bob.fetchrow(
        "SELECT status, held_by_login, held_why, waits_for, position FROM kolony.run_overview WHERE run_id = $1",
        runs["one"],
    )
    assert row is not None
    assert tuple(row) == ("waiting", workspace.database.cluster.login("bob"), "not yet", "hold", None)
    with refused("55000", "held already by " + workspace.database.cluster.login("bob")):
        await bob.execute("SELECT kolony.hold_run($1)", runs["one"])
    with refused("55000", "nobody holds"):
        await bob.execute("SELECT kolony.release_run($1)", runs["two"])
    await bob.execute("SELECT kolony.set_run_priority($1, 50)", runs["one"])
    runner = await Runner.of(workspace.database, agent, 5)
    assert [held["content"] for held in await runner.claim(1)] == ["two"]
    await bob.execute("SELECT kolony.release_run($1)", runs["one"])
    assert await queue(bob) == [("one", 1, 50), ("three", 2, 50)]
    assert await bob.fetchval("SELECT held_at IS NULL FROM kolony.runs WHERE run_id = $1", runs["one"])
    [held] = await runner.claim(1)
    assert held["content"] == "one"
    for step in ("hold_run", "release_run"):
        with refused("55000", "does not wait any more"):
            await bob.execute(f"SELECT kolony.{step}($1)", runs["one"])
    await runner.finish(held["attempt_id"])
    with refused("55000", "has ended already (completed)"):
        await bob.execute("SELECT kolony.hold_run($1)", runs["one"])


async def test_a_hold_outlasts_a_backoff_and_a_cancel_ends_it(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    [run] = await send(bob, agent)
    runner = await Runner.of(database, agent)
    await runner.claim()
    await let_pass(superuser, runner.session_id)
    await bob.execute("SELECT kolony.hold_run($1)", run)
    held = await bob.fetchrow("SELECT held, due_at > now() AS later, attempt FROM kolony.blocked_runs")
    assert held is not None
    assert tuple(held) == (True, True, 2)
    await bob.execute("SELECT kolony.release_run($1)", run)
    assert await bob.fetchval("SELECT waits_for FROM kolony.run_overview") == "time"
    await bob.execute("SELECT kolony.hold_run($1)", run)
    assert await bob.fetchval("SELECT kolony.cancel_run($1)", run) == "cancelled"
    assert await bob.fetchval("SELECT count(*) FROM kolony.blocked_runs") == 0
    await bob.execute("SELECT kolony.retry_run($1)", run)
    assert await bob.fetchval("SELECT position FROM kolony.run_overview") == 1


async def test_a_run_moves_to_any_place_and_takes_a_priority_that_fits(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    runs = {words: (await send(bob, agent, words, priority=at))[0] for words, at in
            (("a", 70), ("b", 50), ("c", 50), ("d", 50), ("e", 20))}  # fmt: skip

    async def moved(words: str, to: int) -> list[tuple[str, int]]:
        await bob.fetchval("SELECT kolony.move_run($1, $2)", runs[words], to)
        return [(title, priority) for title, _, priority in await queue(bob)]

    assert await moved("d", 2) == [("a", 70), ("d", 50), ("b", 50), ("c", 50), ("e", 20)]
    assert await moved("e", 3) == [("a", 70), ("d", 50), ("e", 50), ("b", 50), ("c", 50)]
    assert await moved("c", 1) == [("c", 70), ("a", 70), ("d", 50), ("e", 50), ("b", 50)]
    assert await moved("a", 99) == [("c", 70), ("d", 50), ("e", 50), ("b", 50), ("a", 50)]
    for _ in range(120):
        await moved("b", 3)
        await moved("e", 3)
    assert [title for title, _, _ in await queue(bob)] == ["c", "d", "e", "b", "a"]
    runner = await Runner.of(workspace.database, agent, 9)
    assert [held["content"] for held in await runner.claim(9)] == ["c", "d", "e", "b", "a"]
    with refused("55000", "does not wait any more"):
        await bob.execute("SELECT kolony.move_run($1, 1)", runs["a"])
    with refused("22023", "not 0"):
        await bob.execute("SELECT kolony.move_run($1, 0)", runs["a"])


async def test_runs_at_one_place_are_told_apart_when_one_is_moved_between_them(
    workspace: Workspace, agent: Agent
) -> None:
    bob, superuser = await workspace.database.connect("bob"), await workspace.database.superuser()
    for words in "abcd":
        await send(bob, agent, words)
    await superuser.execute("UPDATE kolony.ready_runs SET place = 7")
    before = [title for title, _, _ in await queue(bob)]
    last = await bob.fetchval("SELECT run_id FROM kolony.run_overview WHERE position = 4")
    await bob.execute("SELECT kolony.move_run($1, 2)", last)
    assert [title for title, _, _ in await queue(bob)] == [before[0], before[3], before[1], before[2]]


async def test_a_move_waits_for_the_claim_under_way(workspace: Workspace, agent: Agent) -> None:
    bob, superuser = await workspace.database.connect("bob"), await workspace.database.superuser()
    for words in ("one", "two"):
        last = (await send(bob, agent, words))[0]
    runner = await Runner.of(workspace.database, agent)
    async with runner.connection.transaction():
        [held] = await runner.claim(1)
        moving = asyncio.create_task(bob.fetchval("SELECT kolony.move_run($1, 1)", last))
        await until_blocked(superuser, bob)
    assert (held["content"], await moving) == ("one", 1)


async def test_a_waiting_run_passes_to_another_agent(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    other = await database.add_agent("other")
    bob = await database.connect("bob")
    [run] = await send(bob, agent, "pass on")
    await bob.execute("SELECT kolony.hold_run($1)", run)
    await bob.execute("SELECT kolony.assign_run($1, $2)", run, other.agent_id)
    await bob.execute("SELECT kolony.release_run($1)", run)
    assert await bob.fetchval("SELECT targets FROM kolony.commands") == [other.agent_id]
    first, second = await Runner.of(database, agent), await Runner.of(database, other)
    assert await first.claim() == []
    with refused("55000", "already"):
        await bob.execute("SELECT kolony.assign_run($1, $2)", run, other.agent_id)
    [held] = await second.claim()
    with refused("55000", "does not wait any more"):
        await bob.execute("SELECT kolony.assign_run($1, $2)", run, agent.agent_id)
    await second.finish(held["attempt_id"], "released")
    await bob.execute("SELECT kolony.set_agent_desired($1, 'retired')", agent.agent_id)
    with refused("55000", "is retired"):
        await bob.execute("SELECT kolony.assign_run($1, $2)", run, agent.agent_id)
    with refused("P0002"):
        await bob.execute("SELECT kolony.assign_run($1, $2)", run, uuid4())


async def test_an_interrupt_is_heard_once_and_the_program_decides(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob = await database.connect("bob")
    [run] = await send(bob, agent)
    with refused("55000", "has not begun"):
        await bob.execute("SELECT kolony.interrupt_run($1)", run)
    runner = await Runner.of(database, agent)
    [held] = await runner.claim()
    attempt = held["attempt_id"]
    await runner.start(attempt)
    await bob.execute("SELECT kolony.interrupt_run($1, 'enough of it')", run)
    assert (await state(bob, run), await runner.beat(attempt)) == ("executing", [("interrupt", run, attempt)])
    await runner.step(attempt, "heard")
    await runner.step(attempt, "sigint", "to 3 processes")
    assert (await state(bob, run), await command_state(bob, run)) == ("interrupted", "executing")
    assert await runner.beat(attempt) == []
    await bob.execute("SELECT kolony.interrupt_run($1, 'once more')", run)
    assert await runner.beat(attempt) == [("interrupt", run, attempt)]
    await runner.step(attempt, "heard")
    await runner.finish(attempt)
    await runner.step(attempt, "ended")
    assert await state(bob, run) == "completed"
    steps = await bob.fetch("SELECT step, detail FROM kolony.attempt_steps ORDER BY number")
    assert [tuple(row) for row in steps] == [
        ("heard", ""), ("sigint", "to 3 processes"), ("heard", ""), ("ended", "")
    ]  # fmt: skip
    with refused("55000", "has ended already (completed)"):
        await bob.execute("SELECT kolony.interrupt_run($1)", run)
    with refused("22023"):
        await runner.step(attempt, "shouted")


@pytest.mark.parametrize(
    ("ended", "says"),
    [
        ("failed", "interrupted: enough; exited with 130"),
        ("cancelled", "interrupted: enough; exited with 130"),
        ("released", "interrupted: enough; exited with 130"),
        ("lost", "interrupt not confirmed: the runner on host-1 stopped answering"),
    ],
)
async def test_what_was_interrupted_is_cancelled_and_not_tried_again(
    workspace: Workspace, agent: Agent, ended: str, says: str
) -> None:
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    [run] = await send(bob, agent, max_attempts=5, retry_on="failure")
    runner = await Runner.of(database, agent)
    [held] = await runner.claim()
    await bob.execute("SELECT kolony.interrupt_run($1, 'enough')", run)
    if ended == "lost":
        await let_pass(superuser, runner.session_id)
        await bob.execute("SELECT kolony.settle($1)", workspace.workspace_id)
    else:
        await runner.finish(held["attempt_id"], ended, error="exited with 130")
    row = await bob.fetchrow("SELECT status, error FROM kolony.run_overview")
    assert row is not None
    assert tuple(row) == ("cancelled", says)
    await bob.execute("SELECT kolony.retry_run($1)", run)
    await let_backoff_pass(superuser)
    [again] = await (await Runner.of(database, agent)).claim()
    assert await bob.fetchval("SELECT interrupt_at FROM kolony.runs") is None
    assert again["attempt"] == 2


async def test_a_step_is_noted_for_ones_own_attempts_alone(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    other = await Runner.of(database, await database.add_agent("other"))
    bob, superuser = await database.connect("bob"), await database.superuser()
    await send(bob, agent)
    runner = await Runner.of(database, agent)
    [held] = await runner.claim()
    with refused("KO001"):
        await other.step(held["attempt_id"], "heard")
    for _ in range(101):
        await runner.step(held["attempt_id"], "sigint", "x" * 2000)
    assert await bob.fetchval("SELECT count(*) FROM kolony.attempt_steps") == 100
    assert await bob.fetchval("SELECT max(length(detail)) FROM kolony.attempt_steps") == 1000
    await runner.finish(held["attempt_id"])
    await superuser.execute("UPDATE kolony.attempts SET ended_at = now() - interval '2 hours'")
    with refused("KO001"):
        await runner.step(held["attempt_id"], "ended")


async def test_a_limit_that_was_hit_is_told_and_forgotten_at_a_retry(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    [run] = await send(bob, agent, memory_limit_mb=64)
    runner = await Runner.of(workspace.database, agent)
    [held] = await runner.claim()
    assert held["memory_limit_mb"] == 64
    with refused("22023", "a limit is"):
        await runner.finish(held["attempt_id"], "failed", limit_hit="patience")
    await runner.finish(held["attempt_id"], "failed", limit_hit="memory_limit")
    ask = "SELECT status, limit_hit FROM kolony.run_overview"
    assert tuple(await bob.fetchrow(ask) or ()) == ("failed", "memory_limit")
    await bob.execute("SELECT kolony.retry_run($1)", run)
    assert tuple(await bob.fetchrow(ask) or ()) == ("waiting", None)


async def test_many_runs_at_once_go_on_past_those_that_refuse(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob = await database.connect("bob")
    runs = [(await send(bob, agent, str(number), priority=50))[0] for number in range(4)]
    runner = await Runner.of(database, agent, 2)
    held = await runner.claim(2)
    await runner.finish(held[0]["attempt_id"])

    async def said(call: str, *more: object) -> dict[UUID, tuple[str | None, str | None]]:
        marks = "".join(f", ${number}" for number in range(2, 2 + len(more)))
        rows = await bob.fetch(f"SELECT * FROM kolony.{call}($1{marks})", [*runs, *runs[:1]], *more)
        assert len(rows) == 4
        return {row["run_id"]: (row["became"], row["refused"]) for row in rows}

    over, begun = (None, "this run has ended already (completed)"), (None, "this run does not wait any more")
    assert await said("shift_runs_priority", 60) == {
        runs[0]: over, runs[1]: begun, runs[2]: ("100", None), runs[3]: ("100", None)
    }  # fmt: skip
    assert [row[1] for row in (await said("hold_runs", "later")).values()] == [over[1], begun[1], None, None]
    assert await runner.claim(1) == []
    assert [row[0] for row in (await said("release_runs")).values()] == [None, None, "released", "released"]
    assert [row[0] for row in (await said("interrupt_runs", "x")).values()] == [None, "requested", None, None]
    assert await said("cancel_runs", "x") == {
        runs[0]: over, runs[1]: ("requested", None), runs[2]: ("cancelled", None), runs[3]: ("cancelled", None)
    }  # fmt: skip
    assert [row[0] for row in (await said("retry_runs")).values()] == [None, None, "waiting", "waiting"]
    with refused("22023", "a priority is 0 to 100"):
        await bob.execute("SELECT kolony.set_runs_priority($1, 101)", runs)
    assert await bob.fetch("SELECT * FROM kolony.cancel_runs('{}')") == []


async def test_whole_commands_are_held_and_released(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    other = await database.add_agent("other")
    bob = await database.connect("bob")
    await send(bob, [agent.agent_id, other.agent_id])
    command = await bob.fetchval("SELECT command_id FROM kolony.commands")
    runner = await Runner.of(database, agent)
    await runner.claim()
    assert await bob.fetchval("SELECT kolony.hold_command($1, 'wait')", command) == 1
    with refused("55000", "waits and is not held"):
        await bob.execute("SELECT kolony.hold_command($1)", command)
    assert await bob.fetchval("SELECT held FROM kolony.command_overview") == 1
    assert await (await Runner.of(database, other)).claim() == []
    assert await bob.fetchval("SELECT kolony.release_command($1)", command) == 1
    with refused("55000", "is held or waits for others"):
        await bob.execute("SELECT kolony.release_command($1)", command)


async def test_bulk_steps_and_ends_at_once_do_not_block_each_other(workspace: Workspace, agent: Agent) -> None:
    """Runs come before commands in the order of locks, also where many runs of the same commands are cancelled."""
    database = workspace.database
    others = [await database.add_agent(f"other-{number}") for number in range(3)]
    fleet = [agent, *others]
    bob, ada = await database.connect("bob"), await database.connect("ada")
    runs = [run for _ in range(15) for run in await send(bob, [each.agent_id for each in fleet], at_a_time=2)]
    runners = [await Runner.of(database, each, 3) for each in fleet]

    async def work(runner: Runner) -> None:
        for _ in range(15):
            for held in await runner.claim(3):
                await runner.finish(held["attempt_id"], "failed")

    async def cancel() -> None:
        for start in range(0, len(runs), 6):
            await bob.fetch("SELECT * FROM kolony.cancel_runs($1)", runs[start : start + 30])

    async def retry() -> None:
        for start in range(0, len(runs), 5):
            await ada.fetch("SELECT * FROM kolony.retry_runs($1)", runs[start : start + 10])

    await asyncio.gather(*(work(runner) for runner in runners), cancel(), retry())
    places = await bob.fetchval(
        """SELECT count(*) FROM kolony.runs r WHERE (r.outcome IS NULL) <> (1 = (
             (SELECT count(*) FROM kolony.ready_runs q WHERE q.run_id = r.run_id)
             + (SELECT count(*) FROM kolony.blocked_runs q WHERE q.run_id = r.run_id)
             + (SELECT count(*) FROM kolony.leases q WHERE q.run_id = r.run_id)))"""
    )
    assert places == 0
