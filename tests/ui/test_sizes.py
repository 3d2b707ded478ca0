"""Every screen at every size: nothing crashes, and what matters is in sight."""

from __future__ import annotations

import pytest
from textual.scrollbar import ScrollBar

from kolony_tui.ui.registry import SCREENS
from tests.ui.scene import build
from tests.ui.stage import Stage, until, words

SIZES = [(20, 10), (60, 20), (80, 24), (140, 40), (200, 60)]


async def test_every_screen_at_every_size(stage: Stage) -> None:
    scene = await build(stage)
    async with stage.app("ada", size=(100, 30)) as (app, pilot):
        for width, height in SIZES:
            await pilot.resize_terminal(width, height)
            for entry in SCREENS:
                app.go_to(entry.name)
                await until(
                    lambda: app.ground is not None and app.ground.has_content, f"{entry.name} at {width}x{height}"
                )
                # They are the same on every screen.
                dialogs = ("question_mark", "n", "colon", "ctrl+p", "w", "C") if entry is SCREENS[0] else ()
                for key in dialogs:
                    await pilot.press(key, "escape")
                assert all(len(line) <= width for line in words(app).splitlines())
            app.open_run(scene["runs"]["review"])
            await until(lambda: "warning: 2" in words(app), f"a run's output at {width}x{height}")
            await pilot.press("escape")
            app.open_agent(scene["agents"]["claude-1"])
            await until(lambda: "claude-1" in words(app), f"an agent at {width}x{height}")
            await pilot.press("escape")


@pytest.mark.parametrize("size", [(20, 10), (60, 20)], ids=str)
async def test_small_terminals_show_all_three_panels(stage: Stage, size: tuple[int, int]) -> None:
    await build(stage)
    async with stage.app("bob", size=size) as (app, _):
        await until(lambda: "Output" in words(app) and "▶" in words(app), "the dashboard")
        await until(lambda: "Fleet" in words(app), "Fleet")
        await until(lambda: "Queue" in words(app), "Queue")


async def test_wide_terminals_have_more_columns(stage: Stage) -> None:
    await build(stage)
    async with stage.app("bob", size=(200, 60)) as (app, _):
        await until(lambda: "claude-1" in words(app), "shown")
        wide = words(app)
        assert "CAUSE" in wide
    async with stage.app("bob", size=(80, 24)) as (app, _):
        await until(lambda: "claude-1" in words(app), "shown")
        assert "CAUSE" not in words(app)


async def test_ascii_glyphs(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ScrollBar, "renderer", ScrollBar.renderer)
    await build(stage)
    async with stage.app("bob", ascii_only=True) as (app, pilot):
        await until(lambda: "! warning: 2" in words(app), "what came by stderr is marked")
        await pilot.press("s", "space")
        await until(lambda: "+" in words(app) and "^" in words(app), "marked and sorted")
        assert words(app).isascii(), words(app)
        for keys in ("3", "4", "question_mark"):
            await pilot.press(keys)
            await pilot.pause()
            await until(lambda: "claude-1" in words(app), "shown")
            assert words(app).isascii(), words(app)
