"""Why a run waits: each reason by its name, with what would free it; and after that it waits no more."""

from __future__ import annotations

from uuid import UUID

import asyncpg
import pytest

from tests.database import Agent, Workspace, refused
from tests.work.calls import Runner, let_pass, send

SURE = ("next", "behind", "offline")


async def why(viewer: asyncpg.Connection, run: UUID, *without: str) -> list[tuple[int, str, str, str | None]]:
    """The tree, without those lines of the first depth (and what is below them)."""
    found, hidden = [], False
    for row in await viewer.fetch("SELECT * FROM kolony.why_waiting($1)", run):
        hidden = row["kind"] in without if row["depth"] == 0 else hidden
        if not hidden:
            found.append((row["depth"], row["kind"], row["words"], row["remedy"]))
    return found


async def kinds(viewer: asyncpg.Connection, run: UUID) -> list[str]:
    """The names of the reasons."""
    return [kind for depth, kind, _, _ in await why(viewer, run) if depth == 0]


async def test_what_keeps_an_agent_from_its_work(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, eve, superuser = await database.connect("bob"), await database.connect("eve"), await database.superuser()
    login = database.cluster.login("bob")
    [run] = await send(bob, agent, "the work")
    assert await why(eve, run) == [
        (0, "offline", 'no runner of the agent "worker" was ever here', "start its runner: kolony agent run"),
        (0, "next", "it is the next one of its agent's queue", None),
    ]
    await bob.execute("SELECT kolony.set_agent_desired($1, 'paused', 'lunch')", agent.agent_id)
    [paused] = await why(eve, run, *SURE)
    assert paused == (0, "paused", f'the agent "worker" was paused by {login} 0 s ago: lunch', "resume the agent")
    runner = await Runner.of(database, agent, 1)
    assert await kinds(eve, run) == ["paused", "next"]
    await bob.execute("SELECT kolony.set_agent_desired($1, 'active')", agent.agent_id)
    stop = await bob.fetchval("SELECT kolony.stop_agents($1, NULL, 'fire')", workspace.workspace_id)
    rows = await eve.fetch("SELECT * FROM kolony.why_waiting($1)", run)
    assert (rows[0]["kind"], rows[0]["subject_id"], rows[0]["remedy"]) == ("stopped", stop, "lift the stop")
    assert (login in rows[0]["words"], "fire" in rows[0]["words"]) == (True, True)
    await bob.execute("SELECT kolony.lift_stop($1)", workspace.workspace_id)
    await runner.claim()
    assert await kinds(eve, run) == ["dispatching"]
    [second] = await send(bob, agent, "more work", priority=60)
    tree = await why(eve, second, *SURE)
    assert tree[0] == (0, "busy", 'the agent "worker" is busy: 1 of 1 slots are taken',
                       "wait, start another runner, or cancel one of them")  # fmt: skip
    assert (tree[1][0], tree[1][1], tree[1][2].endswith(f"asked by {login}: the work")) == (1, "holds_slot", True)
    [third] = await send(bob, agent, "least work")
    number = await bob.fetchval("SELECT max(number) - 1 FROM kolony.commands")
    assert (await why(eve, third, "busy")) == [
        (0, "behind", "1 run comes before it in the agent's queue (its priority is 50)",
         "raise it, or move it to the front"),
        (1, "ahead", f"#{number}, priority 60: more work", None),
    ]  # fmt: skip
    await let_pass(superuser, runner.session_id)
    assert await kinds(eve, run) == ["lost", "offline"]
    with refused("P0002"):
        await (await database.connect("olga")).fetch("SELECT * FROM kolony.why_waiting($1)", run)


async def test_what_a_run_waits_for_before_it_is_queued(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    other = await database.add_agent("other")
    bob = await database.connect("bob")
    login = database.cluster.login("bob")
    [first] = await send(bob, agent, "first")
    command = await bob.fetchval("SELECT command_id FROM kolony.commands")
    number = await bob.fetchval("SELECT number FROM kolony.commands")
    [then] = await send(bob, agent, "then", after_commands=[command])
    assert (await why(bob, then, *SURE))[0][1:] == (
        "after", f"command #{number + 1} comes after others that have not ended as needed",
        "wait for them, or release this run")  # fmt: skip
    assert (await why(bob, then))[1][1:] == (
        "dependency", f"#{number} has to be completed, it is queued: first", "wait, or release this run")  # fmt: skip
    await bob.execute("SELECT kolony.cancel_run($1)", first)
    assert (await why(bob, then))[1][1:] == (
        "dependency_failed", f"#{number} has to be completed, it is cancelled: first", "retry it, or release this run"
    )  # fmt: skip
    await bob.execute("SELECT kolony.hold_run($1, 'not now')", then)
    assert (await why(bob, then))[0][1:] == ("held", f"held by {login} 0 s ago: not now", "release it")
    assert (await kinds(bob, then))[:2] == ["held", "after"]
    one, two = await send(bob, [agent.agent_id, other.agent_id], "window", at_a_time=1)
    assert await why(bob, two, *SURE) == [
        (0, "window", f"command #{number + 2} lets 1 run in at a time", "wait for one of these to end, or cancel it"),
        (1, "let_in", f'#{number + 2}.1 on "worker" is waiting', None),
    ]
    assert await kinds(bob, one) == ["offline", "next"]


@pytest.mark.parametrize("kind", ["not_before", "backoff", "canary"])
async def test_time_and_failures(workspace: Workspace, agent: Agent, kind: str) -> None:
    database = workspace.database
    bob = await database.connect("bob")
    runner = await Runner.of(database, agent)
    if kind == "not_before":
        call = "SELECT run_id FROM kolony.send_command($1, $2, 'x', not_before => '2999-01-01 12:00Z')"
        run = await bob.fetchval(call, workspace.workspace_id, [agent.agent_id])
        words = "not before 2999-01-01 12:00:00 UTC, in "
    elif kind == "backoff":
        [run] = await send(bob, agent, retry_on="failure")
        [held] = await runner.claim()
        await runner.finish(held["attempt_id"], "failed", error="exited with 1")
        words = "tried 1 time; tried again in "
    else:
        other = await database.add_agent("other")
        _, run = await send(bob, [agent.agent_id, other.agent_id], stop_after=1)
        [held] = await runner.claim()
        await runner.finish(held["attempt_id"], "failed")
        words = "held by its command, which stops after 1 failure 0 s ago: 1 of the command's runs failed"
    tree = await why(bob, run, *SURE)
    assert [(depth, name, text[: len(words)]) for depth, name, text, _ in tree] == [(0, kind, words)]
