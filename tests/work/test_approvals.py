"""Approvals: asked once, answered once, by whom it may; and what ran out was not denied by anybody."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.database import Agent, Workspace, refused, until_blocked
from tests.work.calls import Runner, let_pass, send

ANSWER = "SELECT kolony.answer_approval($1, $2, $3, $4)"

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"name": "../x"}, "a name is"),
    ({"kind": "threat"}, "a kind is"),
    ({"title": " "}, "a title is needed"),
    ({"title": "x" * 501}, "at most 500"),
    ({"detail": "x" * 65_537}, "at most 64 KiB"),
    ({"risk": "deadly"}, "a risk is"),
    ({"expires_seconds": 0}, "expires in 1 second"),
    ({"options": {"a": 1}}, "a list of at most 20"),
    ({"options": [{"id": "a"}] * 21}, "a list of at most 20"),
    ({"options": [{"id": 1}]}, "an option is"),
    ({"options": [{"id": "a"}, {"id": "a"}]}, 'the id "a"'),
    ({"options": [{"id": "a", "label": "x" * 501}]}, "an option is"),
]


class Asking:
    """A run under way whose program asks."""

    def __init__(self, workspace: Workspace, runner: Runner, run: asyncpg.Record) -> None:
        self.database = workspace.database
        self.runner, self.run_id, self.attempt = runner, run["run_id"], run["attempt_id"]

    @classmethod
    async def begin(cls, workspace: Workspace, agent: Agent) -> Asking:
        await send(await workspace.database.connect("bob"), agent)
        runner = await Runner.of(workspace.database, agent)
        [run] = await runner.claim()
        await runner.start(run["attempt_id"])
        return cls(workspace, runner, run)

    async def ask(self, name: str = "rm", kind: str = "permission", **more: Any) -> UUID:
        """The id of what is asked. ``more``: title, detail, options, risk, expires_seconds."""
        given = {"title": "remove /tmp/x?", **more}
        named = "".join(f", {key} => ${place}" for place, key in enumerate(given, 4))
        made: UUID = await self.runner.connection.fetchval(
            f"SELECT approval_id FROM kolony.ask($1, $2, $3{named})", self.attempt, name, kind, *given.values()
        )
        return made

    async def hear(self, approval: UUID) -> tuple[Any, ...]:
        """What its runner gets: (name, state, answer, note, by)."""
        return tuple(await self.runner.connection.fetchrow("SELECT * FROM kolony.hear_answer($1)", approval) or ())

    async def told(self) -> list[UUID]:
        """What the heartbeat names as answered."""
        superuser = await self.database.superuser()
        rows = await superuser.fetch(
            "SELECT a.* FROM kolony.leases l, kolony.answered_for(l.workspace_id, l.session_id) a"
        )
        return [row["approval_id"] for row in rows]


@pytest.fixture
async def asking(workspace: Workspace, agent: Agent) -> Asking:
    return await Asking.begin(workspace, agent)


async def _state(asking: Asking, approval: UUID) -> str:
    eve = await asking.database.connect("eve")
    found: str = await eve.fetchval("SELECT state FROM kolony.approval_overview WHERE approval_id = $1", approval)
    return found


async def _run_out(asking: Asking, approval: UUID) -> None:
    superuser = await asking.database.superuser()
    await superuser.execute(
        "UPDATE kolony.approvals SET expires_at = clock_timestamp() - interval '1 ms' WHERE approval_id = $1", approval
    )


async def test_a_permission_is_asked_for_answered_and_heard(asking: Asking) -> None:
    bob = await asking.database.connect("bob")
    made = await asking.ask(options=[{"id": "once", "label": "Just this once"}, {"id": "always"}], detail="rm -r x")
    assert await asking.ask(title="something else") == made, "one name, one question"
    assert await _state(asking, made) == "open"
    assert await asking.told() == []
    assert await asking.hear(made) == ("rm", "open", None, None, None)
    assert await bob.fetchval(ANSWER, made, True, "always", "go on") == "allowed"
    assert await asking.told() == [made]
    bobs = asking.database.cluster.login("bob")
    assert await asking.hear(made) == ("rm", "allowed", "always", "go on", bobs)
    assert await asking.hear(made) == ("rm", "allowed", "always", "go on", bobs), "its answer may have been lost"
    assert await asking.told() == []
    ada = await asking.database.connect("ada")
    [entry] = await ada.fetch("SELECT * FROM kolony.audit_log WHERE event = 'APPROVAL_ANSWERED'")
    assert (entry["login"], entry["run_id"]) == (bobs, asking.run_id)
    assert entry["details"]["became"] == "allowed"


async def test_what_an_answer_makes_of_it(asking: Asking) -> None:
    bob = await asking.database.connect("bob")
    for name, kind, allow, answer, became in (
        ("a", "permission", False, None, "denied"),
        ("b", "question", None, "Tuesday", "answered"),
        ("c", "question", True, "Tuesday", "answered"),
        ("d", "question", False, None, "denied"),
    ):
        made = await asking.ask(name, kind)
        assert await bob.fetchval(ANSWER, made, allow, answer, None) == became == await _state(asking, made)
        assert (await asking.hear(made))[1:3] == (became, answer)


async def test_answers_that_do_not_fit_are_refused_in_one_line(asking: Asking) -> None:
    bob = await asking.database.connect("bob")
    permission, question = await asking.ask(options=[{"id": "a"}, {"id": "b"}]), await asking.ask("when", "question")
    for approval, allow, answer, words in (
        (permission, None, "a", "asks for a permission"),
        (permission, True, "c", '"c" is none of the options'),
        (question, True, "", "needs an answer"),
        (question, None, "x" * 70_000, "at most 64 KiB"),
    ):
        with refused("22023", words):
            await bob.execute(ANSWER, approval, allow, answer, None)
    with refused("22023", "at most 1000"):
        await bob.execute(ANSWER, permission, True, None, "x" * 1001)
    assert await _state(asking, permission) == await _state(asking, question) == "open"


async def test_g8_two_operators_at_once_give_one_answer(asking: Asking) -> None:
    """G8: the second waits for the first and is told who answered what, from the app as from psql."""
    bob, ada = await asking.database.connect("bob"), await asking.database.connect("ada")
    superuser = await asking.database.superuser()
    made = await asking.ask()
    async with bob.transaction():
        await bob.execute(ANSWER, made, True, None, None)
        second = asyncio.create_task(ada.execute(ANSWER, made, False, None, None))
        await until_blocked(superuser, ada)
    bobs = asking.database.cluster.login("bob")
    with refused("55000", f"answered already by {bobs}"):
        await second
    assert (await asking.hear(made))[1] == "allowed"
    with refused("42501"):
        await bob.execute("UPDATE kolony.approvals SET allowed = false")


async def test_g7_what_ran_out_was_denied_by_nobody(asking: Asking) -> None:
    """G7: expired is a state of its own, which no answer changes afterwards."""
    bob = await asking.database.connect("bob")
    made = await asking.ask(expires_seconds=3600)
    await _run_out(asking, made)
    assert await _state(asking, made) == "expired"
    assert await asking.told() == [made]
    with refused("55000", "it ran out at"):
        await bob.execute(ANSWER, made, True, None, None)
    assert (await asking.hear(made))[1:] == ("expired", None, None, None)
    superuser = await asking.database.superuser()
    await superuser.execute("UPDATE kolony.approvals SET expires_at = now() + interval '1 hour'")
    with refused("55000", "it ran out at"):  # a clock that was set back makes no difference: the program knows
        await bob.execute(ANSWER, made, True, None, None)
    row = await superuser.fetchrow("SELECT allowed, answered_by, cancelled_at FROM kolony.approvals")
    assert tuple(row or ()) == (None, None, None)


async def test_g7_at_the_boundary_the_program_hears_what_is_recorded(asking: Asking) -> None:
    """An answer given in the last moment and its runner's question for it: whoever is first, both say the same."""
    bob, superuser = await asking.database.connect("bob"), await asking.database.superuser()
    given = await asking.ask("given", expires_seconds=3600)
    async with bob.transaction():
        await bob.execute(ANSWER, given, True, None, None)
        hearing = asyncio.create_task(asking.hear(given))
        await until_blocked(superuser, asking.runner.connection)
    assert (await hearing)[1] == "allowed"
    late = await asking.ask("late", expires_seconds=1)
    async with asyncio.timeout(10):
        while (await asking.hear(late))[1] == "open":
            await asyncio.sleep(0.02)
    with refused("55000", "it ran out"):
        await bob.execute(ANSWER, late, True, None, None)
    assert await _state(asking, late) == "expired"


