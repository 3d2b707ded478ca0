"""Settings > People and Workspaces: what an admin does there, what the others are told."""

from __future__ import annotations

import re
import secrets

import pytest

from kolony_tui.models.errors import WrongState
from kolony_tui.models.secret import Secret
from kolony_tui.ui.screens.asking import Question
from kolony_tui.ui.screens.form import Form
from kolony_tui.ui.screens.settings.person import PersonScreen
from kolony_tui.ui.screens.shown_once import ShownOnce
from kolony_tui.ui.screens.told import Told
from kolony_tui.ui.widgets.person_list import PersonList
from kolony_tui.ui.widgets.workspace_list import WorkspaceList
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
        await pilot.press("ctrl+u", *login, "tab", *"New One", "tab", "tab", "right", "enter")
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
        await until(lambda: all(login in words(app) for login in (*people, "ada")), "and names them")
        await pilot.press("y")
        await until(lambda: isinstance(app.screen, Told), "the refusal is told")
        await until(lambda: '"ada" is the only admin of this workspace' in words(app), "by the database's line")
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


async def test_passwords_of_several_are_shown_once_and_in_small_terminals_too(stage: Stage) -> None:
    people = sorted([await stage.workspace.database.add_person("viewer") for _ in range(2)])
    async with stage.app("ada", remembered=PEOPLE, size=(44, 14)) as (app, pilot):
        await until(lambda: app.ground is not None and app.ground.filled, "shown")
        await pilot.press("enter")
        app.screen.query_one("#people", PersonList).marks = {*people, "ada"}
        await pilot.press("p")
        await until(lambda: isinstance(app.screen, Question), "asks")
        await pilot.press("y")
        await until(lambda: isinstance(app.screen, ShownOnce), "shown")
        await pilot.press("escape")
        await until(lambda: "never shown again" in words(app), "the warning is in sight")
        await pilot.press("y", "escape")
        await until(lambda: isinstance(app.screen, Told) and "that is you" in words(app), "and who was refused")
    copied = dict(line.split() for line in app.clipboard.splitlines())
    assert sorted(copied) == people
    for login in people:
        await stage.workspace.database.connect(login, Secret(copied[login]))


async def test_others_see_people_and_are_told_why_not(stage: Stage) -> None:
    async with stage.app("bob", remembered=PEOPLE) as (app, pilot):
        await until(lambda: "eve" in words(app), "shown")
        await pilot.press("enter", "d")
        await until(lambda: "you are an operator here; this takes an admin" in toasts(app), "told")
        await until(lambda: "an admin adds people" in words(app), "an admin adds people")
        assert not isinstance(app.screen, Question)


async def test_who_is_connected_is_seen_and_forced_out(stage: Stage) -> None:
    login = await stage.workspace.database.add_person("operator")
    theirs = await stage.workspace.database.connect(login)
    async with stage.app("ada", remembered=PEOPLE) as (app, pilot):
        await until(lambda: login in words(app) and "connected of" in words(app), "shown")
        await pilot.press("enter")
        rows = app.screen.query_one("#people", PersonList)
        assert rows.point(login)
        await until(lambda: words(app).count("● yes") >= 2, "they and ada are connected")
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, PersonScreen) and "kolony tests" in words(app), "it is seen")
        await pilot.press("f")
        await until(lambda: f"Force out {login}?" in words(app), "asks")
        await pilot.press("y")
        await until(theirs.is_closed, "ended")
        await until(lambda: "not connected now" in words(app), "seen")
        await pilot.press("x")
        await until(lambda: f"Remove {login}?" in words(app), "asks")
        await pilot.press("y")
        await until(lambda: not isinstance(app.screen, PersonScreen), "a person who is gone leaves their screen")
        assert await _role(stage, login) is None
        await until(lambda: login not in words(app).replace(f"{login} is removed", ""), "and the list")
        await pilot.press("a")
        await until(lambda: isinstance(app.screen, Form), "let in again")
        await pilot.press(*login, "tab", "tab", "right", "tab", "enter")
        await until(lambda: f"{login} is viewer now" in toasts(app), "by an admin's step, with the role then given")
    assert await _role(stage, login) == ("viewer", False)


