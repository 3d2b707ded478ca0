"""Tags of agents and saved views, as the database keeps them; and whom a target means."""

from __future__ import annotations

import json

import asyncpg
import pytest

from kolony_tui.core import targeting
from kolony_tui.core.selecting import FilterError
from kolony_tui.core.session import log_in
from kolony_tui.models.errors import NotFound
from tests.database import Agent, Workspace, refused


async def _tags(connection: asyncpg.Connection, agent: Agent) -> list[str]:
    tags: list[str] = await connection.fetchval("SELECT tags FROM kolony.agents WHERE agent_id = $1", agent.agent_id)
    return tags


async def test_operators_tag_and_everybody_reads_it(workspace: Workspace, agent: Agent) -> None:
    bob, eve = await workspace.database.connect("bob"), await workspace.database.connect("eve")
    second = await workspace.database.add_agent("second")
    tag = "SELECT kolony.tag_agents($1, $2, $3)"
    assert await bob.fetchval(tag, [agent.agent_id, second.agent_id], ["prod", "eu"], []) == 2
    assert await bob.fetchval(tag, [agent.agent_id, second.agent_id], ["eu"], ["prod"]) == 2
    assert await bob.fetchval(tag, [agent.agent_id], ["eu"], ["never-there"]) == 0
    assert await _tags(eve, agent) == ["eu"]
    with refused("42501"):
        await eve.fetchval(tag, [agent.agent_id], ["mine"], [])
    for wrong in ("", "two words", "-x", "x" * 41, "é\x1b[31m", "a,b"):
        with refused("22023", "is no tag"):
            await bob.fetchval(tag, [agent.agent_id], [wrong], [])
    with refused("54000", "more than 50"):
        await bob.fetchval(tag, [agent.agent_id], [f"t{number}" for number in range(60)], [])
    assert await _tags(eve, agent) == ["eu"]


async def test_a_tag_reaches_no_other_workspace(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    foreign = await workspace.database.add_agent("foreign", workspace="other")
    with refused("P0002"):
        await bob.fetchval("SELECT kolony.tag_agents($1, '{x}', '{}')", [agent.agent_id, foreign.agent_id])
    assert await _tags(bob, agent) == []


async def test_tagging_is_in_the_audit_log(workspace: Workspace, agent: Agent) -> None:
    ada = await workspace.database.connect("ada")
    await ada.execute("SELECT kolony.tag_agents($1, '{prod}', '{}')", [agent.agent_id])
    details = await ada.fetchval(
        "SELECT details FROM kolony.audit_log WHERE event = 'AGENT_CHANGED' AND agent_id = $1", agent.agent_id
    )
    assert details["tags"] == {"before": [], "after": ["prod"]}


async def _names(connection: asyncpg.Connection) -> set[str]:
    return {
        row["name"] for row in await connection.fetch("SELECT name FROM kolony.saved_views WHERE deleted_at IS NULL")
    }


async def test_a_view_is_its_makers_unless_it_is_shared(workspace: Workspace) -> None:
    ada, bob, eve = [await workspace.database.connect(login) for login in ("ada", "bob", "eve")]
    save = "SELECT kolony.save_view($1, 'fleet', $2, $3, $4)"
    home = workspace.workspace_id
    await bob.execute(save, home, "mine", {"filter": "@prod"}, False)
    shared = await bob.fetchval(save, home, "ours", {"filter": "@eu"}, True)
    await eve.execute(save, home, "mine", {"filter": "x"}, False)
    with refused("42501"):
        await eve.execute(save, home, "for all", {}, True)
    assert (await _names(eve), await _names(bob)) == ({"mine", "ours"}, {"mine", "ours"})
    assert await _names(ada) == {"ours"}
    again = await bob.fetchval(save, home, "ours", {"filter": "@us"}, True)
    assert again == shared
    with refused("42501"):
        await eve.execute("SELECT kolony.delete_view($1)", shared)
    await ada.execute("SELECT kolony.delete_view($1)", shared)
    assert await _names(bob) == {"mine"}
    with refused("P0002"):
        await bob.execute("SELECT kolony.delete_view($1)", shared)


async def test_a_deleted_view_comes_back(workspace: Workspace) -> None:
    bob = await workspace.database.connect("bob")
    made = await bob.fetchval("SELECT kolony.save_view($1, 'fleet', 'mine', '{}')", workspace.workspace_id)
    await bob.execute("SELECT kolony.delete_view($1)", made)
    await bob.execute("SELECT kolony.undo()")
    assert await _names(bob) == {"mine"}


@pytest.mark.parametrize(
    ("list_name", "name", "definition"),
    [("fleet", " x", {}), ("fleet", "", {}), ("fleet", "a\x1bb", {}), ("Fleet!", "x", {}), ("fleet", "x", [1])],
)
async def test_what_is_no_view(workspace: Workspace, list_name: str, name: str, definition: object) -> None:
    bob = await workspace.database.connect("bob")
    with refused("22023"):
        await bob.execute(
            "SELECT kolony.save_view($1, $2, $3, $4::text::jsonb)",
            workspace.workspace_id, list_name, name, json.dumps(definition),
        )  # fmt: skip


async def test_whom_a_target_means(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    for name in ("web-1", "web-2", "gone"):
        await database.add_agent(name)
    session = await log_in(database.target("bob"), "test")
    try:
        bob = await database.connect("bob")
        gone = await bob.fetchval("SELECT agent_id FROM kolony.agents WHERE name = 'gone'")
        await bob.execute("SELECT kolony.set_agent_desired($1, 'retired')", gone)
        web = (await targeting.aim(session, "web-2, web-1")).agent_ids
        await bob.execute("SELECT kolony.tag_agents($1, '{prod}', '{}')", web)

        async def meant(words: str) -> list[str]:
            return [target.name.raw for target in (await targeting.aim(session, words)).targets]

        assert await meant("web-2, web-1, web-2") == ["web-2", "web-1"]
        assert await meant("Everyone") == ["web-1", "web-2", "worker"]
        assert await meant("@prod and name=*2") == ["web-2"]
        assert await meant("status=busy") == []
        with pytest.raises(NotFound, match="no agent 'web'"):
            await meant("web")
        with pytest.raises(FilterError, match="no field 'nam'"):
            await meant("nam=web-1")
        assert [name.raw for name in await targeting.names_like(session, "web-")] == ["web-1", "web-2"]
    finally:
        await session.db.close()
