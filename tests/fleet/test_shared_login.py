"""A server on which Kolony may make no logins: agents share one, and each shows its token in its own sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from kolony_tui.db.target import SHARED_AGENT_LOGIN
from kolony_tui.models.secret import Secret
from tests.database import PASSWORD, Agent, Workspace, refused, until_ended, verifier
from tests.work.calls import Runner, send, state

REFUSED = "agent authentication failed"


def shown(workspace: Workspace, token: Secret | None) -> Agent:
    """Somebody who logs in as everybody's agent and shows this token."""
    target = workspace.database.target(SHARED_AGENT_LOGIN)
    return Agent(workspace.workspace_id, "", workspace.workspace_id, "", PASSWORD, replace(target, agent_token=token))


@pytest.fixture
async def no_logins(workspace: Workspace) -> AsyncIterator[asyncpg.Connection]:
    """The superuser of a server that forbids CREATEROLE, with the login that its operator made."""
    superuser = await workspace.database.superuser()
    await superuser.execute("ALTER ROLE kolony_roleadm NOCREATEROLE")
    await superuser.execute(f"CREATE ROLE {SHARED_AGENT_LOGIN} LOGIN PASSWORD '{verifier()}' IN ROLE kolony_agents")
    try:
        yield superuser
    finally:
        await superuser.execute("ALTER ROLE kolony_roleadm CREATEROLE")
        await superuser.execute(f"DROP ROLE IF EXISTS {SHARED_AGENT_LOGIN}")


@pytest.fixture
async def shared(workspace: Workspace, no_logins: asyncpg.Connection) -> Agent:
    """An agent whose runner has to log in by the shared login."""
    made = await workspace.database.add_agent()
    return replace(made, target=shown(workspace, made.secret).target)


async def test_a_token_makes_no_login_and_its_runner_works(
    workspace: Workspace, no_logins: asyncpg.Connection, shared: Agent
) -> None:
    bob = await workspace.database.connect("bob")
    assert await no_logins.fetchval("SELECT to_regrole($1) IS NULL", shared.login)
    [run] = await send(bob, shared)
    runner = await Runner.of(workspace.database, shared)
    [held] = await runner.claim()
    await runner.append(held["attempt_id"], [(0, b"x")])
    assert await runner.beat(held["attempt_id"]) == []
    await runner.finish(held["attempt_id"], chunks=1)
    assert await state(bob, run) == "completed"
    await runner.connection.execute("RESET ALL")
    assert await runner.beat() == []


async def test_the_settings_of_other_logins_are_ignored(workspace: Workspace, agent: Agent) -> None:
    """Attack 44: a token that is known says nothing under a login of its own."""
    database = workspace.database
    other = await database.add_agent("other")
    [run] = await send(await database.connect("bob"), agent)
    posing = await Runner.of(database, replace(other, target=replace(other.target, agent_token=agent.secret)))
    assert await posing.claim() == []
    eve = await database.connect("eve")
    await eve.execute("SELECT set_config('kolony.agent_token', $1, false)", agent.secret.reveal())
    with refused("42501"):
        await eve.execute("SELECT kolony.open_session('h', 1, '0', 'process', 1)")
    assert await state(await database.connect("bob"), run) == "waiting"


async def test_a_wrong_an_empty_and_no_token_are_refused_alike(
    workspace: Workspace, no_logins: asyncpg.Connection, shared: Agent
) -> None:
    """Attack 51."""
    digest = (await no_logins.fetchval("SELECT token_hash FROM kolony.agent_tokens")).hex()
    for token in (None, Secret(""), Secret("kol_wrong"), Secret(digest), Secret("\\x" + digest), Secret("é" * 40)):
        with refused("28000", REFUSED):
            await Runner.of(workspace.database, shown(workspace, token))
    assert await no_logins.fetchval("SELECT count(*) FROM kolony.agent_sessions") == 0
    await Runner.of(workspace.database, shared)


async def test_a_revoked_and_an_expired_token_stop_at_the_next_call(
    workspace: Workspace, no_logins: asyncpg.Connection, shared: Agent
) -> None:
    """Attack 51: also in an open transaction, and for a session that was open before."""
    database = workspace.database
    ada = await database.connect("ada")
    second = await database.issue_token(ada, shared.agent_id)
    revoked, expired = await Runner.of(database, shared), await Runner.of(database, shown(workspace, second.secret))
    for runner in (revoked, expired):
        await runner.connection.execute("BEGIN")
        await runner.beat()
    await ada.execute("SET lock_timeout = '10s'")
    await revoked.connection.execute("COMMIT; BEGIN; SELECT now()")
    ended = await ada.fetchval("SELECT kolony.revoke_token($1)", shared.token_id)
    assert [use["session_id"] for use in ended["in_use_by"]] == [str(revoked.session_id)]
    await expired.connection.execute("COMMIT; BEGIN; SELECT now()")
    await no_logins.execute(
        "UPDATE kolony.agent_tokens SET expires_at = clock_timestamp() WHERE token_id = $1", second.token_id
    )
    for runner, token in ((revoked, shared.secret), (expired, second.secret)):
        with refused("28000", REFUSED):
            await runner.beat()
        await runner.connection.execute("ROLLBACK")
        with refused("28000", REFUSED):
            await runner.claim()
        with refused("28000", REFUSED):
            await Runner.of(database, shown(workspace, token))


