"""Steering the queue in the app: hold, place, why, interrupt and cancel rung by rung, many at once, and undo."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from textual.widgets import Input

from kolony_tui.core import work
from kolony_tui.core.session import log_in
from kolony_tui.ui.app import KolonyApp
from kolony_tui.ui.draw import plain
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.screens.asking import Question
from kolony_tui.ui.screens.work.draft import WaitingEditor
from kolony_tui.ui.screens.work.ending import endings
from kolony_tui.ui.screens.work.why import WhyScreen
from kolony_tui.ui.widgets.run_list import RunList
from tests.ui.stage import Stage, toasts, until, words
from tests.work.calls import let_pass


def queue(app: KolonyApp) -> list[str]:
    """The lines of the dashboard's queue, without its header."""
    rows = app.screen_stack[0].query_one("#queue", RunList)
    return [line for y in range(1, rows.size.height) if (line := rows.render_line(y).text.strip())]


async def test_hold_why_release_and_place(stage: Stage) -> None:
    for name in ("alpha", "beta", "gamma"):
        await stage.send(f"run {name}")
    async with stage.app("bob", size=(80, 24)) as (app, pilot):
        await until(lambda: "run gamma" in words(app), "all are shown")
        await pilot.press("h")
        await until(lambda: "Ⅱ held" in words(app), "held, in a word and not by colour alone")
        await pilot.press("w")
        await until(lambda: isinstance(app.screen, WhyScreen) and "held by bob" in words(app), "why")
        assert "release it" in words(app)
        assert "no runner" in words(app), "the agent is a reason of its own"
        await pilot.press("h")
        await until(lambda: "held by bob" not in words(app), "the dialog follows what became of it")
        await pilot.press("escape")
        await until(lambda: "waiting #1" in "\n".join(queue(app)), "in the queue again")
        await pilot.press("J")
        person = await stage.workspace.database.connect("eve")
        order = "SELECT title FROM kolony.run_overview WHERE position IS NOT NULL ORDER BY position"

        async def titles() -> list[str]:
            return [row["title"] for row in await person.fetch(order)]

        await until(lambda: "waiting #2" in queue(app)[0] or "run beta" in queue(app)[0], "one place back")
        assert await titles() == ["run beta", "run alpha", "run gamma"]
        app.do("run.move", "3")
        await until(lambda: "is #3 in its queue" in toasts(app), "to the end")
        assert await titles() == ["run beta", "run gamma", "run alpha"]


async def test_interrupt_and_cancel_tell_every_rung_and_what_nobody_confirmed(stage: Stage) -> None:
    runner = await stage.runner()
    run_id = await stage.send("a long job")
    claim = await runner.take()

    async def note(*steps: str) -> None:
        for step in steps:
            await runner.connection.execute("SELECT kolony.note_step($1, $2, '')", claim["attempt_id"], step)
        await runner.announce(f"run:{run_id}")

    async with stage.app("bob", size=(80, 24)) as (app, pilot):
        app.open_run(run_id)
        await until(lambda: "executing" in words(app), "its screen")
        await pilot.press("x")
        await until(lambda: isinstance(app.screen, Question), "it asks")
        await pilot.press(*"too long", "enter")
        await until(lambda: "bob interrupted it" in words(app) and "not heard yet" in words(app), "asked")
        orders = await runner.beat()
        assert [(order["what"], order["why"]) for order in orders] == [("interrupt", "too long")]
        await note("heard", "sigint")
        await until(lambda: "⊙ interrupted" in words(app) and "SIGINT" in words(app), "heard, and what was done")
        await pilot.press("C", "enter")
        await until(lambda: "bob asked it to end" in words(app) and "not confirmed yet" in words(app), "asked to end")
        await note("heard", "sigterm", "sigkill")
        await until(lambda: "SIGTERM" in words(app) and "SIGKILL" in words(app), "the rungs as they are taken")
        await until(lambda: "not confirmed" in " ".join(words(app).split()), "still not confirmed")
        await runner.finish(claim, "cancelled", signal=9, error="a process would not end")
        await until(lambda: "never confirmed" in " ".join(words(app).split()), "what nobody saw end says so")
        await note("gone")
        await until(lambda: "all gone" in words(app) and "never confirmed" not in words(app), "until somebody did")


