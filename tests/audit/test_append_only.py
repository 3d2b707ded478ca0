"""G15: nobody but retention changes or removes an entry, in the table or in a partition; and who may read what."""

from __future__ import annotations

from contextlib import suppress

import asyncpg
import pytest

from tests.audit.reading import events, last_entry, sealed
from tests.database import Agent, Workspace, refused
from tests.work.calls import send

CHANGES = [
    "UPDATE kolony.{} SET event = 'USER_LOGIN'",
    "UPDATE kolony.{} SET at = now()",
    "DELETE FROM kolony.{}",
    "TRUNCATE kolony.{}",
    "DROP TABLE kolony.{}",
    "ALTER TABLE kolony.{} DISABLE TRIGGER ALL",
    "INSERT INTO kolony.{} (workspace_id, entry_id, at, event, login, application, details)"
    " VALUES (gen_random_uuid(), 1, now(), 'USER_LOGIN', 'ada', '', '{{}}')",
]


async def everything(superuser: asyncpg.Connection) -> list[tuple[object, ...]]:
    """Log and seals."""
    log = await superuser.fetch("SELECT * FROM kolony.audit_log ORDER BY entry_id")
    seals = await superuser.fetch("SELECT * FROM kolony.audit_seals ORDER BY workspace_id, number")
    return [tuple(row.values()) for row in (*log, *seals)]


async def partitions(superuser: asyncpg.Connection) -> list[str]:
    """The names of the months."""
    found = await superuser.fetch(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'kolony.audit_log'::regclass ORDER BY 1"
    )
    return [row["relname"] for row in found]


@pytest.mark.parametrize("who", ["ada", "eve", "agent"])
async def test_no_login_changes_an_entry(workspace: Workspace, agent: Agent, who: str) -> None:
    database = workspace.database
    superuser, ada = await database.superuser(), await database.connect("ada")
    await sealed(ada, workspace.workspace_id)
    before = await everything(superuser)
    assert len(before) > 5
    parts = await partitions(superuser)
    assert len(parts) == 2
    login = await (database.open(agent.target) if who == "agent" else database.connect(who))
    for table in ("audit_log", *parts):
        for change in CHANGES:
            with refused("42501"):
                await login.execute(change.format(table))
    for change in ("UPDATE kolony.audit_seals SET digest = digest", "DELETE FROM kolony.audit_seals",
                   "TRUNCATE kolony.audit_seals"):  # fmt: skip
        with refused("42501"):
            await login.execute(change)
    assert await everything(superuser) == before


async def test_the_installer_as_they_log_in_changes_no_entry(workspace: Workspace) -> None:
    """On version 15 they have the rights of the owner without SET ROLE: then row security hides the rows."""
    superuser, ada = await workspace.database.superuser(), await workspace.database.connect("ada")
    installer = await workspace.database.connect("test_installer")
    await sealed(ada, workspace.workspace_id)
    before = await everything(superuser)
    for table in ("audit_log", *await partitions(superuser), "audit_seals"):
        for change in CHANGES[:4]:
            with suppress(asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedColumnError):
                await installer.execute(change.format(table))
    assert await everything(superuser) == before


@pytest.mark.parametrize(
    "call",
    [
        "record_audit('{home}', 'USER_LOGIN')",
        "seal_entries('{home}')",
        "seal_audit('{home}')",
        "retain_audit()",
        "remove_sealed_entries('{home}', 1)",
        "remove_audit_month('2020-01-01')",
        "ensure_audit_partition('2020-01-01')",
        "entry_digest(NULL)",
    ],
)
async def test_what_writes_and_removes_is_called_by_no_client(workspace: Workspace, call: str) -> None:
    superuser, ada = await workspace.database.superuser(), await workspace.database.connect("ada")
    before = await everything(superuser)
    with refused("42501"):
        await ada.execute(f"SELECT kolony.{call.format(home=workspace.workspace_id)}")
    assert await everything(superuser) == before


