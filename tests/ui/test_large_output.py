"""An output that is longer than what the app holds of it: end, beginning, any line, and what comes meanwhile."""

from __future__ import annotations

import time

from kolony_tui.ui.output_feed import WINDOW_BYTES
from kolony_tui.ui.screens.work.run import RunScreen
from tests.ui.large_output import LINES_A_PIECE, print_lines
from tests.ui.stage import Stage, toasts, until, words

LINES = 100_000


async def test_any_part_of_a_long_output_is_there_when_one_goes_to_it(stage: Stage) -> None:
    runner = await stage.runner()
    run_id = await stage.send("print much")
    claim = await runner.take()
    await print_lines(stage.workspace, run_id, LINES)
    pieces, runner.lines[claim["attempt_id"]] = LINES // LINES_A_PIECE, LINES
    async with stage.app("bob", (100, 40)) as (app, pilot):
        begun = time.monotonic()
        app.open_run(run_id)
        await until(lambda: f"row {LINES} " in words(app), "the last screenful")
        assert time.monotonic() - begun < 5
        screen = app.screen
        assert isinstance(screen, RunScreen)
        view = screen.output.view
        assert view.window.cost < 1_000_000, "the end alone was read"
        assert view.virtual_size.height == LINES, "and the bar on the right tells of all"
        await pilot.press("g")
        await until(lambda: "row 1 of" in words(app), "the beginning")
        await until(lambda: f"line 1 of {LINES:,}" in words(app), "said where one is")
        await pilot.press("pagedown")
        await until(lambda: "row 60 of" in words(app), "a page on")
        await pilot.press("colon", *"51234", "enter")
        await until(lambda: "row 51234 of" in words(app), "a line in the middle")
        for line in (90_000, 20_000, 70_000, 30_000):
            view.go_to_line(line - 1, 0.0)
            await pilot.pause()
        await until(lambda: "row 30000 hundred" in words(app), "the last that one wanted to go to")
        await pilot.press("colon", *"51234", "enter")
        await until(lambda: "row 51234 of" in words(app), "and back")
        at = view.scroll_offset.y
        await pilot.press("pageup", "pageup", "pageup")
        await until(lambda: view.scroll_offset.y < at and f"row {view.scroll_offset.y + 1} " in words(app), "above it")
        where = view.scroll_offset.y
        await runner.write(claim, b"one more\n", first=pieces)
        await until(lambda: view.new_lines == 1, "told of what came")
        assert view.scroll_offset.y == where
        await pilot.press("end")
        await until(lambda: "one more" in words(app), "the end again")
        await runner.write(claim, b"and one\n", first=pieces + 1)
        await until(lambda: "and one" in words(app), "followed")
        assert view.window.cost < WINDOW_BYTES
        await runner.finish(claim, exit_code=0, chunks=pieces + 2)
        await pilot.press("g")
        await until(lambda: "row 1 of" in words(app), "the beginning of what has ended")
        assert "missing" not in words(app)


async def test_a_search_goes_through_all_of_it_and_is_left_with_escape(stage: Stage) -> None:
    runner = await stage.runner()
    run_id = await stage.send("print much")
    await runner.take()
    await print_lines(stage.workspace, run_id, LINES)
    async with stage.app("bob", (120, 30)) as (app, pilot):
        app.open_run(run_id)
        await until(lambda: f"row {LINES} " in words(app), "the last screenful")
        await pilot.press("slash", *"row 123 ", "enter")
        await until(lambda: "row 123 of" in words(app), "found from the end on, far above")
        await until(lambda: "1 found " in words(app), "counted")
        assert "searched" not in words(app)
        await pilot.press("slash", *"/HUNDRED$/", "enter")
        await until(lambda: "0 found " in words(app), "capitals mean capitals")
        await pilot.press("slash", *"/w 5\\d*00 hundred$/", "enter")
        await until(lambda: "row 500 hundred" in words(app) and "111 found" in words(app), "the next from here on")
        await pilot.press("n")
        await until(lambda: "row 5000 hundred" in words(app), "the next")
        await pilot.press("N", "N")
        await until(lambda: "row 59900 hundred" in words(app), "before the first is the last")
        screen = app.screen
        assert isinstance(screen, RunScreen)
        await pilot.press("escape")
        await until(lambda: "found" not in words(app), "left")
        assert app.screen is screen
        await pilot.press("slash", *"/(/", "enter")
        await until(lambda: "regular expression" in toasts(app), "what cannot be read is told")
