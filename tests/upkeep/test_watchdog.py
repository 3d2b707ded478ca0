"""The watchdog ends who stands in others' way for a minute, and nobody else."""

from __future__ import annotations

import asyncpg

from tests.database import Database, Workspace, refused, until_ended, verifier
from tests.upkeep.conftest import make_impatient, until_due


async def hang(connection: asyncpg.Connection) -> asyncpg.Connection:
    """Leaves the session idle in a transaction, for as long as it may."""
    await connection.execute("SET idle_in_transaction_session_timeout = 0; SET transaction_timeout = 0" if
                             connection.get_server_version().major >= 17 else
                             "SET idle_in_transaction_session_timeout = 0")  # fmt: skip
    await connection.execute("BEGIN; LISTEN somewhere; SELECT 1")
    return connection


async def watched(caller: asyncpg.Connection) -> list[tuple[str, int, str]]:
    """What the watchdog ended."""
    return [tuple(row) for row in await caller.fetch("SELECT login, pid, why FROM kolony.watchdog()")]


async def test_the_patience_is_a_minute(database: Database) -> None:
    eve = await database.connect("eve")
    assert (await eve.fetchval("SELECT kolony.watchdog_patience()")).total_seconds() == 60
    hanging = await hang(await database.connect("bob"))
    assert await watched(eve) == []
    assert await hanging.fetchval("SELECT 1") == 1


async def test_a_viewers_call_ends_a_person_and_an_agent_that_hang(workspace: Workspace) -> None:
    database = workspace.database
    superuser = await database.superuser()
    await make_impatient(superuser)
    agent = await database.add_agent()
    bob, runner = await hang(await database.connect("bob")), await hang(await database.open(agent.target))
    idle, eve = await database.connect("ada"), await database.connect("eve")
    await until_due(superuser, bob)
    await until_due(superuser, runner)
    await until_due(superuser, idle)
    ended = await watched(eve)
    assert sorted(ended) == sorted([
        (database.cluster.login("bob"), bob.get_server_pid(), "idle in transaction"),
        (agent.login, runner.get_server_pid(), "idle in transaction"),
    ])  # fmt: skip
    await until_ended(superuser, bob)
    await until_ended(superuser, runner)
    assert await idle.fetchval("SELECT 1") == 1
    rows = await superuser.fetch("SELECT * FROM kolony.audit_log WHERE event = 'SESSIONS_ENDED' ORDER BY entry_id")
    assert {(row["workspace_id"], row["login"]) for row in rows} == {
        (workspace.workspace_id, database.cluster.login("eve"))
    }
    assert {row["subject"] for row in rows} == {database.cluster.login("bob"), f"kol_{agent.login[3:7]}"}
    assert await watched(eve) == []


async def test_a_failed_transaction_hangs_too_and_work_does_not(workspace: Workspace) -> None:
    database = workspace.database
    superuser = await database.superuser()
    await make_impatient(superuser)
    bob, ada = await hang(await database.connect("bob")), await database.connect("ada")
    with refused("22012"):
        await bob.execute("SELECT 1 / 0")
    await ada.execute("SELECT pg_sleep(0.3)")
    working = await hang(await database.connect("ada"))
    await until_due(superuser, bob)
    # As busy as a session can be: the watchdog is called by the session itself.
    assert [login for login, _, _ in await watched(working)] == [database.cluster.login("bob")]
    assert await working.fetchval("SELECT 1") == 1


async def test_backups_and_logins_of_others_are_left_alone(workspace: Workspace) -> None:
    database = workspace.database
    superuser = await database.superuser()
    await make_impatient(superuser)
    keeper = await database.add_person("operator")
    await superuser.execute(f"GRANT kolony_backup TO {keeper}")
    await superuser.execute(f"CREATE ROLE {keeper}_dba LOGIN PASSWORD '{verifier()}' IN ROLE kolony_user")
    try:
        left = [await hang(await database.connect(login)) for login in (keeper, f"{keeper}_dba")]
        left.append(await database.superuser())
        await left[-1].execute("BEGIN; SELECT 1")
        for each in left:
            await until_due(superuser, each)
        assert await watched(await database.connect("eve")) == []
        assert [await each.fetchval("SELECT 1") for each in left] == [1, 1, 1]
    finally:
        await database.close()
        superuser = await database.superuser()
        await superuser.execute(f"DROP OWNED BY {keeper}_dba; DROP ROLE {keeper}_dba")
        await superuser.execute(f"REVOKE kolony_backup FROM {keeper}")


async def test_who_is_no_member_may_not_call_it(workspace: Workspace) -> None:
    database = workspace.database
    superuser = await database.superuser()
    await make_impatient(superuser)
    bob = await hang(await database.connect("bob"))
    await until_due(superuser, bob)
    agent = await database.add_agent()
    for caller in (await database.connect("dan"), await database.connect("sam"), await database.open(agent.target)):
        with refused("42501"):
            await watched(caller)
    stale = await database.connect("eve")
    with refused("42501", "READ COMMITTED"):
        async with stale.transaction(isolation="repeatable_read"):
            await watched(stale)
    assert await bob.fetchval("SELECT 1") == 1
