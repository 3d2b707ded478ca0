"""Keys typed ahead, all at once, reach the screen that they were meant for."""

from __future__ import annotations

from textual import events
from textual.widgets import Input

from kolony_tui.ui.app import KolonyApp
from kolony_tui.ui.palette import Palette
from kolony_tui.ui.screens.fleet.agent import AgentScreen
from kolony_tui.ui.screens.help import HelpScreen
from kolony_tui.ui.screens.work.composer import CommandText
from kolony_tui.ui.screens.work.run import RunScreen
from tests.ui.stage import Stage, until, words


def type_at_once(app: KolonyApp, *keys: str) -> None:
    """As a fast typist or a paste: every key is there before the first is looked at."""
    for key in keys:
        app.post_message(events.Key(key, key if len(key) == 1 else None))


async def test_enter_right_after_the_first_visit_opens_the_row(stage: Stage) -> None:
    await stage.send("find me")
    async with stage.app("bob") as (app, pilot):
        await pilot.press("4", "enter")
        await until(lambda: isinstance(app.screen, RunScreen), "the run is open")
    async with stage.app("bob") as (app, _):
        type_at_once(app, "4", "enter")
        await until(lambda: isinstance(app.screen, RunScreen), "the run is open")
        type_at_once(app, "escape", "3", "enter")
        await until(lambda: isinstance(app.screen, AgentScreen), "the agent is open")
        type_at_once(app, "escape", "1", "question_mark")
        await until(lambda: isinstance(app.screen, HelpScreen), "the help is open")


async def test_what_is_typed_while_dialogs_open_is_in_them_in_order(stage: Stage) -> None:
    await stage.send("work")
    async with stage.app("bob") as (app, _):
        await until(lambda: "work" in words(app), "shown")
        type_at_once(app, "ctrl+p", *"needle")
        await until(lambda: [each.value for each in app.screen.query(Input)] == ["needle"], "the palette has them")
        type_at_once(app, "escape")
        await until(lambda: not isinstance(app.screen, Palette), "closed")
        type_at_once(app, "n", *"echo 1 2")
        await until(lambda: [each.text for each in app.screen.query(CommandText)] == ["echo 1 2"], "the composer too")
        type_at_once(app, "escape")
        await until(lambda: not app.screen.is_modal, "closed")
        type_at_once(app, "slash", *"wor")
        await until(lambda: "/wor" in words(app), "the filter")


async def test_a_server_that_does_not_answer_holds_no_keys(stage: Stage) -> None:
    await stage.send("work")
    async with stage.app("bob") as (app, _):
        await until(lambda: "work" in words(app), "shown")
        superuser = await stage.workspace.database.superuser()
        transaction = superuser.transaction()
        await transaction.start()
        await superuser.execute("LOCK TABLE kolony.runs IN ACCESS EXCLUSIVE MODE")
        type_at_once(app, "4", "question_mark")
        await until(lambda: isinstance(app.screen, HelpScreen), "the help opens over the empty list", 5)
        await transaction.rollback()
