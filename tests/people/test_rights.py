"""Roles, disabling, last admins, and what happens to a person who is connected meanwhile."""

from __future__ import annotations

import asyncio
from uuid import UUID

import asyncpg
import pytest

from kolony_tui.models.errors import LoginRefused
from kolony_tui.models.secret import Secret
from kolony_tui.server import scram
from tests.database import PASSWORD, Agent, Database, Workspace, refused, until_blocked, until_ended, verifier
from tests.work.calls import send


async def role(superuser: asyncpg.Connection, login: str) -> list[tuple[str, bool]]:
    """Role and disabled, in each workspace of a login."""
    rows = await superuser.fetch(
        """SELECT m.role, m.disabled FROM kolony.memberships m JOIN kolony.profiles p USING (profile_id)
           JOIN kolony.workspaces w USING (workspace_id) WHERE p.login = $1 ORDER BY w.slug""",
        login,
    )
    return [(row["role"], row["disabled"]) for row in rows]


async def put(superuser: asyncpg.Connection, login: str, to: str) -> None:
    """Changes a role without ending anybody's session."""
    await superuser.execute(
        """UPDATE kolony.memberships m SET role = $2
           FROM kolony.profiles p WHERE p.profile_id = m.profile_id AND p.login = $1""",
        login,
        to,
    )


async def set_role(admin: asyncpg.Connection, home: UUID, login: str, to: str) -> None:
    """As the command line does."""
    await admin.execute("SELECT kolony.set_role($1, $2, $3)", home, login, to)


async def test_an_admin_makes_a_person_who_logs_in_with_the_password(workspace: Workspace) -> None:
    ada = await workspace.database.connect("ada")
    secret = Secret("pa55 wörd½Ⅳ")
    login = f"n{workspace.workspace_id.hex[-8:]}"
    await ada.execute(
        "SELECT kolony.add_person($1, $2, $3, 'operator', 'Neo')", workspace.workspace_id, login, scram.verifier(secret)
    )
    neo = await workspace.database.connect(login, secret)
    assert await neo.fetchval("SELECT kolony.holds_role($1, 'operator')", workspace.workspace_id)
    assert not await neo.fetchval("SELECT kolony.holds_role($1, 'admin')", workspace.workspace_id)
    with refused("23505", "already"):
        await ada.execute("SELECT kolony.add_person($1, $2, $3, 'viewer')", workspace.workspace_id, login, verifier())


async def test_a_login_that_comes_for_the_first_time_is_a_viewer_where_viewers_are_admitted(
    workspace: Workspace,
) -> None:
    sam = await workspace.database.connect("sam")
    assert await sam.fetchval("SELECT count(*) FROM kolony.workspaces") == 0
    assert await sam.fetchval("SELECT kolony.ensure_profile()") == await sam.fetchval("SELECT kolony.ensure_profile()")
    assert await sam.fetchval("SELECT array_agg(slug) FROM kolony.workspaces") == ["main"]
    assert await role(await workspace.database.superuser(), workspace.database.cluster.login("sam")) == [
        ("viewer", False)
    ]


@pytest.mark.parametrize(
    "name",
    ["Bob", 'x"; drop role bob', "pg_x", "kolony_x", "ka_0011223344556677", "public", "none", "", "1x", "a" * 32],
)
async def test_a_login_must_have_a_plain_name(workspace: Workspace, name: str) -> None:
    ada = await workspace.database.connect("ada")
    with refused("22023", "a login is"):
        await ada.execute("SELECT kolony.add_person($1, $2, $3, 'viewer')", workspace.workspace_id, name, verifier())


@pytest.mark.parametrize(
    "secret",
    [
        "clear text",
        "",
        "md5" + "0" * 32,
        verifier() + "' SUPERUSER --",
        verifier() + "\n",
        verifier().replace("1000", "10"),
    ],
)
async def test_a_password_is_a_verifier_and_nothing_else(workspace: Workspace, secret: str) -> None:
    ada = await workspace.database.connect("ada")
    superuser = await workspace.database.superuser()
    with refused("22023", "SCRAM-SHA-256 verifier"):
        await ada.execute("SELECT kolony.add_person($1, 'newcomer', $2, 'viewer')", workspace.workspace_id, secret)
    with refused("22023", "SCRAM-SHA-256 verifier"):
        eve = workspace.database.cluster.login("eve")
        await ada.execute("SELECT kolony.reset_password($1, $2, $3)", workspace.workspace_id, eve, secret)
    assert await superuser.fetchval("SELECT to_regrole('newcomer') IS NULL")


