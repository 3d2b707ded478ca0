"""An agent that is changed after it was made: by whom, to what, and what is left of it in the audit log."""

from __future__ import annotations

import secrets
from typing import Any

from tests.database import Workspace, refused

CALL = "SELECT kolony.edit_agent($1, $2)"


async def test_what_is_named_changes_and_nothing_else(workspace: Workspace) -> None:
    bob = await workspace.database.connect("bob")
    agent = await bob.fetchval(
        "SELECT kolony.create_agent($1, 'worker', 'process', 'c', 'do', 'for', $2)",
        workspace.workspace_id,
        {"a": 1, "b": 2},
    )
    assert await bob.fetchval(CALL, agent, {"type": "claude", "config_changes": {"trust": "untrusted", "a": None}})
    [row] = await bob.fetch("SELECT * FROM kolony.agents WHERE agent_id = $1", agent)
    assert (row["type"], row["category"], row["instructions"], row["description"]) == ("claude", "c", "do", "for")
    assert row["config"] == {"b": 2, "trust": "untrusted"}
    assert not await bob.fetchval(CALL, agent, {"type": "claude"})
    assert await bob.fetchval(CALL, agent, {"instructions": "do other things", "config": {}})
    ada = await workspace.database.connect("ada")
    said = await ada.fetch("SELECT details FROM kolony.audit_log WHERE event = 'AGENT_CHANGED' ORDER BY entry_id")
    assert [row["details"].get("instructions") for row in said] == [None, "changed"]
    assert said[0]["details"]["config"] == "changed"
    assert "other things" not in str(said)


async def test_what_cannot_be_is_refused_readably(workspace: Workspace) -> None:
    bob = await workspace.database.connect("bob")
    agent = await bob.fetchval("SELECT kolony.create_agent($1, 'worker')", workspace.workspace_id)
    changes: list[Any] = [
        {"name": "other"}, {"type": "Not A Word"}, {"type": 7}, [], {"config": "x"}, {"category": "x" * 101},
        {"config": {"x": secrets.token_hex(50_000)}},
    ]  # fmt: skip
    for change in changes:
        with refused("22023"):
            await bob.fetchval(CALL, agent, change)


async def test_only_operators_of_its_workspace_change_it(workspace: Workspace) -> None:
    bob = await workspace.database.connect("bob")
    agent = await bob.fetchval("SELECT kolony.create_agent($1, 'worker')", workspace.workspace_id)
    for login, state in (("eve", "42501"), ("otto", "P0002")):
        connection = await workspace.database.connect(login)
        with refused(state):
            await connection.fetchval(CALL, agent, {"description": "mine"})
