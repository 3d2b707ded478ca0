"""Answering always in the app: the command is seen in full, the rule's reach is said, and it can be revoked."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg

from kolony_tui.ui.screens.work.run import RunScreen
from tests.ui.stage import Runner, Stage, until, words

COMMAND = "make deploy \x1b[8m" + " ".join(f"word{number}" for number in range(900)) + " end-of-it"


async def ask(runner: Runner, claim: asyncpg.Record, name: str, command: str) -> tuple[UUID, str]:
    """The agent asks to be allowed exactly this."""
    row = await runner.connection.fetchrow(
        "SELECT * FROM kolony.ask($1, $2, 'permission', 'a harmless thing', tool => 'execute', command => $3)",
        claim["attempt_id"], name, command,
    )  # fmt: skip
    assert row is not None
    return row["approval_id"], row["state"]


async def test_always_from_the_inbox_to_its_revocation(stage: Stage) -> None:
    runner = await stage.runner()
    run_id = await stage.send("build")
    claim = await runner.take()
    await ask(runner, claim, "long", COMMAND)
    async with stage.app("bob", size=(120, 40)) as (app, pilot):
        await until(lambda: "allow? make dep" in words(app), "the agent's row has the command")
        await pilot.press("2")
        await until(lambda: "the agent says: a harmless thing" in words(app), "whose words the title is")
        await until(lambda: "make deploy \\x1b[8mword0" in words(app), "the command, escapes spelled out")
        # All of it can be scrolled to, also what lists cut.
        await until(lambda: "end-of-it" in str(app.screen.query_one("#inbox-words").render()), "to its end")
        app.open_run(run_id)
        await until(lambda: "asks to be allowed: make deploy" in words(app), "the run's screen")
        assert isinstance(app.screen, RunScreen)
        app.screen.show_pane("approvals")
        await until(lambda: "1 open of 1" in words(app), "its approvals")
        await pilot.press("escape")
        await until(lambda: "WHY HERE" in words(app), "the inbox again")
        await pilot.press("Y")
        await until(lambda: "exactly this, until" in words(app), "what the rule would do")
        await pilot.press("right")
        await until(lambda: "Rejects worker exactly this" in words(app), "it says that it rejects")
        await pilot.press("left", "ctrl+s")
        await until(lambda: "nothing waits for you" in words(app), "answered")

        _, state = await ask(runner, claim, "again", COMMAND)
        assert state == "allowed"
        await ask(runner, claim, "short", "npm test -- --watch")
        await until(lambda: "npm test" in words(app), "the next one")
        await pilot.press("Y")
        await until(lambda: "'npm test' with any words behind it" in words(app), "a prefix is suggested")
        await pilot.press("ctrl+s")
        await until(lambda: "nothing waits for you" in words(app), "answered")
        assert (await ask(runner, claim, "test", "npm test"))[1] == "allowed"
        assert (await ask(runner, claim, "evil", "npm test; rm -rf /"))[1] == "open"

        await pilot.press("0")
        app.do("settings.approval-rules")
        await until(lambda: "npm test" in words(app) and "HITS" in words(app), "the rules")
        await pilot.press("x")
        await until(lambda: "Revoke this rule?" in words(app), "asks once")
        await pilot.press("y")
        await until(lambda: "npm test" not in words(app), "revoked")
    assert (await ask(runner, claim, "after", "npm test"))[1] == "open"


async def test_variables_and_notes_on_an_agents_screen(stage: Stage) -> None:
    bob = await stage.workspace.database.connect("bob")
    agent = stage.agent.agent_id
    await bob.execute("SELECT kolony.set_variable($1, 'KEY', 'hidden-value-77', true)", agent)
    await bob.execute("SELECT kolony.set_note($1, 'todo', $2)", agent, "buy milk\nand \x1b[31mred")
    async with stage.app("bob", size=(80, 24)) as (app, pilot):
        app.open_agent(agent)
        await until(lambda: "Queue and history" in words(app), "the agent")
        await pilot.press("v")
        await until(lambda: "secret, 15 bytes" in words(app) and "todo" in words(app), "what it keeps")
        assert "hidden-value" not in words(app)
        await pilot.press("a", *"URL", "enter", "enter", *"http://x", "ctrl+s")
        await until(lambda: "http://x" in words(app), "a plain variable")
        await pilot.press("tab", "enter")
        await until(lambda: "cannot be changed here" in words(app), "a note with an escape is not edited by accident")
        await pilot.press("escape")
    async with stage.app("eve", size=(80, 24)) as (app, pilot):
        app.open_agent(agent)
        await until(lambda: "Queue and history" in words(app), "the agent")
        await pilot.press("v")
        await until(lambda: "secret, 15 bytes" in words(app), "a viewer sees them")
        await pilot.press("x")
        await pilot.pause()
        assert "Take away" not in words(app)
    rows: list[Any] = await bob.fetch("SELECT name FROM kolony.agent_variables ORDER BY name")
    assert [row["name"] for row in rows] == ["KEY", "URL"]
