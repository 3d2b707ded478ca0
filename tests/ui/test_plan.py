"""A plan on its screen: items accepted, edited and discarded; and what an agent is told."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from kolony_tui.ui.screens.asking import Question
from kolony_tui.ui.screens.told import Told
from kolony_tui.ui.screens.work.draft import DraftEditor
from kolony_tui.ui.screens.work.plan import PlanScreen
from tests.ui.stage import Runner, Stage, toasts, until, words

PLAN = [
    {"content": "look \x1b[31mhere"},
    {"content": "then there\nand on", "after": [1], "priority": 80},
    {"content": "and last"},
    {"content": "never"},
]


async def _planned(stage: Stage) -> tuple[Runner, UUID]:
    """A run that proposed the plan and completed."""
    bob = await stage.workspace.database.connect("bob")
    runner = await stage.runner()
    row = await bob.fetchrow(
        "SELECT * FROM kolony.send_command($1, $2, 'plan the day', kind => 'plan')",
        stage.workspace.workspace_id, [stage.agent.agent_id],
    )  # fmt: skip
    assert row is not None
    claim = await runner.take()
    await runner.connection.execute("SELECT kolony.propose_plan($1, $2)", claim["attempt_id"], PLAN)
    await runner.finish(claim, exit_code=0)
    run_id: UUID = row["run_id"]
    return runner, run_id


async def _states(stage: Stage) -> dict[str, str]:
    superuser = await stage.workspace.database.superuser()
    rows: list[Any] = await superuser.fetch("SELECT content, state FROM kolony.plan_overview")
    return {row["content"].split("\n")[0]: row["state"] for row in rows}


async def test_a_plan_is_decided_about(stage: Stage) -> None:
    runner, run_id = await _planned(stage)
    async with stage.app("bob", (80, 24)) as (app, pilot):
        app.open_run(run_id)
        await until(lambda: "✔ completed" in words(app) and "plan   P shows it" in words(app), "its run")
        await pilot.press("i")
        await until(lambda: isinstance(app.screen, Told) and "request for a plan" in words(app), "what it was told")
        assert "plan the day" in words(app)
        await pilot.press("escape", "P")
        await until(lambda: isinstance(app.screen, PlanScreen) and "4 of 4 to decide about" in words(app), "the plan")
        assert "\x1b" not in words(app)
        await pilot.press("down")
        await until(lambda: "and on" in words(app), "the whole text of the item under the cursor")
        await pilot.press("y")
        await until(lambda: "item 2 accepted; waits for the draft" in toasts(app), "one is accepted")
        await pilot.press("down", "e")
        await until(lambda: isinstance(app.screen, DraftEditor), "one is edited")
        await pilot.press(*" of all", "ctrl+s")
        await until(lambda: isinstance(app.screen, PlanScreen) and "and last of all" in words(app), "and shown so")
        await pilot.press("end", "x")
        await until(lambda: isinstance(app.screen, Question), "it asks")
        await pilot.press("y")
        await until(lambda: "item 4 discarded" in toasts(app), "one is discarded")
        await pilot.press("Y")
        await until(lambda: isinstance(app.screen, Question) and "Accept 2 items?" in words(app), "the rest")
        await pilot.press("y")
        await until(lambda: "0 of 4 to decide about" in words(app), "all is decided")
    assert set((await _states(stage)).values()) == {"accepted", "discarded"}
    assert {(await runner.take())["content"] for _ in range(2)} == {"look \x1b[31mhere", "and last of all"}


async def test_a_viewer_reads_a_plan_and_decides_nothing(stage: Stage) -> None:
    await _planned(stage)
    async with stage.app("eve") as (app, pilot):
        app.do("run.plan", "1")
        await until(lambda: isinstance(app.screen, PlanScreen) and "4 of 4 to decide about" in words(app), "the plan")
        for key in ("y", "Y", "x", "e"):
            await pilot.press(key)
        await until(lambda: "this takes an operator" in toasts(app), "and why not")
    assert set((await _states(stage)).values()) == {"draft"}
