"""The emergency stop in the app: asked for twice, seen everywhere, confirmed agent by agent, lifted."""

from __future__ import annotations

from tests.ui.stage import Stage, toasts, until, words
from tests.ui.test_early_keys import type_at_once


async def test_from_the_key_to_the_lifting(stage: Stage) -> None:
    other = await stage.workspace.database.add_agent("other")
    runner = await stage.runner(host="forge")
    await stage.send("burn", by="bob")
    claim = await runner.take()
    eve = await stage.workspace.database.connect("eve")
    async with stage.app("bob", size=(120, 30)) as (app, pilot):
        await pilot.press("exclamation_mark")
        await until(lambda: "EMERGENCY STOP" in words(app), "the dialog")
        # Without the word nothing happens, and the dialog says which.
        await pilot.press("enter", *"fire!", "enter", *"mian", "enter")
        await until(lambda: "type main or stop" in words(app), "what is missing")
        assert await eve.fetchval("SELECT count(*) FROM kolony.stops") == 0
        await pilot.press("backspace", "backspace", "backspace", *"ain", "enter")
        await until(lambda: "EVERYONE STOPPED by bob" in words(app) and "fire!" in words(app), "the banner")
        await until(lambda: "asked" in words(app) and "not connected" in words(app), "each agent")
        assert "1 of 2 confirmed" in words(app)
        await runner.connection.execute("SELECT kolony.acknowledge_stop($1)", runner.session_id)
        await until(lambda: "ending" in words(app), "the runner has heard")
        await runner.finish(claim, "cancelled")
        await until(lambda: "2 of 2 confirmed" in words(app), "all have confirmed")
        # On every screen, and an agent that is stopped looks it.
        await pilot.press("3")
        await until(lambda: "EVERYONE STOPPED" in words(app) and words(app).count("stopped") >= 2, "the fleet says so")
        await pilot.press("colon", *"stopped", "enter")
        await until(lambda: "Stopped agents" in words(app), "the screen again")
        await pilot.press("A")
        await until(lambda: "Lift every stop?" in words(app), "asks once")
        await pilot.press("y")
        await until(lambda: "STOPPED" not in words(app), "the banner is gone")
        assert "every stop is lifted" in toasts(app)
    assert other.name == "other"


async def test_some_agents_and_a_viewer(stage: Stage) -> None:
    await stage.workspace.database.add_agent("other")
    await stage.send("wait")
    eve = await stage.workspace.database.connect("eve")
    async with stage.app("bob", size=(80, 24)) as (app, pilot):
        await pilot.press("3")
        await until(lambda: "other" in words(app), "the fleet")
        await pilot.press("home", "exclamation_mark")
        await until(lambda: "[everyone]" in words(app), "everyone is what it begins with")
        # Fast, as in an emergency: each key goes to the field that it is for.
        type_at_once(app, "right", "enter", *"fire", "enter", *"stop", "enter")
        await until(lambda: "1 AGENT STOPPED by bob" in words(app), "the banner")
    assert [tuple(row) for row in await eve.fetch("SELECT everyone, why FROM kolony.stops")] == [(False, "fire")]
    async with stage.app("eve", size=(80, 24)) as (app, pilot):
        await until(lambda: "1 AGENT STOPPED by bob" in words(app), "a viewer sees it")
        await pilot.press("exclamation_mark")
        await until(lambda: "you are a viewer" in toasts(app), "and stops nothing")
