"""Settings > People and Workspaces: what an admin does there, what the others are told."""

from __future__ import annotations

import re
import secrets

import pytest

from kolony_tui.models.errors import WrongState
from kolony_tui.models.secret import Secret
from kolony_tui.ui.screens.asking import Question
from kolony_tui.ui.screens.form import Form
from kolony_tui.ui.screens.shown_once import ShownOnce
from kolony_tui.ui.screens.told import Told
from kolony_tui.ui.widgets.person_list import PersonList
from tests.ui.stage import Stage, toasts, until, words

PEOPLE = {"screen": "settings", "section": "people"}


async def _role(stage: Stage, login: str) -> tuple[str, bool] | None:
    admin = await stage.workspace.database.connect("ada")
    row = await admin.fetchrow(
        "SELECT m.role, m.disabled FROM kolony.memberships m JOIN kolony.profiles p USING (profile_id)"
        " WHERE p.login = $1 AND m.workspace_id = $2",
        login,
        stage.workspace.workspace_id,
    )
    await admin.close()
    return None if row is None else (row["role"], row["disabled"])


async def test_admin_adds_a_person_and_sees_the_password_once(stage: Stage) -> None:
    login = f"n{secrets.token_hex(5)}"
    async with stage.app("ada", remembered=PEOPLE) as (app, pilot):
        await until(lambda: "eve" in words(app), "shown")
        await pilot.press("enter", "a")
        await until(lambda: isinstance(app.screen, Form), "asked")
        await pilot.press(*"Bad Name", "ctrl+s")
        await until(lambda: "a login is" in words(app), "an odd name is refused in place")
        await pilot.press("ctrl+u", *login, "tab", *"New One", "tab", "right", "enter")
        await until(lambda: isinstance(app.screen, ShownOnce), "added")
        found = re.search(r"[\w-]{22}", words(app))
        assert found is not None
        with pytest.raises(WrongState, match="while a secret is shown"):
            app.export_screenshot()
        await pilot.press("escape")
        await until(lambda: "never shown again" in words(app), "it asks whether one has it")
        await pilot.press("y", "escape")
        await until(lambda: not isinstance(app.screen, ShownOnce), "closed")
        assert app.clipboard == found[0]
        await until(lambda: login in words(app), "the list has them")
        assert found[0] not in words(app) + toasts(app) + str(app.memory())
    assert await _role(stage, login) == ("operator", False)
    await stage.workspace.database.connect(login, Secret(found[0]))


async def test_several_at_once_and_the_refusals_one_by_one(stage: Stage) -> None:
    people = sorted([await stage.workspace.database.add_person("viewer") for _ in range(2)])
    async with stage.app("ada", remembered=PEOPLE, size=(100, 40)) as (app, pilot):
        await until(lambda: all(login in words(app) for login in people), "shown")
        await pilot.press("enter")
        rows = app.screen.query_one("#people", PersonList)
        rows.marks = set(people)
        await pilot.press("r")
        await until(lambda: isinstance(app.screen, Form) and "Role of 2 people" in words(app), "one form for them")
        await pilot.press("right", "enter")
        await until(lambda: "2 are operator" in toasts(app), "given")
        rows.marks = {*people, "ada"}
        await pilot.press("d")
        await until(lambda: isinstance(app.screen, Question) and "Disable 3 people?" in words(app), "asks once")
        assert all(login in words(app) for login in (*people, "ada"))
        await pilot.press("y")
        await until(lambda: isinstance(app.screen, Told), "the refusal is told")
        assert '"ada" is the only admin of this workspace' in words(app)
        assert "2 are disabled" in toasts(app)
        await pilot.press("escape", "escape")
        for login in people:
            assert await _role(stage, login) == ("operator", True)
        assert await _role(stage, "ada") == ("admin", False)
        await until(lambda: words(app).count("disabled") >= 3, "shown as they are")


async def test_role_and_password_of_one(stage: Stage) -> None:
    login = await stage.workspace.database.add_person("viewer")
    theirs = await stage.workspace.database.connect(login)
    async with stage.app("ada", remembered=PEOPLE) as (app, pilot):
        await until(lambda: login in words(app), "shown")
        await pilot.press("enter")
        assert app.screen.query_one("#people", PersonList).point(login)
        await pilot.press("r")
        await until(lambda: isinstance(app.screen, Form), "asked")
        await pilot.press("right", "enter")
        await until(lambda: f"{login} is operator now" in toasts(app), "given")
        assert await _role(stage, login) == ("operator", False)
        await pilot.press("p")
        await until(lambda: isinstance(app.screen, Question) and f"password of {login}" in words(app), "asks")
        await pilot.press("y")
        await until(lambda: isinstance(app.screen, ShownOnce), "shown once")
        await pilot.press("y", "escape")
        await until(theirs.is_closed, "they are logged out")
        await stage.workspace.database.connect(login, Secret(app.clipboard))


async def test_others_see_people_and_are_told_why_not(stage: Stage) -> None:
    async with stage.app("bob", remembered=PEOPLE) as (app, pilot):
        await until(lambda: "eve" in words(app), "shown")
        await pilot.press("enter", "d")
        await until(lambda: "you are an operator here; this takes an admin" in toasts(app), "told")
        assert "an admin adds people" in words(app)
        assert not isinstance(app.screen, Question)
