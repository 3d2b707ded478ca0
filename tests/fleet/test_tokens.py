"""Agents, and tokens that are logins: issued, rotated, expired, revoked; and what an agent cannot do with one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from kolony_tui.models.errors import CannotConnect, LoginRefused
from tests.database import Agent, Workspace, refused, until_ended, verifier
from tests.work.calls import Runner, send


async def test_an_agent_has_a_name_of_its_own_in_its_workspace(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    with refused("23505", 'agent "worker" already'):
        await bob.execute("SELECT kolony.create_agent($1, 'worker')", workspace.workspace_id)
    for name in ("", " x", "x ", "a\x1bb", "a\x9bb", "x" * 101):
        with refused("22023", "agent's name"):
            await bob.execute("SELECT kolony.create_agent($1, $2)", workspace.workspace_id, name)
    with refused("22023", "agent's type"):
        await bob.execute("SELECT kolony.create_agent($1, 'other', 'a b')", workspace.workspace_id)
    otto = await workspace.database.connect("otto")
    await otto.execute("SELECT kolony.create_agent($1, 'worker')", workspace.other_id)
    assert await bob.fetchval("SELECT count(*) FROM kolony.agents") == 1


async def test_what_an_agent_is_doing_is_derived(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()

    async def seen() -> tuple[str, str]:
        row = await bob.fetchrow("SELECT status, activity FROM kolony.agent_overview")
        assert row is not None
        return row["status"], row["activity"]

    assert await seen() == ("offline", "idle")
    runner = await Runner.of(database, agent)
    assert await seen() == ("connecting", "idle")
    await runner.beat()
    assert await seen() == ("online", "idle")
    await send(bob, agent)
    assert await seen() == ("online", "queued")
    [held] = await runner.claim()
    assert await seen() == ("busy", "processing")
    await superuser.execute("UPDATE kolony.agent_sessions SET last_seen = last_seen - interval '1 hour'")
    assert await seen() == ("offline", "idle")
    await superuser.execute("UPDATE kolony.agent_sessions SET last_seen = now()")
    await runner.finish(held["attempt_id"])
    await runner.connection.execute("SELECT kolony.close_session($1, 'out of memory', true)", runner.session_id)
    assert await seen() == ("error", "idle")


async def test_two_tokens_serve_while_one_is_rotated_and_revoking_ends_one(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    ada, superuser = await database.connect("ada"), await database.superuser()
    new = await database.issue_token(ada, agent.agent_id, new_label="new")
    old_runner, new_runner = await Runner.of(database, agent), await Runner.of(database, new)
    await ada.execute("SELECT kolony.revoke_token($1)", agent.token_id)
    await until_ended(superuser, old_runner.connection)
    with pytest.raises(LoginRefused):
        await database.open(agent.target)
    assert await new_runner.beat() == []
    listed = await ada.fetch("SELECT label, token_active FROM kolony.list_tokens($1)", workspace.workspace_id)
    assert [tuple(row) for row in listed] == [("", False), ("new", True)]
    with refused("42501"):
        await (await database.connect("bob")).execute("SELECT kolony.revoke_token($1)", new.token_id)
    olga = await database.connect("olga")
    with refused("P0002", "no such token"):
        await olga.execute("SELECT kolony.revoke_token($1)", new.token_id)
    assert await new_runner.beat() == []


async def test_an_expired_token_stops_at_the_next_call_even_in_an_open_transaction(
    workspace: Workspace, agent: Agent
) -> None:
    database = workspace.database
    superuser = await database.superuser()
    runner = await Runner.of(database, agent)
    await runner.connection.execute("BEGIN")
    await runner.connection.execute("SELECT now()")
    await superuser.execute("UPDATE kolony.agent_tokens SET expires_at = clock_timestamp()")
    with refused("28000", "agent authentication failed"):
        await runner.beat()


async def test_a_tokens_end_is_only_brought_forward(workspace: Workspace) -> None:
    database = workspace.database
    ada, superuser = await database.connect("ada"), await database.superuser()
    soon, late = datetime.now(UTC) + timedelta(hours=1), datetime.now(UTC) + timedelta(days=9)
    agent = await database.add_agent(new_expiry=soon)
    until = "SELECT rolvaliduntil FROM pg_authid WHERE rolname = $1"
    await ada.execute("SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Asia/Kolkata'")
    await ada.execute("SELECT kolony.expire_token($1, $2)", agent.token_id, late)
    assert await superuser.fetchval(until, agent.login) == soon
    past = datetime.now(UTC) - timedelta(seconds=1)
    await ada.execute("SELECT kolony.expire_token($1, $2)", agent.token_id, past)
    with pytest.raises(LoginRefused):
        await database.open(agent.target)
    with refused("22023", "say when"):
        await ada.execute("SELECT kolony.expire_token($1, NULL)", agent.token_id)
    with refused("22023", "has passed already"):
        await database.issue_token(ada, agent.agent_id, new_expiry=past)


async def test_a_refused_issue_leaves_no_login_behind(workspace: Workspace, agent: Agent) -> None:
    """Attacks 8 and 9."""
    database = workspace.database
    superuser = await database.superuser()
    count = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'ka\\_%'"
    before = await superuser.fetchval(count)
    for login, state in (("bob", "42501"), ("eve", "42501"), ("olga", "P0002"), ("sam", "P0002")):
        with refused(state):
            await database.issue_token(await database.connect(login), agent.agent_id)
    ada = await database.connect("ada")
    with refused("22023", "verifier"):
        await ada.execute(
            "SELECT kolony.issue_token($1, 'ka_00000000000000aa', 'clear', $2, 'kol_0000')", agent.agent_id, b"\0" * 32
        )
    for login in ("postgres", "ka_x", "ka_00000000000000AA", 'ka_"; drop role bob'):
        with refused("23514"):
            await ada.execute(
                "SELECT kolony.issue_token($1, $2, $3, $4, 'kol_0000')", agent.agent_id, login, verifier(), b"\1" * 32
            )
    assert await superuser.fetchval(count) == before
    await database.issue_token(ada, agent.agent_id)
    assert await superuser.fetchval(count) == before + 1


async def test_an_agent_reaches_no_table_no_person_and_no_sibling(workspace: Workspace, agent: Agent) -> None:
    """Attacks 22, 45, 46 and 49."""
    database = workspace.database
    ada, superuser = await database.connect("ada"), await database.superuser()
    sibling = await database.issue_token(ada, agent.agent_id)
    other, own = await Runner.of(database, sibling), await Runner.of(database, agent)
    pid = other.connection.get_server_pid()
    for statement in (
        f"SELECT pg_terminate_backend({pid})",
        f"SELECT pg_cancel_backend({pid})",
        f"ALTER ROLE {sibling.login} PASSWORD 'x'",
        f"ALTER ROLE {sibling.login} SET statement_timeout = 1",
        f"ALTER ROLE {agent.login} CREATEROLE",
        f"SET ROLE {sibling.login}",
        "SET ROLE kolony_api",
        "SELECT * FROM kolony.agent_tokens",
        "SELECT * FROM kolony.commands",
        "SELECT kolony.ensure_profile()",
        f"SELECT kolony.list_tokens('{workspace.workspace_id}')",
        "CREATE TEMP TABLE agent_tokens (login text)",
        f"GRANT kolony_user TO {agent.login}",
    ):
        with refused("42501"):
            await own.connection.execute(statement)
    seen = await own.connection.fetchrow("SELECT query, state FROM pg_stat_activity WHERE pid = $1", pid)
    assert seen is not None
    assert tuple(seen) == ("<insufficient privilege>", None)
    policies = await superuser.fetch("SELECT * FROM pg_policies ORDER BY 1, 2, 3")
    await own.connection.execute("DROP OWNED BY kolony_agents")
    assert await superuser.fetch("SELECT * FROM pg_policies ORDER BY 1, 2, 3") == policies
    assert (await own.beat(), await other.beat()) == ([], [])


async def test_a_token_uses_up_its_own_connections_only(workspace: Workspace, agent: Agent) -> None:
    """Attack 47."""
    database = workspace.database
    for _ in range(4):
        await database.open(agent.target)
    with pytest.raises(CannotConnect, match="too many connections"):
        await database.open(agent.target)
    another = await database.add_agent("another")
    assert await (await Runner.of(database, another)).beat() == []


async def test_the_secrets_stay_out_of_what_people_read(workspace: Workspace, agent: Agent) -> None:
    """Attack 10, and 64 as far as the server shows it."""
    database = workspace.database
    for login in ("ada", "bob", "eve"):
        person = await database.connect(login)
        for column in ("token_hash", "login", "token_hint", "*"):
            with refused("42501"):
                await person.fetch(f"SELECT {column} FROM kolony.agent_tokens")
    superuser = await database.superuser()
    stored = await superuser.fetchval("SELECT agent_tokens::text FROM kolony.agent_tokens")
    assert agent.secret.reveal() not in stored
    ada = await database.connect("ada")
    assert "token_hash" not in (await ada.fetch("SELECT * FROM kolony.list_tokens($1)", workspace.workspace_id))[0]


async def test_hints_pass_on_the_channel_of_the_workspace_and_carry_ids_only(
    workspace: Workspace, agent: Agent
) -> None:
    database = workspace.database
    heard: asyncio.Queue[str] = asyncio.Queue()
    eve, bob = await database.connect("eve"), await database.connect("bob")

    def listen(connection: object, pid: int, channel: str, payload: object) -> None:
        heard.put_nowait(str(payload))

    await eve.add_listener(workspace.channel, listen)
    [run] = await send(bob, agent, "the secret text")
    assert await asyncio.wait_for(heard.get(), 5) == f"agent:{agent.agent_id}"
    runner = await Runner.of(database, agent)
    assert await asyncio.wait_for(heard.get(), 5) == f"agent:{agent.agent_id}"
    hints = [f"run:{run}", "run:\x1b[c", "nonsense", f"output:{run}", f"run:{run}", "people:*"]
    await runner.connection.execute("SELECT kolony.announce($1)", hints)
    assert {await asyncio.wait_for(heard.get(), 5) for _ in range(2)} == {f"run:{run}", f"output:{run}"}
    assert heard.empty()
    await eve.remove_listener(workspace.channel, listen)
