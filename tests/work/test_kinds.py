"""Kinds: how many runs a command is about, what a runner may read of them, and plans, from the proposal to the runs."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.database import Agent, Workspace, refused, until_blocked
from tests.work.calls import Runner, let_backoff_pass, let_pass, send

PLAN = [
    {"content": "first"},
    {"content": "second", "priority": 80, "after": [1]},
    {"content": "third", "after": [1, 2]},
]


class Planning:
    """A plan's run under way."""

    def __init__(self, bob: asyncpg.Connection, runner: Runner, run: asyncpg.Record) -> None:
        self.bob, self.runner, self.run_id, self.attempt = bob, runner, run["run_id"], run["attempt_id"]

    async def propose(self, items: Any, attempt: UUID | None = None) -> int:
        made: int = await self.runner.connection.fetchval(
            "SELECT kolony.propose_plan($1, $2)", attempt or self.attempt, items
        )
        return made

    async def items(self) -> list[tuple[Any, ...]]:
        """(item, content, priority, after, state) as a person sees them."""
        rows = await self.bob.fetch("SELECT * FROM kolony.plan_overview WHERE run_id = $1 ORDER BY item", self.run_id)
        return [(row["item"], row["content"], row["priority"], row["after_items"], row["state"]) for row in rows]

    async def states(self) -> list[str]:
        return [row[-1] for row in await self.items()]

    async def accept(self, *only: int) -> list[tuple[int, int]]:
        """Accepts all or only these; (item, how many drafts it waits for)."""
        rows = await self.bob.fetch("SELECT * FROM kolony.accept_plan($1, $2)", self.run_id, list(only) or None)
        return [(row["item"], len(row["waits_for"])) for row in rows]


@pytest.fixture
async def planning(workspace: Workspace, agent: Agent) -> Planning:
    bob = await workspace.database.connect("bob")
    await send(bob, agent, "plan it", kind="plan", priority=30, time_limit_ms=60_000)
    runner = await Runner.of(workspace.database, agent)
    [run] = await runner.claim()
    return Planning(bob, runner, run)


