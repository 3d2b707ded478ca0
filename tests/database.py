"""A database for each test: one template a server, installed without a superuser, and the people who log in to it.

The server is the embedded one, or the one of ``KOLONY_TEST_SERVER`` (a superuser's URL on a server that may be thrown
away). A test gets a copy of the template, which already holds two workspaces and their people. Roles belong to the
whole server, so a test that changes a login itself (password, revocation) makes a person or an agent of its own.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from kolony_tui.db.connect import connect
from kolony_tui.db.target import Target
from kolony_tui.models.secret import Secret
from kolony_tui.server.user_admin import UserAdmin, install

GIVEN_SERVER = os.environ.get("KOLONY_TEST_SERVER", "")
INSTALLER = "test_installer"
"""Owns the databases. One for all workers and runs on a server: Kolony's own roles belong to whoever made them."""
PASSWORD = Secret("a test's pa55 wörd")
PLACES: dict[str, dict[str, str]] = {
    "main": {"ada": "admin", "bob": "operator", "eve": "viewer", "dan": "operator"},
    "other": {"olga": "admin", "otto": "operator"},
}
"""Who is what where. ``dan`` is disabled."""
STRANGER, OUTSIDER = "sam", "mallory"
"""A login in the group of people that never came, and one in no group of ours."""


