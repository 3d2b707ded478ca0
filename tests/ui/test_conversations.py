"""Conversations: a thread beside the list, the answer as it comes, what is typed stays where it was typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from textual.pilot import Pilot

from kolony_tui.ui.app import KolonyApp
from kolony_tui.ui.screens.conversations.screen import ConversationsScreen
from kolony_tui.ui.screens.form import Form
from kolony_tui.ui.screens.work.run import RunScreen
from tests.text.hostile import everything, forbidden
from tests.ui.stage import Stage, toasts, until, words


async def start(stage: Stage, text: str, *, by: str = "bob") -> UUID:
    """A conversation by SQL."""
    person = await stage.workspace.database.connect(by)
    made: UUID = await person.fetchval(
        "SELECT conversation_id FROM kolony.start_conversation($1, $2, $3)",
        stage.workspace.workspace_id, stage.agent.agent_id, text,
    )  # fmt: skip
    return made


def _lists(app: KolonyApp, count: int) -> bool:
    screen = app.screen
    return isinstance(screen, ConversationsScreen) and screen.list.known and screen.list.total == count


async def listed(app: KolonyApp, pilot: Pilot[int], count: int = 1) -> ConversationsScreen:
    """The screen with its rows."""
    await pilot.press("5")
    await until(lambda: _lists(app, count), "listed")
    assert isinstance(app.screen, ConversationsScreen)
    return app.screen


async def test_one_says_something_sees_the_answer_come_and_goes_on(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("remember")
    runner = await stage.runner()
    await stage.send("so that no composer greets")
    await runner.finish(await runner.take(), exit_code=0)
    async with stage.app("bob") as (app, pilot):
        screen = await listed(app, pilot, 0)
        await until(lambda: "no conversations; a starts one" in words(app), "how to begin")
        await pilot.press("a")
        await until(lambda: isinstance(app.screen, Form), "the form is open")
        await pilot.press(*"worker", "enter", *"hello there", "ctrl+s")
        await until(lambda: app.screen is screen and screen.list.total == 1, "started")
        await until(lambda: screen.focused is screen.thread.say, "one is in its line")
        claim = await runner.take()
        await runner.write(claim, b"I am thinking about")
        await until(lambda: "I am thinking about" in words(app), "the answer as it comes")
        await pilot.press(*"and now", "ctrl+o")
        await until(lambda: isinstance(app.screen, Form), "which file")
        await pilot.press(*"no", "enter")
        await until(lambda: "is no file" in words(app), "said in place")
        await pilot.press(*"tes.txt", "enter")
        await until(lambda: app.screen is screen and "notes.txt" in words(app), "goes along")
        await pilot.press("enter")
        await until(lambda: "2 to answer" in words(app) and "waits" in words(app), "behind the first")
        assert screen.thread.say.text == ""
        await runner.write(claim, b" it.\n", first=1)
        await runner.finish(claim, exit_code=0, chunks=2)
        second = await runner.take()
        await until(lambda: "I am thinking about it." in words(app), "the answer")
        brief: dict[str, Any] = await runner.connection.fetchval(
            "SELECT kolony.begin_attempt($1)", second["attempt_id"]
        )
        assert [each["name"] for each in brief["conversation"]["attachments"]] == ["notes.txt"]
        await runner.finish(second, "failed", exit_code=1, error="no idea")
        await until(lambda: "failed: no idea" in words(app), "what went wrong")
        await until(lambda: screen.list.rows[0].unread == 0, "what is in sight is read")
        await pilot.press("escape", "o")
        await until(lambda: isinstance(app.screen, RunScreen) and "no idea" in words(app), "its run")


async def test_what_is_typed_stays_with_its_thread_and_a_viewer_reads(stage: Stage) -> None:
    await start(stage, "older")
    newer = await start(stage, "newer " + everything().replace(chr(0), ""))
    async with stage.app("bob", size=(80, 24)) as (app, pilot):
        screen = await listed(app, pilot, 2)
        await until(lambda: screen.thread.shown and "newer" in words(app), "the newest is in sight")
        assert not forbidden(words(app).replace("\n", ""))
        await pilot.press("enter")
        await pilot.press(*"for the newer")
        assert screen.thread.say.text == "for the newer"
        await pilot.press("escape", "down")
        await until(lambda: screen.thread.shown and screen.thread.thread is not None
                    and screen.thread.thread.conversation_id != newer, "the other one")  # fmt: skip
        assert screen.thread.say.text == ""
        await pilot.press("e")
        await until(lambda: isinstance(app.screen, Form), "its title")
        await pilot.press(*"the older one", "ctrl+s")
        await until(lambda: app.screen is screen and "the older one" in words(app), "renamed")
        await pilot.press("x")
        await until(lambda: screen.list.total == 1 and screen.thread.say.text == "for the newer", "put away")
        await pilot.press("X")
        await until(lambda: screen.list.total == 2 and "put away" in words(app), "shown again")
        assert "put away; X shows it again" in toasts(app)
    async with stage.app("eve") as (app, pilot):
        screen = await listed(app, pilot)
        await until(lambda: screen.thread.shown, "read")
        assert not screen.thread.say.display
        await until(lambda: screen.list.rows[0].unread == 0, "a viewer's reading counts")
        await pilot.press("a")
        await until(lambda: "this takes an operator" in toasts(app), "why not")
