"""Every change makes its event once, in order; whoever follows misses none; nobody else reads or writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from kolony_tui.core.events import Follower, Wanted, events, kind_named, step
from kolony_tui.core.session import PersonSession, log_in
from kolony_tui.core.spans import moment_past
from kolony_tui.models.errors import UsageError
from kolony_tui.models.events import KINDS, Event
from tests.database import Database
from tests.work.calls import Runner, let_backoff_pass, let_pass, send


async def session_of(database: Database, login: str) -> PersonSession:
    """A person's session in a test's database."""
    return await log_in(database.target(login), "kolony tests")


async def kinds(connection: asyncpg.Connection, **about: UUID) -> list[str]:
    """The kinds of all events about something, in order."""
    column, value = next(iter(about.items()))
    rows = await connection.fetch(f"SELECT kind FROM kolony.events WHERE {column} = $1 ORDER BY event_id", value)
    return [row["kind"] for row in rows]


async def test_a_run_says_each_step_once(database: Database) -> None:
    agent = await database.add_agent()
    bob, superuser = await database.connect("bob"), await database.superuser()
    runner = await Runner.of(database, agent)
    run, other = (await send(bob, agent))[0], (await send(bob, agent))[0]
    await bob.execute("SELECT kolony.set_run_priority($1, 70)", other)
    await bob.fetch("SELECT * FROM kolony.hold_runs($1, 'later')", [other])
    (attempt,) = [row["attempt_id"] for row in await runner.claim()]
    await runner.start(attempt)
    await let_pass(superuser, runner.session_id)
    await bob.execute("SELECT kolony.settle(workspace_id) FROM kolony.workspaces")
    await let_backoff_pass(superuser)
    runner = await Runner.of(database, agent)
    (again,) = [row["attempt_id"] for row in await runner.claim()]
    await runner.start(again)
    await bob.fetch("SELECT * FROM kolony.interrupt_runs($1, 'enough')", [run])
    await runner.step(again, "heard")
    await runner.finish(again, "failed", error="no")
    await bob.fetch("SELECT * FROM kolony.retry_runs($1)", [run])
    await bob.fetch("SELECT * FROM kolony.cancel_runs($1, 'never mind')", [run, other])
    assert await kinds(bob, run_id=run) == [
        "run.queued", "run.claimed", "run.started", "run.lost", "run.delayed", "run.claimed", "run.started",
        "run.interrupt_asked", "run.step", "run.interrupted", "run.attempt_failed", "run.cancelled", "run.retried",
        "run.cancelled",
    ]  # fmt: skip
    assert await kinds(bob, run_id=other) == ["run.queued", "run.priority", "run.held", "run.cancelled"]
    found = await bob.fetch("SELECT kind, profile_id IS NOT NULL AS person FROM kolony.events WHERE run_id = $1", run)
    assert {row["kind"] for row in found if row["person"]} == {
        "run.queued", "run.interrupt_asked", "run.cancelled", "run.retried",
    }  # fmt: skip
    assert await kinds(bob, agent_id=agent.agent_id) != [], "an agent's own and its runs'"


async def test_many_at_once_make_one_event_each(database: Database) -> None:
    agents = [await database.add_agent(f"worker-{number}") for number in range(3)]
    bob = await database.connect("bob")
    runs = await send(bob, [agent.agent_id for agent in agents])
    runner = await Runner.of(database, agents[0], 10)
    more = [(await send(bob, agents[0]))[0] for _ in range(4)]
    taken = await runner.connection.fetch("SELECT * FROM kolony.claim_attempts($1, 10, true)", runner.session_id)
    ends = [{"attempt_id": str(row["attempt_id"]), "exit_code": 0, "chunks": 0} for row in taken]
    await runner.connection.fetch("SELECT kolony.complete_attempts($1)", ends)
    for run in (runs[0], *more):
        assert await kinds(bob, run_id=run) == ["run.queued", "run.started", "run.completed"]
    commands = await bob.fetch("SELECT kind, count(*) AS n FROM kolony.events WHERE run_id IS NULL AND command_id IS NOT NULL GROUP BY 1")  # fmt: skip  # noqa: E501
    assert {row["kind"]: row["n"] for row in commands} == {"command.sent": 5, "command.completed": 4}
    assert {row[0] for row in await bob.fetch("SELECT DISTINCT kind FROM kolony.events")} <= set(KINDS)


async def test_agents_and_their_sessions_and_drafts(database: Database) -> None:
    agent = await database.add_agent()
    ada, home = await database.connect("ada"), "(SELECT workspace_id FROM kolony.workspaces WHERE slug = 'main')"
    await ada.execute("SELECT kolony.set_agent_desired($1, 'paused', 'x')", agent.agent_id)
    await ada.execute("SELECT kolony.set_agent_desired($1, 'active', '')", agent.agent_id)
    await ada.execute("SELECT kolony.edit_agent($1, $2)", agent.agent_id, {"description": "a new one"})
    runner = await Runner.of(database, agent)
    await runner.beat()
    await runner.beat()
    await runner.close()
    assert await kinds(ada, agent_id=agent.agent_id) == [
        "agent.created", "agent.paused", "agent.resumed", "agent.edited", "session.opened", "session.ready",
        "session.ended",
    ]  # fmt: skip
    draft = await ada.fetchval(
        f"SELECT command_id FROM kolony.send_command({home}, $1, 'x', as_draft => true) LIMIT 1", [agent.agent_id]
    )
    await ada.execute("SELECT kolony.edit_command($1, 'y', 9)", draft)
    await ada.execute("SELECT kolony.submit_command($1)", draft)
    found = await ada.fetch("SELECT kind FROM kolony.events WHERE command_id = $1 AND run_id IS NULL ORDER BY event_id", draft)  # fmt: skip  # noqa: E501
    assert [row["kind"] for row in found] == ["command.drafted", "command.edited", "command.submitted"]


async def test_a_follower_misses_no_late_commit(database: Database) -> None:
    agent = await database.add_agent()
    early, late = await database.connect("bob"), await database.connect("ada")
    eve = await session_of(database, "eve")
    follower = Follower(eve, Wanted(kinds=("command.sent",)))
    seen: list[Event] = await follower.begin(datetime.now(UTC) - timedelta(hours=1))
    assert seen == []
    try:
        transaction = early.transaction()
        await transaction.start()
        first = (await send(early, agent))[0]  # draws its numbers first and commits last
        await send(late, agent)
        seen += await follower.news()
        assert seen == [], "what a running transaction may still stand before is not shown yet"
        await transaction.commit()
        seen += await follower.news()
        await send(late, agent)
        seen += await follower.news()
        assert len(seen) == 3
        assert len({event.event_id for event in seen}) == 3
        assert seen == sorted(seen, key=lambda event: event.cursor)
        past = await events(eve, Wanted(kinds=("run.",)))
        assert past[0].run_id == first
    finally:
        await eve.db.close()


async def test_who_reads_and_that_nobody_writes(database: Database) -> None:
    agent = await database.add_agent()
    bob, otto = await database.connect("bob"), await database.connect("otto")
    run = (await send(bob, agent))[0]
    assert await kinds(bob, run_id=run) == ["run.queued"]
    assert await otto.fetch("SELECT * FROM kolony.events WHERE agent_id = $1", agent.agent_id) == []
    for statement in (
        "DELETE FROM kolony.events",
        "UPDATE kolony.events SET kind = 'run.failed'",
        "INSERT INTO kolony.events (workspace_id, at, kind) SELECT workspace_id, now(), 'x.y' FROM kolony.workspaces",
        "SELECT kolony.event_moment()",
        "SELECT kolony.ensure_event_partition('2030-01-01')",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await bob.execute(statement)


async def test_narrowed_and_stepped_through(database: Database) -> None:
    agent, other = await database.add_agent(), await database.add_agent("other")
    bob = await database.connect("bob")
    run, aside = (await send(bob, agent))[0], (await send(bob, other))[0]
    eve = await session_of(database, "eve")
    try:
        command = await bob.fetchval("SELECT command_id FROM kolony.runs WHERE run_id = $1", run)
        found = await events(eve, Wanted(command_id=command))
        assert [event.kind for event in found] == ["command.sent", "run.queued"]
        assert [event.run_id for event in await events(eve, Wanted(agent_id=other.agent_id, kinds=("run",)))] == [aside]
        assert await events(eve, Wanted(run_id=run), since=datetime.now(UTC) + timedelta(hours=1)) == []
        newest = await events(eve, Wanted(), limit=2)
        assert await step(eve, newest[1].at, forward=False) == newest[0].at
        assert await step(eve, newest[0].at, forward=True) == newest[1].at
        assert await step(eve, newest[1].at, forward=True) is None
    finally:
        await eve.db.close()
    assert kind_named("RUN.fa") == "run.fa"
    with pytest.raises(UsageError, match="no kind"):
        kind_named("walk")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("14:02", "2026-03-04T14:02:00"),
        ("14:02:11", "2026-03-04T14:02:11"),
        ("15:30", "2026-03-03T15:30:00"),
        ("9:05", "2026-03-04T09:05:00"),
        ("yesterday 14:02", "2026-03-03T14:02:00"),
        ("90s", "2026-03-04T14:58:30"),
        ("2h ago", "2026-03-04T13:00:00"),
        ("2026-01-02 03:04", "2026-01-02T03:04:00"),
    ],
)
def test_a_moment_in_the_past(written: str, meant: str) -> None:
    now = datetime(2026, 3, 4, 15, 0).astimezone()
    assert moment_past(written, now).astimezone().replace(tzinfo=None).isoformat() == meant
    with pytest.raises(UsageError, match="no moment"):
        moment_past(written + "?")
