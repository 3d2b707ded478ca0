"""Settings > Tokens: who lives by which, and making, rotating and revoking them; the clear text is seen once."""

from __future__ import annotations

import asyncio
import base64
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from kolony_tui.core.tokens import parse_token
from kolony_tui.db.target import SHARED_AGENT_LOGIN
from kolony_tui.models.errors import WrongState
from kolony_tui.models.secret import Secret
from kolony_tui.ui.app import KolonyApp
from kolony_tui.ui.screens.form import Form
from kolony_tui.ui.screens.settings.tokens import Revoking
from kolony_tui.ui.screens.shown_once import ShownOnce
from kolony_tui.ui.widgets.token_list import TokenList
from tests.database import Agent, Workspace
from tests.terminal import Terminal
from tests.ui.stage import Stage, toasts, until, words
from tests.ui.terminal import opened

TOKENS = {"screen": "settings", "section": "tokens"}
CLEAR = re.compile(r"kol_[0-9a-f]{16}_[0-9A-Za-z]{49}")


def shown_token(app: KolonyApp) -> str:
    """The one token that is on the screen in clear."""
    [found] = CLEAR.findall(words(app))
    return str(found)


async def states(workspace: Workspace) -> dict[str, str]:
    """Each token's state, by label."""
    admin = await workspace.database.connect("ada")
    rows = await admin.fetch("SELECT label, state FROM kolony.list_tokens($1)", workspace.workspace_id)
    await admin.close()
    return {row["label"]: row["state"] for row in rows}


async def test_a_token_is_made_with_label_and_end_and_seen_once(stage: Stage) -> None:
    async with stage.app("ada", remembered=TOKENS) as (app, pilot):
        await until(lambda: "worker" in words(app) and "0 in use of 1" in words(app), "shown")
        await pilot.press("enter", "a")
        await until(lambda: isinstance(app.screen, Form), "asked, for the agent of the row")
        await pilot.press("tab", *"night shift", "tab", *"2020-01-01", "ctrl+s")
        await until(lambda: "has passed already" in words(app), "a date that is over is refused in place")
        await pilot.press("ctrl+u", *"30", "enter")
        await until(lambda: isinstance(app.screen, ShownOnce), "made")
        token = shown_token(app)
        with pytest.raises(WrongState, match="while a secret is shown"):
            app.export_screenshot()
        await pilot.press("escape")
        await until(lambda: "never shown again" in words(app), "leaving without a copy asks")
        await pilot.press("y", "escape")
        await until(lambda: "night shift" in words(app) and "in 29d" in words(app), "the list has it")
        assert app.clipboard == token
        await until(lambda: parse_token(token).hint in words(app), "it is shown")
        assert not CLEAR.search(words(app) + toasts(app) + str(app.memory()) + app.export_screenshot())
    target = stage.workspace.database.target().as_login(parse_token(token).login, Secret(token))
    await stage.runner(replace(stage.agent, target=target))


async def test_an_unknown_agent_is_refused_in_place(stage: Stage) -> None:
    async with stage.app("ada", remembered=TOKENS) as (app, pilot):
        await until(lambda: "worker" in words(app), "shown")
        app.do("tokens.issue", "nobody")
        await until(lambda: isinstance(app.screen, Form), "asked")
        await pilot.press("ctrl+s")
        await until(lambda: "there is no agent 'nobody' here" in words(app), "in place")
        await pilot.press("escape")
        assert await states(stage.workspace) == {"": "active"}


async def test_who_uses_a_token_is_seen_live_and_a_rotation_ends_nobody(stage: Stage) -> None:
    async with stage.app("ada", remembered=TOKENS, size=(140, 40)) as (app, pilot):
        await until(lambda: "0 in use of 1" in words(app), "nobody yet")
        runner = await stage.runner(host="forge")
        await until(lambda: "1 in use of 1" in words(app) and "● forge 4242" in words(app), "a hint brings it")
        await stage.send("sleep")
        await runner.take()
        await pilot.press("enter")
        await until(lambda: "in use by forge pid 4242" in words(app) and "running #1.1" in words(app), "with its run")
        await pilot.press("r")
        await until(lambda: isinstance(app.screen, Form) and "Rotate the token" in words(app), "asked")
        await pilot.press("ctrl+u", *"never", "ctrl+s")
        await until(lambda: "is no length of time" in words(app), "refused in place")
        await pilot.press("ctrl+u", *"2d", "ctrl+s")
        await until(lambda: isinstance(app.screen, ShownOnce), "rotated")
        fresh = shown_token(app)
        await pilot.press("y", "escape")
        await until(lambda: "1 in use of 2" in words(app), "both stand")
        await until(lambda: "in 47h" in words(app), "the old one runs out")
        await until(lambda: parse_token(fresh).hint in words(app), "it is shown")
        assert await runner.beat() == []


