"""Whether Kolony makes logins on a server: decided at the first installation, switched later by whoever installs.

Kolony's role administrator makes logins where it has CREATEROLE. From version 16 on that reaches only the logins that
it made itself; on version 15 it reaches every login of the cluster that is no superuser, the installer's first of all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import asyncpg

from kolony_tui.db.queries import query
from kolony_tui.models.errors import NoRight
from kolony_tui.server.migrations import Migration, migrate

_OFF = "Kolony makes no logins here"
_SWITCH = "kolony migrate --user-admin on switches it on"
_FIRST_OWN_LOGINS = 16


class UserAdmin(StrEnum):
    """What the installer says; ``auto`` decides once, when Kolony's roles are made, and leaves it so after that."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Installed:
    """What was applied now, and whether Kolony makes logins; ``why_not``: one line on why that was decided so."""

    applied: tuple[Migration, ...]
    makes_logins: bool
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What decides. ``makes_logins`` is None before Kolony's roles are there.

    ``other_logins`` are neither superusers, nor the installer, nor Kolony's; ``other_databases`` not the server's own.
    """

    major: int
    makes_logins: bool | None
    other_logins: list[str]
    other_databases: list[str]

    @classmethod
    async def of(cls, connection: asyncpg.Connection) -> ServerFacts:
        """Those of the server that the installer is connected to."""
        row = await connection.fetchrow(query("server/user_admin"))
        assert row is not None
        return cls(**row)


async def install(connection: asyncpg.Connection, wanted: UserAdmin = UserAdmin.AUTO) -> Installed:
    """``migrate``, and user administration switched as wanted.

    Raises:
        NoRight: as ``migrate``, or this installer may not switch it.
        SchemaMismatch: as ``migrate``.
    """
    on, why_not = wanted is UserAdmin.ON, ""
    if wanted is UserAdmin.AUTO:
        on, why_not = decided(await ServerFacts.of(connection))
    # Read by the first migration, so that the role is never there with more than was decided.
    await connection.execute("SELECT set_config('kolony.user_admin', $1, false)", "on" if on else "off")
    applied = await migrate(connection)
    if wanted is not UserAdmin.AUTO:
        await _switch(connection, on)
    live = bool((await ServerFacts.of(connection)).makes_logins)
    return Installed(applied, live, why_not if applied and not live else "")


async def role_script(connection: asyncpg.Connection) -> str:
    """SQL for whoever runs the server: what a database owner without CREATEROLE needs before ``kolony migrate``.

    It may be executed twice; psql and any other client take it.
    """
    installer = await connection.fetchval("SELECT quote_literal(current_user)")
    statement = query("server/roles").replace(":'installer'", installer)
    return (
        f"{statement}\n\n-- Agents log in as kolony_agent once it has a password; in psql: \\password kolony_agent\n"
        "-- A login for each person is made like this:\n-- CREATE ROLE ada LOGIN IN ROLE kolony_user;"
    )


def decided(facts: ServerFacts) -> tuple[bool, str]:
    """Whether Kolony makes logins where nobody said so, and on one line why not."""
    if facts.makes_logins is not None:
        why_not = f"{_OFF}: whoever runs the server does, and kolony user add --existing lets them in"
        return facts.makes_logins, "" if facts.makes_logins else why_not
    others = _named("the login", facts.other_logins) + _named("the database", facts.other_databases)
    if facts.major >= _FIRST_OWN_LOGINS or not others:
        return True, ""
    reached = " and ".join(others)
    return False, f"{_OFF}: on PostgreSQL {facts.major} that right would reach {reached} too; {_SWITCH}"


def _named(what: str, names: list[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return [f"{what} {names[0]}{more}"]


async def _switch(connection: asyncpg.Connection, on: bool) -> None:
    if (await ServerFacts.of(connection)).makes_logins is on:
        return
    try:
        await connection.execute(f"ALTER ROLE kolony_roleadm {'CREATEROLE' if on else 'NOCREATEROLE'}")
    except asyncpg.InsufficientPrivilegeError as error:
        raise NoRight(
            "this login may not say whether Kolony makes logins",
            f"whoever runs the server does: ALTER ROLE kolony_roleadm {'CREATEROLE' if on else 'NOCREATEROLE'}",
        ) from error
