"""A run's screen: streams, facts, cancelling that is not confirmed yet and then is, retry, saving."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from kolony_tui.core.output_parts import Output
from kolony_tui.models.records import OutputPiece
from kolony_tui.ui.screens.asking import Question
from kolony_tui.ui.screens.line import SaveLine
from kolony_tui.ui.screens.work.run import RunScreen
from tests.ui.stage import Stage, toasts, until, words


async def test_cancel_is_unconfirmed_until_the_runner_confirms(stage: Stage) -> None:
    runner = await stage.runner()
    await stage.send("a long job")
    claim = await runner.take()
    async with stage.app("bob") as (app, pilot):
        await until(lambda: "a long job" in words(app), "in the queue")
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, RunScreen) and "executing" in words(app), "its screen")
        await runner.write(claim, b"tick\n")
        await until(lambda: "tick" in words(app), "it streams")
        await pilot.press("C")
        await until(lambda: isinstance(app.screen, Question), "it asks")
        await pilot.press(*"enough", "enter")
        await until(lambda: "asked it to end" in words(app) and "not confirmed yet" in words(app), "not confirmed")
        orders = await runner.beat()
        assert [(order["what"], order["why"]) for order in orders] == [("cancel", "enough")]
        await runner.finish(claim, "cancelled", signal=2, chunks=1)
        await until(lambda: "⊘ cancelled" in words(app), "confirmed")
        assert "→ not confirmed yet" not in words(app)
        await until(lambda: "tick" in words(app), "tick")
        await pilot.press("r")
        await until(lambda: "◌ waiting" in words(app), "queued again")


async def test_streams_apart_and_attempts(stage: Stage) -> None:
    runner = await stage.runner()
    run_id = await stage.send("two streams")
    claim = await runner.take()
    await runner.write(claim, b"out 1\n", ("stderr", b"err 1\n"), b"out 2\n")
    await runner.finish(claim, "failed", exit_code=3, error="the program exited with 3", chunks=3,
                        usage={"redacted": {"own": 3, "github": 1}})  # fmt: skip
    async with stage.app("bob") as (app, pilot):
        app.open_run(run_id)
        await until(lambda: "out 2" in words(app) and "err 1" in words(app), "both streams")
        await until(lambda: "exit 3" in words(app), "exit 3")
        await until(lambda: "the program exited with 3" in words(app), "the program exited with 3")
        await until(lambda: "masked 4 (github 1, own 3)" in words(app), "what was masked in it")
        await pilot.press("e")
        await until(lambda: "err 1" in words(app) and "out 1" not in words(app), "stderr alone")
        await until(lambda: "stderr only" in words(app), "stderr only")
        assert "missing" not in words(app), "the other stream's pieces are no holes"
        await pilot.press("o")
        await until(lambda: "out 2" in words(app) and "err 1" not in words(app), "stdout alone")
        await pilot.press("o")
        await until(lambda: "out 2" in words(app) and "err 1" in words(app), "all again")
        await pilot.press("r")
        await until(lambda: "waiting" in words(app), "queued again")
        second = await runner.take()
        await runner.write(second, b"second try\n")
        await until(lambda: "second try" in words(app) and "out 1" not in words(app), "the new attempt's output")
        await until(lambda: "attempt 2" in words(app), "attempt 2")


async def test_output_that_comes_when_its_screen_was_left_is_let_go(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = await stage.runner()
    run_id = await stage.send("print")
    claim = await runner.take()
    await runner.write(claim, b"a line\n")
    reached, come = asyncio.Event(), asyncio.Event()
    counted = Output.counted

    async def late(output: Output, pieces: Sequence[OutputPiece]) -> list[OutputPiece]:
        reached.set()
        await come.wait()
        return await counted(output, pieces)

    async with stage.app("bob") as (app, pilot):
        app.open_run(run_id)
        await until(lambda: "a line" in words(app), "its output")
        assert isinstance(app.screen, RunScreen)
        view, feed = app.screen.output.view, app.screen.output.feed
        assert feed is not None
        monkeypatch.setattr(Output, "counted", late)
        feed.want(0)
        await reached.wait()
        [reading] = [worker for worker in app.workers if worker.group == f"part {id(feed)}"]
        await pilot.press("escape")
        await until(lambda: not view.is_attached, "the screen was left")
        come.set()
        await reading.wait()


async def test_a_search_ends_with_its_screen(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = await stage.runner()
    run_id = await stage.send("print")
    claim = await runner.take()
    await runner.write(claim, b"a line\n")
    reached = asyncio.Event()

    async def endless(output: Output) -> int:
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(Output, "extent_of_all", endless)
    async with stage.app("bob") as (app, _):
        app.open_run(run_id)
        await until(lambda: "a line" in words(app), "its output")
        assert isinstance(app.screen, RunScreen)
        searching = app.screen.output.searching
        assert searching is not None
        searching.begin("line")
        await reached.wait()
        [worker] = [worker for worker in app.workers if worker.name == "search"]
        app.pop_screen()
        await until(lambda: worker.is_cancelled, "its end")


async def test_output_is_saved_byte_for_byte_and_over_nothing(stage: Stage, tmp_path: Path) -> None:
    runner = await stage.runner()
    run_id = await stage.send("print")
    claim = await runner.take()
    await runner.write(claim, b"\x00\xff\x1b[31mred\r\n", ("stderr", b"err"))
    await runner.finish(claim, exit_code=0, chunks=2)
    target = tmp_path / "out put.txt"
    async with stage.app("bob") as (app, pilot):
        app.open_run(run_id)
        await until(lambda: "completed" in words(app), "shown")
        app.do("run.save", str(target))
        await until(lambda: "written to" in toasts(app), "saved")
        assert target.read_bytes() == b"\x00\xff\x1b[31mred\r\nerr"
        app.do("run.save", str(target))
        await until(lambda: "is there already" in toasts(app), "never over another file")
        await pilot.press("s")
        await until(lambda: "file for the output" in words(app), "asked where")
        assert isinstance(app.screen, SaveLine)
        app.screen.input.value = str(target)
        await pilot.press("enter")
        await until(lambda: "is there already" in words(app), "told where one typed it")
        app.screen.input.value = str(tmp_path / "other.txt")
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, RunScreen), "written")
        assert (tmp_path / "other.txt").read_bytes() == target.read_bytes()


async def test_search_marks_and_goes_on(stage: Stage) -> None:
    runner = await stage.runner()
    run_id = await stage.send("print")
    claim = await runner.take()
    await runner.write(claim, b"".join(b"line %d\n" % number for number in range(500)))
    async with stage.app("bob") as (app, pilot):
        app.open_run(run_id)
        await until(lambda: "line 499" in words(app), "the end is followed")
        await pilot.press("slash", *"line 123", "enter")
        await until(lambda: "line 123" in words(app) and "line 499" not in words(app), "found")
        await pilot.press("G")
        await until(lambda: "line 499" in words(app), "back at the end")


async def test_priority_moves_what_waits(stage: Stage) -> None:
    await stage.send("first")
    run_id = await stage.send("second")
    async with stage.app("bob") as (app, pilot):
        app.open_run(run_id)
        await until(lambda: "#2 in its queue" in words(app), "second in its queue")
        await pilot.press("plus")
        await until(lambda: "#1 in its queue" in words(app), "now first")
        await until(lambda: "priority 60" in words(app), "priority 60")
