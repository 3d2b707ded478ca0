"""Attacks by an agent: on its siblings, on the fleet, on the work of others."""

from __future__ import annotations

import contextlib

import asyncpg
import pytest

from kolony_tui.models.errors import CannotConnect, LoginRefused
from tests.database import Agent, Workspace, refused
from tests.security.unchanged import changed, fingerprint, unchanged
from tests.work.calls import Runner, send, state


async def test_an_agent_harms_no_login_but_its_own(workspace: Workspace, agent: Agent) -> None:
    """Attack 45: with a login of its own, an agent can lock out itself, which an admin can undo."""
    database = workspace.database
    ada, superuser = await database.connect("ada"), await database.superuser()
    sibling = await database.issue_token(ada, agent.agent_id)
    own = await database.open(agent.target)
    async with unchanged(superuser):
        for change in (
            f"ALTER ROLE {sibling.login} PASSWORD 'x'",
            f"ALTER ROLE {sibling.login} SET statement_timeout = 1",
            "ALTER ROLE kolony_agents SET statement_timeout = 1",
            "ALTER ROLE ALL SET statement_timeout = 1",
            f"ALTER DATABASE {database.name} SET statement_timeout = 1",
            f"ALTER ROLE {agent.login} CONNECTION LIMIT -1",
            f"ALTER ROLE {agent.login} VALID UNTIL 'infinity'",
        ):
            with refused("42501"):
                await own.execute(change)
    await own.execute("ALTER ROLE CURRENT_USER PASSWORD 'only I know'")
    await own.execute("ALTER ROLE CURRENT_USER SET statement_timeout = 1")
    with pytest.raises(LoginRefused):
        await database.open(agent.target)
    assert await (await Runner.of(database, sibling)).beat() == []
    # The admin takes the token out of service, whatever its holder did to it.
    await ada.execute("SELECT kolony.revoke_token($1)", agent.token_id)
    assert not await superuser.fetchval("SELECT rolcanlogin FROM pg_roles WHERE rolname = $1", agent.login)


async def test_an_agent_neither_ends_nor_reads_a_sibling(workspace: Workspace, agent: Agent) -> None:
    """Attack 46."""
    database = workspace.database
    ada, superuser = await database.connect("ada"), await database.superuser()
    sibling = await Runner.of(database, await database.issue_token(ada, agent.agent_id))
    await sibling.beat()
    own = await database.open(agent.target)
    pid = sibling.connection.get_server_pid()
    async with unchanged(superuser):
        for function in ("pg_terminate_backend", "pg_cancel_backend", "pg_log_backend_memory_contexts"):
            with refused("42501"):
                await own.execute(f"SELECT {function}({pid})")
        seen = await own.fetchrow("SELECT query, state, client_addr FROM pg_stat_activity WHERE pid = $1", pid)
        assert seen is not None
        assert tuple(seen) == ("<insufficient privilege>", None, None)
    assert "kolony.beat" in await superuser.fetchval("SELECT query FROM pg_stat_activity WHERE pid = $1", pid)
    assert await sibling.beat() == []


async def test_an_agent_uses_up_its_own_connections_only(workspace: Workspace, agent: Agent) -> None:
    """Attack 47."""
    database = workspace.database
    for _ in range(4):
        await database.open(agent.target)
    with pytest.raises(CannotConnect, match="too many connections"):
        await database.open(agent.target)
    sibling = await database.issue_token(await database.connect("ada"), agent.agent_id)
    assert await (await Runner.of(database, sibling)).beat() == []


async def test_dropping_what_a_group_owns_drops_nothing(workspace: Workspace, agent: Agent) -> None:
    """Attacks 21, 22 and 23: a policy that named the group would go, and with it what keeps rows apart."""
    database = workspace.database
    superuser = await database.superuser()
    eve, own = await database.connect("eve"), await database.open(agent.target)
    async with unchanged(superuser):
        for person, group in ((eve, "kolony_user"), (own, "kolony_agents")):
            # The first table of which only columns are open to the group makes an error of what is a warning elsewhere.
            with contextlib.suppress(asyncpg.InsufficientPrivilegeError):
                await person.execute(f"DROP OWNED BY {group}")
            await person.execute(f"REASSIGN OWNED BY {group} TO CURRENT_USER")
    assert len(await eve.fetch("SELECT * FROM kolony.agents")) == 1
    assert await (await Runner.of(database, agent)).beat() == []
    await superuser.execute("CREATE POLICY careless ON kolony.runs AS RESTRICTIVE TO kolony_user USING (false)")
    # Tables of which only columns are open to the group make an error of what is a warning elsewhere.
    for table in await superuser.fetch(
        """SELECT oid::regclass::text AS name FROM pg_class
           WHERE relnamespace = 'kolony'::regnamespace AND relkind = 'r'
             AND has_any_column_privilege('kolony_user', oid, 'SELECT')
             AND NOT has_table_privilege('kolony_user', oid, 'SELECT')"""
    ):
        await superuser.execute(f"DROP TABLE {table['name']} CASCADE")
    before = await fingerprint(superuser)
    await eve.execute("DROP OWNED BY kolony_user")
    assert changed(before, await fingerprint(superuser)) == {"policies"}, "which is why none of ours names a group"


async def test_an_agent_touches_no_work_but_its_own(workspace: Workspace, agent: Agent) -> None:
    """Attack 50: neither another agent's nor its own from before."""
    database = workspace.database
    superuser, bob = await database.superuser(), await database.connect("bob")
    thief = await Runner.of(database, await database.add_agent("thief"))
    [run] = await send(bob, agent)
    runner = await Runner.of(database, agent)
    [held] = await runner.claim()
    attempt = held["attempt_id"]
    await runner.start(attempt)
    async with unchanged(superuser):
        for step in (
            thief.finish(attempt),
            thief.append(attempt, [(0, b"forged")]),
            thief.start(attempt),
            thief.connection.execute("SELECT kolony.beat($1, '{}', '{}')", runner.session_id),
            thief.connection.execute("SELECT * FROM kolony.claim_runs($1, 1)", runner.session_id),
        ):
            with pytest.raises(asyncpg.PostgresError) as caught:
                await step
            assert caught.value.sqlstate == "KO001"
        await thief.connection.execute("SELECT kolony.close_session($1, 'gone', true)", runner.session_id)
        assert await thief.claim() == []
    await runner.append(attempt, [(0, b"true")])
    await runner.finish(attempt, chunks=1)
    assert await state(bob, run) == "completed"
