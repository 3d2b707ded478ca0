"""Whether Kolony makes logins on a server: as the installer says, and what becomes of it where it may not."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest

from kolony_tui.core import people
from kolony_tui.core.session import PersonSession, log_in
from kolony_tui.db.target import Target
from kolony_tui.models.errors import LoginRefused, NoRight
from kolony_tui.models.states import Role
from kolony_tui.server.bootstrap import found_workspace
from kolony_tui.server.lint import lint
from kolony_tui.server.migrations import migrations
from kolony_tui.server.user_admin import ServerFacts, UserAdmin, decided, install, role_script
from tests.database import INSTALLER, PASSWORD, Cluster, until_ended, verifier

ROLES = ("kolony_roleadm", "kolony_owner", "kolony_api", "kolony_user", "kolony_agents", "kolony_backup")


@dataclass
class Bare:
    """A server without Kolony's roles, and an empty database on it that ``owner`` owns, who may make no roles."""

    cluster: Cluster
    superuser: asyncpg.Connection
    database: str
    owner: str

    async def connect(self, login: str) -> asyncpg.Connection:
        """By the driver alone."""
        return await asyncpg.connect(self.cluster.dsn(self.database, login))

    async def session(self, login: str) -> PersonSession:
        """As the command line logs in."""
        return await log_in(Target(dsn=self.cluster.dsn(self.database, login), origin="the test"), "kolony tests")


@pytest.fixture
async def bare(cluster: Cluster) -> AsyncIterator[Bare]:
    """Kolony's roles of this server have other names meanwhile: they belong to the server, not to a database."""
    superuser = await cluster.superuser()
    mark = secrets.token_hex(4)
    made = Bare(cluster, superuser, f"kolony_test{cluster.suffix}_{mark}", f"owner_{mark}")
    for role in ROLES:
        await superuser.execute(f"ALTER ROLE {role} RENAME TO kept_{role}")
    before = {row[0] for row in await superuser.fetch("SELECT rolname FROM pg_roles")}
    await superuser.execute(f"CREATE ROLE {made.owner} LOGIN PASSWORD '{verifier()}'")
    await superuser.execute(f"CREATE DATABASE {made.database} OWNER {made.owner}")
    try:
        yield made
    finally:
        await superuser.execute(f"DROP DATABASE {made.database} WITH (FORCE)")
        new = [row[0] for row in await superuser.fetch("SELECT rolname FROM pg_roles") if row[0] not in before]
        # People first: their memberships were granted by the role administrator.
        for role in sorted(new, key=lambda name: (name in ROLES, name != "kolony_roleadm")):
            await superuser.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
        for role in ROLES:
            await superuser.execute(f"ALTER ROLE kept_{role} RENAME TO {role}")
        await superuser.close()


async def test_a_server_that_lets_the_installer_make_no_roles(bare: Bare) -> None:
    owner = await bare.connect(bare.owner)
    with pytest.raises(NoRight, match="it lacks CREATEROLE") as caught:
        await install(owner)
    assert "kolony migrate --roles" in caught.value.line
    script = await role_script(owner)
    for _ in range(2):
        await bare.superuser.execute(script)
    installed = await install(owner)
    assert (installed.applied, installed.makes_logins) == (migrations(), False)
    assert "whoever runs the server" in installed.why_not
    assert await found_workspace(owner) == bare.owner
    assert await lint(owner) == []
    assert not await owner.fetchval("SELECT rolcreaterole FROM pg_roles WHERE rolname = 'kolony_roleadm'")
    shared = await bare.superuser.fetch("SELECT rolcanlogin, rolpassword FROM pg_authid WHERE rolname = 'kolony_agent'")
    # Nobody gets in by it before whoever runs the server has given it a password.
    assert [tuple(row) for row in shared] == [(True, None)]
    again = await install(owner)
    assert (again.applied, again.why_not) == ((), "")
    with pytest.raises(NoRight, match="may not say whether Kolony makes logins") as caught:
        await install(owner, UserAdmin.ON)
    assert "ALTER ROLE kolony_roleadm CREATEROLE" in caught.value.line
    await owner.close()