async def test_who_may_answer(asking: Asking) -> None:
    database = asking.database
    made = await asking.ask()
    eve, olga = await database.connect("eve"), await database.connect("olga")
    assert await eve.fetchval("SELECT title FROM kolony.approval_overview") == "remove /tmp/x?"
    assert await olga.fetchval("SELECT count(*) FROM kolony.approvals") == 0
    with refused("42501", "needs the role operator"):
        await eve.execute(ANSWER, made, True, None, None)
    with refused("P0002"):
        await olga.execute(ANSWER, made, True, None, None)
    other = await database.open((await database.add_agent("other")).target)
    for statement, argument in (
        ("SELECT kolony.hear_answer($1)", made),
        ("SELECT kolony.answer_approval($1, true)", made),
        ("SELECT kolony.ask($1, 'x', 'permission', 'x')", asking.attempt),
        ("SELECT title FROM kolony.approvals WHERE approval_id = $1", made),
    ):
        with pytest.raises(asyncpg.PostgresError) as caught:
            await other.execute(statement, argument)
        assert caught.value.sqlstate in ("42501", "P0002", "KO001"), statement


async def test_a_cancel_ends_what_is_asked_and_what_is_asked_after_it(asking: Asking) -> None:
    bob = await asking.database.connect("bob")
    before = await asking.ask()
    await bob.execute("SELECT kolony.cancel_run($1)", asking.run_id)
    after = await asking.ask("again")
    assert [(await asking.hear(each))[1] for each in (before, after)] == ["cancelled"] * 2
    with refused("55000", "its run is being cancelled"):
        await bob.execute(ANSWER, before, True, None, None)


