"""The screen Usage, its budgets and prices, the pane of a run, and what the header says."""

from __future__ import annotations

from typing import Any

from kolony_tui.ui.screens.form import Form
from kolony_tui.ui.screens.usage.screen import UsageScreen
from kolony_tui.ui.widgets.bar_chart import Bar, drawn
from tests.ui.stage import Runner, Stage, toasts, until, words


async def burn(runner: Runner, claim: Any, first: int, *reports: dict[str, Any]) -> None:
    numbered = [{"number": n, "source": "test", "scope": "turn", **each} for n, each in enumerate(reports, first)]
    await runner.connection.execute("SELECT kolony.report_usage($1, $2)", claim["attempt_id"], numbered)


async def test_what_is_used_is_on_the_screen_as_it_is_said(stage: Stage) -> None:
    run_id, runner = await stage.send("review"), await stage.runner()
    claim = await runner.take()
    await burn(runner, claim, 0, {"model": "evil\u202e[red]", "input_fresh": 1200, "output": 34, "cost_usd": 4.12})
    async with stage.app("ada", size=(120, 30)) as (app, pilot):
        await until(lambda: "$4.12 today" in words(app), "the header says it")
        await pilot.press("9")
        await until(lambda: "By agent  7 days" in words(app) and "worker" in words(app), "by agent")
        assert "1.2k" in words(app)
        await pilot.press("right_square_bracket", "right_square_bracket")
        await until(lambda: "By model" in words(app) and "[red]" in words(app), "by model")
        assert "\u202e" not in words(app)
        screen = app.screen
        assert isinstance(screen, UsageScreen)
        await pilot.press("p", "t")
        await until(lambda: "Tokens by day  at most 1.23k" in words(app) and "30 days" in words(app), "tokens, longer")
        assert len(screen.chart.bars) == 30

        # A budget is set where it is seen, and what is used from now on shows in it.
        screen.budgets.focus()
        await pilot.press("a")
        await until(lambda: isinstance(app.screen, Form), "asked")
        await pilot.press("tab", "tab", *"ten", "ctrl+s")
        await until(lambda: "an amount of US dollars is like" in words(app), "what is wrong is said in place")
        await pilot.press("ctrl+u", *"10", "ctrl+s")
        await until(lambda: "the budget of workspace is set" in toasts(app), "set")
        app.clear_notifications()  # they lie over the list
        await until(lambda: "$4.12 of $10.00" in words(app) and "41%" in words(app), "what was used before counts")
        await burn(runner, claim, 1, {"cost_usd": 5.88})
        await until(lambda: "$10.00 of $10.00" in words(app) and "empty" in words(app), "empty, in a word")
        app.open_run(run_id)
        await until(lambda: "review" in words(app) and "Usage" in words(app), "the run")
        app.screen.show_pane("usage")  # type: ignore[attr-defined]
        await until(lambda: "1.23k tokens, $10.00" in words(app) and "[red]" in words(app), "its reports")
        await pilot.pause()


async def test_a_viewer_sees_budgets_and_prices_and_sets_none(stage: Stage) -> None:
    ada = await stage.workspace.database.connect("ada")
    await ada.execute(
        "SELECT kolony.set_budget($1, 'workspace', '', 'day', 5000, NULL, 80, true)", stage.workspace.workspace_id
    )
    async with stage.app("eve", size=(80, 24), remembered={"screen": "settings", "section": "budgets"}) as (app, pilot):
        await until(lambda: "0 of 5k tokens" in words(app) and "an admin sets them" in words(app), "seen")
        await pilot.press("enter", "e")
        await until(lambda: "you are a viewer here; this takes an admin" in toasts(app), "told")
        await pilot.press("right_square_bracket")
        await until(lambda: "*claude-sonnet-4*" in words(app) and "2025-11" in words(app), "prices and their day")


def test_bars_are_as_high_as_what_they_stand_for() -> None:
    def lines(bars: list[Bar], width: int, height: int, *, plain: bool = False) -> list[str]:
        return ["".join(text for text, _ in line) for line in drawn(bars, width, height, plain=plain)]

    three = [Bar("a", 0), Bar("b", 1), Bar("c", 24)]
    assert lines(three, 12, 4) == ["        ███ ", "        ███ ", "    ▁▁▁ ███ ", "a   b   c   "]
    assert lines(three, 12, 3, plain=True) == ["        ### ", "    ### ### ", "a   b   c   "]
    assert lines(three, 5, 2) == ["▁ █ ", "b c "], "the oldest goes where there is no room"
    month = [Bar(f"{day:02}", day) for day in range(1, 31)]
    assert [len(line) for line in lines(month, 78, 2)] == [60, 60]
    assert lines(month, 78, 2)[1].split()[-2:] == ["28", "30"]
    assert lines([], 10, 5) == lines(three, 10, 1) == []
