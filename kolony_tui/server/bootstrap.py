"""The first minute of an embedded server: database, roles, schema, first workspace and admin; and upgrades later."""

from __future__ import annotations

import asyncio
import getpass
import re
import secrets
from dataclasses import dataclass

import asyncpg

from kolony_tui.models.secret import Secret
from kolony_tui.server.address import DATABASE, Address
from kolony_tui.server.embedded import EmbeddedServer
from kolony_tui.server.migrations import newest_version
from kolony_tui.server.private_files import locked
from kolony_tui.server.scram import verifier
from kolony_tui.server.user_admin import install

INSTALLER = "kolony_installer"
FIRST_WORKSPACE = ("main", "Main")
_LOCK_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A server that is ready for people. ``told`` is what a person should hear once, or empty."""

    address: Address
    first_admin: str
    told: str = ""


def prepare(server: EmbeddedServer) -> Prepared:
    """Starts the server where needed and brings its schema up to this program; cheap when nothing is to be done.

    Not to be called from within an event loop. Raises CannotConnect, SchemaMismatch.
    """
    address = server.ensure()
    state = server.home.read_state()
    if state.get("schema") == newest_version() and state.get("first_admin"):
        return Prepared(address, state["first_admin"])
    with locked(
        server.home.path / "bootstrap.lock",
        patience=_LOCK_PATIENCE,
        refusal="another process has been preparing the embedded server for too long",
    ):
        return asyncio.run(_prepare(server, address))


async def _prepare(server: EmbeddedServer, address: Address) -> Prepared:
    await _make_database(server)
    connection = await asyncpg.connect(server.superuser_dsn(DATABASE))
    try:
        # As the installer from here on: the embedded schema is made exactly as on anybody's server, without superuser.
        await connection.execute(f"SET SESSION AUTHORIZATION {INSTALLER}")
        await install(connection)
        login, told = await _found(server, connection)
    finally:
        await connection.close()
    server.home.update_state(schema=newest_version(), first_admin=login)
    return Prepared(address, login, told)


async def _make_database(server: EmbeddedServer) -> None:
    connection = await asyncpg.connect(server.superuser_dsn("postgres"))
    try:
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", INSTALLER):
            await connection.execute(f"CREATE ROLE {INSTALLER} NOLOGIN CREATEROLE")
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {INSTALLER}")
        # Every login reaches every database of a cluster unless it is told otherwise.
        await connection.execute("REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC")
    finally:
        await connection.close()


async def found_workspace(connection: asyncpg.Connection) -> str | None:
    """Makes the first workspace, with the installer as its admin, where there is none; answers who that is."""
    async with connection.transaction():
        await connection.execute("SET LOCAL ROLE kolony_api")
        if await connection.fetchval("SELECT EXISTS (SELECT FROM kolony.workspaces)"):
            return None
        login: str = await connection.fetchval("SELECT session_user")
        try:
            await connection.execute("SELECT kolony.found($1, $2, $3, '')", *FIRST_WORKSPACE, login)
        except asyncpg.ObjectNotInPrerequisiteStateError:
            return None  # another installer was faster
        return login


async def _found(server: EmbeddedServer, connection: asyncpg.Connection) -> tuple[str, str]:
    known = server.home.read_state().get("first_admin")
    async with connection.transaction():
        await connection.execute("SET LOCAL ROLE kolony_api")
        if await connection.fetchval("SELECT EXISTS (SELECT FROM kolony.workspaces)"):
            admin: str = known or await connection.fetchval(
                """SELECT p.login FROM kolony.memberships m JOIN kolony.profiles p USING (profile_id)
                   WHERE m.role = 'admin' ORDER BY m.granted_at LIMIT 1"""
            )
            return admin, ""
        login = login_name(getpass.getuser())
        password = Secret(secrets.token_urlsafe(24))
        server.secrets.set(f"person:{login}", password)
        await connection.execute("SET LOCAL ROLE kolony_roleadm")
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", login):
            await connection.execute("SELECT kolony.make_login($1, $2, 32, 'kolony_user')", login, verifier(password))
        else:
            await connection.execute(f"ALTER ROLE {login} PASSWORD '{verifier(password)}'")
        await connection.execute("SET LOCAL ROLE kolony_api")
        await connection.execute("SELECT kolony.found($1, $2, $3, $4)", *FIRST_WORKSPACE, login, getpass.getuser())
    return login, server.secrets.where


def login_name(user: str) -> str:
    """The Postgres login for an operating system's user name: what is allowed in one, or ``admin``.

    >>> login_name("Ada.Lovelace"), login_name("postgres"), login_name("7of9")
    ('ada_lovelace', 'admin', 'admin')
    """
    name = re.sub(r"[^a-z0-9_]", "_", user.lower())[:31]
    reserved = name in ("postgres", "public", "none", INSTALLER) or name.startswith(("pg_", "kolony_", "ka_"))
    return "admin" if reserved or not re.fullmatch(r"[a-z][a-z0-9_]*", name) else name
