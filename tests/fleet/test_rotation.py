"""Tokens in service: rotated in one step, known by who uses them, revoked with the names of those who did."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from kolony_tui.models.errors import LoginRefused
from tests.database import Agent, Workspace, refused, until_blocked, verifier
from tests.work.calls import Runner, let_pass, send

HOUR = timedelta(hours=1)


async def rotate(admin: asyncpg.Connection, token_id: UUID, overlap: timedelta | None = HOUR, **more: Any) -> UUID:
    """A new token in the place of an old one; nobody knows its secret."""
    public = secrets.token_hex(8)
    extra = "".join(f", {name} => ${number}" for number, name in enumerate(more, 7))
    made: UUID = await admin.fetchval(
        f"SELECT kolony.rotate_token($1, $2, $3, $4, $5, $6{extra})",
        token_id, f"ka_{public}", verifier(), hashlib.sha256(public.encode()).digest(), f"kol_{public[:4]}", overlap,
        *more.values(),
    )  # fmt: skip
    return made


async def listed(admin: asyncpg.Connection, workspace: Workspace) -> dict[UUID, dict[str, Any]]:
    """Every token, by id."""
    rows = await admin.fetch("SELECT * FROM kolony.list_tokens($1)", workspace.workspace_id)
    return {row["token_id"]: dict(row) for row in rows}


async def test_a_rotation_is_one_step_and_the_old_token_serves_for_the_overlap(workspace: Workspace) -> None:
    database = workspace.database
    ada, superuser = await database.connect("ada"), await database.superuser()
    agent = await database.add_agent(new_label="on host 3")
    runner = await Runner.of(database, agent)
    made = await rotate(ada, agent.token_id)
    tokens = await listed(ada, workspace)
    old, new = tokens[agent.token_id], tokens[made]
    assert (old["state"], new["state"], new["label"], new["expires_at"]) == ("active", "active", "on host 3", None)
    now = await superuser.fetchval("SELECT now()")
    assert timedelta(minutes=59) < old["expires_at"] - now <= HOUR
    rights = await superuser.fetchval("SELECT rolvaliduntil FROM pg_authid WHERE rolname = $1", agent.login)
    assert rights == old["expires_at"]
    assert await runner.beat() == []
    await superuser.execute("UPDATE kolony.agent_tokens SET expires_at = now() WHERE token_id = $1", agent.token_id)
    with refused("28000"):
        await runner.beat()
    assert (await listed(ada, workspace))[agent.token_id]["state"] == "expired"


async def test_a_rotation_never_lengthens_a_life(workspace: Workspace) -> None:
    database = workspace.database
    ada = await database.connect("ada")
    soon, late = datetime.now(UTC) + timedelta(minutes=5), datetime.now(UTC) + timedelta(days=90)
    agent = await database.add_agent(new_expiry=soon)
    made = await rotate(ada, agent.token_id, timedelta(days=30), new_label="other", new_expiry=late)
    tokens = await listed(ada, workspace)
    assert tokens[agent.token_id]["expires_at"] == soon
    assert (tokens[made]["expires_at"], tokens[made]["label"]) == (late, "other")


async def test_a_refused_rotation_changes_nothing(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    ada, superuser = await database.connect("ada"), await database.superuser()
    rows = "SELECT t::text FROM kolony.agent_tokens t ORDER BY token_id"
    roles = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'ka\\_%'"
    before = (await superuser.fetch(rows), await superuser.fetchval(roles))
    for login, state in (("eve", "42501"), ("bob", "42501"), ("olga", "P0002")):
        with refused(state):
            await rotate(await database.connect(login), agent.token_id)
    for overlap in (None, timedelta(seconds=-1), timedelta(days=366)):
        with refused("22023", "0 to 365 days"):
            await rotate(ada, agent.token_id, overlap)
    with refused("22023", "has passed"):
        await rotate(ada, agent.token_id, new_expiry=datetime.now(UTC) - HOUR)
    async with ada.transaction(isolation="repeatable_read"):
        with refused("42501", "READ COMMITTED"):
            await rotate(ada, agent.token_id)
    assert (await superuser.fetch(rows), await superuser.fetchval(roles)) == before
    await ada.execute("SELECT kolony.set_agent_desired($1, 'retired')", agent.agent_id)
    with refused("55000", "retired"):
        await rotate(ada, agent.token_id)
    await ada.execute("SELECT kolony.set_agent_desired($1, 'active')", agent.agent_id)
    await rotate(ada, agent.token_id)
    await ada.execute("SELECT kolony.revoke_token($1)", agent.token_id)
    with refused("55000", "serves no more"):
        await rotate(ada, agent.token_id)
    assert await superuser.fetchval(roles) == before[1] + 1


async def test_an_admin_sees_by_whom_a_token_is_in_use(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    ada, bob, superuser = await database.connect("ada"), await database.connect("bob"), await database.superuser()
    other = await database.add_agent("other")

    async def seen() -> Any:
        return (await listed(ada, workspace))[agent.token_id]

    assert (await seen())["in_use_by"] == []
    runner, idle = await Runner.of(database, agent), await Runner.of(database, agent)
    await Runner.of(database, other)
    [run] = await send(bob, agent)
    [held] = await runner.claim()
    number = await bob.fetchval("SELECT command_number FROM kolony.run_overview WHERE run_id = $1", run)
    row = await seen()
    assert [(each["host"], each["pid"], each["runs"]) for each in row["in_use_by"]] == [
        ("host-1", 42, [f"{number}.1"]),
        ("host-1", 42, []),
    ]
    assert [each["session_id"] for each in row["in_use_by"]] == [str(runner.session_id), str(idle.session_id)]
    assert row["last_used_host"] == "host-1"
    await runner.finish(held["attempt_id"])
    await idle.close()
    await let_pass(superuser, runner.session_id)
    assert (await seen())["in_use_by"] == []


async def test_the_last_use_goes_on_with_the_beats_at_most_once_a_minute(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    ada, superuser = await database.connect("ada"), await database.superuser()
    runner = await Runner.of(database, agent)
    place = "SELECT ctid::text, last_used_at, last_used_from FROM kolony.agent_tokens"
    first = await superuser.fetchrow(place)
    await runner.beat()
    assert await superuser.fetchrow(place) == first
    await superuser.execute("UPDATE kolony.agent_tokens SET last_used_at = now() - interval '61 seconds'")
    await runner.beat()
    assert await superuser.fetchval("SELECT now() - last_used_at < interval '30 seconds' FROM kolony.agent_tokens")
    assert (await listed(ada, workspace))[agent.token_id]["last_used_at"] is not None


async def test_revoking_says_whom_it_ended_and_once_more_who_was_first(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    ada, bob, superuser = await database.connect("ada"), await database.connect("bob"), await database.superuser()
    second = await database.add_person("admin")
    runner = await Runner.of(database, agent)
    await send(bob, agent)
    await runner.claim()
    ended = await ada.fetchval("SELECT kolony.revoke_token($1)", agent.token_id)
    assert (ended["revoked_before"], ended["revoked_by"]) == (False, database.cluster.login("ada"))
    [use] = ended["in_use_by"]
    assert (use["host"], use["pid"], len(use["runs"])) == ("host-1", 42, 1)
    again = await (await database.connect(second)).fetchval("SELECT kolony.revoke_token($1)", agent.token_id)
    assert (again["revoked_before"], again["revoked_by"]) == (True, database.cluster.login("ada"))
    assert again["revoked_at"] == ended["revoked_at"]
    row = (await listed(ada, workspace))[agent.token_id]
    assert (row["state"], row["revoked_by"], row["token_active"]) == ("revoked", ended["revoked_by"], False)
    assert agent.secret.reveal() not in json.dumps([ended, again], default=str)
    assert await superuser.fetchval("SELECT rolcanlogin FROM pg_roles WHERE rolname = $1", agent.login) is False
    with pytest.raises(LoginRefused):
        await database.open(agent.target)


async def test_a_revocation_and_a_beat_wait_for_each_other_in_one_order(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    ada, superuser = await database.connect("ada"), await database.superuser()
    runner = await Runner.of(database, agent)
    await runner.connection.execute("BEGIN")
    await runner.beat()  # which holds the session, and does not touch the token: it was used just now
    await superuser.execute("UPDATE kolony.agent_tokens SET last_used_at = now() - interval '1 hour'")
    revoking = asyncio.create_task(ada.fetchval("SELECT kolony.revoke_token($1)", agent.token_id))
    await until_blocked(superuser, ada)
    await runner.beat()
    await runner.connection.execute("COMMIT")
    assert (await revoking)["in_use_by"][0]["session_id"] == str(runner.session_id)


async def test_no_token_is_issued_for_an_agent_that_is_just_being_retired(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    ada, bob, superuser = await database.connect("ada"), await database.connect("bob"), await database.superuser()
    await bob.execute("SET idle_in_transaction_session_timeout = 0; BEGIN")
    await bob.execute("SELECT kolony.set_agent_desired($1, 'retired')", agent.agent_id)
    issuing = asyncio.create_task(database.issue_token(ada, agent.agent_id))
    await until_blocked(superuser, ada)
    await bob.execute("COMMIT")
    with refused("55000", "retired"):
        await issuing