async def test_a_kind_says_how_many_runs_a_command_is_about(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    runs = [(await send(bob, agent))[0] for _ in range(2)]
    for kind, about, words in (
        ("review", [], "about exactly one run, not 0"),
        ("review", runs, "about exactly one run, not 2"),
        ("synthesize", [], "about at least one run"),
        ("synthesize", [runs[0], runs[0]], "named twice"),
        ("natural", runs[:1], "of the kind natural is about no run"),
        ("plan", runs[:1], "of the kind plan is about no run"),
    ):
        with refused("22023", words):
            await send(bob, agent, kind=kind, about_runs=about)
    with refused("22023", "natural, investigate, review, plan or synthesize"):
        await send(bob, agent, kind="guess")
    with refused("P0002", "no run"):
        await send(bob, agent, kind="review", about_runs=[agent.agent_id])
    assert await bob.fetchval("SELECT count(*) FROM kolony.commands") == 2
    await send(bob, agent, kind="synthesize", about_runs=runs)


async def test_a_runner_reads_the_runs_that_its_own_is_about_and_no_others(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    subject, other = (await send(bob, agent, "é" * 200_000))[0], (await send(bob, agent))[0]
    runner = await Runner.of(workspace.database, agent, 4)
    attempts = {run["run_id"]: run["attempt_id"] for run in await runner.claim(2)}
    pieces = [(number, bytes([65 + number]) * 100_000) for number in range(3)]
    await runner.append(attempts[subject], pieces)
    await runner.append(attempts[subject], [(3, b"a word of the runner's")], "log")
    await runner.finish(attempts[subject], "failed", chunks=4, error="exit 1")
    [review] = await send(bob, agent, kind="review", about_runs=[subject])
    [claimed] = await runner.claim()
    assert (claimed["run_id"], claimed["kind"], claimed["subjects"]) == (review, "review", [subject])
    assert claimed["instructions"].startswith("This is a review")
    read = "SELECT * FROM kolony.read_subject($1, $2, $3)"
    [row] = await runner.connection.fetch(read, claimed["attempt_id"], subject, 10_000_000)
    assert (row["status"], row["exit_code"], row["error"], row["agent"]) == ("failed", 1, "exit 1", "worker")
    assert (row["content"], row["content_bytes"]) == ("é" * 200_000, 400_000)
    assert (len(row["output"]), row["output"][-1:], row["output_bytes"]) == (262_144, b"C", 300_000)
    [row] = await runner.connection.fetch(read, claimed["attempt_id"], subject, 5)
    assert (row["content"], row["output"]) == ("ééééé", b"CCCCC")
    with refused("42501", "not about that run"):
        await runner.connection.fetch(read, claimed["attempt_id"], other, 10)
    stranger = await workspace.database.open((await workspace.database.add_agent("stranger")).target)
    with refused("KO001"):
        await stranger.fetch(read, claimed["attempt_id"], subject, 10)


async def test_what_an_agent_is_told_is_seen_by_whoever_sees_its_run(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    superuser, bob = await database.superuser(), await database.connect("bob")
    [plain] = await send(bob, agent, "just this")
    told = "SELECT part, words FROM kolony.told($1)"
    eve, olga = await database.connect("eve"), await database.connect("olga")
    assert [tuple(row) for row in await eve.fetch(told, plain)] == [("command", "just this")]
    await superuser.execute("UPDATE kolony.agents SET instructions = 'Be brief.'")
    [study] = await send(bob, agent, "that", kind="investigate")
    instructions, command = await eve.fetch(told, study)
    assert command["words"] == "that"
    runner = await Runner.of(database, agent)
    claimed = {run["run_id"]: run["instructions"] for run in await runner.claim(2)}
    assert claimed == {plain: "Be brief.", study: instructions["words"]}
    assert instructions["words"].startswith("Be brief.\n\nThis is an investigation.")
    with refused("P0002"):
        await olga.fetch(told, plain)


async def test_a_plan_is_proposed_once_and_accepted_by_a_person(planning: Planning) -> None:
    bob, runner = planning.bob, planning.runner
    assert await planning.propose(PLAN) == 3
    assert await planning.propose(PLAN[:1]) == 3, "its answer may have been lost"
    assert await planning.items() == [
        (1, "first", 30, [], "draft"), (2, "second", 80, [1], "draft"), (3, "third", 30, [1, 2], "draft"),
    ]  # fmt: skip
    made = await bob.fetchrow("SELECT c.* FROM kolony.commands c WHERE content = 'first'")
    parent = await bob.fetchrow("SELECT c.* FROM kolony.commands c WHERE kind = 'plan'")
    assert made is not None
    assert parent is not None
    for column, value in (("parent_id", parent["command_id"]), ("created_by", parent["created_by"]),
                          ("time_limit_ms", 60_000), ("kind", "natural")):  # fmt: skip
        assert made[column] == value
    await runner.finish(planning.attempt)
    assert await runner.claim(5) == [], "nothing runs before somebody accepts it"
    assert await planning.accept(1, 3) == [(1, 0), (3, 1)]
    assert await planning.states() == ["accepted", "draft", "accepted"]
    [first] = await runner.claim(5)
    assert first["content"] == "first"
    with refused("55000", "item 1 is no draft any more: it is accepted"):
        await planning.accept(1)
    with refused("55000", "no item 4"):
        await planning.accept(4)
    rows = await bob.fetch("SELECT item FROM kolony.discard_plan($1, NULL)", planning.run_id)
    assert [row["item"] for row in rows] == [2]
    with refused("55000", "no draft of a plan"):
        await planning.accept()


async def test_items_run_after_those_that_they_come_after(planning: Planning) -> None:
    runner = planning.runner
    await planning.propose(PLAN)
    await runner.finish(planning.attempt)
    assert await planning.accept() == [(1, 0), (2, 0), (3, 0)]
    order = []
    while claimed := await runner.claim(5):
        order += [[run["content"] for run in claimed]]
        for run in claimed:
            await runner.finish(run["attempt_id"])
    assert order == [["first"], ["second"], ["third"]]


async def test_an_accept_is_all_or_nothing_and_happens_once(planning: Planning, workspace: Workspace) -> None:
    superuser, ada = await workspace.database.superuser(), await workspace.database.connect("ada")
    await planning.propose(PLAN)
    async with planning.bob.transaction():
        await planning.accept(2)
        second = asyncio.create_task(ada.execute("SELECT * FROM kolony.accept_plan($1)", planning.run_id))
        await until_blocked(superuser, ada)
    with refused("55000", "is no draft"):
        await second
    assert await planning.states() == ["draft", "accepted", "draft"]
    eve = await workspace.database.connect("eve")
    for call in ("accept_plan", "discard_plan"):
        with refused("42501", "needs the role operator"):
            await eve.execute(f"SELECT * FROM kolony.{call}($1)", planning.run_id)


async def test_a_later_attempts_plan_takes_the_place_of_what_nobody_accepted(
    planning: Planning, workspace: Workspace, agent: Agent
) -> None:
    superuser = await workspace.database.superuser()
    await planning.propose(PLAN)
    await planning.accept(1)
    await let_pass(superuser, planning.runner.session_id)
    again = await Runner.of(workspace.database, agent)
    await let_backoff_pass(superuser)
    claimed = next(run for run in await again.claim(2) if run["run_id"] == planning.run_id)
    with refused("KO001"):
        await planning.propose(PLAN)
    planning.runner = again
    assert await planning.propose([{"content": "anew"}], claimed["attempt_id"]) == 1
    assert await planning.items() == [(1, "anew", 30, [], "draft")]
    rows = await planning.bob.fetch(
        "SELECT content, outcome FROM kolony.commands WHERE parent_id IS NOT NULL ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [
        ("anew", None), ("first", None), ("second", "cancelled"), ("third", "cancelled"),
    ]  # fmt: skip


WRONG: list[tuple[Any, str]] = [
    ({"content": "x"}, "a plan is a list of items"),
    ([{"content": "x"}] * 201, "at most 200 items, this one has 201"),
    (["x"], "item 1: it is no JSON object"),
    ([{"content": "x"}, {}], "item 2: its content is no text"),
    ([{"content": " "}], "item 1: its content is no text"),
    ([{"content": "x", "kind": "plan"}], 'item 1: "kind" is no part of an item'),
    ([{"content": "x", "agent": "nobody"}], 'item 1: there is no agent "nobody"'),
    ([{"content": "x", "agent": 5}], 'item 1: there is no agent "5"'),
    ([{"content": "x", "priority": 101}], "item 1: a priority is 0 to 100, not 101"),
    ([{"content": "x", "priority": "high"}], "item 1: a priority is 0 to 100, not high"),
    ([{"content": "x", "priority": 1e9}], "item 1: a priority is 0 to 100"),
    ([{"content": "x", "after": 1}], 'item 1: its "after" is no list'),
    ([{"content": "x", "after": [1]}], "item 1: it comes after item 1, which stands no earlier"),
    ([{"content": "x"}, {"content": "x", "after": [0]}], 'item 2: "after" names 0; items are counted from 1'),
    ([{"content": "x"}, {"content": "x", "after": ["1.5"]}], 'item 2: "after" names 1.5'),
    ([{"content": "x"}, {"content": "x", "after": [None]}], "item 2: "),
    ([{"content": "x"}, {"content": "x", "after": [99999999999999999999]}], "item 2: "),
]


async def test_a_plan_that_is_none_is_refused_with_its_place(
    planning: Planning, workspace: Workspace, agent: Agent
) -> None:
    for items, words in WRONG:
        with refused("22023", words):
            await planning.propose(items)
    assert await planning.items() == []
    retired = await workspace.database.add_agent("retired")
    await planning.bob.execute("SELECT kolony.set_agent_desired($1, 'retired')", retired.agent_id)
    with refused("22023", 'item 1: the agent "retired" is retired'):
        await planning.propose([{"content": "x", "agent": "retired"}])
    assert await planning.propose([]) == 0
    await send(planning.bob, agent, "no plan")
    [run] = await planning.runner.claim()
    with refused("55000", "nobody asked for a plan"):
        await planning.propose(PLAN, run["attempt_id"])
