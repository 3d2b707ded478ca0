"""The dashboard shows what really is, as it changes, and the composer sends."""

from __future__ import annotations

import pytest

from kolony_tui.ui import live
from kolony_tui.ui.screens.dashboard import DashboardScreen
from kolony_tui.ui.screens.work.command_text import CommandText
from kolony_tui.ui.screens.work.composer import EXAMPLES, Composer
from kolony_tui.ui.widgets.panel import Panel
from kolony_tui.ui.widgets.run_list import RunList
from tests.ui.stage import Stage, toasts, until, words


async def test_work_of_others_shows_by_its_hint(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "POLL", 3600.0)
    await stage.send("an old one")
    async with stage.app("eve") as (app, _):
        await until(lambda: "an old one" in words(app), "the queue is shown")
        await stage.send("new work")
        await until(lambda: "new work" in words(app), "another's command")
        await until(lambda: "● 0/1 online" in words(app), "● 0/1 online")
        runner = await stage.runner()
        claim = await runner.take()
        await runner.write(claim, b"the first line\n", ("stderr", b"a complaint\n"))
        await until(lambda: "the first line" in words(app), "output is shown as it comes")
        await until(lambda: "a complaint" in words(app), "both streams are shown")
        await until(lambda: "● 1/1 online" in words(app), "the runner is seen")
        await until(lambda: "▶" in words(app), "it is seen to execute")
        await runner.finish(claim, exit_code=0, chunks=2)
        await until(lambda: "✔ completed" in words(app), "its end is shown")
        await until(lambda: "the first line" in words(app), "what was printed stays")


async def test_what_ended_stays_below_what_waits(stage: Stage) -> None:
    runner = await stage.runner()
    for text in ("done well", "went wrong", "still waits"):
        await stage.send(text)
    claims = [await runner.take(), await runner.take()]
    async with stage.app("bob") as (app, pilot):
        await until(lambda: "still waits" in words(app), "shown")
        await runner.write(claims[1], b"the reason\n")
        await runner.finish(claims[0], exit_code=0)
        await runner.finish(claims[1], "failed", exit_code=3, chunks=1)
        rows = app.screen.query_one("#queue", RunList)
        ended = ["still waits", "went wrong", "done well"]
        await until(lambda: [run.title.raw for run in rows.rows] == ended, "the ends stand below, newest first")
        await until(lambda: "✖ failed 3" in words(app) and "✔ completed" in words(app), "both ends are in sight")
        title = app.screen.query_one("#queue-panel", Panel).title
        await until(lambda: title.words.split()[-1] == "1", "only what is open is counted")
        app.set_focus(rows)
        await pilot.press("home", "down")
        await until(lambda: "the reason" in words(app), "what it printed is shown")
        await pilot.press("r")
        await until(lambda: "queued again" in toasts(app), "it runs again")
        await until(lambda: [run.title.raw for run in rows.rows][-1] == "done well" and len(app.recent) == 1, "moved")
        assert rows.pointed is not None
        assert rows.pointed.title.raw == "went wrong", "the cursor went with it"
        rows.sort("command", backwards=True)
        assert rows.rows[-1].title.raw == "done well", "the past stays below in any order"


async def test_composer_sends_and_shows_the_output(stage: Stage) -> None:
    runner = await stage.runner()
    async with stage.app("bob") as (app, pilot):
        await until(lambda: isinstance(app.screen, Composer), "the composer opens where nothing was ever sent")
        await until(lambda: EXAMPLES[0][1] in words(app), "with examples")
        await pilot.press("down", "enter", "enter")
        await until(lambda: isinstance(app.screen, DashboardScreen), "it was sent")
        claim = await runner.take()
        assert claim["content"] == EXAMPLES[0][1]
        await runner.write(claim, b"Linux\n")
        await until(lambda: "Linux" in words(app), "its output is shown")
        assert app.focused is not None
        assert app.focused.id == "output-view"


async def test_composer_writes_lines_drafts_and_errors(stage: Stage) -> None:
    await stage.runner()
    await stage.send("earlier work")
    async with stage.app("bob") as (app, pilot):
        await pilot.press("n")
        await until(lambda: isinstance(app.screen, Composer), "n opens it")
        await pilot.press("enter")
        await until(lambda: "the command is empty" in words(app), "an empty command is refused in place")
        await pilot.press("up")
        # The queue below says so too.
        await until(lambda: app.screen.query_one(CommandText).text == "earlier work", "up brings back what was sent")
        await pilot.press("ctrl+j", "m", "o", "r", "e", "ctrl+s")
        await until(lambda: isinstance(app.screen, DashboardScreen), "kept")
        await until(lambda: "draft #2 is kept" in toasts(app), "said so")
        person = await stage.workspace.database.connect("bob")
        draft = await person.fetchrow("SELECT content, submitted_at FROM kolony.commands WHERE number = 2")
        assert draft is not None
        assert tuple(draft) == ("earlier work\nmore", None)
        await pilot.press("colon", *"submit", "space", "2", "enter")
        await until(lambda: "draft 2 is sent" in toasts(app), "sent by name")


async def test_composer_names_an_unknown_agent_and_keeps_the_text(stage: Stage) -> None:
    await stage.send("something")
    async with stage.app("bob") as (app, pilot):
        await pilot.press("n", *"hello", "tab")
        await until(lambda: isinstance(app.screen, Composer), "open")
        composer = app.screen
        target = composer.query_one("#target")
        target.value = "nobody"  # type: ignore[attr-defined]
        composer.query_one("#text").focus()
        await pilot.press("enter")
        await until(lambda: "there is no agent 'nobody'" in words(app), "said in place")
        await pilot.press("escape", "n")
        await until(lambda: isinstance(app.screen, Composer) and "hello" in words(app), "the text is there again")


async def test_the_title_shows_where_the_focus_is(stage: Stage) -> None:
    await stage.send("work")
    async with stage.app("bob") as (app, _):
        await until(lambda: "work" in words(app), "shown")
        panels = [app.screen.query_one(f"#{name}", Panel) for name in ("fleet-panel", "queue-panel")]

        def marked() -> list[bool]:
            plain = app.theme_variables["primary-muted"].lower()
            return [panel.title.styles.background.hex.lower() == plain for panel in panels]

        app.set_focus(panels[0].query_one("RowList"))
        await until(lambda: marked() == [True, False], "the fleet's")
        app.set_focus(panels[1].query_one("RowList"))
        await until(lambda: marked() == [False, True], "and it follows")
