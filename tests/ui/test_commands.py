"""One registry: its keys do not clash, help has them all, palette and ``:`` line find them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import kolony_tui.ui
from kolony_tui.models.errors import UsageError
from kolony_tui.ui.registry import SCREENS, commands, key_words, keys_after, named
from kolony_tui.ui.screens.framed import CRUMB
from kolony_tui.ui.screens.help import HelpScreen
from tests.ui.stage import Stage, toasts, until, words


def test_no_two_commands_share_a_key_where_both_work() -> None:
    assert keys_after({})["run.cancel"] == ("C",)


def test_clash_names_both_and_unknown_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="is the key of both") as clash:
        keys_after({"run.retry": "C"})
    assert "run.retry" in clash.value.message
    assert "run.cancel" in clash.value.message
    with pytest.raises(UsageError, match=r"no command 'run\.cancle'") as unknown:
        keys_after({"run.cancle": "c"})
    assert "run.cancel" in unknown.value.hint
    assert keys_after({"run.cancel": "r", "run.retry": "C"})["run.cancel"] == ("r",), "two can change places"


def test_names_can_be_shortened_until_they_mean_two_things() -> None:
    assert named("dash").id == "go.dashboard"
    with pytest.raises(UsageError, match="no command 'zzz'"):
        named("zzz")


async def test_help_lists_every_key_of_the_place(stage: Stage) -> None:
    await stage.send("work")
    async with stage.app("bob", size=(100, 60)) as (app, pilot):
        await until(lambda: "work" in words(app), "shown")
        active = {
            key_words(key)
            for key, binding in app.screen.active_bindings.items()
            if not binding.binding.system and binding.binding.description
        }
        await pilot.press("question_mark")
        await until(lambda: isinstance(app.screen, HelpScreen), "open")
        assert isinstance(app.screen, HelpScreen)
        listed = {key for entry in app.screen.entries() for key in entry.keys}
        assert active <= listed
        assert {"x", "n", "/", "space", "ctrl+p", "?"} <= listed
        await until(lambda: "Cancel runs" in words(app), "Cancel runs")


async def test_remapped_keys_work_and_are_shown(stage: Stage) -> None:
    await stage.send("work")
    async with stage.app("bob", keymap={"work.new": "c"}) as (app, pilot):
        await until(lambda: "c new" in words(app), "the hints say so")
        await pilot.press("n")
        await pilot.pause()
        assert "history" not in words(app), "the old key is free"
        await pilot.press("c")
        await until(lambda: "history" in words(app), "the new one works")


async def test_palette_finds_commands_agents_and_runs(stage: Stage) -> None:
    run_id = await stage.send("find this needle")
    async with stage.app("bob") as (app, pilot):
        await until(lambda: "needle" in words(app), "shown")
        await pilot.press("ctrl+p", *"needle")
        await until(lambda: "#1 worker find this needle" in words(app), "the run is found")
        await pilot.press("enter")
        await until(lambda: "asked by" in words(app), "and opened")
        await pilot.press("ctrl+p", *"worker")
        await until(lambda: "worker  agent" in words(app), "the agent is found")
        await pilot.press("escape", "escape", "ctrl+p", *"new comm")
        await until(lambda: "New command" in words(app), "the command is found")
        await pilot.press("enter")
        await until(lambda: "history" in words(app), "and done")
        assert run_id


async def test_line_completes_does_and_explains(stage: Stage) -> None:
    await stage.send("work")
    async with stage.app("bob") as (app, pilot):
        await pilot.press("colon", *"fle")
        await pilot.press("tab", "enter")
        await until(lambda: f"{CRUMB} Fleet" in words(app), "completed and done")
        await pilot.press("colon", *"theme nord", "enter")
        await until(lambda: app.theme == "nord", "with an argument")
        assert app.memory()["theme"] == "nord"
        await pilot.press("colon", *"nonsense", "enter")
        await until(lambda: "there is no command 'nonsense'" in words(app), "said in place")
        await pilot.press("escape", "colon", *"agent new-one", "enter")
        await until(lambda: f"{CRUMB} new-one" in words(app), "made and opened")
        await pilot.press("colon", *"agent new-one", "enter")
        await until(lambda: '"new-one" already' in toasts(app), "refused in one line")


async def test_state_survives(stage: Stage) -> None:
    await stage.send("alpha")
    await stage.send("beta")
    async with stage.app("bob") as (app, pilot):
        await until(lambda: "beta" in words(app), "shown")
        app.do("list.filter", "alpha")
        await pilot.press("s")
        await until(lambda: "by priority" in words(app), "sorted")
        await pilot.press("4")
        await until(lambda: f"{CRUMB} Queue" in words(app), "on another screen")
        kept = app.memory()
    async with stage.app("bob", remembered=kept) as (app, pilot):
        await until(lambda: f"{CRUMB} Queue" in words(app), "on that screen")
        await pilot.press("1")
        await until(lambda: "/alpha (1 of 2)" in words(app) and "by priority" in words(app), "as it was left")


def test_screens_have_numbers_and_commands() -> None:
    assert [entry.key for entry in SCREENS] == ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", ""]
    assert all(f"go.{entry.name}" in commands() for entry in SCREENS)


def test_no_built_string_reaches_a_widget_that_reads_markup() -> None:
    """A string with something in it is markup to Static, Label, Button, Option and notify unless told not to."""
    found = []
    for file in Path(kolony_tui.ui.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name not in ("Static", "Label", "Button", "Option", "notify", "update", "Checkbox", "Collapsible"):
                continue
            unmarked = any(
                word.arg == "markup" and isinstance(word.value, ast.Constant) and word.value.value is False
                for word in node.keywords
            )
            built = [each for each in node.args if not isinstance(each, (ast.Constant, ast.Call))]
            if built and not unmarked:
                found.append(f"{file.name}:{node.lineno} {name}")
    assert not found
