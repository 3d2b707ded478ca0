"""What agents say they used is booked once, in one normal form, and drawn on budgets that hold."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from kolony_tui.db.queries import query
from tests.database import Agent, Workspace, refused, until_blocked
from tests.work.calls import Runner, send


async def report(runner: Runner, attempt: UUID, *reports: dict[str, Any], first: int = 0) -> dict[str, Any]:
    """Reports, numbered from ``first``; the attempt's sum so far."""
    numbered = [
        {"number": number, "source": "test", "scope": "turn", **each} for number, each in enumerate(reports, first)
    ]
    said = await runner.connection.fetchval("SELECT kolony.report_usage($1, $2)", attempt, numbered)
    return dict(said)


async def at_work(
    workspace: Workspace, agent: Agent, **given: Any
) -> tuple[asyncpg.Connection, Runner, asyncpg.Record]:
    """Bob, and a runner that has begun a run of his."""
    bob = await workspace.database.connect("bob")
    await send(bob, agent)
    runner = await Runner.of(workspace.database, agent, concurrency=5)
    [held] = await runner.claim()
    await runner.start(held["attempt_id"])
    return bob, runner, held


async def test_sums_of_a_session_count_once_over_attempts_and_estimates_give_way(
    workspace: Workspace, agent: Agent
) -> None:
    bob, runner, held = await at_work(workspace, agent)
    attempt = held["attempt_id"]
    # As Codex says it: a sum over its session, also after it was resumed by another attempt.
    codex = {"session_id": "s1", "cumulative": True, "model": "gpt-5-codex"}
    first = {**codex, "input_fresh": 2000, "input_cached": 600, "output": 84, "reasoning": 14, "raw": {"deep": [1]}}
    assert await report(runner, attempt, first) == {"total_tokens": 2684, "cost_usd": pytest.approx(0.003415)}
    assert (await report(runner, attempt, first))["total_tokens"] == 2684, "said twice"
    await runner.finish(attempt)
    await send(bob, agent)
    [again] = await runner.claim()
    second = {**codex, "input_fresh": 3000, "input_cached": 900, "output": 126}
    assert (await report(runner, again["attempt_id"], second))["total_tokens"] == 1342
    smaller = {**codex, "input_fresh": 10, "input_cached": 0, "output": 1}
    assert (await report(runner, again["attempt_id"], smaller, first=1))["total_tokens"] == 1342, "never less"

    # As Claude says it: each call alone, and at the end the money of its session, also over a resumed one.
    claude = {"session_id": "s2", "model": "claude-sonnet-4-5", "scope": "call", "input_fresh": 1000, "output": 1000}
    money = {"session_id": "s2", "scope": "session", "money_cumulative": True}
    said = await report(runner, again["attempt_id"], claude, claude, first=2)
    guessed = await bob.fetchval(
        "SELECT estimated_usd FROM kolony.attempt_usage WHERE attempt_id = $1", again["attempt_id"]
    )
    before = Decimal(str(said["cost_usd"])) - Decimal("0.036")
    assert guessed == Decimal(str(said["cost_usd"]))
    said = await report(runner, again["attempt_id"], {**money, "cost_usd": 0.03}, first=4)
    assert Decimal(str(said["cost_usd"])) == before + Decimal("0.03"), "what it says stands in the estimate's place"
    said = await report(runner, again["attempt_id"], {**money, "cost_usd": 0.05}, first=5)
    assert Decimal(str(said["cost_usd"])) == before + Decimal("0.05")
    # As agents say it over ACP: the session's money first, then the tokens of its turn.
    turn = {"session_id": "s2", "model": "claude-sonnet-4-5", "scope": "turn", "input_fresh": 0, "output": 0}
    said = await report(runner, again["attempt_id"], {**turn, "input_cached": 10**6}, first=6)
    assert Decimal(str(said["cost_usd"])) == before + Decimal("0.05"), "no estimate beside it"
    left = await bob.fetchval("SELECT estimated_usd FROM kolony.attempt_usage ORDER BY attempt_id DESC LIMIT 1")
    assert left == before, "and is no estimate any more"

    await runner.finish(again["attempt_id"])
    usage = await bob.fetchval("SELECT usage FROM kolony.attempts WHERE attempt_id = $1", again["attempt_id"])
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (1003300, 2042, 1005342)
    assert usage["models"] == ["gpt-5-codex", "claude-sonnet-4-5"]
    days = await bob.fetch(
        "SELECT model, sum(input_fresh), sum(input_cached), sum(output) FROM kolony.usage_days GROUP BY 1 ORDER BY 1"
    )
    assert [tuple(row) for row in days] == [("claude-sonnet-4-5", 2000, 1000000, 2000), ("gpt-5-codex", 3000, 900, 126)]
    kept = await bob.fetchrow("SELECT raw, said FROM kolony.usage_reports WHERE attempt_id = $1", attempt)
    assert kept is not None
    assert kept["raw"] == {"deep": [1]}


