"""A viewer sees everything and is told why nothing can be changed; a change of role is in force at once."""

from __future__ import annotations

import pytest

from kolony_tui.models.errors import WrongState
from kolony_tui.ui.screens.fleet.token import TokenScreen
from kolony_tui.ui.screens.work.composer import Composer
from tests.ui.stage import Stage, toasts, until, words


async def test_viewer_is_told_why(stage: Stage) -> None:
    await stage.send("somebody's work")
    async with stage.app("eve") as (app, pilot):
        await until(lambda: "somebody's work" in words(app), "the queue is shown")
        await until(lambda: "READ-ONLY" in words(app), "READ-ONLY")
        await pilot.press("x")
        await until(lambda: "you are a viewer here" in toasts(app), "the reason is told")
        await pilot.press("n")
        await until(lambda: toasts(app).count("you are a viewer here") == 2, "for each key")
        assert not isinstance(app.screen, Composer)
        await pilot.press("ctrl+p", *"cancel")
        await until(lambda: "you are a viewer here" in words(app), "the palette shows the reason too")


async def test_new_role_is_in_force_without_a_restart(stage: Stage) -> None:
    await stage.send("work")
    login = await stage.workspace.database.add_person("viewer")
    async with stage.app(login) as (app, _):
        assert app.read_only
        ada = await stage.workspace.database.connect("ada")
        await ada.execute("SELECT kolony.set_role($1, $2, 'operator')", stage.workspace.workspace_id, login)
        await until(lambda: "OPERATOR" in words(app), "the badge changes")
        await ada.execute("SELECT kolony.disable_person($1, $2)", stage.workspace.workspace_id, login)
        await until(lambda: app.live.link.lost, "no rights any more: nothing pretends to be current")
        await until(lambda: "work" in words(app), "work")


async def test_admin_sees_a_token_once_and_in_no_picture(stage: Stage) -> None:
    async with stage.app("ada") as (app, pilot):
        await until(lambda: isinstance(app.screen, Composer), "greeted")
        await pilot.press("escape", "colon", *"token", "space", *"worker", "enter")
        await until(lambda: isinstance(app.screen, TokenScreen) and "kol_" in words(app), "the token is shown")
        with pytest.raises(WrongState, match="while a secret is shown"):
            app.export_screenshot()
        await pilot.press("y")
        assert app.clipboard.startswith("kol_")
        await pilot.press("escape")
        await until(lambda: "kol_" not in words(app), "and gone")


async def test_workspaces_can_be_changed(stage: Stage) -> None:
    admin = await stage.workspace.database.connect("ada")
    await admin.fetchval("SELECT kolony.create_workspace('second', 'Second')")
    await stage.send("work of main")
    async with stage.app("ada") as (app, pilot):
        await until(lambda: "work of main" in words(app), "main is shown")
        await pilot.press("ctrl+w")
        await until(lambda: "Second" in words(app), "both are offered")
        await pilot.press("down", "enter")
        await until(lambda: "second" in words(app) and "work of main" not in words(app), "the other one is shown")
        await pilot.press("colon", *"workspace main", "enter")
        await until(lambda: "work of main" in words(app), "and back by name")


async def test_no_screen_keeps_anything_of_the_former_workspace(stage: Stage) -> None:
    admin = await stage.workspace.database.connect("ada")
    await admin.fetchval("SELECT kolony.create_workspace('second', 'Second')")
    run_id = await stage.send("work of main")
    async with stage.app("ada") as (app, pilot):
        await until(lambda: "work of main" in words(app), "main is shown")
        await pilot.press("4")
        await until(lambda: "work of main" in words(app) and "Runs" in words(app), "its queue")
        app.do("list.filter", "work")
        await pilot.press("3")
        await until(lambda: "worker" in words(app), "its agents")
        app.open_agent(stage.agent.agent_id)
        await until(lambda: "no runner has ever" in words(app), "one of them")
        app.open_run(run_id)
        await until(lambda: "asked by" in words(app), "one of its runs")
        await app.change_workspace("second")
        seen = []
        for key in ("", "4", "1", "0", "3"):
            await pilot.press(*key)
            await until(lambda: app.ground is not None and app.ground.filled, f"the screen {key}")
            seen.append(words(app))
        assert "second" in seen[0]
        assert len(app.screen_stack) == 1
        assert not any("worker" in each or "work of main" in each for each in seen), seen
        assert "/work (0 of 0)" in seen[1], "but its filter"
        assert not toasts(app)
