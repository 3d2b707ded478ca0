"""Variables and notes of agents: set by operators, read by nobody but the runner where they are secret."""

from __future__ import annotations

import json
from typing import Any

import asyncpg
import pytest

from tests.database import Agent, Workspace, refused
from tests.work.calls import Runner, send

SET = "SELECT kolony.set_variable($1, $2, $3, $4, $5)"
SECRET = "hidden-from-everybody-1b7"


async def _claimed(workspace: Workspace, agent: Agent) -> tuple[Runner, asyncpg.Record]:
    await send(await workspace.database.connect("bob"), agent)
    runner = await Runner.of(workspace.database, agent)
    [run] = await runner.claim()
    return runner, run


async def test_secret_values_reach_the_runner_and_nobody_else(workspace: Workspace, agent: Agent) -> None:
    bob, eve, ada = [await workspace.database.connect(name) for name in ("bob", "eve", "ada")]
    other = await workspace.database.add_agent("other")
    await bob.execute(SET, agent.agent_id, "API_KEY", SECRET, True, "for the model")
    await bob.execute(SET, agent.agent_id, "URL", "http://x", False, None)
    await bob.execute(SET, other.agent_id, "API_KEY", "another-agents", True, None)
    await bob.execute(SET, agent.agent_id, "API_KEY", SECRET + "2", True, None)
    shown = await eve.fetch(
        "SELECT name, value, length, description FROM kolony.agent_variable_overview WHERE agent_id = $1 ORDER BY name",
        agent.agent_id,
    )
    assert [tuple(row) for row in shown] == [
        ("API_KEY", None, len(SECRET) + 1, "for the model"), ("URL", "http://x", 8, "")
    ]  # fmt: skip
    for person in (ada, bob, eve):
        for wanted in ("value", "*", "v.value || ''"):
            with refused("42501"):
                await person.fetch(f"SELECT {wanted} FROM kolony.agent_variables v")
        with refused("42501"):
            await person.fetch("SELECT kolony.variables_brief($1, $2)", workspace.workspace_id, agent.agent_id)
    runner, run = await _claimed(workspace, agent)
    with refused("42501"):
        await runner.connection.fetch("SELECT * FROM kolony.agent_variables")
    brief = await runner.connection.fetchval("SELECT kolony.begin_attempt($1)", run["attempt_id"])
    brief = brief if isinstance(brief, dict) else json.loads(brief)
    assert brief["variables"] == [
        {"name": "API_KEY", "value": SECRET + "2", "secret": True},
        {"name": "URL", "value": "http://x", "secret": False},
    ]  # fmt: skip
    assert brief["settings"]["mask_secrets"] is True
    entries = "SELECT event, subject, details::text FROM kolony.audit_log WHERE event LIKE 'VARIABLE%'"
    audit = [tuple(row) for row in await ada.fetch(entries)]
    assert [event for event, _, _ in audit] == ["VARIABLE_SET"] * 4
    assert SECRET not in str(audit)

    await bob.execute("SELECT kolony.unset_variable($1, 'URL')", agent.agent_id)
    with refused("P0002", "no variable"):
        await bob.execute("SELECT kolony.unset_variable($1, 'URL')", agent.agent_id)
    with refused("42501"):
        await eve.execute(SET, agent.agent_id, "X", "y", False, None)
    with refused("42501"):
        await bob.execute("SELECT kolony.set_masking($1, false)", workspace.workspace_id)
    await ada.execute("SELECT kolony.set_masking($1, false)", workspace.workspace_id)
    assert not await eve.fetchval("SELECT masks_secrets FROM kolony.workspaces WHERE slug = 'main'")


