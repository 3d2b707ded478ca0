"""The audit screen: entries as they come, narrowed, in full; verifying; and what who may see."""

from __future__ import annotations

import pytest

from kolony_tui.ui.app import KolonyApp
from kolony_tui.ui.screens.audit.log import AuditScreen
from kolony_tui.ui.screens.told import Told
from tests.audit.reading import sealed, tamper
from tests.ui.stage import Stage, toasts, until, words

AUDIT = {"screen": "audit"}


def log(app: KolonyApp) -> AuditScreen:
    """The screen."""
    assert isinstance(app.ground, AuditScreen)
    return app.ground


def shown(app: KolonyApp) -> list[str]:
    """The events in the list, newest first."""
    return [entry.event for entry in log(app).list.rows]


def point(app: KolonyApp, event: str) -> None:
    """Puts the cursor on an entry with this event."""
    rows = log(app).list
    assert rows.point(next(entry.entry_id for entry in rows.rows if entry.event == event))


async def test_sealing_by_hand(stage: Stage) -> None:
    async with stage.app("ada", remembered=AUDIT) as (app, _):
        await until(lambda: isinstance(app.ground, AuditScreen) and shown(app), "the log is shown")
        app.do("audit.seal")
        await until(lambda: "AUDIT_SEALED" in shown(app) and "sealed" in toasts(app), "it is sealed")


async def test_entries_come_by_themselves_newest_first(stage: Stage) -> None:
    await stage.send("something before")
    async with stage.app("ada") as (app, _):
        app.go_to("audit")
        await until(lambda: isinstance(app.ground, AuditScreen) and "AGENT_CREATED" in shown(app), "the log is shown")
        await stage.send("look at the logs")
        await until(lambda: shown(app)[0] == "COMMAND_SENT", "the new entry is on top")
        await until(lambda: "look at the logs" in words(app), "look at the logs")
        newest, older = log(app).list.rows[:2]
        assert newest.entry_id > older.entry_id


async def test_narrowing_by_keys_and_back(stage: Stage) -> None:
    await stage.send("x")
    async with stage.app("ada", remembered=AUDIT) as (app, pilot):
        await until(lambda: isinstance(app.ground, AuditScreen) and "COMMAND_SENT" in shown(app), "the log is shown")
        point(app, "COMMAND_SENT")
        await pilot.press("e")
        await until(lambda: shown(app) == ["COMMAND_SENT"], "one event only")
        await until(lambda: "event COMMAND_SENT" in words(app), "event COMMAND_SENT")
        await pilot.press("l")
        await until(lambda: log(app).wanted.login is not None and log(app).has_content, "of one login")
        assert {entry.login for entry in log(app).list.rows} == {stage.workspace.database.cluster.login("bob")}
        await pilot.press("e")
        await until(lambda: log(app).wanted.event is None, "any event again")
        await pilot.press("escape")
        await until(lambda: "AGENT_CREATED" in shown(app), "everything again")


async def test_narrowing_by_the_form(stage: Stage) -> None:
    async with stage.app("ada", remembered=AUDIT) as (app, pilot):
        await until(lambda: isinstance(app.ground, AuditScreen) and shown(app), "the log is shown")
        await pilot.press("f", *"agent_gone", "ctrl+s")
        await until(lambda: "there is no event" in words(app), "a wrong event is said in place")
        for _ in "gone":
            await pilot.press("backspace")
        await pilot.press(*"created", "tab", "tab", *"worker", "tab", *"1h", "ctrl+s")
        await until(lambda: shown(app) == ["AGENT_CREATED"] and log(app).has_content, "what was asked for")
        assert log(app).wanted.agent == "worker"
        assert log(app).wanted.since is not None


