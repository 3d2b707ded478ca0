"""Drafts: listed on the queue's screen, changed, sent and deleted; and none is changed by being looked at."""

from __future__ import annotations

from typing import Any

from textual.pilot import Pilot

from kolony_tui.ui.app import KolonyApp
from kolony_tui.ui.screens.asking import Question
from kolony_tui.ui.screens.work.draft import DraftEditor
from kolony_tui.ui.screens.work.runs import RunsScreen
from tests.ui.stage import Stage, toasts, until, words


async def _keep(stage: Stage, text: str, priority: int = 50) -> None:
    person = await stage.workspace.database.connect("bob")
    await person.execute(
        "SELECT kolony.send_command($1, $2, $3, $4, true)",
        stage.workspace.workspace_id, [stage.agent.agent_id], text, priority,
    )  # fmt: skip


async def _row(stage: Stage) -> tuple[Any, ...]:
    superuser = await stage.workspace.database.superuser()
    row = await superuser.fetchrow(
        "SELECT content, priority, submitted_at IS NOT NULL, outcome FROM kolony.commands ORDER BY number LIMIT 1"
    )
    assert row is not None
    return tuple(row)


async def _listed(app: KolonyApp, pilot: Pilot[int]) -> None:
    await pilot.press("4", "[")
    await until(lambda: isinstance(app.screen, RunsScreen) and app.screen.drafts.rows, "the drafts are listed")


async def test_draft_is_changed_saved_and_sent(stage: Stage) -> None:
    runner = await stage.runner()
    await _keep(stage, "echo one", 40)
    async with stage.app("bob") as (app, pilot):
        await _listed(app, pilot)
        row = ("Drafts", "#1", "40", "worker", "echo one", "bob")
        await until(lambda: "[draft]" in words(app) and all(word in words(app) for word in row), "with all of it")
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, DraftEditor), "enter opens it")
        assert app.screen.query_one("#target").disabled
        await pilot.press(*" two", "shift+tab", "6", "0", "ctrl+s")
        await until(lambda: "draft #1 is saved" in toasts(app), "saved")
        assert await _row(stage) == ("echo one two", 60, False, None)
        await until(lambda: "echo one two" in words(app), "the list has it")
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, DraftEditor), "again")
        await pilot.press("enter")
        await until(lambda: "asked by" in words(app), "sent, and its run is shown")
        assert (await runner.take())["content"] == "echo one two"


async def test_changes_are_not_thrown_away_unasked(stage: Stage) -> None:
    await _keep(stage, "echo one")
    async with stage.app("bob") as (app, pilot):
        await _listed(app, pilot)
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, DraftEditor), "open")
        await pilot.press("alt+m")
        await until(lambda: "that was settled" in words(app), "how it is sent stays")
        await pilot.press("!", "escape")
        await until(lambda: isinstance(app.screen, Question), "it asks")
        await pilot.press("n")
        await until(lambda: isinstance(app.screen, DraftEditor) and "echo one!" in words(app), "still there")
        await pilot.press("escape", "y")
        await until(lambda: isinstance(app.screen, RunsScreen), "left")
        assert await _row(stage) == ("echo one", 50, False, None)


async def test_text_that_cannot_be_shown_as_it_is_stays_as_it_is(stage: Stage) -> None:
    hidden = "echo \x1b[8mrm -rf /\x1b[0m"
    await _keep(stage, hidden, 40)
    async with stage.app("bob") as (app, pilot):
        await _listed(app, pilot)
        await pilot.press("enter")
        await until(lambda: "cannot be edited here" in words(app), "said so")
        await pilot.press(*"more", "shift+tab", "6", "0", "ctrl+s")
        await until(lambda: "draft #1 is saved" in toasts(app), "the priority can be changed")
        assert await _row(stage) == (hidden, 60, False, None)


async def test_marked_drafts_are_deleted_after_one_question(stage: Stage) -> None:
    for text in ("echo one", "echo two"):
        await _keep(stage, text)
    async with stage.app("bob") as (app, pilot):
        await _listed(app, pilot)
        await pilot.press("ctrl+a", "x")
        await until(lambda: "Delete 2 drafts?" in words(app), "it asks")
        await pilot.press("y")
        await until(lambda: "2 drafts deleted" in toasts(app), "done")
        await until(lambda: "no drafts" in words(app), "gone")
        assert (await _row(stage))[3] == "cancelled"
        kept = app.memory()
    async with stage.app("eve", remembered=kept) as (app, _):
        await until(lambda: "no drafts" in words(app), "the tab is remembered")
