"""The inbox: what waits for whom, in which order and why, put off, done with, and answered together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.database import Agent, Workspace, refused
from tests.work.calls import Runner, let_pass, send


async def inbox(person: asyncpg.Connection, workspace: Workspace, *, hidden: bool = False) -> list[asyncpg.Record]:
    """The person's inbox."""
    found: list[asyncpg.Record] = await person.fetch(
        "SELECT * FROM kolony.inbox($1, $2)", workspace.workspace_id, hidden
    )
    return found


async def mark(person: asyncpg.Connection, workspace: Workspace, items: list[UUID], **how: Any) -> None:
    """Puts off (``until``) or is done."""
    call = "SELECT kolony.mark_inbox($1, $2, $3, $4)"
    await person.execute(call, workspace.workspace_id, items, how.get("until"), how.get("done", False))


class Asker:
    """An agent at work that asks."""

    def __init__(self, runner: Runner, attempt: UUID) -> None:
        self.runner, self.attempt = runner, attempt
        self.asked = 0

    @classmethod
    async def of(cls, workspace: Workspace, agent: Agent, sender: asyncpg.Connection) -> Asker:
        """At work on a new command."""
        runner = await Runner.of(workspace.database, agent)
        await send(sender, agent)
        claimed = (await runner.claim())[0]
        await runner.start(claimed["attempt_id"])
        return cls(runner, claimed["attempt_id"])

    async def ask(self, title: str, detail: str = "", **how: Any) -> UUID:
        """Asks for a permission unless told otherwise; answers with the approval."""
        self.asked += 1
        call = "SELECT approval_id FROM kolony.ask($1, $2, $3, $4, $5, $6, $7, $8)"
        made: UUID = await self.runner.connection.fetchval(
            call, self.attempt, f"q{self.asked}", how.get("kind", "permission"), title, detail, how.get("options"),
            how.get("risk", "low"), how.get("expires"),
        )  # fmt: skip
        return made