async def test_an_entry_in_full(stage: Stage) -> None:
    async with stage.app("ada", remembered=AUDIT) as (app, pilot):
        await until(lambda: isinstance(app.ground, AuditScreen) and "TOKEN_ISSUED" in shown(app), "the log is shown")
        point(app, "TOKEN_ISSUED")
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, Told), "the entry is open")
        facts = ("TOKEN_ISSUED", "kolony tests", "kol_", "expires_at")
        await until(lambda: all(fact in words(app) for fact in facts), "all of it")
        await pilot.press("escape")
        assert isinstance(app.screen, AuditScreen)


@pytest.mark.parametrize("tampered", [False, True])
async def test_verifying(stage: Stage, tampered: bool) -> None:
    await sealed(await stage.workspace.database.connect("ada"), stage.workspace.workspace_id)
    async with stage.app("ada", remembered=AUDIT) as (app, pilot):
        await until(lambda: isinstance(app.ground, AuditScreen) and shown(app), "the log is shown")
        if tampered:
            superuser = await stage.workspace.database.superuser()
            await tamper(superuser, "UPDATE kolony.audit_log SET login = 'x' WHERE event = 'AGENT_CREATED'")
        await pilot.press("v")
        await until(lambda: isinstance(app.screen, Told), "the result is shown")
        await pilot.pause()
        assert ("every entry is as it was sealed" in words(app)) != tampered
        assert ("seal 1, entry" in words(app)) == tampered


@pytest.mark.parametrize("who", ["bob", "eve"])
async def test_who_is_no_admin_sees_their_own_and_is_told(stage: Stage, who: str) -> None:
    async with stage.app(who, size=(140, 40), remembered=AUDIT) as (app, pilot):
        # Whoever is connected does what upkeep is due, and has sealed the log then.
        await until(
            lambda: (
                isinstance(app.ground, AuditScreen)
                and [event for event in shown(app) if event != "AUDIT_SEALED"] == ["USER_LOGIN"]
            ),
            "their own login",
        )
        await until(lambda: "only what you did yourself" in words(app), "only what you did yourself")
        await pilot.press("v")
        await until(lambda: "this takes an admin" in toasts(app), "no verification")


async def test_the_app_notes_that_it_comes_and_goes(stage: Stage) -> None:
    superuser = await stage.workspace.database.superuser()
    noted = "SELECT array_agg(event ORDER BY entry_id) FROM kolony.audit_log WHERE event LIKE 'USER_LOG%'"
    async with stage.app("eve") as (app, pilot):
        assert app.session is not None
        await until(lambda: app.live.link.state == "live", "it is there")
        await pilot.pause()
    assert await superuser.fetchval(noted) == ["USER_LOGIN", "USER_LOGOUT"]


async def test_what_it_is_narrowed_to_survives(stage: Stage) -> None:
    async with stage.app("ada", remembered=AUDIT) as (app, _):
        await until(lambda: isinstance(app.ground, AuditScreen) and shown(app), "the log is shown")
        app.do("audit.event", "agent_created")
        await until(lambda: shown(app) == ["AGENT_CREATED"], "one event")
        kept = app.memory()
    async with stage.app("ada", remembered=kept) as (app, _):
        await until(lambda: isinstance(app.ground, AuditScreen) and shown(app) == ["AGENT_CREATED"], "as it was left")


@pytest.mark.parametrize("size", [(80, 24), (140, 40), (20, 6)])
async def test_it_fits(stage: Stage, size: tuple[int, int]) -> None:
    await stage.send("[@click=app.quit]x[/] \x1b]0;t\x07")
    async with stage.app("ada", size=size) as (app, pilot):
        app.go_to("audit")
        await until(lambda: isinstance(app.ground, AuditScreen) and "COMMAND_SENT" in shown(app), "the log is shown")
        await pilot.pause()
        drawn = words(app)
        assert max(len(line) for line in drawn.splitlines()) <= size[0]
        assert ("COMMAND_SENT" in drawn) == (size[0] >= 80)
        assert not set(drawn) & {"\x1b", "\x07"}
