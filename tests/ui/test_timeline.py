"""The timeline: events as they come, narrowed, gone into, and looked back from."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from kolony_tui.core.bundle import Bundle
from kolony_tui.ui.screens.audit.log import AuditScreen
from kolony_tui.ui.screens.timeline.screen import AREAS, TimelineScreen
from kolony_tui.ui.screens.work.run import RunScreen
from tests.ui.stage import Stage, toasts, until, words


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


async def test_what_is_listed_is_exported(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runner = await stage.runner()
    kept, other = await stage.send("look at the logs"), await stage.send("something else")
    claim = await runner.take()
    await runner.write(claim, ("stdout", b"found it\n"))
    await runner.finish(claim, chunks=1)
    async with stage.app("eve", size=(80, 24)) as (app, pilot):
        await pilot.press("8")
        await until(lambda: isinstance(app.ground, TimelineScreen) and app.ground.has_content, "it is shown")
        screen = cast("TimelineScreen", app.ground)
        await until(lambda: any(event.kind == "run.completed" for event in screen.list.rows), "with what happened")
        screen.list.point(next(event.event_id for event in screen.list.rows if event.kind == "run.completed"))
        await pilot.press("a")
        await until(lambda: screen.has_content and screen.wanted.run_id == kept, "one run's")
        await pilot.press(*["e"] * AREAS.index("run"))
        await until(lambda: screen.has_content and screen.area == "run", "and of its run alone")
        listed = {event.event_id for event in screen.list.rows}
        await pilot.press("w")
        await until(lambda: "Export a bundle" in words(app), "it asks where to")
        await pilot.press("ctrl+u", *"mine", "ctrl+s")
        await until(lambda: str(tmp_path / "mine") in "".join(toasts(app).split()), "it says where it lies")
        await pilot.press("w", "ctrl+u", *"mine", "ctrl+s")
        await until(lambda: "exists already" in words(app), "never over another one unasked")
    bundle = Bundle(tmp_path / "mine")
    bundle.check()
    assert [row["run_id"] for row in bundle.rows("runs")] == [str(kept)] != [str(other)]
    assert {row["event_id"] for row in bundle.rows("events") if row["kind"].startswith("run.")} == listed
    assert b"found it" in bytes.fromhex(next(bundle.rows("output_chunks"))["data"][2:])
    assert next(bundle.rows("agents"))["instructions"] == ""
    assert not any(stage.workspace.database.cluster.login(who) in row["login"]
                   for row in bundle.rows("profiles") for who in ("bob", "eve"))  # fmt: skip