async def test_the_order_and_why(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, eve = await database.connect("bob"), await database.connect("eve")
    alone, blocking, other = [await database.add_agent(name) for name in ("alone", "blocking", "other")]
    calm = await Asker.of(workspace, alone, bob)
    blocker = await Asker.of(workspace, blocking, bob)
    older = await calm.ask("an old question")
    newer = await calm.ask("a new one")
    risky = await calm.ask("a risky one", risk="high")
    later = await calm.ask("it expires tomorrow", expires=86400)
    soon = await calm.ask("it expires", expires=300)
    sooner = await calm.ask("it expires before", expires=200)
    for _ in range(2):
        await send(bob, blocking)
    blocks = await blocker.ask("others wait behind this")
    found = await inbox(bob, workspace)
    order = [sooner, soon, blocks, risky, older, newer, later]
    assert [row["item_id"] for row in found] == order
    assert [row["tier"] for row in found] == ["urgent"] * 2 + ["blocks others", "high risk"] + ["by age"] * 3
    assert found[0]["why"].startswith("expires in 3 min; blocks 1 run; for ")
    assert found[2]["why"].startswith("blocks 3 runs; for ")
    assert found[3]["why"].startswith("blocks 1 run; high risk; for ")
    # A viewer looks on; what waits for other workspaces is nobody's business.
    assert [row["item_id"] for row in await inbox(eve, workspace)] == order
    with refused("42501"):
        await inbox(await database.connect("otto"), workspace)
    assert other.agent_id not in {row["agent_id"] for row in found}


async def test_failures_are_their_senders_and_limits_are_named(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    ada, bob, superuser = await database.connect("ada"), await database.connect("bob"), await database.superuser()
    runner = await Runner.of(database, agent)
    failed, limited = (await send(bob, agent, "make it work"))[0], (await send(bob, agent, "count to ten"))[0]
    for claimed in await runner.claim(2):
        await runner.finish(claimed["attempt_id"], "failed", error="exit 1")
    await superuser.execute("UPDATE kolony.runs SET limit_hit = 'memory_limit' WHERE run_id = $1", limited)
    found = {row["run_id"]: row for row in await inbox(bob, workspace)}
    assert (found[failed]["kind"], found[failed]["title"], found[failed]["detail"]) == (
        "failure", "failed: make it work", "exit 1",
    )  # fmt: skip
    assert (found[limited]["kind"], found[limited]["title"]) == ("limit", "memory limit reached: count to ten")
    assert await inbox(ada, workspace) == []
    # Run again, it is gone; failed again, it is another item, also for who was done with the first one.
    await mark(bob, workspace, [found[failed]["item_id"]], done=True)
    assert [row["run_id"] for row in await inbox(bob, workspace)] == [limited]
    await bob.execute("SELECT kolony.retry_run($1)", failed)
    assert [row["run_id"] for row in await inbox(bob, workspace, hidden=True)] == [limited]
    await runner.finish((await runner.claim())[0]["attempt_id"], "failed")
    assert {row["run_id"] for row in await inbox(bob, workspace)} == {failed, limited}
    # Of somebody who has left, it is the admin's.
    await superuser.execute("UPDATE kolony.memberships SET disabled = true WHERE profile_id ="
                            " (SELECT profile_id FROM kolony.profiles WHERE login = $1)",
                            database.cluster.login("bob"))  # fmt: skip
    assert {row["run_id"] for row in await inbox(ada, workspace)} == {failed, limited}


async def test_agents_that_are_gone_and_a_stop_that_is_not_confirmed(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    idle = await database.add_agent("idle")
    await Runner.of(database, idle)
    new = await database.add_agent("new")
    runner = await Runner.of(database, agent)
    await send(bob, agent)
    await runner.claim()
    await send(bob, new)
    await let_pass(superuser, runner.session_id)
    found = {row["agent"]: row for row in await inbox(bob, workspace)}
    assert {name: (row["kind"], row["title"]) for name, row in found.items()} == {
        "worker": ("gone", "gone, 1 run in hand"), "new": ("gone", "never connected, 1 run waiting"),
    }  # fmt: skip
    await bob.execute("SELECT kolony.stop_agents($1, $2, 'it burns')", workspace.workspace_id, [agent.agent_id])
    first = (await inbox(bob, workspace))[0]
    assert (first["kind"], first["agent"], first["tier"], first["risk"]) == ("stop", "worker", "urgent", "high")
    assert first["detail"] == "1 run may still be at work; runner on host-1; it burns"
    await bob.execute("SELECT kolony.lift_stop($1)", workspace.workspace_id)
    assert "stop" not in {row["kind"] for row in await inbox(bob, workspace)}


async def test_putting_off_is_one_s_own(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    ada, bob = await database.connect("ada"), await database.connect("bob")
    asker = await Asker.of(workspace, agent, bob)
    first, second = await asker.ask("one"), await asker.ask("two")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    await mark(bob, workspace, [first], until=tomorrow)
    assert [row["item_id"] for row in await inbox(bob, workspace)] == [second]
    assert [row["snoozed_until"] for row in await inbox(bob, workspace, hidden=True)] == [tomorrow, None]
    assert len(await inbox(ada, workspace)) == 2
    assert await ada.fetchval("SELECT count(*) FROM kolony.inbox_marks") == 0
    await mark(bob, workspace, [first])
    assert len(await inbox(bob, workspace)) == 2
    await mark(bob, workspace, [first], until=datetime.now(UTC) - timedelta(seconds=1))
    assert len(await inbox(bob, workspace)) == 2
    with refused("55000", "not done until it is answered"):
        await mark(bob, workspace, [first], done=True)
    with refused("P0002", "there is no item"):
        await mark(bob, workspace, [first, workspace.workspace_id], until=tomorrow)
    with refused("22023"):
        await mark(bob, workspace, [first], until=tomorrow + timedelta(days=400))


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (("allow rm?", "rm -rf /tmp/build-17"), ("Allow rm?", "rm  -rf /home/ada/x"), True),
        (("delete row 17", ""), ("delete row 18", ""), True),
        (("drop 8f14e45fceea167a", ""), ("drop c9f0f895fb98ab91", ""), True),
        (("run 01a1fd2f-6a6d-734c-9e8d-9ab19e3e2900", ""), ("run 01a1fd2f-6b2a-7baf-9034-3eb81b7a1625", ""), True),
        (("allow rm?", "rm x"), ("allow mv?", "mv x"), False),
        (("facade", ""), ("defaced", ""), False),
    ],
)
async def test_likeness(workspace: Workspace, one: tuple[str, str], other: tuple[str, str], alike: bool) -> None:
    superuser = await workspace.database.superuser()
    call = "SELECT kolony.likeness('permission', $1, $2)"
    assert (await superuser.fetchval(call, *one) == await superuser.fetchval(call, *other)) is alike


async def test_several_are_answered_each_for_itself(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    ada, bob, eve = [await database.connect(name) for name in ("ada", "bob", "eve")]
    asker = await Asker.of(workspace, agent, bob)
    asked = [await asker.ask(f"delete row {number}") for number in range(3)]
    assert len({row["likeness"] for row in await inbox(bob, workspace)}) == 1
    answer = "SELECT * FROM kolony.answer_approvals($1, true, NULL, 'go on')"
    with refused("42501"):
        await eve.fetch(answer, asked)
    await ada.execute("SELECT kolony.answer_approval($1, false)", asked[1])
    rows = {row["approval_id"]: row for row in await bob.fetch(answer, [*asked, workspace.workspace_id])}
    assert [rows[each]["became"] for each in asked] == ["allowed", None, "allowed"]
    assert rows[asked[1]]["refused"].startswith(f"answered already by {database.cluster.login('ada')}")
    assert rows[workspace.workspace_id]["refused"] == "there is no such question here"
    assert await inbox(bob, workspace) == []
    with refused("22023"):
        await bob.fetch(answer, [])
