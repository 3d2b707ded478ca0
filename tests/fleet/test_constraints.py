"""Constraint profiles in SQL: who may, one default, names, deleting and bringing back, what is written down."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.database import Workspace


async def _make(connection: asyncpg.Connection, workspace: Workspace, name: str, **how: Any) -> UUID:
    named = "".join(f", {key} => ${place}" for place, key in enumerate(how, start=3))
    made: UUID = await connection.fetchval(
        f"SELECT kolony.make_constraint($1, $2{named})", workspace.workspace_id, name, *how.values()
    )
    return made


async def _default(connection: asyncpg.Connection) -> str | None:
    name: str | None = await connection.fetchval("SELECT name FROM kolony.constraint_profiles WHERE is_default")
    return name


async def test_an_admin_makes_what_others_only_see(workspace: Workspace) -> None:
    ada, bob, eve = [await workspace.database.connect(login) for login in ("ada", "bob", "eve")]
    made = await _make(ada, workspace, "small", memory_limit_mb=200, as_default=True)
    change = "SELECT kolony.change_constraint($1, 'x', '', 1, 1, 1, 1)"
    for login in (bob, eve):
        [row] = await login.fetch("SELECT name, memory_limit_mb, time_limit_ms FROM kolony.constraint_profiles")
        assert tuple(row) == ("small", 200, None)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="this needs the role admin"):
            await _make(login, workspace, "other")
        for statement in (change, "SELECT kolony.delete_constraint($1)", "SELECT kolony.undelete_constraint($1)"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="this needs the role admin"):
                await login.execute(statement, made)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="this needs the role admin"):
            await login.execute("SELECT kolony.set_default_constraint($1, NULL)", workspace.workspace_id)
    olga = await workspace.database.connect("olga")
    assert await olga.fetch("SELECT FROM kolony.constraint_profiles") == []
    with pytest.raises(asyncpg.NoDataFoundError, match="no such constraint profile"):
        await olga.execute(change, made)
    with pytest.raises(asyncpg.NoDataFoundError, match="no such constraint profile"):
        await olga.execute("SELECT kolony.set_default_constraint($1, $2)", workspace.other_id, made)


async def test_there_is_one_default_whoever_chooses(workspace: Workspace) -> None:
    ada = await workspace.database.connect("ada")
    made = [await _make(ada, workspace, f"p{number}", as_default=True) for number in range(2)]
    assert await _default(ada) == "p1"
    admins = [await workspace.database.connect("ada") for _ in range(6)]
    choose = "SELECT kolony.set_default_constraint($1, $2)"
    for _ in range(5):
        await asyncio.gather(
            *(each.execute(choose, workspace.workspace_id, made[at % 2]) for at, each in enumerate(admins))
        )
    assert await ada.fetchval("SELECT count(*) FROM kolony.constraint_profiles WHERE is_default") == 1
    await ada.execute(choose, workspace.workspace_id, None)
    assert await _default(ada) is None


async def test_what_cannot_be_is_refused_in_words(workspace: Workspace) -> None:
    ada = await workspace.database.connect("ada")
    made = await _make(ada, workspace, "small")
    for how, words in (
        ({"time_limit_ms": 0}, "a time limit is 1 ms to 365 days"),
        ({"token_budget": 0}, "a token budget is 1 to"),
        ({"memory_limit_mb": -1}, "a memory limit is 1 to"),
        ({"cpu_limit_percent": 100_001}, "a CPU limit is 1 to"),
    ):
        with pytest.raises(asyncpg.InvalidParameterValueError, match=words):
            await _make(ada, workspace, "other", **how)
    for name in ("", " x", "a\nb", "x" * 101):
        with pytest.raises(asyncpg.InvalidParameterValueError, match="1 to 100 printable"):
            await _make(ada, workspace, name)
    with pytest.raises(asyncpg.UniqueViolationError, match='there is a constraint profile "small" already'):
        await _make(ada, workspace, "small")
    other = await _make(ada, workspace, "other")
    with pytest.raises(asyncpg.UniqueViolationError, match='"small" already'):
        await ada.execute("SELECT kolony.change_constraint($1, 'small', '', NULL, NULL, NULL, NULL)", other)
    await ada.execute("SELECT kolony.change_constraint($1, 'small', 'a word', NULL, 7, NULL, NULL)", made)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ada.execute("UPDATE kolony.constraint_profiles SET name = 'x'")


async def test_a_deleted_one_can_be_brought_back(workspace: Workspace) -> None:
    ada = await workspace.database.connect("ada")
    made = await _make(ada, workspace, "small", cpu_limit_percent=50, as_default=True)
    await ada.execute("SELECT kolony.delete_constraint($1)", made)
    await ada.execute("SELECT kolony.delete_constraint($1)", made)
    assert await _default(ada) is None
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="is deleted"):
        await ada.execute("SELECT kolony.change_constraint($1, 'small', '', NULL, NULL, NULL, NULL)", made)
    with pytest.raises(asyncpg.NoDataFoundError, match="no such constraint profile"):
        await ada.execute("SELECT kolony.set_default_constraint($1, $2)", workspace.workspace_id, made)
    assert "small" in await ada.fetchval("SELECT kolony.undo()")
    assert await _default(ada) == "small", "it is the default again"
    await ada.execute("SELECT kolony.delete_constraint($1)", made)
    await _make(ada, workspace, "small", as_default=True)
    with pytest.raises(asyncpg.UniqueViolationError, match='"small" already'):
        await ada.execute("SELECT kolony.undo()")


async def test_each_step_is_written_down(workspace: Workspace) -> None:
    ada = await workspace.database.connect("ada")
    await ada.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
    made = await _make(ada, workspace, "small", memory_limit_mb=200)
    await ada.execute("SELECT kolony.change_constraint($1, 'small', '', NULL, NULL, 300, NULL)", made)
    await ada.execute("SELECT kolony.change_constraint($1, 'small', '', NULL, NULL, 300, NULL)", made)
    await ada.execute("SELECT kolony.delete_constraint($1)", made)
    rows = await ada.fetch(
        "SELECT event, subject, details FROM kolony.audit_log WHERE event LIKE 'CONSTRAINT%' ORDER BY entry_id"
    )
    assert [row["event"] for row in rows] == ["CONSTRAINT_CREATED", "CONSTRAINT_CHANGED", "CONSTRAINT_DELETED"]
    assert {row["subject"] for row in rows} == {"small"}
    assert rows[0]["details"]["memory_limit_mb"] == 200
    assert rows[1]["details"] == {"memory_limit_mb": {"before": 200, "after": 300}}


async def test_a_command_gets_the_limits_of_the_profile_and_keeps_them(workspace: Workspace) -> None:
    ada = await workspace.database.connect("ada")
    agent = await workspace.database.add_agent()
    named = await _make(ada, workspace, "named", memory_limit_mb=200, cpu_limit_percent=50, token_budget=10)
    made = await _make(ada, workspace, "usual", time_limit_ms=5000, as_default=True)

    async def sent(**how: Any) -> tuple[Any, ...]:
        extra = "".join(f", {key} => ${place}" for place, key in enumerate(how, start=3))
        row = await ada.fetchrow(
            f"SELECT * FROM kolony.send_command($1, $2, 'x'{extra})",
            workspace.workspace_id, [agent.agent_id], *how.values(),
        )  # fmt: skip
        assert row is not None
        found = await ada.fetchrow(
            "SELECT time_limit_ms, token_budget, memory_limit_mb, cpu_limit_percent FROM kolony.commands"
            " WHERE command_id = $1", row["command_id"],
        )  # fmt: skip
        assert found is not None
        return tuple(found)

    assert await sent() == (5000, None, None, None)
    assert await sent(constraint_profile=named) == (None, 10, 200, 50)
    assert await sent(constraint_profile=named, memory_limit_mb=90, time_limit_ms=7) == (7, 10, 90, 50)
    await ada.execute("SELECT kolony.delete_constraint($1)", made)
    assert await sent() == (None, None, None, None)
    with pytest.raises(asyncpg.NoDataFoundError, match="no such constraint profile"):
        await sent(constraint_profile=made)
    kept = await ada.fetchval("SELECT count(*) FROM kolony.commands WHERE time_limit_ms = 5000")
    assert kept == 1