async def test_g6_a_runner_that_is_gone_has_confirmed_nothing(stage: Stage) -> None:
    runner = await stage.runner()
    run_id = await stage.send("a long job")
    await runner.take()
    bob, superuser = await stage.workspace.database.connect("bob"), await stage.workspace.database.superuser()
    await bob.execute("SELECT kolony.cancel_run($1, 'enough')", run_id)
    session = await log_in(stage.workspace.database.target("eve"), "kolony tests", "main")

    async def told() -> str:
        detail = await work.run_detail(session, run_id)
        lines = [plain(line) for line in endings(detail, Drawing(datetime.now(UTC)))]
        return f"{detail.run.status}: {' | '.join(lines)}"

    assert re.fullmatch(r"executing: bob asked it to end 0:0\d ago \(enough\) → not confirmed yet", await told())
    await let_pass(superuser, runner.session_id)
    await work.settle(session)
    assert re.fullmatch(r"cancelled: bob asked it to end 0:0\d ago \(enough\) → never confirmed", await told())
    await bob.execute("SELECT kolony.retry_run($1)", run_id)
    assert await told() == "waiting: ", "what was asked of the try before is past"
    await bob.execute("SELECT kolony.cancel_run($1)", run_id)
    assert "confirmed" not in await told(), "what waited needs nobody to confirm it"
    await session.db.close()


async def test_many_are_cancelled_with_a_preview_and_brought_back(stage: Stage) -> None:
    helper = await stage.workspace.database.add_agent("helper")
    runner = await stage.runner()
    await stage.send("begun")
    await runner.take()
    await stage.send("waits here")
    await stage.send("waits there", to=helper)
    async with stage.app("bob") as (app, pilot):
        await until(lambda: len(queue(app)) == 3, "all are shown")
        await pilot.press("ctrl+a", "C")
        await until(lambda: "Cancel 3 runs on 2 agents?" in words(app), "what it is about")
        assert "1 of them has begun" in words(app)
        await pilot.press("enter")
        await until(lambda: "undo (" in words(app), "and for how long it can be taken back")
        await until(lambda: "2 cancelled" in toasts(app) and "1 asked to end" in toasts(app), "said")
        await pilot.press("u")
        await until(lambda: "taken back: cancel of 2 runs" in toasts(app), "taken back")
        await until(lambda: sum("waiting" in line for line in queue(app)) == 2, "both wait again")
        assert "undo (" not in words(app)
        await pilot.press("u")
        await until(lambda: "nothing to undo" in toasts(app), "no more than that")


async def test_what_waits_is_edited_given_away_and_raised(stage: Stage) -> None:
    await stage.workspace.database.add_agent("helper")
    run_id = await stage.send("echo one")
    async with stage.app("bob") as (app, pilot):
        await until(lambda: "echo one" in words(app), "shown")
        await pilot.press("E")
        await until(lambda: isinstance(app.screen, WaitingEditor) and "echo one" in words(app), "in the editor")
        app.screen.query_one("#priority", Input).value = "70"
        await pilot.press("end", *" two", "enter")
        await until(lambda: "it waits as before" in toasts(app), "saved, not sent again")
        await until(lambda: "echo one two" in words(app), "the list has it")
        await pilot.press("minus")
        await until(lambda: "priority 60" in toasts(app), "lowered from there")
        app.do("run.assign", "helper")
        await until(lambda: "given to helper" in toasts(app), "given away")
        person = await stage.workspace.database.connect("eve")
        row = await person.fetchrow("SELECT agent, priority, title FROM kolony.run_overview WHERE run_id = $1", run_id)
        assert row is not None
        assert tuple(row) == ("helper", 60, "echo one two")


async def test_a_viewer_sees_why_and_steers_nothing(stage: Stage) -> None:
    await stage.send("run alpha")
    async with stage.app("eve") as (app, pilot):
        await until(lambda: "run alpha" in words(app), "shown")
        for key in ("h", "x", "C", "J", "plus", "u"):
            await pilot.press(key)
        await until(lambda: toasts(app).count("you are a viewer here") >= 6, "each says why not")
        await pilot.press("w")
        await until(lambda: isinstance(app.screen, WhyScreen) and "no runner" in words(app), "but why is for all")
        assert "cancels it" not in words(app)
        await pilot.press("h", "C")
        await until(lambda: "Cancel runs: you are a viewer" in toasts(app), "nor from there")
