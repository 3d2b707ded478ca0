"""Settings > Constraints: made, changed, chosen and deleted by an admin; seen by everybody."""

from __future__ import annotations

from kolony_tui.ui.screens.asking import Question
from kolony_tui.ui.screens.form import Form
from tests.ui.stage import Stage, toasts, until, words

SETTINGS = {"screen": "settings", "section": "constraints"}


async def test_an_admin_makes_changes_and_deletes_them(stage: Stage) -> None:
    async with stage.app("ada", size=(80, 24), remembered=SETTINGS) as (app, pilot):
        await until(lambda: "runs have no limits" in words(app), "there is none")
        await pilot.press("enter", "a")
        await until(lambda: isinstance(app.screen, Form), "asked")
        await pilot.press(*"small", "tab", *"soon", "ctrl+s")
        await until(lambda: "a time limit is a number of seconds" in words(app), "what is wrong is said in place")
        await pilot.press("ctrl+u", *"1.5", "tab", "tab", *"200", "tab", *"50%", "ctrl+s")
        await until(lambda: "1.5 s" in words(app) and "200 MB" in words(app) and "50% CPU" in words(app), "made")
        await pilot.press("d")
        await until(lambda: "what is sent without naming one gets" in words(app), "the default")
        await pilot.press("enter")
        await until(lambda: "Change small" in words(app), "enter changes")
        await pilot.press("tab", "ctrl+u", *"none", "ctrl+s")
        await until(lambda: "1.5 s" not in words(app) and "200 MB" in words(app), "one limit less")
        await pilot.press("x")
        await until(lambda: isinstance(app.screen, Question) and "small: 200 MB" in words(app), "a preview")
        await pilot.press("y")
        await until(lambda: "small is deleted" in toasts(app), "gone")
        await until(lambda: "runs have no limits" in words(app), "and not listed")
        await pilot.press("u")
        await until(lambda: "200 MB" in words(app) and "naming one gets" in words(app), "undone, and the default again")


async def test_a_viewer_sees_them_and_is_told_why_not_more(stage: Stage) -> None:
    ada = await stage.workspace.database.connect("ada")
    await ada.execute(
        "SELECT kolony.make_constraint($1, E'evil \\u202e[red]', memory_limit_mb => 7)", stage.workspace.workspace_id
    )
    async with stage.app("eve", remembered=SETTINGS) as (app, pilot):
        await until(lambda: "7 MB" in words(app) and "an admin changes them" in words(app), "seen")
        assert "\u202e" not in words(app)
        assert "[red]" in words(app), "no markup"
        await pilot.press("enter", "a")
        await until(lambda: "you are a viewer here; this takes an admin" in toasts(app), "told")


async def test_an_agent_shows_how_its_runner_holds_limits(stage: Stage) -> None:
    runner = await stage.runner()
    await runner.connection.execute(
        "SELECT kolony.beat($1, $2, '{}')", runner.session_id, {"cpu_percent": 1.0, "limits": "kernel"}
    )
    async with stage.app("eve") as (app, pilot):
        await pilot.press("3")
        await until(lambda: "idle" in words(app), "there")
        await pilot.press("enter")
        await until(lambda: "limits held by the kernel" in words(app), "said")