async def set_budget(
    person: asyncpg.Connection, scope: str = "workspace", subject: str = "", period: str = "day", **given: Any
) -> UUID:
    """A budget; ``given``: tokens, usd, warn, hard."""
    home = await person.fetchval("SELECT workspace_id FROM kolony.workspaces")
    made: UUID = await person.fetchval(
        "SELECT kolony.set_budget($1, $2, $3, $4, $5, $6, $7, $8)", home, scope, subject, period,
        given.get("tokens"), given.get("usd"), given.get("warn", 80), given.get("hard", True),
    )  # fmt: skip
    return made


async def test_g9_work_that_burns_tokens_ends_within_one_lease_period(workspace: Workspace, agent: Agent) -> None:
    bob, runner, held = await at_work(workspace, agent)
    ada, superuser = await workspace.database.connect("ada"), await workspace.database.superuser()
    attempt, burn = held["attempt_id"], {"input_fresh": 400, "output": 100}
    await report(runner, attempt, burn)
    await set_budget(ada, "agent", "worker", tokens=1000)
    assert await bob.fetchval("SELECT tokens FROM kolony.budget_overview") == 500, "what was used before counts"
    [waiting] = await send(bob, agent)
    assert await runner.beat(attempt) == []
    await report(runner, attempt, burn, first=1)
    meddling = await workspace.database.connect("bob")
    await meddling.execute("BEGIN")
    await meddling.execute("SELECT kolony.cancel_run($1)", held["run_id"])
    assert ("over_budget", held["run_id"], attempt) in await runner.beat(attempt), "also while somebody holds the run"
    await meddling.execute("ROLLBACK")
    orders = await runner.connection.fetch("SELECT * FROM kolony.beat($1, '{}', $2)", runner.session_id, [attempt])
    words = 'no budget left: the agent "worker" has used 1000 of 1000 tokens today'
    assert [(row["what"], row["attempt_id"], row["why"]) for row in orders] == [("over_budget", attempt, words)]
    assert await runner.claim() == [], "nothing is given out without budget left"
    why = await bob.fetch("SELECT kind, words, remedy FROM kolony.why_waiting($1)", waiting)
    assert tuple(why[0]) == ("no_budget", words, "raise the budget, or wait for the next day")

    # A runner that does not obey: a lease period later the database ends it, whatever it says.
    await superuser.execute("UPDATE kolony.attempts SET over_budget_at = now() - interval '31 s'")
    assert await runner.beat(attempt) == [("lost", None, attempt)]
    ended = await bob.fetchrow(
        "SELECT status, limit_hit, reason FROM kolony.run_overview WHERE run_id = $1", held["run_id"]
    )
    assert tuple(ended or ()) == ("failed", "budget", "over_budget")
    for late in (report(runner, attempt, burn, first=2), runner.finish(attempt)):
        with refused("KO001"):
            await late
    events = await ada.fetch("SELECT event FROM kolony.audit_log WHERE event LIKE 'BUDGET%' ORDER BY entry_id")
    assert [row["event"] for row in events] == ["BUDGET_SET", "BUDGET_EMPTY", "BUDGET_EXCEEDED"]

    # More money, and work goes on.
    await set_budget(ada, "agent", "worker", tokens=5000)
    assert [row["run_id"] for row in await runner.claim()] == [waiting]