@pytest.mark.parametrize("role", ["kolony_api", "kolony_roleadm", "kolony_backup", "kolony_owner"])
async def test_not_even_the_roles_that_own_everything(workspace: Workspace, role: str) -> None:
    """In psql, as the installer who may become them. The owner could switch triggers off: seals are for that."""
    superuser, ada = await workspace.database.superuser(), await workspace.database.connect("ada")
    installer = await workspace.database.connect("test_installer")
    await sealed(ada, workspace.workspace_id)
    before = await everything(superuser)
    changes = ["UPDATE kolony.audit_log SET event = 'USER_LOGIN'", "UPDATE kolony.audit_seals SET digest = previous",
               "TRUNCATE kolony.audit_log", "TRUNCATE kolony.audit_seals"]  # fmt: skip
    if role != "kolony_owner":
        changes += ["DELETE FROM kolony.audit_log", "DELETE FROM kolony.audit_seals"]
    for change in changes:
        with refused("42501"):
            async with installer.transaction():
                await installer.execute(f"SET LOCAL ROLE {role}")
                await installer.execute(change)
    for table in ("audit_log", "audit_seals"):
        granted = "SELECT has_table_privilege('kolony_api', 'kolony.' || $1, 'UPDATE, DELETE, TRUNCATE')"
        assert not await superuser.fetchval(granted, table), "not by grants either"
    with refused("42501", "only added to"):
        await superuser.execute("UPDATE kolony.audit_log SET event = 'USER_LOGIN'")
    for table in await partitions(superuser):
        if await superuser.fetchval(f"SELECT EXISTS (SELECT FROM kolony.{table})"):
            with refused("42501", "only added to"):
                await superuser.execute(f"DELETE FROM kolony.{table}")
        with refused("42501", "only added to"):
            await superuser.execute(f"TRUNCATE kolony.{table}")
    assert await everything(superuser) == before


async def test_an_admin_reads_the_whole_log_and_everybody_else_their_own(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    superuser = await database.superuser()
    people = {name: await database.connect(name) for name in ("ada", "bob", "eve", "dan", "olga")}
    await send(people["bob"], agent)
    await people["eve"].execute("SELECT kolony.note_login($1)", workspace.workspace_id)
    whole = await superuser.fetchval(
        "SELECT count(*) FROM kolony.audit_log WHERE workspace_id = $1", workspace.workspace_id
    )
    assert await people["ada"].fetchval("SELECT count(*) FROM kolony.audit_log") == whole
    assert await events(people["bob"]) == ["COMMAND_SENT"]
    assert await events(people["eve"]) == ["USER_LOGIN"]
    assert await events(people["dan"]) == []
    homes = await people["olga"].fetch("SELECT DISTINCT workspace_id FROM kolony.audit_log")
    assert [row["workspace_id"] for row in homes] == [workspace.other_id]
    assert await sealed(people["ada"], workspace.workspace_id)
    assert await people["ada"].fetchval("SELECT count(*) FROM kolony.audit_seals") == 1
    for other in ("bob", "eve", "dan", "olga"):
        assert await people[other].fetchval("SELECT count(*) FROM kolony.audit_seals") == 0


async def test_rights_to_the_log_end_with_the_role(workspace: Workspace) -> None:
    database = workspace.database
    login = await database.add_person("admin")
    person, superuser = await database.connect(login), await database.superuser()
    assert await last_entry(person) > 0
    await superuser.execute("UPDATE kolony.memberships m SET role = 'viewer' FROM kolony.profiles p"
                            " WHERE p.profile_id = m.profile_id AND p.login = $1", login)  # fmt: skip
    assert await last_entry(person) == 0
    for call in ("seal_audit_now($1)", "verify_audit($1)", "set_audit_retention($1, 40)"):
        with refused("42501", "needs the role admin"):
            await person.execute(f"SELECT kolony.{call}", workspace.workspace_id)
