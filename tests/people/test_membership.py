"""Removing, letting in again, forcing out, and who is connected."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets

import asyncpg
import pytest

from kolony_tui.db.errors import DRIVER_ERRORS
from kolony_tui.models.errors import LoginRefused
from kolony_tui.models.secret import Secret
from tests.database import Database, Workspace, refused, until_ended, verifier


async def memberships(superuser: asyncpg.Connection) -> list[tuple[object, ...]]:
    """Everything that a refused step must leave as it was."""
    rows = await superuser.fetch("SELECT * FROM kolony.memberships ORDER BY workspace_id, profile_id")
    places = await superuser.fetch("SELECT * FROM kolony.workspaces ORDER BY workspace_id")
    people = await superuser.fetch("SELECT * FROM kolony.profiles ORDER BY profile_id")
    return [tuple(row) for row in (*rows, *places, *people)]


async def count_admins(superuser: asyncpg.Connection, workspace: Workspace) -> int:
    """Those who can still administer it."""
    counted: int = await superuser.fetchval(
        "SELECT count(*) FROM kolony.memberships WHERE workspace_id = $1 AND role = 'admin' AND NOT disabled",
        workspace.workspace_id,
    )
    return counted


async def test_a_removed_person_is_out_and_stays_out(workspace: Workspace) -> None:
    database, home = workspace.database, workspace.workspace_id
    login = await database.add_person("admin")
    ada, person, superuser = await database.connect("ada"), await database.connect(login), await database.superuser()
    await ada.execute("SELECT kolony.remove_person($1, $2)", home, login)
    await until_ended(superuser, person)
    with pytest.raises(LoginRefused, match="not permitted to log in"):
        await database.connect(login)
    # Whoever runs the server opens the login: the profile is known, so nothing is given for coming.
    await superuser.execute(f"ALTER ROLE {login} LOGIN; UPDATE kolony.workspaces SET admits_viewers = true")
    person = await database.connect(login)
    await person.execute("SELECT kolony.ensure_profile()")
    assert await person.fetch("SELECT * FROM kolony.workspaces") == []
    assert not await person.fetchval("SELECT kolony.holds_role($1, 'viewer')", home)


async def test_who_is_let_in_again_has_the_role_given_now(workspace: Workspace) -> None:
    database, home = workspace.database, workspace.workspace_id
    login = await database.add_person("admin")
    ada = await database.connect("ada")
    for admit in ("admit_person($1, $2, 'viewer', 'Another name')", "set_role($1, $2, 'viewer')"):
        await ada.execute("SELECT kolony.remove_person($1, $2)", home, login)
        await ada.execute(f"SELECT kolony.{admit}", home, login)
        person = await database.connect(login)
        assert not await person.fetchval("SELECT kolony.holds_role($1, 'operator')", home)
        assert await person.fetchval("SELECT kolony.holds_role($1, 'viewer')", home)
        # Their name is theirs: an admin who lets them in does not change it.
        assert await person.fetchval("SELECT display_name FROM kolony.profiles WHERE login = $1", login) == ""
    with refused("23505", "a member of this workspace already"):
        await ada.execute("SELECT kolony.admit_person($1, $2, 'admin')", home, login)


async def test_a_login_made_anew_gets_nothing_for_its_name(workspace: Workspace) -> None:
    """Attack 43, for somebody who was removed: not even what everybody who is new gets."""
    database, home = workspace.database, workspace.workspace_id
    login = await database.add_person("viewer")
    ada, superuser = await database.connect("ada"), await database.superuser()
    await ada.execute("SELECT kolony.remove_person($1, $2)", home, login)
    await superuser.execute(f"DROP ROLE {login}; CREATE ROLE {login} LOGIN PASSWORD '{verifier()}' IN ROLE kolony_user")
    person = await database.connect(login)
    await person.execute("SELECT kolony.ensure_profile()")
    assert await person.fetch("SELECT * FROM kolony.workspaces") == []
    with refused("42501", "made outside Kolony"):
        await ada.execute("SELECT kolony.admit_person($1, $2, 'viewer')", home, login)
        await ada.execute("SELECT kolony.reset_password($1, $2, $3)", home, login, verifier(Secret("mine now")))
    await superuser.execute(f"DROP OWNED BY {login}; DROP ROLE {login}")


async def test_only_a_persons_login_is_let_in(workspace: Workspace) -> None:
    database, home = workspace.database, workspace.workspace_id
    ada, superuser = await database.connect("ada"), await database.superuser()
    agent = await database.add_agent()
    before = await memberships(superuser)
    for login in ("postgres", "kolony_owner", "kolony_roleadm", "kolony_user", agent.login):
        with refused("42501", "is no person's"):
            await ada.execute("SELECT kolony.admit_person($1, $2, 'viewer')", home, login)
    with refused("55000", "is not let into Kolony"):
        await ada.execute("SELECT kolony.admit_person($1, $2, 'viewer')", home, database.cluster.login("mallory"))
    for odd in ("nobody_at_all", "", 'x"; DROP ROLE bob; --', None):
        with refused("P0002", "there is no login"):
            await ada.execute("SELECT kolony.admit_person($1, $2, 'viewer')", home, odd)
    with refused("22023", "a role is"):
        await ada.execute("SELECT kolony.admit_person($1, $2, 'boss')", home, database.cluster.login("sam"))
    assert await memberships(superuser) == before
    await ada.execute("SELECT kolony.admit_person($1, $2, 'operator', 'Sam')", home, database.cluster.login("sam"))
    sam = await database.connect("sam")
    assert await sam.fetchval("SELECT kolony.holds_role($1, 'operator')", home)


@pytest.mark.parametrize("power", ["SUPERUSER", "BYPASSRLS", "REPLICATION", "CREATEROLE"])
async def test_a_login_above_the_rules_is_not_let_in(workspace: Workspace, power: str) -> None:
    ada, superuser = await workspace.database.connect("ada"), await workspace.database.superuser()
    login = f"p{secrets.token_hex(6)}"
    await superuser.execute(f"CREATE ROLE {login} LOGIN {power} IN ROLE kolony_user")
    try:
        with refused("42501", "is no person's"):
            await ada.execute("SELECT kolony.admit_person($1, $2, 'viewer')", workspace.workspace_id, login)
        await superuser.execute(f"ALTER ROLE {login} NO{power}")
        await ada.execute("SELECT kolony.admit_person($1, $2, 'viewer')", workspace.workspace_id, login)
    finally:
        await superuser.execute(f"DROP ROLE {login}")


async def test_an_admin_here_has_no_say_about_a_login_of_another_database(workspace: Workspace) -> None:
    """Logins are the whole server's: who is let in here may be an admin of somebody else's Kolony."""
    database, home = workspace.database, workspace.workspace_id
    ada, superuser = await database.connect("ada"), await database.superuser()
    login = await database.add_person("viewer")
    await superuser.execute("DELETE FROM kolony.memberships m USING kolony.profiles p"
                            " WHERE p.profile_id = m.profile_id AND p.login = $1", login)  # fmt: skip
    await superuser.execute("DELETE FROM kolony.profiles WHERE login = $1", login)  # as if made from elsewhere
    await ada.execute("SELECT kolony.admit_person($1, $2, 'viewer')", home, login)
    with refused("42501", "made outside Kolony"):
        await ada.execute("SELECT kolony.reset_password($1, $2, $3)", home, login, verifier(Secret("mine now")))
    with refused("42501", "made outside Kolony"):
        await ada.execute("SELECT kolony.force_out($1, $2)", home, login)
    for step in ("disable_person", "remove_person"):
        await ada.execute(f"SELECT kolony.{step}($1, $2)", home, login)
        assert await superuser.fetchval("SELECT rolcanlogin FROM pg_roles WHERE rolname = $1", login)


async def test_a_person_is_forced_out_and_may_come_back(workspace: Workspace) -> None:
    database, home = workspace.database, workspace.workspace_id
    login = await database.add_person("admin")
    ada, superuser = await database.connect("ada"), await database.superuser()
    theirs = [await database.connect(login) for _ in range(2)]
    assert await ada.fetchval("SELECT kolony.force_out($1, $2)", home, login) == 2
    for each in theirs:
        await until_ended(superuser, each)
    # Sessions in another database are nobody's business here.
    elsewhere = await asyncpg.connect(database.cluster.dsn("postgres", login))
    database.opened.append(elsewhere)
    first, second = await database.connect(login), await database.connect(login)
    # Oneself: the other sessions, not the one that asks.
    assert await first.fetchval("SELECT kolony.force_out($1, $2)", home, login) == 1
    await until_ended(superuser, second)
    assert await first.fetchval("SELECT 1") == 1
    assert await elsewhere.fetchval("SELECT 1") == 1


async def test_somebody_of_another_workspace_is_not_forced_out(workspace: Workspace) -> None:
    database, home = workspace.database, workspace.workspace_id
    ada, olga = await database.connect("ada"), await database.connect("olga")
    otto = await database.connect("otto")
    with refused("P0002", "no member of this workspace"):
        await ada.execute("SELECT kolony.force_out($1, $2)", home, database.cluster.login("otto"))
    login = await database.add_person("viewer")
    await olga.execute("SELECT kolony.set_role($1, $2, 'viewer')", workspace.other_id, login)
    with refused("42501", "also belongs to a workspace"):
        await ada.execute("SELECT kolony.force_out($1, $2)", home, login)
    assert await otto.fetchval("SELECT 1") == 1


async def test_an_admin_sees_who_is_connected(workspace: Workspace) -> None:
    database, home = workspace.database, workspace.workspace_id
    ada, eve, superuser = await database.connect("ada"), await database.connect("eve"), await database.superuser()
    await database.connect("otto")
    await eve.execute("SET application_name = '\x1b[31m\u202e [@click=app.quit]x'")
    rows = await ada.fetch("SELECT * FROM kolony.connected_people($1)", home)
    names = [database.cluster.login(name) for name in ("ada", "eve")]
    assert [row["login"] for row in rows] == names
    assert [row["pid"] for row in rows] == [ada.get_server_pid(), eve.get_server_pid()]
    assert "click" in rows[1]["application"]
    assert (rows[0]["state"], rows[0]["idle_seconds"], rows[1]["state"]) == ("active", None, "idle")
    assert rows[1]["idle_seconds"] >= 0
    assert rows[1]["client"] == ("this machine" if "host=" in database.cluster.superuser_dsn else rows[1]["client"])
    # A login from outside: there, and the server tells little of it.
    await ada.execute("SELECT kolony.admit_person($1, $2, 'viewer')", home, database.cluster.login("sam"))
    sam = await database.connect("sam")
    [row] = [r for r in await ada.fetch("SELECT * FROM kolony.connected_people($1)", home)
             if r["login"] == database.cluster.login("sam")]  # fmt: skip
    assert (row["pid"], row["client"], row["since"], row["state"]) == (sam.get_server_pid(), None, None, None)
    assert await superuser.fetchval("SELECT 1") == 1


CALLS = {
    "admit_person": "admit_person($1, '{sam}', 'admin')",
    "remove_person": "remove_person($1, '{person}')",
    "force_out": "force_out($1, '{person}')",
    "connected_people": "connected_people($1)",
    "change_workspace": "change_workspace($1, 'Mine', true)",
    "set_limits": "set_limits($1, 'free', NULL, NULL, NULL)",
    "set_role": "set_role($1, '{person}', 'admin')",
    "disable_person": "disable_person($1, '{person}')",
    "reset_password": "reset_password($1, '{person}', '{verifier}')",
}


@pytest.mark.parametrize("name", CALLS)
async def test_nobody_but_an_admin_of_the_workspace_takes_these_steps(workspace: Workspace, name: str) -> None:
    database, superuser = workspace.database, await workspace.database.superuser()
    person, sam = await database.add_person("operator"), database.cluster.login("sam")
    call = CALLS[name].format(person=person, sam=sam, verifier=verifier())
    before = await memberships(superuser)
    for nickname in ("eve", "bob", "dan", "sam", "olga"):
        caller = await database.connect(nickname)
        for isolation in ("read_committed", "repeatable_read"):
            with refused("42501"):
                async with caller.transaction(isolation=isolation):
                    await caller.execute(f"SELECT * FROM kolony.{call}", workspace.workspace_id)
    assert await memberships(superuser) == before
    await (await database.connect("ada")).execute(f"SELECT * FROM kolony.{call}", workspace.workspace_id)


async def test_admins_who_all_turn_on_each_other_at_once_leave_one(workspace: Workspace) -> None:
    database, home = workspace.database, workspace.workspace_id
    superuser = await database.superuser()
    steps = ("set_role($1, $2, 'viewer')", "disable_person($1, $2)", "remove_person($1, $2)")
    for offset in range(len(steps)):
        names = [await database.add_person("admin") for _ in range(4)]
        await superuser.execute("UPDATE kolony.memberships m SET role = 'viewer' FROM kolony.profiles p"
                                " WHERE p.profile_id = m.profile_id AND workspace_id = $1 AND p.login <> ALL ($2)",
                                home, names)  # fmt: skip
        connections = [await database.connect(name) for name in names]
        turn = itertools.cycle(steps[offset:] + steps[:offset])

        async def attack(at: int, names: list[str] = names, turn: itertools.cycle[str] = turn,
                         connections: list[asyncpg.Connection] = connections) -> None:  # fmt: skip
            for other in (*names[at + 1 :], *names[: at + 1]):
                with contextlib.suppress(*DRIVER_ERRORS):
                    await connections[at].execute(f"SELECT kolony.{next(turn)}", home, other)

        await asyncio.gather(*(attack(at) for at in range(len(names))))
        assert await count_admins(superuser, workspace) >= 1
        await superuser.execute("UPDATE kolony.memberships m SET role = 'admin' FROM kolony.profiles p"
                                " WHERE p.profile_id = m.profile_id AND workspace_id = $1 AND p.login = $2",
                                home, database.cluster.login("ada"))  # fmt: skip


async def test_rights_elsewhere_outlive_a_removal_here(workspace: Workspace) -> None:
    database: Database = workspace.database
    login = await database.add_person("operator")
    ada, olga, superuser = await database.connect("ada"), await database.connect("olga"), await database.superuser()
    await olga.execute("SELECT kolony.set_role($1, $2, 'viewer')", workspace.other_id, login)
    person = await database.connect(login)
    await ada.execute("SELECT kolony.remove_person($1, $2)", workspace.workspace_id, login)
    assert await person.fetchval("SELECT array_agg(slug) FROM kolony.workspaces") == ["other"]
    with refused("P0002", "no member of this workspace"):
        await ada.execute("SELECT kolony.remove_person($1, $2)", workspace.workspace_id, login)
    await olga.execute("SELECT kolony.remove_person($1, $2)", workspace.other_id, login)
    await until_ended(superuser, person)
    with pytest.raises(LoginRefused):
        await database.connect(login)
