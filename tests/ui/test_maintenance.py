"""Settings > Retention and > Maintenance in the app."""

from __future__ import annotations

from tests.ui.stage import Stage, toasts, until, words


async def test_an_admin_has_a_job_done_and_a_viewer_looks(stage: Stage) -> None:
    shown = {"screen": "settings", "section": "maintenance"}
    async with stage.app("ada", remembered=shown) as (app, pilot):
        await until(lambda: "retain_traces" in words(app), "the jobs are listed")
        await pilot.press("enter", "end", "up", "enter")
        await until(lambda: "is done" in toasts(app), "and done when asked for")
        app.do("settings.retention")
        await until(lambda: "Archived after" in words(app), "with how long what is kept beside")
    async with stage.app("eve", remembered=shown) as (app, pilot):
        await until(lambda: "an admin has a job done" in words(app), "read")
        await pilot.press("enter", "enter")
        await until(lambda: "you are a viewer here" in toasts(app), "and told why not")