def verifier(password: Secret = PASSWORD) -> str:
    """RFC 5803, with few iterations: the driver repeats them in Python at each login."""
    salt, iterations = b"sixteen bytes ok", 1000
    salted = hashlib.pbkdf2_hmac("sha256", password.reveal().encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    parts = [base64.b64encode(part).decode() for part in (salt, stored, hmac.digest(salted, b"Server Key", "sha256"))]
    return f"SCRAM-SHA-256${iterations}:{parts[0]}${parts[1]}:{parts[2]}"


@dataclass(frozen=True)
class Cluster:
    """A prepared server. ``suffix`` keeps the roles and databases of parallel workers on one server apart."""

    superuser_dsn: str
    suffix: str

    @property
    def template(self) -> str:
        """The database that tests are copied from."""
        return f"kolony_test{self.suffix}_template"

    def login(self, nickname: str) -> str:
        """The login that a nickname of ``PLACES`` has on this server; any other login is itself."""
        known = {STRANGER, OUTSIDER, *(name for people in PLACES.values() for name in people)}
        return nickname + self.suffix if nickname in known else nickname

    def dsn(self, database: str, login: str | None = None, password: Secret = PASSWORD) -> str:
        """A URL for ``login`` (None: the superuser) in ``database``."""
        parts = urlsplit(self.superuser_dsn)
        place = parts.netloc.rpartition("@")[2]
        user = parts.netloc if login is None else f"{quote(login)}:{quote(password.reveal(), safe='')}@{place}"
        return urlunsplit((parts.scheme, user, "/" + database, parts.query, ""))

    async def superuser(self, database: str = "postgres") -> asyncpg.Connection:
        """A connection of the superuser, by the driver alone."""
        return await asyncpg.connect(self.dsn(database))


@dataclass(frozen=True)
class Agent:
    """An agent with a token: ``login`` and ``secret`` are what its runner connects with."""

    agent_id: UUID
    name: str
    token_id: UUID
    login: str
    secret: Secret
    target: Target


@dataclass
class Database:
    """One test's own database, and the connections it opened."""

    cluster: Cluster
    name: str
    opened: list[asyncpg.Connection] = field(default_factory=list)

    def target(self, login: str | None = None, password: Secret = PASSWORD) -> Target:
        """Where to connect as ``login`` (a nickname of ``PLACES`` or a real one)."""
        where = self.cluster.dsn(self.name, "nobody")
        bare = where.replace(urlsplit(where).netloc, urlsplit(where).netloc.rpartition("@")[2], 1)
        target = Target(dsn=bare, origin="the test")
        return target if login is None else target.as_login(self.cluster.login(login), password)

    def dsn(self, login: str, password: Secret = PASSWORD) -> str:
        """The same as a URL with the password in it, for programs that are started."""
        return self.cluster.dsn(self.name, self.cluster.login(login), password)

    async def connect(self, login: str, password: Secret = PASSWORD) -> asyncpg.Connection:
        """A connection as Kolony opens it; closed at the end of the test."""
        return await self.open(self.target(login, password))

    async def open(self, target: Target) -> asyncpg.Connection:
        """A connection to ``target``; closed at the end of the test."""
        self.opened.append(await connect(target, "kolony tests"))
        return self.opened[-1]

    async def superuser(self) -> asyncpg.Connection:
        """A superuser's connection, for what only the clock or an intruder does; closed at the end of the test."""
        self.opened.append(await self.cluster.superuser(self.name))
        return self.opened[-1]

    async def close(self) -> None:
        """Closes every connection of the test."""
        for connection in self.opened:
            connection.terminate()
        self.opened.clear()

    async def add_agent(self, name: str = "worker", *, workspace: str = "main", **token: Any) -> Agent:
        """A new agent with a new token, made by the workspace's admin; ``token``: new_expiry, new_label."""
        admin = await self.connect(next(iter(PLACES[workspace])))
        home = await admin.fetchval("SELECT workspace_id FROM kolony.workspaces WHERE slug = $1", workspace)
        made = await admin.fetchval("SELECT kolony.create_agent($1, $2)", home, name)
        agent = await self.issue_token(admin, made, name, **token)
        await admin.close()
        return agent

    async def issue_token(self, admin: asyncpg.Connection, of_agent: UUID, name: str = "", **token: Any) -> Agent:
        """One more token of an agent."""
        public, secret = secrets.token_hex(8), Secret(secrets.token_hex(20))
        token_id = await admin.fetchval(
            "SELECT kolony.issue_token($1, $2, $3, $4, $5, $6, $7)",
            of_agent,
            f"ka_{public}",
            verifier(secret),
            hashlib.sha256(secret.reveal().encode()).digest(),
            f"kol_{public[:4]}",
            token.get("new_label", ""),
            token.get("new_expiry"),
        )
        target = self.target(f"ka_{public}", secret)
        return Agent(of_agent, name, token_id, f"ka_{public}", secret, target)

    async def add_person(self, role: str, *, workspace: str = "main") -> str:
        """A person of this test alone, whose login may be changed; answers with the login."""
        login = f"p{secrets.token_hex(6)}"
        admin = await self.connect(next(iter(PLACES[workspace])))
        home = await admin.fetchval("SELECT workspace_id FROM kolony.workspaces WHERE slug = $1", workspace)
        await admin.fetchval("SELECT kolony.add_person($1, $2, $3, $4)", home, login, verifier(), role)
        await admin.close()
        return login


@dataclass(frozen=True)
class Workspace:
    """The workspace ``main`` of a test's database, with the ids that tests ask for."""

    database: Database
    workspace_id: UUID
    slug: str
    channel: str
    other_id: UUID


async def _prepare(cluster: Cluster) -> None:
    """Makes installer, template and people; one worker at a time."""
    superuser = await cluster.superuser()
    try:
        await superuser.execute("SELECT pg_advisory_lock(4242)")
        await _remove(cluster, superuser)
        if not await superuser.fetchval("SELECT to_regrole($1) IS NOT NULL", INSTALLER):
            await superuser.execute(f"CREATE ROLE {INSTALLER} LOGIN CREATEROLE PASSWORD '{verifier()}'")
        await superuser.execute(f"CREATE ROLE {cluster.login(OUTSIDER)} LOGIN PASSWORD '{verifier()}'")
        await superuser.execute(f"CREATE DATABASE {cluster.template} OWNER {INSTALLER}")
        connection = await asyncpg.connect(cluster.dsn(cluster.template, INSTALLER))
        try:
            await install(connection, UserAdmin.ON)  # the server may hold others, and be of version 15
            await _populate(cluster, connection)
        finally:
            await connection.close()
        stranger = cluster.login(STRANGER)
        await superuser.execute(f"CREATE ROLE {stranger} LOGIN PASSWORD '{verifier()}' IN ROLE kolony_user")
    finally:
        await superuser.close()


async def _populate(cluster: Cluster, installer: asyncpg.Connection) -> None:
    own = INSTALLER
    async with installer.transaction():
        await installer.execute("SET LOCAL ROLE kolony_api")
        homes = {"main": await installer.fetchval("SELECT kolony.found('main', 'Main', $1, '')", own)}
    homes["other"] = await installer.fetchval("SELECT kolony.create_workspace('other', 'Other')")
    for slug, people in PLACES.items():
        for nickname, role in people.items():
            call = "SELECT kolony.add_person($1, $2, $3, $4, $5)"
            await installer.fetchval(call, homes[slug], cluster.login(nickname), verifier(), role, nickname.title())
    await installer.execute("SELECT kolony.disable_person($1, $2)", homes["main"], cluster.login("dan"))
    superuser = await cluster.superuser(cluster.template)
    # He must get in, so that tests see what he may do there: nothing.
    await superuser.execute(f"ALTER ROLE {cluster.login('dan')} LOGIN")
    await superuser.execute("DELETE FROM kolony.memberships m USING kolony.profiles p"
                            " WHERE p.profile_id = m.profile_id AND p.login = $1", own)  # fmt: skip
    await superuser.execute("UPDATE kolony.memberships SET granted_by = NULL")
    await superuser.execute("DELETE FROM kolony.profiles WHERE login = $1", own)
    await superuser.close()


async def _remove(cluster: Cluster, superuser: asyncpg.Connection) -> None:
    """What an earlier run on the same server left."""
    own = f"kolony_test{cluster.suffix}_"
    for row in await superuser.fetch("SELECT datname FROM pg_database WHERE starts_with(datname, $1)", own):
        await superuser.execute(f'DROP DATABASE "{row["datname"]}" WITH (FORCE)')
    names = [STRANGER, OUTSIDER, *(name for people in PLACES.values() for name in people)]
    for name in (cluster.login(each) for each in names):
        if await superuser.fetchval("SELECT to_regrole($1) IS NOT NULL", name):
            await superuser.execute(f"REASSIGN OWNED BY {name} TO CURRENT_USER; DROP OWNED BY {name} CASCADE")
            await superuser.execute(f"DROP ROLE {name}")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster(request: pytest.FixtureRequest) -> AsyncIterator[Cluster]:
    """The prepared server of this session."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if GIVEN_SERVER:
        prepared = Cluster(GIVEN_SERVER, f"_{worker}" if worker else "")
    else:
        prepared = Cluster(request.getfixturevalue("server"), "")
    await _prepare(prepared)
    yield prepared
    if GIVEN_SERVER:
        superuser = await prepared.superuser()
        await _remove(prepared, superuser)
        await superuser.close()


@pytest.fixture
async def database(cluster: Cluster) -> AsyncIterator[Database]:
    """A fresh copy of the template."""
    made = Database(cluster, f"kolony_test{cluster.suffix}_{secrets.token_hex(4)}")
    superuser = await cluster.superuser()
    # By files: half the time of a copy through the log, where nothing waits for a disk.
    copied = f"TEMPLATE {cluster.template} OWNER {INSTALLER} STRATEGY FILE_COPY"
    await superuser.execute(f"CREATE DATABASE {made.name} {copied}")
    # A copy does not inherit the grants on the database itself.
    await superuser.execute(
        f"""REVOKE ALL ON DATABASE {made.name} FROM PUBLIC;
            GRANT CONNECT ON DATABASE {made.name} TO kolony_user, kolony_agents, kolony_backup"""
    )
    try:
        yield made
    finally:
        await made.close()
        await superuser.execute(f"DROP DATABASE {made.name} WITH (FORCE)")
        await superuser.close()


@pytest.fixture
async def workspace(database: Database) -> Workspace:
    """``main`` with ada (admin), bob (operator) and eve (viewer)."""
    superuser = await database.superuser()
    rows = {row["slug"]: row for row in await superuser.fetch("SELECT * FROM kolony.workspaces")}
    await superuser.close()
    main, other = rows["main"], rows["other"]
    return Workspace(database, main["workspace_id"], main["slug"], main["channel"], other["workspace_id"])


@pytest.fixture
async def agent(workspace: Workspace) -> Agent:
    """An agent ``worker`` of ``main`` with a token."""
    return await workspace.database.add_agent()


@contextmanager
def refused(state: str, words: str = "") -> Iterator[None]:
    """What happens inside is refused by the database with this SQLSTATE, and says ``words`` somewhere."""
    with pytest.raises(asyncpg.PostgresError) as caught:
        yield
    assert (caught.value.sqlstate, words) == (state, words if words in str(caught.value) else str(caught.value))


async def until_blocked(superuser: asyncpg.Connection, connection: asyncpg.Connection) -> None:
    """Waits until ``connection`` waits for a lock that somebody else holds."""
    async with asyncio.timeout(10):
        while not await superuser.fetchval("SELECT pg_blocking_pids($1) <> '{}'", connection.get_server_pid()):
            await asyncio.sleep(0.005)


async def until_ended(superuser: asyncpg.Connection, connection: asyncpg.Connection) -> None:
    """Waits until the server has ended this connection."""
    async with asyncio.timeout(10):
        while await superuser.fetchval(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", connection.get_server_pid()
        ):
            await asyncio.sleep(0.005)