async def test_a_new_role_is_in_force_at_the_next_statement(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    login = await database.add_person("viewer")
    ada, person = await database.connect("ada"), await database.connect(login)
    with refused("42501", "you are a viewer here"):
        await send(person, agent)
    await set_role(ada, workspace.workspace_id, login, "operator")
    assert len(await send(person, agent)) == 1
    await set_role(ada, workspace.workspace_id, login, "viewer")
    await until_ended(await database.superuser(), person)
    person = await database.connect(login)
    with refused("42501"):
        await send(person, agent)


async def test_rights_do_not_outlive_their_end_in_an_open_transaction(workspace: Workspace, agent: Agent) -> None:
    """Attacks 37 and 38: a snapshot from before the demotion gives nothing, even where the session is not ended."""
    database = workspace.database
    superuser = await database.superuser()
    login = await database.add_person("admin")
    for isolation in ("read_committed", "repeatable_read"):
        await put(superuser, login, "admin")
        person = await database.connect(login)
        async with person.transaction(isolation=isolation):
            assert await person.fetchval("SELECT count(*) FROM kolony.agents") == 1
            await put(superuser, login, "viewer")
            for call in ("set_role($1, 'sam', 'admin')", "create_agent($1, 'mine')", "list_tokens($1)"):
                savepoint = person.transaction()
                await savepoint.start()
                with refused("42501"):
                    await person.execute(f"SELECT kolony.{call}", workspace.workspace_id)
                await savepoint.rollback()
        await person.close()
    assert await role(superuser, login) == [("viewer", False)]


async def test_the_isolation_level_cannot_be_changed_half_way(workspace: Workspace) -> None:
    """Attack 40."""
    ada = await workspace.database.connect("ada")
    for change in (
        "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "SELECT set_config('transaction_isolation', 'read committed', true)",
    ):
        transaction = ada.transaction(isolation="repeatable_read")
        await transaction.start()
        await ada.fetchval("SELECT count(*) FROM kolony.agents")
        with refused("25001"):
            await ada.execute(change)
        await transaction.rollback()


async def test_the_last_admin_stays(workspace: Workspace) -> None:
    database = workspace.database
    home, ada_login = workspace.workspace_id, database.cluster.login("ada")
    ada, superuser = await database.connect("ada"), await database.superuser()
    for step in STEPS:
        with refused("55000", "only admin"):
            await ada.execute(f"SELECT kolony.{step}", home, ada_login)
    second = await database.add_person("admin")
    await ada.execute("SELECT kolony.disable_person($1, $2)", home, second)
    with refused("55000", "only admin"):
        await set_role(ada, home, ada_login, "viewer")
    await ada.execute("SELECT kolony.enable_person($1, $2)", home, second)
    await set_role(ada, home, ada_login, "viewer")
    assert (await role(superuser, ada_login), await role(superuser, second)) == (
        [("viewer", False)],
        [("admin", False)],
    )


STEPS = ["set_role($1, $2, 'viewer')", "disable_person($1, $2)", "remove_person($1, $2)"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("answer", STEPS)
async def test_two_admins_who_remove_each_other_leave_one(workspace: Workspace, step: str, answer: str) -> None:
    database = workspace.database
    home = workspace.workspace_id
    names = [await database.add_person("admin") for _ in range(2)]
    superuser = await database.superuser()
    await put(superuser, database.cluster.login("ada"), "viewer")
    first, second = [await database.connect(name) for name in names]
    async with first.transaction():
        await first.execute(f"SELECT kolony.{step}", home, names[1])
        await until_ended(superuser, second)
        again = await database.connect(names[1])
        back = asyncio.create_task(again.execute(f"SELECT kolony.{answer}", home, names[0]))
        await until_blocked(superuser, again)
    with refused("42501"):
        await back
    assert await role(superuser, names[0]) == [("admin", False)]
    assert await role(superuser, names[1]) != [("admin", False)]


async def test_whoever_waits_behind_a_demotion_is_asked_again(workspace: Workspace) -> None:
    """The same race where the loser's session survives, because he also belongs elsewhere."""
    database = workspace.database
    home = workspace.workspace_id
    superuser = await database.superuser()
    names = [await database.add_person("admin") for _ in range(2)]
    olga = await database.connect("olga")
    await olga.execute("SELECT kolony.set_role($1, $2, 'viewer')", workspace.other_id, names[1])
    first, second = [await database.connect(name) for name in names]
    async with first.transaction():
        await set_role(first, home, names[1], "viewer")
        back = asyncio.create_task(set_role(second, home, names[0], "viewer"))
        await until_blocked(superuser, second)
    with refused("42501", "you are a viewer here"):
        await back
    assert await role(superuser, names[0]) == [("admin", False)]
    assert await role(superuser, names[1]) == [("viewer", False), ("viewer", False)]


async def test_a_disabled_person_is_out_at_once_and_cannot_come_back(workspace: Workspace) -> None:
    """Attacks 42 and 58."""
    database = workspace.database
    home = workspace.workspace_id
    login = await database.add_person("admin")
    ada, person, superuser = await database.connect("ada"), await database.connect(login), await database.superuser()
    await ada.execute("SELECT kolony.disable_person($1, $2)", home, login)
    await until_ended(superuser, person)
    with pytest.raises(LoginRefused):
        await database.connect(login)
    await ada.execute("SELECT kolony.enable_person($1, $2)", home, login)
    person = await database.connect(login)
    assert await person.fetchval("SELECT kolony.holds_role($1, 'admin')", home)


async def test_a_disabled_person_who_is_still_in_has_nothing(workspace: Workspace) -> None:
    dan = await workspace.database.connect("dan")
    for table in ("workspaces", "agents", "runs", "memberships", "agent_overview"):
        assert await dan.fetch(f"SELECT * FROM kolony.{table}") == []
    assert await dan.execute("UPDATE kolony.profiles SET avatar = 'x'") == "UPDATE 0"
    with refused("28000", "is disabled"):
        await dan.execute("SELECT kolony.ensure_profile()")


async def test_nobody_can_hold_up_their_own_disabling(workspace: Workspace) -> None:
    """A person may lock their own profile, and must not gain by it."""
    database = workspace.database
    login = await database.add_person("operator")
    ada, person, superuser = await database.connect("ada"), await database.connect(login), await database.superuser()
    await person.execute("SET idle_in_transaction_session_timeout = 0; BEGIN; UPDATE kolony.profiles SET avatar = 'x'")
    await asyncio.wait_for(ada.execute("SELECT kolony.disable_person($1, $2)", workspace.workspace_id, login), 5)
    await until_ended(superuser, person)
    assert await role(superuser, login) == [("operator", True)]


async def test_an_admin_elsewhere_shields_nobody_and_harms_nobody(workspace: Workspace) -> None:
    """Somebody of two workspaces: each admin decides about their own, and about the login only together."""
    database = workspace.database
    login = await database.add_person("operator")
    ada, olga, superuser = await database.connect("ada"), await database.connect("olga"), await database.superuser()
    await set_role(olga, workspace.other_id, login, "viewer")
    person = await database.connect(login)
    await ada.execute("SELECT kolony.disable_person($1, $2)", workspace.workspace_id, login)
    assert await person.fetchval("SELECT array_agg(slug) FROM kolony.workspaces") == ["other"]
    assert await role(superuser, login) == [("operator", True), ("viewer", False)]
    for admin, home in ((ada, workspace.workspace_id), (olga, workspace.other_id)):
        with refused("42501", "also belongs to a workspace"):
            await admin.execute("SELECT kolony.reset_password($1, $2, $3)", home, login, verifier(Secret("guessed")))
    assert await person.fetchval("SELECT 1") == 1
    await olga.execute("SELECT kolony.disable_person($1, $2)", workspace.other_id, login)
    await until_ended(superuser, person)
    with pytest.raises(LoginRefused):
        await database.connect(login)


async def test_a_password_is_reset_and_the_old_one_is_gone(workspace: Workspace) -> None:
    database = workspace.database
    login = await database.add_person("operator")
    ada, person, superuser = await database.connect("ada"), await database.connect(login), await database.superuser()
    new = Secret("another")
    await ada.execute("SELECT kolony.reset_password($1, $2, $3)", workspace.workspace_id, login, verifier(new))
    await until_ended(superuser, person)
    with pytest.raises(LoginRefused):
        await database.connect(login, PASSWORD)
    await database.connect(login, new)


async def test_logins_that_are_not_kolonys_are_left_alone(workspace: Workspace) -> None:
    """Attack 55, with the installer as a member: on version 15 CREATEROLE alone would allow it."""
    database = workspace.database
    ada, superuser = await database.connect("ada"), await database.superuser()
    installer = "test_installer"
    await (await database.connect(installer)).execute("SELECT kolony.ensure_profile()")
    with refused("42501", "made outside Kolony"):
        await ada.execute(
            "SELECT kolony.reset_password($1, $2, $3)", workspace.workspace_id, installer, verifier(Secret("x"))
        )
    await ada.execute("SELECT kolony.disable_person($1, $2)", workspace.workspace_id, installer)
    assert await superuser.fetchval("SELECT rolcanlogin FROM pg_roles WHERE rolname = $1", installer)
    for login in ("postgres", "kolony_api", "kolony_roleadm"):
        with refused("P0002", "there is no person"):
            await ada.execute("SELECT kolony.reset_password($1, $2, $3)", workspace.workspace_id, login, verifier())
        with refused("P0002", "there is no person"):
            await set_role(ada, workspace.workspace_id, login, "admin")


async def test_a_role_made_anew_inherits_nobodys_profile(database: Database) -> None:
    """Attack 43."""
    superuser = await database.superuser()
    login = await database.add_person("admin")
    await superuser.execute(f"DROP ROLE {login}; CREATE ROLE {login} LOGIN PASSWORD '{verifier()}' IN ROLE kolony_user")
    person = await database.connect(login)
    assert await person.fetchval("SELECT kolony.my_profile_id()") is None
    assert await person.fetch("SELECT * FROM kolony.workspaces") == []
    await person.execute("SELECT kolony.ensure_profile()")
    assert await role(superuser, login) == [("admin", False)]  # of the role that is no more
    assert await person.fetch("SELECT * FROM kolony.workspaces") == []
    ada = await database.connect("ada")
    home = await ada.fetchval("SELECT workspace_id FROM kolony.workspaces")
    await ada.execute("SELECT kolony.admit_person($1, $2, 'viewer')", home, login)
    assert not await person.fetchval("SELECT kolony.holds_role($1, 'operator')", home)
    assert await person.fetchval("SELECT kolony.holds_role($1, 'viewer')", home)
    await superuser.execute(f"DROP OWNED BY {login}; DROP ROLE {login}")


async def test_profiles_follow_their_logins_to_another_server(database: Database) -> None:
    superuser = await database.superuser()
    await superuser.execute("UPDATE kolony.profiles SET role_oid = 1")
    eve = await database.connect("eve")
    assert await eve.fetch("SELECT * FROM kolony.workspaces") == []
    installer = await database.connect("test_installer")
    await installer.execute("SET ROLE kolony_api")
    assert await installer.fetchval("SELECT kolony.relink_profiles()") == 6
    assert len(await eve.fetch("SELECT * FROM kolony.workspaces")) == 1


async def test_a_workspace_is_made_by_an_admin_who_is_then_its_admin(workspace: Workspace) -> None:
    ada, bob = await workspace.database.connect("ada"), await workspace.database.connect("bob")
    made = await ada.fetchval("SELECT kolony.create_workspace('third', 'Third')")
    assert await ada.fetchval("SELECT kolony.holds_role($1, 'admin')", made)
    assert await bob.fetchval("SELECT array_agg(slug) FROM kolony.workspaces") == ["main"]
    with refused("42501", "only an admin"):
        await bob.execute("SELECT kolony.create_workspace('fourth', '')")
    with refused("23505", "already"):
        await ada.execute("SELECT kolony.create_workspace('third', '')")
    for slug in ("Third", "3", "", "a b", "x" * 64):
        with refused("22023", "slug"):
            await ada.execute("SELECT kolony.create_workspace($1, '')", slug)


async def test_a_database_is_founded_once_and_by_a_login_that_exists(database: Database) -> None:
    installer, superuser = await database.connect("test_installer"), await database.superuser()
    with refused("42501"):
        await (await database.connect("ada")).execute("SELECT kolony.found('x', 'X', 'eve', '')")
    await installer.execute("SET ROLE kolony_api")
    with refused("55000", "has a workspace already"):
        await installer.execute("SELECT kolony.found('x', 'X', 'eve', '')")
    for table in ("memberships", "stop_gates", "workspaces"):
        await superuser.execute(f"DELETE FROM kolony.{table}")
    with refused("P0002", "no login"):
        await installer.execute("SELECT kolony.found('x', 'X', 'nobody_at_all', '')")
    await installer.execute("SELECT kolony.found('x', 'X', $1, 'Eve')", database.cluster.login("eve"))
    assert await role(superuser, database.cluster.login("eve")) == [("admin", False)]
