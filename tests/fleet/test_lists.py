"""Windows of agents and runs: what is listed is what the overviews show, in the order, groups and part wanted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from kolony_tui.core import lists
from kolony_tui.core.selecting import FilterError
from kolony_tui.core.session import PersonSession, log_in
from kolony_tui.models.lists import Wish
from tests.database import Workspace
from tests.ui.stage import Stage

AGENTS = 30


@pytest.fixture
async def stage(workspace: Workspace) -> Stage:
    """An agent at work, one whose runner crashed, one that nobody runs, many idle ones; runs in every state."""
    stage = Stage(workspace, await workspace.database.add_agent())
    superuser = await workspace.database.superuser()
    await superuser.execute(
        """INSERT INTO kolony.agents (workspace_id, name, type, category, tags)
           SELECT $1, 'agent-' || lpad(n::text, 2, '0'), (ARRAY['claude', 'codex'])[1 + n % 2], 'team ' || n % 3,
                  CASE WHEN n % 5 = 0 THEN ARRAY['canary'] ELSE '{}' END FROM generate_series(1, $2::integer) n""",
        workspace.workspace_id,
        AGENTS,
    )
    runner = await stage.runner()
    for number in range(6):
        await stage.send(f"task {number}", priority=10 * number)
    claim = await runner.take()
    await runner.finish(claim, "failed", exit_code=3, error="exited with 3")
    claim = await runner.take()
    await runner.finish(claim)
    await runner.take()
    crashed = await workspace.database.add_agent("crashed")
    other = await stage.runner(crashed, host="elsewhere")
    await other.connection.execute("SELECT kolony.close_session($1, 'it fell over', true)", other.session_id)
    await superuser.execute("UPDATE kolony.agents SET desired = 'paused' WHERE name = 'agent-07'")
    await superuser.close()
    return stage


@pytest.fixture
async def session(stage: Stage) -> AsyncIterator[PersonSession]:
    """A viewer, logged in."""
    session = await log_in(stage.workspace.database.target("eve"), "tests", "main")
    yield session
    await session.db.close()


async def test_what_is_chosen_by_is_what_is_shown(stage: Stage) -> None:
    """Each column that both views have says the same, for every agent and every run."""
    eve = await stage.workspace.database.connect("eve")
    for listed, overview, key in (
        ("agent_listed", "agent_overview", "agent_id"),
        ("run_listed", "run_overview", "run_id"),
    ):
        columns = await eve.fetchval(
            """SELECT array_agg(DISTINCT a.attname::text) FROM pg_attribute a JOIN pg_attribute b USING (attname)
               WHERE a.attrelid = $1::regclass AND b.attrelid = $2::regclass AND a.attnum > 0""",
            f"kolony.{listed}",
            f"kolony.{overview}",
        )
        assert {"status", key} <= set(columns)
        said = ", ".join(f"x.{name}::text" for name in sorted(columns))
        both = [await eve.fetch(f"SELECT {said} FROM kolony.{view} x ORDER BY x.{key}") for view in (listed, overview)]
        assert len(both[0]) >= 6
        assert [dict(row) for row in both[0]] == [dict(row) for row in both[1]]
        assert len({row["status"] for row in both[0]}) >= 3, "there are several states to compare"


async def test_agents_by_windows(session: PersonSession) -> None:
    page = await lists.agents(session, Wish(10, 5))
    assert page.passed == AGENTS + 2
    assert [agent.name.raw for agent in page.rows] == [f"agent-{number:02}" for number in range(11, 16)]
    page = await lists.agents(session, Wish(0, 3, sort="state"))
    assert page.rows[0].name.raw == "worker", "who is at work comes first"
    page = await lists.agents(session, Wish(0, 100, "status=error or (claude and @canary)", "name", True))
    assert [agent.name.raw for agent in page.rows] == ["crashed", "agent-30", "agent-20", "agent-10"]
    beyond = await lists.agents(session, Wish(500, 10, "codex"))
    assert (beyond.rows, beyond.passed) == ((), AGENTS // 2), "how many pass is known beyond the last, too"
    with pytest.raises(FilterError, match="character 8"):
        await lists.agents(session, Wish(0, 10, "claude )"))


async def test_agents_by_groups(session: PersonSession) -> None:
    page = await lists.agents(session, Wish(0, 100, "agent", group="category"))
    assert [(group.name.raw, group.count) for group in page.groups] == [(f"team {team}", 10) for team in range(3)]
    assert [agent.category.raw for agent in page.rows] == [f"team {team}" for team in range(3) for _ in range(10)]
    page = await lists.agents(session, Wish(0, 1, group="state"))
    assert {group.name.raw: group.count for group in page.groups} == {
        "busy": 1, "error": 1, "offline": AGENTS - 1, "paused": 1,
    }  # fmt: skip


async def test_the_queue_by_windows_and_the_past_by_search(session: PersonSession) -> None:
    since = datetime.now(UTC) - timedelta(hours=1)
    page = await lists.open_runs(session, Wish(0, 100), since, 50)
    assert [(run.title.raw, run.status.value) for run in page.rows] == [
        ("task 3", "executing"), ("task 2", "waiting"), ("task 1", "waiting"), ("task 0", "waiting"),
        ("task 4", "completed"), ("task 5", "failed"),
    ]  # fmt: skip
    part = await lists.open_runs(session, Wish(3, 2), since, 50)
    assert [run.title.raw for run in part.rows] == ["task 0", "task 4"], "across what is open and what has ended"
    assert part.passed == 6
    turned = await lists.open_runs(session, Wish(0, 2, "status=waiting", "priority", True), since, 50)
    assert [run.title.raw for run in turned.rows] == ["task 0", "task 1"]
    past = lists.Past("failed")
    assert [run.title.raw for run in await lists.runs(session, past, 0, 10)] == ["task 5"]
    assert (await lists.count_runs(session, lists.Past()), await lists.count_runs(session, past)) == (6, 1)
    find = await lists.search_runs(session, lists.Past(), "task", lists.NEWEST, 4, 10)
    assert [run.title.raw for run in find.runs] == ["task 5", "task 4", "task 3", "task 2"]
    assert find.reached is not None
    rest = await lists.search_runs(session, lists.Past(), "!executing", find.reached, 4, 10)
    assert ([run.title.raw for run in rest.runs], rest.searched) == (["task 1", "task 0"], 2)


async def test_the_numbers_of_the_workspace(session: PersonSession) -> None:
    pulse = await lists.pulse(session, datetime.now(UTC) - timedelta(minutes=10))
    assert (pulse.agents, pulse.online, pulse.busy, pulse.open_runs) == (AGENTS + 2, 1, 1, 4)
    assert sum(pulse.ended.values()) == 2
    assert sum((await lists.pulse(session, datetime.now(UTC) + timedelta(minutes=1))).ended.values()) == 0
    worker = (await lists.agents_named(session, ["worker"]))[0]
    assert (await lists.doing(session, [worker.agent_id]))[worker.agent_id].title.raw == "task 3"
    assert [agent.name.raw for agent in await lists.agents_like(session, "ag%12", 5)] == []
    assert [agent.name.raw for agent in await lists.agents_like(session, "agt12", 5)] == ["agent-12"]
