"""The timeline: events as they come, narrowed, gone into, and looked back from."""

from __future__ import annotations

from typing import cast

from kolony_tui.ui.screens.audit.log import AuditScreen
from kolony_tui.ui.screens.timeline.screen import TimelineScreen
from kolony_tui.ui.screens.work.run import RunScreen
from tests.ui.stage import Stage, until, words


async def test_events_come_and_lead_on(stage: Stage) -> None:
    runner = await stage.runner()
    await stage.send("look at the logs")
    async with stage.app("eve", size=(140, 40)) as (app, pilot):
        await pilot.press("8")
        await until(lambda: isinstance(app.ground, TimelineScreen) and "run.queued" in words(app), "it is shown")
        screen = cast("TimelineScreen", app.ground)
        claim = await runner.take()
        await until(lambda: screen.list.rows[0].kind == "run.started", "what happens comes on top by itself")
        await pilot.press("e")
        await until(lambda: screen.has_content and screen.area == "agent", "only of agents")
        assert {event.kind.partition(".")[0] for event in screen.list.rows} == {"agent"}
        await pilot.press("escape")
        await until(lambda: screen.has_content and screen.area == "", "all again")
        await runner.finish(claim, "failed", exit_code=3, error="no")
        await until(lambda: "exit code 3" in words(app), "and what it was")
        assert screen.list.point(next(event.event_id for event in screen.list.rows if event.kind == "run.queued"))
        await pilot.press("a")
        await until(lambda: screen.has_content and screen.wanted.run_id is not None, "one run's")
        assert all(event.run_id is not None for event in screen.list.rows)
        await pilot.press("r")
        await until(lambda: app.replay.on and len(screen.list.rows) == 1, "as of its first event")
        await pilot.press("enter")
        await until(lambda: isinstance(app.ground, RunScreen) and "waiting" in words(app), "its screen as of then")
        await pilot.press("L", "escape")
        await until(lambda: app.ground is screen and not app.replay.on, "and back to now")
        await pilot.press("l")
        await until(lambda: isinstance(app.ground, AuditScreen), "the audit log is a key away")