async def test_workspaces_are_made_named_limited_and_changed(stage: Stage) -> None:
    await stage.send("work of main")
    kept = {"screen": "settings", "section": "workspaces"}
    async with stage.app("ada", size=(140, 40), remembered=kept) as (app, pilot):
        await until(lambda: "Main" in words(app), "shown")
        await pilot.press("enter", "a")
        await until(lambda: isinstance(app.screen, Form), "asked")
        await pilot.press(*"Bad Slug", "ctrl+s")
        await until(lambda: "a workspace's slug is" in words(app), "refused in place")
        await pilot.press("ctrl+u", *"second", "tab", *"The Second", "enter")
        await until(lambda: "The Second" in words(app), "made")
        rows = app.screen.query_one("#workspaces", WorkspaceList)
        await pilot.press("end", "r")
        await until(lambda: isinstance(app.screen, Form), "asked")
        await pilot.press("ctrl+u", *"Number Two", "enter")
        await until(lambda: "Number Two" in words(app), "renamed")
        rows.marks = {each.workspace_id for each in rows.rows}
        await pilot.press("l")
        await until(lambda: "Limits of 2 workspaces" in words(app), "for both")
        await pilot.press("tab", "ctrl+u", *"many", "ctrl+s")
        await until(lambda: "that is no number" in words(app), "said in place")
        await pilot.press("ctrl+u", "9", "tab", "ctrl+u", "1", "ctrl+s")
        await until(lambda: "2 are limited so" in toasts(app) and words(app).count("/9") == 2, "set")
        await pilot.press("v")
        await until(lambda: "new logins" in toasts(app), "the door")
        assert "TOKENS" in words(app)
        await pilot.press("t")
        await until(lambda: (words(app).count(" shown"), words(app).count(" masked")) == (1, 1), "tokens are stored")
        assert "storing what looks like a token as it is" in toasts(app)
        await pilot.press("t")
        await until(lambda: (words(app).count(" shown"), words(app).count(" masked")) == (0, 2), "masked again")
        await pilot.press("end", "enter")
        await until(lambda: app.session is not None and app.session.workspace.slug == "second", "entered")
        await until(lambda: app.screen.query_one(WorkspaceList).total == 2, "the list is of the new one")
        app.do("agent.create", "first type=claude")
        shown = ("no runner has ever connected", "type    claude")
        await until(lambda: all(each in words(app) for each in shown), "the plan allows one agent")
        app.do("agent.create", "one-more")
        await until(lambda: "this workspace's plan allows 1 agent" in toasts(app), "and no more")
        await pilot.press("1")
        await until(lambda: "first" in words(app) and "work of main" not in words(app), "nothing of the former stays")


async def test_rights_say_which_rule(stage: Stage) -> None:
    for login, may in (("ada", "✔ yes"), ("eve", "✖ no")):
        async with stage.app(login, remembered={"screen": "settings", "section": "rights"}) as (app, pilot):
            await until(lambda: "RULE" in words(app) or "MAY I" in words(app), "shown")
            await pilot.press("enter")
            app.do("list.filter", "another role")
            await until(lambda: "kolony.set_role(" in words(app), "the rule is named")
            await pilot.pause()
            assert may in words(app)


async def test_retention_is_changed_by_an_admin_only(stage: Stage) -> None:
    kept = {"screen": "settings", "section": "retention"}
    async with stage.app("ada", remembered=kept) as (app, pilot):
        await until(lambda: "Audit log" in words(app), "shown")
        app.do("retention.audit")
        await until(lambda: isinstance(app.screen, Form), "asked")
        await pilot.press("ctrl+u", "7", "enter")
        await until(lambda: "30 to 3650 days" in words(app), "not below a month")
        await pilot.press("ctrl+u", *"90", "enter")
        await until(lambda: not isinstance(app.screen, Form), "changed")
    async with stage.app("eve", remembered=kept) as (app, pilot):
        await until(lambda: "Stale agents" in words(app) and "an admin changes it" in words(app), "read")
        await pilot.press("enter", "enter")
        await until(lambda: "you are a viewer here" in toasts(app), "and told why not")
    superuser = await stage.workspace.database.superuser()
    assert await superuser.fetchval("SELECT audit_days FROM kolony.workspaces WHERE slug = 'main'") == 90


async def test_connection_says_what_it_is(stage: Stage) -> None:
    async with stage.app("eve", remembered={"screen": "settings", "section": "connection"}) as (app, pilot):
        await until(lambda: "Chosen by" in words(app), "shown")
        await until(lambda: "the test" in words(app), "the test")
        await until(lambda: "local socket" in words(app), "local socket")
        await pilot.press("enter", "end", "enter")
        await until(lambda: isinstance(app.screen, Told) and "checks" in words(app), "the doctor has looked")
        await until(lambda: "schema" in words(app), "schema")
