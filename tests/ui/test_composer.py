"""The composer aimed at many: filters and everyone with a preview, a confirmation, the seldom fields, the board."""

from __future__ import annotations

from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input

from kolony_tui.ui.app import KolonyApp
from kolony_tui.ui.screens.fleet.agents import AgentsScreen
from kolony_tui.ui.screens.work.broadcast import CountQuestion
from kolony_tui.ui.screens.work.command import CommandScreen
from kolony_tui.ui.screens.work.composer import Composer
from tests.ui.stage import Stage, toasts, until, words


async def fleet(stage: Stage, count: int) -> None:
    """So many agents beside the first one."""
    ada = await stage.workspace.database.connect("ada")
    for number in range(count):
        call = "SELECT kolony.create_agent($1, $2, 'claude')"
        await ada.execute(call, stage.workspace.workspace_id, f"web-{number:02d}")
    await stage.send("so that no composer greets")


async def commands(stage: Stage) -> list[tuple[Any, ...]]:
    """What was sent beside the first command, oldest first."""
    superuser = await stage.workspace.database.superuser()
    rows = await superuser.fetch(
        "SELECT content, cardinality(targets), kind, target_words, at_a_time, stop_after, not_before > now(),"
        " submitted_at IS NOT NULL FROM kolony.commands ORDER BY number OFFSET 1"
    )
    return [tuple(row) for row in rows]


async def aim(app: KolonyApp, pilot: Pilot[int], words_typed: str) -> None:
    """Types a target, and goes back to the text."""
    app.screen.query_one("#target", Input).value = ""
    app.screen.query_one("#target", Input).focus()
    await pilot.press(*words_typed, "enter")


async def test_a_filter_says_to_whom_it_goes_and_the_board_follows_the_runs(stage: Stage) -> None:
    await fleet(stage, 3)
    async with stage.app("bob") as (app, pilot):
        await pilot.press("n")
        await until(lambda: isinstance(app.screen, Composer), "open")
        await aim(app, pilot, "type=claud")
        await until(lambda: "goes to nobody" in words(app), "nobody yet")
        await pilot.press(*"uptime", "enter")
        await until(lambda: "no agent passes 'type=claud'" in words(app), "and nothing is sent")
        await aim(app, pilot, "type=")
        await until(lambda: "^" in words(app) or "value" in words(app), "an error says where")
        await aim(app, pilot, "type=claude")
        await until(lambda: "goes to 3 agents: web-00, web-01, web-02" in words(app), "the preview")
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, CommandScreen) and "0/3 done, 3 waiting" in words(app), "the board")
        superuser = await stage.workspace.database.superuser()
        await superuser.execute(
            "UPDATE kolony.runs SET outcome = 'failed', finished_at = now() WHERE ordinal = 2 AND command_id ="
            " (SELECT command_id FROM kolony.commands WHERE number = 2)"
        )
        await pilot.press("ctrl+r")
        await until(lambda: "1/3 done, 1 failed, 2 waiting" in words(app), "it follows")
        assert "to type=claude" in words(app)
        await pilot.press("enter")
        await until(lambda: "asked by" in words(app), "a run of it")
        await pilot.press("B")
        await until(lambda: isinstance(app.screen, CommandScreen), "and from there to all of them")
    assert await commands(stage) == [("uptime", 3, "natural", "type=claude", None, None, None, True)]


async def test_what_goes_to_many_is_confirmed_by_their_number(stage: Stage) -> None:
    await fleet(stage, 11)
    async with stage.app("bob") as (app, pilot):
        await pilot.press("b")
        await until(lambda: "goes to 12 agents" in words(app), "everyone")
        await pilot.press(*"uptime", "enter")
        await until(lambda: isinstance(app.screen, CountQuestion), "it asks")
        await pilot.press("1", "1", "enter")
        await until(lambda: "that is not 12" in words(app), "another number")
        await pilot.press("escape")
        await until(lambda: "nothing was sent" in words(app), "left")
        assert await commands(stage) == []
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, CountQuestion), "again")
        await pilot.press("1", "2", "enter")
        await until(lambda: isinstance(app.screen, CommandScreen) and "0/12 done" in words(app), "sent")
    assert await commands(stage) == [("uptime", 12, "natural", "everyone", None, None, None, True)]


async def test_marked_agents_are_aimed_at(stage: Stage) -> None:
    await fleet(stage, 3)
    async with stage.app("bob") as (app, pilot):
        await pilot.press("3")
        await until(lambda: isinstance(app.screen, AgentsScreen) and "web-02" in words(app), "the fleet")
        await pilot.press("home", "space", "space", "b")
        await until(lambda: "goes to 2 agents" in words(app), "the two that are marked")
        await pilot.press(*"uptime", "ctrl+s")
        await until(lambda: "is kept" in toasts(app), "a draft goes to many too, unasked")
    [kept] = await commands(stage)
    assert (kept[1], kept[-1]) == (2, False)


async def test_the_seldom_fields_are_folded_and_say_so(stage: Stage) -> None:
    await fleet(stage, 2)
    async with stage.app("bob") as (app, pilot):
        await pilot.press("b")
        await until(lambda: isinstance(app.screen, Composer), "open")
        assert "Not before" not in words(app)
        await pilot.press(*"audit", "alt+k", "right")
        await until(lambda: "Not before" in words(app), "unfolded")
        for name, value in (("before", "+2h"), ("at-a-time", "2"), ("stop-after", "0")):
            app.screen.query_one(f"#{name}", Input).value = value
        await pilot.press("alt+m")
        await until(lambda: "investigate; not before +2h; at a time 2; hold after 0" in words(app), "folded, and said")
        await pilot.press("enter")
        await until(lambda: "hold after: that is a number from 1" in words(app), "a slip is said")
        app.screen.query_one("#stop-after", Input).value = "1"
        await pilot.press("enter")
        await until(lambda: "2 at a time; holds the rest after 1 failed" in words(app), "sent, and the board says it")
    assert await commands(stage) == [("audit", 3, "investigate", "everyone", 2, 1, True, True)]


async def test_a_review_needs_a_run(stage: Stage) -> None:
    await fleet(stage, 0)
    async with stage.app("bob") as (app, pilot):
        await pilot.press("n", *"look", "f2", "right", "right", "f2", "enter")
        await until(lambda: "what is the review about?" in words(app), "it says so")
        app.screen.query_one("#about", Input).value = "#1"
        await pilot.press("enter")
        await until(lambda: not app.screen.is_modal, "sent")
    [sent] = await commands(stage)
    assert sent[2] == "review"


async def test_a_viewer_broadcasts_nothing(stage: Stage) -> None:
    await fleet(stage, 1)
    async with stage.app("eve") as (app, pilot):
        await pilot.press("b")
        await until(lambda: "you are a viewer here" in toasts(app), "no composer")