async def test_an_old_snapshot_keeps_no_token_alive(workspace: Workspace, shared: Agent) -> None:
    """Attack 39 under the shared login."""
    database = workspace.database
    runner = await Runner.of(database, shared)
    await runner.connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    with refused("28000", REFUSED):
        await runner.beat()
    await runner.connection.execute("ROLLBACK")
    assert await runner.beat() == []


async def test_one_agents_session_is_nothing_to_another(workspace: Workspace, shared: Agent) -> None:
    """Attacks 50 and 52: the token decides, not the connection, its pid, or the session's row."""
    database = workspace.database
    theirs = await database.add_agent("theirs", workspace="other")
    bob = await database.connect("bob")
    [run] = await send(bob, shared)
    own = await Runner.of(database, shared)
    [held] = await own.claim()
    posing = await Runner.of(database, shown(workspace, theirs.secret))
    for call in (
        Runner(posing.connection, own.session_id).beat(),
        Runner(posing.connection, own.session_id).claim(),
        posing.start(held["attempt_id"]),
        posing.append(held["attempt_id"], [(0, b"forged")]),
        posing.finish(held["attempt_id"]),
    ):
        with refused("KO001"):
            await call
    await Runner(posing.connection, own.session_id).close()
    assert await own.beat(held["attempt_id"]) == []
    seen = "SELECT query, current_setting('kolony.agent_token', true) FROM pg_stat_activity WHERE pid = $1"
    row = await posing.connection.fetchrow(seen, own.connection.get_server_pid())
    assert row is not None
    assert shared.secret.reveal() not in str(tuple(row))
    # A connection that served one agent serves another as soon as that one's token is shown, and no longer the first.
    await own.connection.execute("SELECT set_config('kolony.agent_token', $1, false)", theirs.secret.reveal())
    with refused("KO001"):
        await own.finish(held["attempt_id"])
    assert await state(bob, run) == "dispatching"


async def test_the_shared_login_reaches_what_an_agent_reaches(workspace: Workspace, shared: Agent) -> None:
    """Attacks 10 and 49."""
    connection = await workspace.database.open(shared.target)
    for statement in (
        "SELECT * FROM kolony.agent_tokens",
        "SELECT * FROM kolony.commands",
        "SELECT kolony.ensure_profile()",
        f"SELECT kolony.list_tokens('{workspace.workspace_id}')",
        "SET ROLE kolony_api",
        "SET ROLE kolony_roleadm",
        "CREATE ROLE ka_0000000000000000",
    ):
        with refused("42501"):
            await connection.execute(statement)
    assert await (await Runner.of(workspace.database, shared)).beat() == []


async def test_tokens_are_rotated_revoked_and_limited_by_their_row_alone(workspace: Workspace, shared: Agent) -> None:
    database = workspace.database
    ada = await database.connect("ada")
    made = await ada.fetchval(
        "SELECT kolony.rotate_token($1, 'ka_00000000000000ab', $2, $3, 'kol_0000', interval '0')",
        shared.token_id, verifier(), b"\5" * 32,
    )  # fmt: skip
    with refused("28000"):
        await Runner.of(database, shared)
    assert (await ada.fetchval("SELECT kolony.revoke_token($1)", made))["revoked_before"] is False
    tokens = await ada.fetch("SELECT state FROM kolony.list_tokens($1) ORDER BY created_at", workspace.workspace_id)
    assert [row["state"] for row in tokens] == ["expired", "revoked"]


async def test_a_login_from_before_is_still_revoked_when_logins_cannot_be_changed_any_more(
    workspace: Workspace, agent: Agent, no_logins: asyncpg.Connection
) -> None:
    database = workspace.database
    ada = await database.connect("ada")
    runner = await Runner.of(database, agent)
    by_the_shared_one = await Runner.of(database, shown(workspace, agent.secret))
    await ada.execute("SELECT kolony.revoke_token($1)", agent.token_id)
    await until_ended(no_logins, runner.connection)
    with refused("28000", REFUSED):
        await by_the_shared_one.beat()
    with refused("28000", REFUSED):
        await Runner.of(database, agent)


async def test_without_the_shared_login_no_token_is_issued(workspace: Workspace, no_logins: asyncpg.Connection) -> None:
    database = workspace.database
    await no_logins.execute(f"REVOKE kolony_agents FROM {SHARED_AGENT_LOGIN}")
    with refused("55000", "may make no logins"):
        await database.add_agent("first")
    await no_logins.execute(f"DROP ROLE {SHARED_AGENT_LOGIN}")
    with refused("55000", "may make no logins"):
        await database.add_agent("second")
    assert await no_logins.fetchval("SELECT count(*) FROM kolony.agent_tokens") == 0
