"""What agents say they used is booked once, in one normal form, and drawn on budgets that hold."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.database import Agent, Workspace, refused, until_blocked
from tests.work.calls import Runner, let_pass, send


async def report(runner: Runner, attempt: UUID, *reports: dict[str, Any], first: int = 0) -> dict[str, Any]:
    """Reports, numbered from ``first``; the attempt's sum so far."""
    numbered = [{"number": number, "source": "test", "scope": "turn", **each} for number, each in enumerate(reports, first)]
    said = await runner.connection.fetchval("SELECT kolony.report_usage($1, $2)", attempt, numbered)
    return dict(said)


async def at_work(workspace: Workspace, agent: Agent, **given: Any) -> tuple[asyncpg.Connection, Runner, asyncpg.Record]:
    """Bob, and a runner that has begun a run of his."""
    bob = await workspace.database.connect("bob")
    await send(bob, agent, **given)
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
    guessed = await bob.fetchval("SELECT estimated_usd FROM kolony.attempt_usage WHERE attempt_id = $1", again["attempt_id"])
    before = Decimal(str(said["cost_usd"])) - Decimal("0.036")
    assert guessed == Decimal(str(said["cost_usd"]))
    said = await report(runner, again["attempt_id"], {**money, "cost_usd": 0.03}, first=4)
    assert Decimal(str(said["cost_usd"])) == before + Decimal("0.03"), "what it says stands in the estimate's place"
    said = await report(runner, again["attempt_id"], {**money, "cost_usd": 0.05}, first=5)
    assert Decimal(str(said["cost_usd"])) == before + Decimal("0.05")

    await runner.finish(again["attempt_id"])
    usage = await bob.fetchval("SELECT usage FROM kolony.attempts WHERE attempt_id = $1", again["attempt_id"])
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (3300, 2042, 5342)
    assert usage["models"] == ["gpt-5-codex", "claude-sonnet-4-5"]
    days = await bob.fetch(
        "SELECT model, sum(input_fresh) AS fresh, sum(input_cached) AS cached, sum(output) AS out FROM kolony.usage_days"
        " GROUP BY model ORDER BY model"
    )
    assert [tuple(row) for row in days] == [("claude-sonnet-4-5", 2000, 0, 2000), ("gpt-5-codex", 3000, 900, 126)]
    kept = await bob.fetchrow("SELECT raw, said FROM kolony.usage_reports WHERE attempt_id = $1", attempt)
    assert kept is not None
    assert kept["raw"] == {"deep": [1]}
