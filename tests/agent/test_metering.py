"""What agents say they used, on its way: from any event, through a server that is away, out of ``usage.json``."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from kolony_tui.agent.attempt.limits import Watch
from kolony_tui.agent.events import Ended, Output, Used
from kolony_tui.agent.link import Link
from kolony_tui.agent.record.metering import UsageBook
from kolony_tui.agent.record.sinks import Bench
from kolony_tui.agent.supervision.meter import Taken
from kolony_tui.models.constraints import Limits
from tests.agent.colony import Colony
from tests.database import Agent, Workspace
from tests.work.calls import Runner, send

BURN = """
for i in 1 2 3 4 5 6 7 8 9; do
  printf '{"total_tokens": %d, "cost_usd": 0.5, "model": "m-1"}' $((i * 1000)) > "$KOLONY_RUN_DIR/usage.new"
  mv "$KOLONY_RUN_DIR/usage.new" "$KOLONY_RUN_DIR/usage.json"
  [ $i = 2 ] && sleep 630
done
"""


async def test_reports_are_booked_in_order_whatever_they_hold(
    workspace: Workspace, agent: Agent, tmp_path: Path
) -> None:
    bob = await workspace.database.connect("bob")
    await send(bob, agent)
    runner = await Runner.of(workspace.database, agent)
    [held] = await runner.claim()
    link, file = Link(agent.target, "test"), tmp_path / "usage.json"
    bench = SimpleNamespace(
        work=SimpleNamespace(attempt_id=held["attempt_id"]), link=link, alive=lambda: True,
        adapter=SimpleNamespace(usage_report=file), say=lambda *_: None,
    )  # fmt: skip
    book = UsageBook(cast("Bench", bench))
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    strange = [float("nan"), "\0", "\ud800", {"k\0": object()}]
    for at, raw in enumerate([*strange, deep, "x" * 100_000]):
        book.take(Used("s\0", "call", "one\ud800", "m", input_fresh=100, output=at, cost_usd=Decimal("0.01"), raw=raw))
    book.take(Used("s", "turn", input_fresh=-5, output=10**30, cost_usd=Decimal("NaN")))
    book.take(Output("stdout", b"no usage"))
    for _ in range(2500):
        book.take(Used("many", "call", "two", output=1))
    file.write_text('{"input_tokens": 7, "output_tokens": 1}')
    book.take(Ended())
    await asyncio.wait_for(book.flushed(), 20)
    await book.close()
    await link.close()
    assert book.tokens == 6 * 100 + 15 + 2500 + 8
    sums = await bob.fetchrow("SELECT input_fresh, output, cost_usd, models FROM kolony.attempt_usage")
    assert tuple(sums or ()) == (607, 2516, Decimal("0.06"), ["m"])
    assert await bob.fetchval("SELECT count(*) FROM kolony.usage_reports") < 2100, "bounded while it waits"

    watch = Watch(Limits(token_budget=3000), Taken, None, booked=lambda: book.tokens)
    assert watch.needed
    found = watch.look()
    assert found is not None
    assert found.words == "token budget of 3000 used up (3123 tokens)"


async def test_g9_a_program_that_burns_tokens_is_ended_by_its_budget(colony: Colony) -> None:
    ada = await colony.workspace.database.connect("ada")
    home = colony.workspace.workspace_id
    await ada.execute("SELECT kolony.set_budget($1, 'agent', 'worker', 'day', 1500, NULL, 50, true)", home)
    colony.runner(program=("sh", "-c", BURN))
    run = await colony.send("burn")
    ended = await colony.done(run)
    assert (ended["status"], ended["limit_hit"], ended["reason"]) == ("failed", "budget", "over_budget")
    assert 'the agent "worker" has used 2000 of 1500 tokens today' in ended["error"]
    [attempt] = await colony.attempts(run)
    assert (attempt["usage"]["total_tokens"], attempt["usage"]["models"]) == (2000, ["m-1"])
    emptied = await colony.superuser.fetchval("SELECT emptied_at FROM kolony.budget_spending")
    assert (attempt["ended_at"] - emptied).total_seconds() < 10, "at the latest a lease period after"
    next_run = await colony.send("more")
    waits = await colony.operator.fetch("SELECT kind FROM kolony.why_waiting($1)", next_run)
    assert "no_budget" in [row["kind"] for row in waits]