async def test_names_and_values_that_cannot_be(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    for name in ("KOLONY_RUN_ID", "kolony_x", "PGPASSWORD", "LD_PRELOAD", "DYLD_X", "BASH_ENV", "ENV", "IFS", "1A",
                 "A-B", "", "A=B", "BASH_FUNC_x", "É"):  # fmt: skip
        with refused("22023"):
            await bob.execute(SET, agent.agent_id, name, "x", False, None)
    for value, secret, words in (
        ("abc", True, "less than 4"),
        ("x" * 32_769, False, "32 KiB"),
        (None, False, "a value"),
    ):
        with refused("22023", words):
            await bob.execute(SET, agent.agent_id, "A", value, secret, None)
    # Nothing that is refused says the value, not even to the server's log.
    with pytest.raises(asyncpg.PostgresError) as caught:
        await bob.execute(SET, agent.agent_id, "LD_PRELOAD", SECRET, True, None)
    error = caught.value
    assert SECRET not in f"{error} {error.detail} {error.hint} {vars(error)}"


async def test_notes_are_kept_and_nobodys_words_are_lost(workspace: Workspace, agent: Agent) -> None:
    bob, eve = await workspace.database.connect("bob"), await workspace.database.connect("eve")
    runner, run = await _claimed(workspace, agent)
    note = "SELECT kolony.set_note($1, $2, $3, $4)"
    for name in ("a", "b", "c"):
        assert await bob.fetchval(note, agent.agent_id, name, "first", None) == 1

    async def keep(*notes: dict[str, Any]) -> list[tuple[str, str]]:
        rows = await runner.connection.fetch("SELECT * FROM kolony.keep_notes($1, $2)", run["attempt_id"], list(notes))
        return [(row["name"], row["became"]) for row in rows]

    # A person changes b and c while the agent works on what it was given.
    assert await bob.fetchval(note, agent.agent_id, "b", "a person's", 1) == 2
    assert await bob.fetchval(note, agent.agent_id, "c", "a person's", 1) == 2
    with refused("55000", "changed meanwhile"):
        await bob.fetchval(note, agent.agent_id, "b", "late", 1)
    given = (
        {"name": "a", "content": "more", "base": 1}, {"name": "b", "content": "the agent's", "base": 1},
        {"name": "c", "content": None, "base": 1}, {"name": "new", "content": "x", "base": 0},
        {"name": "../evil", "content": "x", "base": 0}, {"name": "long", "content": "x" * 65_537, "base": 0},
    )  # fmt: skip
    became = dict(await keep(*given))
    number = await bob.fetchval("SELECT number FROM kolony.commands")
    assert (became["a"], became[f"b-{number}"], became["new"]) == ("kept", "kept beside", "kept")
    assert "characters" in became["../evil"]
    assert "64 KiB" in became["long"]
    await keep(*given)  # said again after a lost connection: nothing is written twice
    found = {
        row["name"]: (row["content"], row["version"]) for row in await eve.fetch("SELECT * FROM kolony.agent_notes")
    }
    assert found == {"a": ("more", 2), "b": ("a person's", 2), f"b-{number}": ("the agent's", 1),
                     "c": ("a person's", 2), "new": ("x", 1)}  # fmt: skip
    assert await keep({"name": "a", "content": None, "base": 2}) == [("a", "deleted")]
    with refused("42501"):
        await eve.execute(note, agent.agent_id, "z", "x", None)
    with refused("42501"):
        await runner.connection.execute(note, agent.agent_id, "z", "x", None)
    await bob.execute("SELECT kolony.delete_note($1, 'new')", agent.agent_id)
    with refused("P0002"):
        await bob.execute("SELECT kolony.delete_note($1, 'new')", agent.agent_id)


async def test_masking_of_tokens_is_the_workspaces_to_switch_off(workspace: Workspace) -> None:
    ada, bob = await workspace.database.connect("ada"), await workspace.database.connect("bob")
    superuser = await workspace.database.superuser()
    with refused("42501"):
        await bob.execute("SELECT kolony.set_redaction($1, false)", workspace.workspace_id)
    with refused("22023"):
        await ada.execute("SELECT kolony.set_redaction($1, NULL)", workspace.workspace_id)
    for wanted in (True, False, False):
        await ada.execute("SELECT kolony.set_redaction($1, $2)", workspace.workspace_id, wanted)
        brief = await superuser.fetchval("SELECT kolony.settings_brief($1)", workspace.workspace_id)
        assert json.loads(brief) == {"mask_secrets": True, "redact_tokens": wanted}
    changes = await ada.fetch("SELECT details FROM kolony.audit_log WHERE event = 'REDACTION_CHANGED'")
    assert [row["details"]["redacts_tokens"] for row in changes] == [False]