async def test_several_are_revoked_and_everybody_who_lives_by_them_is_named(stage: Stage) -> None:
    database, ada = stage.workspace.database, await stage.workspace.database.connect("ada")
    await ada.execute("SET idle_session_timeout = 0")
    agents: list[Agent] = []
    for number in range(10):
        agents.append(await database.issue_token(ada, stage.agent.agent_id, "worker", new_label=f"n{number}"))
    runners = [await stage.runner(each, host=f"forge-{number}") for number, each in enumerate(agents)]
    await stage.send("sleep")
    await runners[9].take()
    async with stage.app("ada", remembered=TOKENS, size=(100, 40)) as (app, pilot):
        await until(lambda: "10 in use of 11" in words(app), "shown")
        await pilot.press("enter", "ctrl+a", "x")
        await until(lambda: isinstance(app.screen, Revoking) and "Revoke 11 tokens?" in words(app), "asks once")
        about = str(app.screen.query_one("#about").render())
        assert all(f"in use by forge-{number} pid 4242" in about for number in range(10))
        assert "running #1.1" in about
        assert "not in use" in about
        await pilot.press("n")
        await until(lambda: not isinstance(app.screen, Revoking), "No does nothing")
        assert set((await states(stage.workspace)).values()) == {"active"}
        await pilot.press("x")
        await until(lambda: isinstance(app.screen, Revoking), "again")
        await pilot.press("y")
        await until(lambda: "11 are revoked" in toasts(app), "done")
        for runner in runners:
            await until(runner.connection.is_closed, "its connection is ended")
        await until(lambda: "1 in use of 11" in words(app), "seen, and who still holds a run by the clock")
        superuser = await database.superuser()
        await superuser.execute("UPDATE kolony.agent_sessions SET last_seen = now() - interval '1 hour'")
        await until(lambda: "0 in use of 11" in words(app), "seen")
        await pilot.press("x")
        await until(lambda: "that token is revoked already" in toasts(app), "not twice")
    assert set((await states(stage.workspace)).values()) == {"revoked"}


async def test_several_are_rotated_and_shown_with_whose_they_are(stage: Stage) -> None:
    await stage.workspace.database.add_agent("second")
    async with stage.app("ada", remembered=TOKENS, size=(100, 30)) as (app, pilot):
        await until(lambda: "second" in words(app), "shown")
        await pilot.press("enter")
        rows = app.screen.query_one(TokenList)
        hints = {each.agent.raw: each.token_hint for each in rows.rows}
        await pilot.press("ctrl+a", "r")
        await until(lambda: "Rotate 2 tokens" in words(app), "one form for both")
        await pilot.press("ctrl+s")
        await until(lambda: isinstance(app.screen, ShownOnce), "rotated")
        lines = words(app).splitlines()
        whose = [lines[at - 1] for at, line in enumerate(lines) if CLEAR.search(line)]
        assert len(whose) == 2
        for agent, hint in hints.items():
            assert any(f"{agent} {hint}" in line for line in whose)
        await pilot.press("y")
        assert len(set(CLEAR.findall(app.clipboard))) == 2


async def test_who_is_no_admin_is_told_why_not(stage: Stage) -> None:
    for login in ("bob", "eve"):
        async with stage.app(login, remembered=TOKENS) as (app, _):
            await until(lambda: "this section is for an admin" in words(app), "closed, with the reason")
            assert "kol_" not in words(app)
            app.do("tokens.issue", "worker")
            await until(lambda: "this takes an admin" in toasts(app), "told")


async def test_where_logins_are_shared_the_section_and_the_token_say_so(stage: Stage) -> None:
    superuser = await stage.workspace.database.superuser()
    await superuser.execute("ALTER ROLE kolony_roleadm NOCREATEROLE")
    try:
        await superuser.execute(f"CREATE ROLE {SHARED_AGENT_LOGIN} LOGIN IN ROLE kolony_agents")
        async with stage.app("ada", remembered=TOKENS, size=(120, 30)) as (app, pilot):
            await until(lambda: f"agents log in as {SHARED_AGENT_LOGIN} here" in words(app), "said")
            await pilot.press("enter", "a")
            await until(lambda: isinstance(app.screen, Form), "asked")
            await pilot.press("ctrl+s")
            await until(lambda: isinstance(app.screen, ShownOnce), "made")
            await until(lambda: f"--dsn postgresql://{SHARED_AGENT_LOGIN}@HOST/DATABASE" in words(app), "and how")
            assert len(CLEAR.findall(words(app))) == 1
    finally:
        await superuser.execute("ALTER ROLE kolony_roleadm CREATEROLE")
        await superuser.execute(f"DROP ROLE IF EXISTS {SHARED_AGENT_LOGIN}")


async def test_in_a_real_terminal_the_token_is_copied_and_nothing_keeps_it(stage: Stage, tmp_path: Path) -> None:
    """G11: after the dialog the clear text is neither on the screen nor in anything that the app leaves behind."""
    seen: list[str] = []

    def make(terminal: Terminal) -> None:
        terminal.until(lambda: "online" in terminal.shown, "the dashboard")
        terminal.press(":")
        terminal.until(lambda: "go to" not in terminal.shown.splitlines()[-1], "the line")
        terminal.press("settings tokens\r")
        terminal.until(lambda: "in use of 1" in terminal.shown, "the section")
        terminal.press("a")
        terminal.until(lambda: "Make a token" in terminal.shown, "the form")
        terminal.press("\x13")
        terminal.until(lambda: CLEAR.search(terminal.shown), "the token")
        seen.extend(CLEAR.findall(terminal.shown))
        terminal.press("y")
        terminal.until(lambda: b"\x1b]52;c;" + base64.b64encode(seen[0].encode()) in terminal.seen, "the copy")
        terminal.press("\x1b")
        terminal.until(lambda: "in use of 2" in terminal.shown and not CLEAR.search(terminal.shown), "the list again")
        terminal.insist("\x11", terminal.ended, "its end")
        terminal.read(0.5)

    await stage.send("work")  # an empty workspace opens the composer
    with opened(tmp_path, stage.workspace.database.dsn("ada")) as terminal:
        await asyncio.to_thread(make, terminal)
    assert not CLEAR.search(terminal.shown)
    kept = [Path(folder, name) for folder, _, names in os.walk(tmp_path) for name in names]
    assert any(file.name == "state.json" for file in kept)
    assert not [file for file in kept if seen[0].encode() in file.read_bytes()]
    superuser = await stage.workspace.database.superuser()
    assert not await superuser.fetchval("SELECT count(*) FROM pg_stat_activity WHERE query LIKE $1", f"%{seen[0]}%")