async def test_g9_budgets_are_drawn_on_by_many_at_once_and_counted_when_set(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, ada, superuser = await database.connect("bob"), await database.connect("ada"), await database.superuser()
    await set_budget(ada, "workspace", tokens=10**9, usd=5)
    for _ in range(3):
        await send(bob, agent)
    runner = await Runner.of(database, agent, concurrency=3)
    held = [row["attempt_id"] for row in await runner.claim(3)]
    others = [Runner(await database.open(agent.target), runner.session_id) for _ in held]
    await asyncio.gather(*(
        report(other, attempt, {"output": 1, "model": model, "cost_usd": 0.01}, first=number)
        for other, attempt in zip(others, held, strict=True)
        for number, model in [(0, "a")]
    ))  # fmt: skip
    spent = await bob.fetchrow("SELECT tokens, cost_usd, usd_left FROM kolony.budget_overview")
    assert tuple(spent or ()) == (3, Decimal("0.03"), Decimal("4.97"))
    brief = await superuser.fetchval(
        "SELECT kolony.budget_brief(r.workspace_id, r.run_id) FROM kolony.runs r LIMIT 1")  # fmt: skip
    assert brief == Decimal("4.97")

    # A budget that is made while a report is on its way counts it, and not twice.
    transaction = runner.connection.transaction()
    await transaction.start()
    await report(runner, held[0], {"output": 5}, first=1)
    setting = asyncio.create_task(set_budget(ada, "person", bob_login(workspace), tokens=100))
    await until_blocked(superuser, ada)
    await transaction.commit()
    await setting
    assert await bob.fetchval("SELECT tokens FROM kolony.budget_overview WHERE scope = 'person'") == 8


def bob_login(workspace: Workspace) -> str:
    return workspace.database.cluster.login("bob")


async def test_only_work_without_budget_waits_and_who_sets_one_is_an_admin(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, ada, eve = [await database.connect(name) for name in ("bob", "ada", "eve")]
    login = bob_login(workspace)
    for person in (bob, eve):
        with refused("42501"):
            await set_budget(person, "workspace", tokens=1)
        for call in ("set_price($1, 'x', 1, 1)", "remove_price($1, 'x')", "set_time_zone($1, 'UTC')",
                     "set_people_group($1, 'x', '{}')", "remove_people_group($1, 'x')"):  # fmt: skip
            with refused("42501"):
                await person.execute(f"SELECT kolony.{call}", workspace.workspace_id)
    for scope, subject, state in [("agent", "nobody", "P0002"), ("workspace", "x", "22023"), ("planet", "", "22023"),
                                  ("command", "#99", "P0002"), ("people", "x", "P0002")]:  # fmt: skip
        with refused(state):
            await set_budget(ada, scope, subject, tokens=1)
    with refused("22023", "day, a week"):
        await set_budget(ada, period="hour", tokens=1)
    with refused("22023"):
        await set_budget(ada)

    [mine], [hers] = await send(bob, agent), await send(ada, agent)
    await ada.execute("SELECT kolony.set_people_group($1, 'ops', $2)", workspace.workspace_id, [login])
    team = await set_budget(ada, "people", "ops", "month", usd=0)
    runner = await Runner.of(database, agent)
    assert [row["run_id"] for row in await runner.claim(2)] == [hers]
    with refused("42501"):
        await eve.execute("SELECT kolony.remove_budget($1)", team)
    assert await ada.fetchval("SELECT kolony.remove_budget($1)", team)
    number = await bob.fetchval("SELECT command_number FROM kolony.run_overview WHERE run_id = $1", mine)
    soft = await set_budget(ada, "command", f"#{number}", "total", tokens=0, hard=False)
    assert [row["run_id"] for row in await runner.claim(2)] == [mine], "one that only warns holds nothing"
    shown = await eve.fetchrow("SELECT budget_id, subject, share, hard FROM kolony.budget_overview")
    assert tuple(shown or ()) == (soft, f"#{number}", 1, False), "a viewer sees budgets"


async def test_days_are_those_of_the_workspaces_time_zone(workspace: Workspace, agent: Agent) -> None:
    bob, runner, held = await at_work(workspace, agent)
    ada = await workspace.database.connect("ada")
    for zone in ("Pacific/Niue", "Pacific/Kiritimati"):
        await ada.execute("SELECT kolony.set_time_zone($1, $2)", workspace.workspace_id, zone)
        first = await bob.fetchval("SELECT count(*) FROM kolony.usage_reports")
        await report(runner, held["attempt_id"], {"output": 1}, first=first)
    # They are 25 hours apart, so it is never the same day in both.
    days = await bob.fetch("SELECT day FROM kolony.usage_days ORDER BY day")
    assert (days[1]["day"] - days[0]["day"]).days in (1, 2)
    with refused("22023", "no time zone"):
        await ada.execute("SELECT kolony.set_time_zone($1, 'Mars/Olympus')", workspace.workspace_id)
    await set_budget(ada, period="day", tokens=5)
    assert await bob.fetchval("SELECT tokens FROM kolony.budget_overview") == 1, "not of the day before"
    for period in ("week", "month", "total"):
        await set_budget(ada, period=period, tokens=5)
    rows = await bob.fetch("SELECT period, starts FROM kolony.budget_overview")
    starts = {row["period"]: row["starts"] for row in rows}
    assert (starts["day"], starts["month"]) == (days[1]["day"], days[1]["day"].replace(day=1))
    assert starts["week"].weekday() == 0
    assert (starts["day"] - starts["week"]).days == starts["day"].weekday()


async def test_a_price_of_ones_own_stands_before_a_shipped_one(workspace: Workspace, agent: Agent) -> None:
    _, runner, held = await at_work(workspace, agent)
    ada = await workspace.database.connect("ada")
    attempt, million = held["attempt_id"], {"input_fresh": 1_000_000, "output": 1_000_000}
    shipped = await report(runner, attempt, {**million, "model": "anthropic/claude-sonnet-4-5-20250929"})
    assert shipped["cost_usd"] == 18
    none = await report(runner, attempt, {**million, "model": "home-made_7b"}, first=1)
    assert none["cost_usd"] == 18, "a model without a price costs nothing that is known"
    await ada.execute("SELECT kolony.set_price($1, 'home-made_*', 1, 2)", workspace.workspace_id)
    assert (await report(runner, attempt, {**million, "model": "home-made_7b"}, first=2))["cost_usd"] == 21
    assert (await report(runner, attempt, {**million, "model": "home-madeX7b"}, first=3))["cost_usd"] == 21
    await ada.execute("SELECT kolony.set_price($1, '*claude-sonnet-4*', NULL, NULL)", workspace.workspace_id)
    assert (await report(runner, attempt, {**million, "model": "claude-sonnet-4-5"}, first=4))["cost_usd"] == 21
    await ada.execute("SELECT kolony.remove_price($1, '*claude-sonnet-4*')", workspace.workspace_id)
    assert (await report(runner, attempt, {**million, "model": "claude-sonnet-4-5"}, first=5))["cost_usd"] == 39
    with refused("55000", "ships"):
        await ada.execute("SELECT kolony.remove_price($1, '*claude-sonnet-4*')", workspace.workspace_id)
    for wrong in ("'a b', 1, 1", "'x', -1, 1", "'x', 1, NULL"):
        with refused("22023"):
            await ada.execute(f"SELECT kolony.set_price($1, {wrong})", workspace.workspace_id)


async def test_sums_and_claims_read_indexes(workspace: Workspace) -> None:
    superuser = await workspace.database.superuser()
    home = workspace.workspace_id
    await superuser.execute("SET session_replication_role = replica")
    many = "FROM generate_series(1, 5000) i"
    id_, at = "md5(i::text)::uuid", "now() - i * interval '1 hour'"
    for statement in (
        f"kolony.attempts (workspace_id, attempt_id, run_id, number, agent_id, session_id, ended_at, outcome)"
        f" SELECT $1, {id_}, {id_}, 1, {id_}, {id_}, {at}, 'completed' {many}",
        f"kolony.attempt_usage (workspace_id, attempt_id, run_id, command_id, agent_id, profile_id, last_at)"
        f" SELECT $1, {id_}, {id_}, {id_}, {id_}, {id_}, {at} {many}",
        f"kolony.usage_reports SELECT $1, {id_}, 0, {id_}, {at}, ({at})::date, 'm', 's', 'call',"
        f" 0, 0, 0, 0, 0, 0, 0, 0, '{{}}' {many}",
        f"kolony.usage_days SELECT $1, ({at})::date, {id_}, {id_}, 'm', NULL, 0, 0, 0, 0, 0, 0, 0, 0 {many}",
    ):
        await superuser.execute(f"INSERT INTO {statement}", home)
    await superuser.execute("ANALYZE kolony.attempts, kolony.attempt_usage, kolony.usage_reports, kolony.usage_days")
    for name, arguments, indexes in [
        ("usage/sums", (home, "-6", None, "agent"), ("one_sum_of_each", "attempts_by_end")),
        ("usage/runs", (home, "-6", None, 10), ("attempt_usage_by_time",)),
        ("usage/of_run", (home, home, 10), ("usage_reports_by_run",)),
        ("usage/today", (home,), ("one_sum_of_each",)),
    ]:
        plan = "\n".join(row[0] for row in await superuser.fetch(f"EXPLAIN {query(name)}", *arguments))
        assert [index for index in indexes if index not in plan] == [], plan
    await superuser.execute("SET enable_seqscan = off")
    budgets = "EXPLAIN SELECT FROM kolony.budgets b WHERE b.workspace_id = $1 AND b.removed_at IS NULL"
    assert "one_budget_of_each" in str(await superuser.fetch(budgets, home))
