"""Many runs as one stream: whose each line is, a filter while one types, a pause, and the way to the run."""

from __future__ import annotations

from kolony_tui.core.merging import Chosen, Merging
from kolony_tui.core.session import log_in
from kolony_tui.ui.screens.work.merged import MergedScreen
from kolony_tui.ui.screens.work.run import RunScreen
from tests.ui.large_output import print_lines
from tests.ui.stage import Stage, until, words


async def test_lines_of_all_that_run_by_time(stage: Stage) -> None:
    runner = await stage.runner(slots=60)
    person = await stage.workspace.database.connect("bob")
    for number in range(60):
        home, agents = stage.workspace.workspace_id, [stage.agent.agent_id]
        await person.execute("SELECT kolony.send_command($1, $2, $3, 50)", home, agents, f"job {number}")
    claims = [await runner.take() for _ in range(60)]
    async with stage.app("eve", (80, 24)) as (app, pilot):
        await until(lambda: "job 5" in words(app), "the queue")
        await pilot.press("M")
        await until(lambda: "60 runs" in words(app), "all of them")
        await pilot.press("M")
        await until(lambda: "60 runs" in words(app), "once more")
        assert [type(each) for each in app.screen_stack].count(MergedScreen) == 1
        screen = app.screen
        assert isinstance(screen, MergedScreen)
        for at in range(3):
            for number, claim in enumerate(claims):
                await runner.write(claim, b"\x1b[32mtick\x1b[0m \x1b]0;x\x07%d of %d\n" % (at, number), first=at)
        await until(lambda: screen.view.total == 180, "all lines")
        await until(lambda: "tick 2 of 59" in words(app), "in view")
        assert "worker" in words(app)
        await pilot.press("slash", *"of 17")
        await until(lambda: screen.view.passed == 3 and "tick 2 of 59" not in words(app), "while one types")
        await runner.write(claims[17], b"more of 17\n", first=3)
        await until(lambda: "more of 17" in words(app), "what comes is filtered too")
        await pilot.press("enter", "p")
        await until(lambda: "paused" in words(app), "paused")
        await runner.write(claims[17], b"unseen of 17\n", first=4)
        await pilot.press("up")
        assert "unseen" not in words(app)
        await pilot.press("p")
        await until(lambda: "unseen of 17" in words(app), "and goes on")
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, RunScreen) and "tick 1 of 17" in words(app), "the run of the line")


async def test_what_nobody_could_read_is_left_out_and_counted(stage: Stage) -> None:
    runner = await stage.runner()
    run_id = await stage.send("print much")
    claim = await runner.take()
    await runner.write(claim, b"the first\n")
    session = await log_in(stage.workspace.database.target("eve"), "test", "main")
    try:
        follower = Merging(session, Chosen(filter="status=executing"), whole=False)
        await follower.choose()
        assert [line.text for line in await follower.read()] == ["the first"]
        reader = Merging(session, Chosen((run_id,)), whole=True)
        await print_lines(stage.workspace, run_id, 25_000, first=1)
        await follower.choose()
        lines = await follower.read()
        assert [line.text.split()[1] for line in lines] == [str(number) for number in range(24_501, 25_001)]
        assert follower.left_out == 24_500
        await reader.choose()
        read = []
        while some := await reader.read():
            read += some
        assert len(read) == 25_001
        assert [read[0].line, read[1].line, read[-1].line] == [0, 1, 25_000]
        assert not reader.over
        await runner.finish(claim, exit_code=0, chunks=101)
        await reader.choose()
        assert await reader.read() == []
        assert reader.over
    finally:
        await session.db.close()