async def test_an_ask_waits_for_a_cancel_under_way(asking: Asking) -> None:
    bob, superuser = await asking.database.connect("bob"), await asking.database.superuser()
    async with bob.transaction():
        await bob.execute("SELECT kolony.cancel_run($1)", asking.run_id)
        made = asyncio.create_task(asking.ask())
        await until_blocked(superuser, asking.runner.connection)
    assert await _state(asking, await made) == "cancelled"


async def test_a_runner_that_is_gone_takes_its_questions_along(asking: Asking) -> None:
    """An answer nobody would hear is refused, and the next attempt asks anew."""
    bob, superuser = await asking.database.connect("bob"), await asking.database.superuser()
    made, late = await asking.ask(), await asking.ask("late", expires_seconds=3600)
    await _run_out(asking, late)
    await let_pass(superuser, asking.runner.session_id)
    with refused("55000", "nobody waits for this answer any more"):
        await bob.execute(ANSWER, made, True, None, None)
    # The refusal took its own settling back; whoever looks next does it.
    await bob.execute("SELECT kolony.settle($1)", (await bob.fetchval("SELECT workspace_id FROM kolony.workspaces")))
    assert [await _state(asking, each) for each in (made, late)] == ["cancelled", "expired"]


async def test_an_ended_attempt_leaves_nothing_open(asking: Asking) -> None:
    made = await asking.ask()
    await asking.runner.finish(asking.attempt)
    assert await _state(asking, made) == "cancelled"
    assert (await asking.hear(made))[1] == "cancelled"


async def test_what_a_program_may_not_ask(asking: Asking) -> None:
    for given, words in WRONG:
        with refused("22023", words):
            await asking.ask(**given)
    assert await (await asking.database.superuser()).fetchval("SELECT count(*) FROM kolony.approvals") == 0


async def test_an_attempt_asks_a_bounded_number_of_times(asking: Asking) -> None:
    superuser = await asking.database.superuser()
    await asking.ask()
    await superuser.execute(
        """INSERT INTO kolony.approvals (workspace_id, run_id, attempt_id, agent_id, name, kind, title)
           SELECT workspace_id, run_id, attempt_id, agent_id, 'n' || n, kind, title
           FROM kolony.approvals, generate_series(1, 999) n"""
    )
    with refused("54000", "at most 1000"):
        await asking.ask("more")
