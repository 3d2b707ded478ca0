"""What is on the screen is true again by itself: whatever hint came too early or was lost, however slow a reading."""

from __future__ import annotations

import asyncio
import gc

import pytest

from kolony_tui.core.session import PersonSession
from kolony_tui.models.lists import Page, Wish
from kolony_tui.models.work import Run, RunStatus
from kolony_tui.ui import live
from kolony_tui.ui.app import KolonyApp
from kolony_tui.ui.widgets.output_panel import OutputPanel
from kolony_tui.ui.widgets.panel import Panel
from tests.ui.stage import DEADLINE, Stage, until, words


def title(app: KolonyApp) -> str:
    """What the Output panel says of its run."""
    panel: Panel = app.screen.query_one(OutputPanel)
    return panel.title.words


def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hints that came."""
    usual, told = live.Live.hint, list[str]()

    def hint(self: live.Live, text: str) -> None:
        told.append(text)
        usual(self, text)

    monkeypatch.setattr(live.Live, "hint", hint)
    return told


async def test_a_run_that_ended_while_its_list_was_read_is_not_shown_as_running(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "POLL", 3600.0)
    usual, gate, read = KolonyApp.read_queue, asyncio.Event(), asyncio.Event()

    async def held(self: KolonyApp, session: PersonSession, wish: Wish) -> Page[Run]:
        page = await usual(self, session, wish)
        if any(run.status == RunStatus.EXECUTING for run in page.rows):
            read.set()
            await gate.wait()
        return page

    monkeypatch.setattr(KolonyApp, "read_queue", held)
    told = heard(monkeypatch)
    runner = await stage.runner()
    await stage.send("an old one")
    await runner.finish(await runner.take(), exit_code=0)
    async with stage.app("bob") as (app, _):
        await until(lambda: "#1" in title(app) and "✔ completed" in title(app), "what ended last")
        await stage.send("it ends soon")
        claim = await runner.take()
        await asyncio.wait_for(read.wait(), DEADLINE)
        await runner.finish(claim, exit_code=0)
        await until(lambda: f"run:{claim['run_id']}" in told and not app.live._hints, "its end was said")
        shown = next(each for each in app.live._watched if each.query.name == "shown run")
        await until(lambda: not shown.dirty and not shown.busy, "before it was shown")
        assert "#1" in title(app)
        gate.set()
        await until(lambda: "#2" in title(app) and "✔ completed" in title(app), "its end")


async def test_another_attempt_prints_at_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "POLL", 3600.0)
    runner = await stage.runner()
    run_id = await stage.send("a second try")
    claim = await runner.take()
    await runner.write(claim, b"the first try\n")
    await runner.finish(claim, "failed", exit_code=1, chunks=1)
    async with stage.app("bob") as (app, _):
        await until(lambda: "the first try" in words(app), "what it printed")
        bob = await stage.workspace.database.connect("bob")
        await bob.execute("SELECT kolony.retry_run($1)", run_id)
        again = await runner.take()
        runner.lines.clear()
        await runner.write(again, b"the second try\n")
        await until(lambda: "the second try" in words(app) and "attempt 2" in title(app), "the output of the second")


async def test_all_is_read_again_without_a_hint_however_slow_it_was(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "POLL", 0.2)
    monkeypatch.setattr(live, "POLL_MOST", 0.5)
    monkeypatch.setattr(live._Watched, "took", property(lambda _: 60.0, lambda watched, seconds: None), raising=False)
    runner = await stage.runner()
    await stage.send("a lost hint")
    claim = await runner.take()
    async with stage.app("bob") as (app, _):
        await until(lambda: "▶" in title(app) and "▶" in words(app), "it runs")
        monkeypatch.setattr(live.Live, "_take_hints", lambda self: self._hints.clear())
        await runner.write(claim, b"the last word\n")
        await runner.finish(claim, exit_code=0, chunks=1)
        await until(lambda: "✔ completed" in title(app), "its end above its output")
        await until(lambda: words(app).count("✔ completed") == 2, "its end in the list")
        await until(lambda: "the last word" in words(app), "what it printed")


async def test_a_reading_that_is_given_up_before_it_began_leaves_no_word(
    stage: Stage, recwarn: pytest.WarningsRecorder
) -> None:
    await stage.send("work")
    async with stage.app("bob") as (app, _):
        await until(lambda: "work" in words(app), "shown")
        app.live.look_again()
        app.live._flush()
        begun = len(app.workers)
        app.workers.cancel_all()
        assert begun > 3
    gc.collect()
    assert [str(each.message) for each in recwarn if "never awaited" in str(each.message)] == []