async def test_people_where_kolony_makes_no_logins(bare: Bare) -> None:
    owner = await bare.connect(bare.owner)
    await bare.superuser.execute(await role_script(owner))
    await install(owner)
    await found_workspace(owner)
    await owner.close()
    admin, login = await bare.session(bare.owner), f"p{secrets.token_hex(6)}"
    with pytest.raises(NoRight, match="does not let Kolony make logins") as caught:
        await people.add_person(admin, login, Role.VIEWER, PASSWORD)
    assert f"CREATE ROLE {login} LOGIN IN ROLE kolony_user" in caught.value.hint
    assert f"kolony user add {login} --role ROLE --existing" in caught.value.hint
    await bare.superuser.execute(f"CREATE ROLE {login} LOGIN PASSWORD '{verifier()}' IN ROLE kolony_user")
    await people.admit_person(admin, login, Role.OPERATOR)
    person = await bare.session(login)
    assert person.role is Role.OPERATOR
    assert {each.login for each in await people.connected_people(admin)} == {bare.owner, login}
    for refused in (people.set_password(admin, login, PASSWORD), people.force_out(admin, login)):
        with pytest.raises(NoRight, match="made outside Kolony"):
            await refused
    await people.disable_person(admin, login)
    with pytest.raises(LoginRefused, match="is disabled"):
        await bare.session(login)
    await people.enable_person(admin, login)
    await people.set_role(admin, login, Role.VIEWER)
    await people.remove_person(admin, login)
    with pytest.raises(NoRight, match="member of no workspace"):
        await bare.session(login)
    for session in (admin, person):
        await session.db.close()


async def test_the_installer_switches_it_off_and_on(bare: Bare) -> None:
    await bare.superuser.execute(f"ALTER ROLE {bare.owner} CREATEROLE")
    owner = await bare.connect(bare.owner)
    newer = owner.get_server_version().major >= 16
    first = await install(owner)
    # This server has other logins and databases: those of the tests.
    assert first.makes_logins is newer
    assert ("would reach" in first.why_not) is not newer
    assert (await install(owner, UserAdmin.ON)).makes_logins
    await found_workspace(owner)
    admin, login = await bare.session(bare.owner), f"p{secrets.token_hex(6)}"
    await people.add_person(admin, login, Role.OPERATOR, PASSWORD)
    assert not (await install(owner, UserAdmin.OFF)).makes_logins
    assert not (await install(owner)).makes_logins  # an upgrade leaves it as somebody decided
    with pytest.raises(NoRight, match="does not let Kolony make logins"):
        await people.add_person(admin, "another", Role.VIEWER, PASSWORD)
    with pytest.raises(NoRight, match="does not let Kolony change passwords"):
        await people.set_password(admin, login, PASSWORD)
    # To take rights away needs no such right, and to end sessions neither.
    person = await bare.connect(login)
    await people.disable_person(admin, login)
    await until_ended(bare.superuser, person)
    with pytest.raises(LoginRefused, match="is disabled"):
        await bare.session(login)
    assert (await install(owner, UserAdmin.ON)).makes_logins
    await people.enable_person(admin, login)
    await people.set_password(admin, login, PASSWORD)
    back = await bare.session(login)
    assert back.role is Role.OPERATOR
    assert await lint(owner) == []
    for session in (admin, back):
        await session.db.close()
    await owner.close()


@pytest.mark.parametrize(
    ("facts", "on", "words"),
    [
        (ServerFacts(15, None, [], []), True, ""),
        (ServerFacts(15, None, ["erp"], []), False, "would reach the login erp too"),
        (ServerFacts(15, None, ["a", "b", "c"], ["shop"]), False, "the login a and 2 more and the database shop too"),
        (ServerFacts(15, None, [], ["shop"]), False, "--user-admin on"),
        (ServerFacts(15, True, ["erp"], ["shop"]), True, ""),
        (ServerFacts(18, None, ["erp"], ["shop"]), True, ""),
        (ServerFacts(18, False, [], []), False, "whoever runs the server"),
    ],
)
def test_what_is_decided_by_itself(facts: ServerFacts, on: bool, words: str) -> None:
    decision, why_not = decided(facts)
    assert decision is on
    assert words in why_not


async def test_kolonys_own_logins_are_no_others(cluster: Cluster) -> None:
    """What version 15 is asked about: the logins that are neither Kolony's, nor a superuser, nor the installer."""
    installer = await asyncpg.connect(cluster.dsn(cluster.template, INSTALLER))
    facts = await ServerFacts.of(installer)
    await installer.close()
    assert facts.makes_logins is True
    assert cluster.login("mallory") in facts.other_logins
    assert not {cluster.login("ada"), cluster.login("sam"), INSTALLER, "postgres"} & set(facts.other_logins)
    assert cluster.template not in facts.other_databases
    assert not {"postgres", "template0", "template1"} & set(facts.other_databases)
