"""Settings: their frame, and what one does there about oneself and about others."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.scrollbar import ScrollBar

from kolony_tui.models.secret import Secret
from kolony_tui.ui.screens.form import Form
from kolony_tui.ui.screens.settings.person import PersonScreen
from kolony_tui.ui.screens.settings.screen import SettingsScreen
from kolony_tui.ui.screens.settings.sections import SLUGS
from kolony_tui.ui.widgets.choice import Choice
from kolony_tui.ui.widgets.frame import Header
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
        await pilot.resize_terminal(56, 20)
        await until(lambda: " RB " in words(app).splitlines()[0], "where it is narrow, the initials")
        person = await stage.workspace.database.connect("eve")
        row = await person.fetchrow("SELECT display_name, avatar FROM kolony.profiles WHERE login = 'bob'")
        assert row is not None
        assert tuple(row) == ("Robert", "RB")


async def test_own_password(stage: Stage) -> None:
    login = await stage.workspace.database.add_person("viewer")
    async with stage.app(login, remembered={"screen": "settings"}) as (app, pilot):
        await until(lambda: "config.toml" in words(app), "open")
        assert app.session is not None
        app.session.db.target = replace(app.session.db.target, source="password file /home/me/.pgpass")
        app.do("me.password")
        await until(lambda: isinstance(app.screen, Form), "asked")
        await pilot.press(*"short", "tab", *"short", "enter")
        await until(lambda: "at least 12 characters" in words(app), "too short")
        await pilot.press("ctrl+u", *"a longer secret", "enter")
        await until(lambda: "differ" in words(app), "they differ")
        await pilot.press("up", "ctrl+u", *"a longer secret", "ctrl+s")
        await until(lambda: "your password is changed" in toasts(app), "changed")
        await until(lambda: "came from password file /home/me/.pgpass: change it there too" in toasts(app), "told")
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


@pytest.mark.parametrize("name", ["textual-light", "nord"])
async def test_the_theme_of_last_time_is_worn_everywhere_from_the_start(stage: Stage, name: str) -> None:
    async with stage.app("eve", remembered={"theme": name}) as (app, _):
        for mode in app.MODES:
            app.go_to(mode)
            await until(lambda: app.screen.is_mounted, "open")
            wanted = app.theme_variables
            assert app.screen.styles.background.hex.lower() == wanted["background"].lower(), mode
            assert app.screen.query_one(Header).styles.background.hex.lower() == wanted["panel"].lower(), mode
        light = name == "textual-light"
        assert (app.has_class("-light-mode"), app.has_class("-dark-mode")) == (light, not light)
        app.theme = "kolony" if light else "textual-light"
        for mode in app.MODES:
            app.go_to(mode)
            await until(
                lambda: app.screen.styles.background.hex.lower() == app.get_css_variables()["background"].lower(),
                f"the other theme in {mode}",
            )


async def test_mouse_chooses_sections_and_words(stage: Stage) -> None:
    for size in ((80, 24), (140, 40)):
        async with stage.app("ada", size=size, remembered={"screen": "settings"}) as (app, pilot):
            await until(lambda: "config.toml" in words(app), "open")
            line = next(text for text in words(app).splitlines() if "People" in text)
            bar = app.screen.query_one("#sections").region
            row = next(at for at, text in enumerate(words(app).splitlines()) if "People" in text)
            await pilot.click("#sections", offset=(line.index("People") - bar.x + 1, row - bar.y))
            await until(lambda: app.focused is not None and app.focused.id == "people", "chosen, and in it")
            await until(lambda: "eve" in words(app), "read")
            await pilot.click("#people", offset=(4, 2), times=2)
            await until(lambda: isinstance(app.screen, PersonScreen), "two clicks open a person")
            app.do("people.add")
            await until(lambda: isinstance(app.screen, Form) and "operator" in words(app), "a form")
            await pilot.pause()
            choice = app.screen.query_one("#field-role", Choice)
            await pilot.click("#field-role", offset=(13, 0))
            assert choice.value == "operator"
            await pilot.click("#no")
            await until(lambda: isinstance(app.screen, PersonScreen), "closed by its button")


async def test_sections_open_and_close_with_the_role(stage: Stage) -> None:
    login = await stage.workspace.database.add_person("viewer")
    ada = await stage.workspace.database.connect("ada")
    grant = "SELECT kolony.set_role($1, $2, $3)"
    async with stage.app(login, remembered={"screen": "settings", "section": "tokens"}) as (app, pilot):
        await until(lambda: "this section is for an admin" in words(app), "closed, and why")
        await pilot.press("enter")
        assert app.focused is not None
        assert app.focused.id == "sections", "there is nothing to go into"
        await ada.execute(grant, stage.workspace.workspace_id, login, "admin")
        await until(lambda: "kol_" in words(app), "open now, and read")
        await ada.execute(grant, stage.workspace.workspace_id, login, "operator")
        await until(lambda: "this section is for an admin" in words(app) and "kol_" not in words(app), "closed again")


@pytest.mark.parametrize("size", [(20, 10), (80, 24), (140, 40)], ids=str)
async def test_every_section_at_every_size(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.app("ada", size=size, remembered={"screen": "settings"}) as (app, pilot):
        for slug in SLUGS:
            app.go_to("settings", slug)
            await until(lambda: isinstance(app.screen, SettingsScreen) and app.screen.filled, f"{slug} is read")
            await pilot.pause()
            assert all(len(line) <= size[0] for line in words(app).splitlines())


async def test_every_section_in_ascii(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ScrollBar, "renderer", ScrollBar.renderer)
    for login, size in (("ada", (140, 40)), ("eve", (80, 24))):
        async with stage.app(login, size, remembered={"screen": "settings"}, ascii_only=True) as (app, pilot):
            for slug in SLUGS:
                app.go_to("settings", slug)
                await until(lambda: isinstance(app.screen, SettingsScreen) and app.screen.filled, f"{slug} is read")
                await pilot.pause()
                assert words(app).isascii(), words(app)
            app.do("me.profile")
            await until(lambda: "How you are called" in words(app), "a form")
            assert words(app).isascii(), words(app)
