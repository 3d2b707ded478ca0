"""Looking back in the app: as of a moment, step by step, nothing to be done there, and back."""

from __future__ import annotations

from tests.ui.stage import Stage, toasts, until, words


async def test_at_a_moment_step_and_back(stage: Stage) -> None:
    runner = await stage.runner()
    await runner.beat()
    first = await stage.send("look at the logs")
    claim = await runner.take()
    await runner.write(claim, b"one line\n")
    database = await stage.workspace.database.connect("bob")
    before = await database.fetchval("SELECT clock_timestamp()")
    await runner.write(claim, b"two lines\n", first=1)
    await runner.finish(claim, exit_code=0, chunks=2, bytes=19, lines=2)
    await stage.send("what comes after")
    async with stage.app("bob") as (app, pilot):
        await until(lambda: "what comes after" in words(app), "the present is shown")
        app.do("replay.at", before.isoformat())
        await until(lambda: app.replay.on and "REPLAY" in words(app), "it looks back")
        await until(lambda: "what comes after" not in words(app) and "look at the logs" in words(app), "as it was")
        await until(lambda: [run.run_id for run in app.queue] == [first], "it was at work on it")
        app.do("work.new")
        await until(lambda: "this is the past" in toasts(app), "nothing can be done there")
        await pilot.press("right_square_bracket")
        await until(lambda: [run.run_id for run in app.recent] == [first] and not app.queue, "the next step: its end")
        await pilot.press("left_square_bracket", "left_square_bracket")
        await until(lambda: [run.run_id for run in app.queue] == [first], "and back")
        app.open_run(first)
        await until(lambda: "starting" in words(app), "its screen as of then: claimed, not begun")
        await pilot.press("left_curly_bracket")
        await until(lambda: app.replay.moment is not None and app.replay.moment < before, "a minute earlier")
        await pilot.press("L")
        await until(lambda: not app.replay.on and "REPLAY" not in words(app), "back to now")
        await until(lambda: "completed" in words(app), "the run's screen is of now again")


async def test_a_moment_that_is_none(stage: Stage) -> None:
    async with stage.app("eve") as (app, pilot):
        await until(lambda: app.session is not None, "logged in")
        app.do("replay.at", "teatime")
        await until(lambda: "is no moment" in toasts(app), "said in a line")
        app.do("replay.on")
        await until(lambda: "that is for looking back" in toasts(app), "and keys of the past say so")
        await pilot.press("colon", *"at 1m", "enter")
        await until(lambda: app.replay.on, "a viewer looks back too")
        await pilot.press("space")
        await until(lambda: "playing 1x" in words(app), "it plays")
        await pilot.press("space", "space", "space")
        await until(lambda: "playing" not in words(app), "and stops")
