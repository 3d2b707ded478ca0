"""Settings: their frame, and what one does there about oneself and about others."""

from __future__ import annotations

import pytest

from kolony_tui.models.secret import Secret
from kolony_tui.ui.screens.form import Form
from kolony_tui.ui.screens.settings.screen import SettingsScreen
from kolony_tui.ui.screens.settings.sections import SLUGS
from tests.ui.stage import Stage, toasts, until, words


async def test_zero_opens_them_and_keys_move(stage: Stage) -> None:
    await stage.send("work")
    async with stage.app("ada") as (app, pilot):
        await pilot.press("0")
        await until(lambda: isinstance(app.screen, SettingsScreen) and "config.toml" in words(app), "open, at Me")
        screen = app.screen
        assert isinstance(screen, SettingsScreen)
        await pilot.press("j")
        await until(lambda: screen.slug == SLUGS[1], "down is the next section")
        await pilot.press("right_square_bracket")
        await until(lambda: screen.slug == SLUGS[2], "so is ]")
        await pilot.press("colon", *"settings pe", "enter")
        await until(lambda: screen.slug == "people" and "eve" in words(app), "and straight by name")
        assert app.focused is not None
        assert app.focused.id == "people", "the focus is in it"
        await pilot.press("escape")
        assert app.focused.id == "sections", "escape goes back to the names"
        await pilot.press("colon", *"settings nonsense", "enter")
        await until(lambda: "there is no section 'nonsense'" in toasts(app), "said in one line")
        kept = app.memory()
    async with stage.app("ada", remembered=kept) as (app, pilot):
        await until(lambda: "eve" in words(app), "as it was left")


async def test_name_is_changed_and_shown_at_once(stage: Stage) -> None:
    async with stage.app("bob", remembered={"screen": "settings"}) as (app, pilot):
        await until(lambda: "config.toml" in words(app), "open")
        await pilot.press("enter", "enter")
        await until(lambda: isinstance(app.screen, Form), "enter on the name asks")
        await pilot.press("ctrl+u", *"Robert", "tab", *"too many letters", "enter")
        await until(lambda: "initials at most 8" in words(app), "what is wrong is said in place")
        await pilot.press("ctrl+u", *"RB", "ctrl+s")
        await until(lambda: "Robert" in words(app).splitlines()[0], "the header shows it")
        await until(lambda: words(app).count("Robert") == 2 and "RB" in words(app), "and the row")
        person = await stage.workspace.database.connect("eve")
        row = await person.fetchrow("SELECT display_name, avatar FROM kolony.profiles WHERE login = 'bob'")
        assert row is not None
        assert tuple(row) == ("Robert", "RB")


async def test_own_password(stage: Stage) -> None:
    login = await stage.workspace.database.add_person("viewer")
    async with stage.app(login, remembered={"screen": "settings"}) as (app, pilot):
        await until(lambda: "config.toml" in words(app), "open")
        app.do("me.password")
        await until(lambda: isinstance(app.screen, Form), "asked")
        await pilot.press(*"short", "tab", *"short", "enter")
        await until(lambda: "at least 12 characters" in words(app), "too short")
        await pilot.press("ctrl+u", *"a longer secret", "enter")
        await until(lambda: "differ" in words(app), "they differ")
        await pilot.press("up", "ctrl+u", *"a longer secret", "ctrl+s")
        await until(lambda: "your password is changed" in toasts(app), "changed")
        assert "a longer" not in words(app)
        connection = await stage.workspace.database.connect(login, Secret("a longer secret"))
        assert await connection.fetchval("SELECT session_user") == login
        assert app.session is not None
        app.live.look_again()
        await until(lambda: app.session is not None and app.session.db.connected, "the app goes on with it")
        assert not app.live.link.lost


async def test_theme_is_tried_on(stage: Stage) -> None:
    async with stage.app("eve", remembered={"screen": "settings"}) as (app, pilot):
        await until(lambda: "config.toml" in words(app), "open")
        before = app.theme
        app.do("view.theme")
        await until(lambda: "Theme" in words(app), "offered")
        await pilot.press("down")
        await until(lambda: app.theme != before, "worn while one chooses")
        await pilot.press("escape")
        await until(lambda: app.theme == before, "not chosen")


@pytest.mark.parametrize("size", [(20, 10), (80, 24), (140, 40)], ids=str)
async def test_every_section_at_every_size(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.app("ada", size=size, remembered={"screen": "settings"}) as (app, pilot):
        for slug in SLUGS:
            app.go_to("settings", slug)
            await until(lambda: isinstance(app.screen, SettingsScreen) and app.screen.filled, f"{slug} is read")
            await pilot.pause()
            assert all(len(line) <= size[0] for line in words(app).splitlines())
