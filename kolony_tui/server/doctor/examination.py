"""All checks, in the order in which a person wants to hear of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import asyncpg

from kolony_tui.models.errors import CannotConnect
from kolony_tui.server.doctor import access, catalog, machine, running
from kolony_tui.server.doctor.check import Check, Patient, ok, warning

GROUPS: tuple[tuple[str, tuple[Callable[[Patient], Awaitable[list[Check]]], ...]], ...] = (
    ("server", (running.check_version, running.check_clock, running.check_queue, running.check_durability)),
    ("access", (
        access.check_way, access.check_passwords, access.check_entrance, access.check_login_settings,
        access.check_logged_tokens, catalog.check_databases,
    )),
    ("database", (catalog.check_rights, catalog.check_schema, catalog.check_roles, catalog.check_upkeep)),
    ("sessions", (running.check_sessions, running.check_prepared)),
    ("this machine", (
        machine.check_doors, machine.check_folders, machine.check_keyring, machine.check_password_file,
    )),
)  # fmt: skip


async def examine(patient: Patient) -> dict[str, list[Check]]:
    """Every check, by group; what this login may not see is said, not guessed.

    Raises CannotConnect where the database has no schema of Kolony.
    """
    if not (await patient.row("schema"))["installed"]:
        raise CannotConnect(
            f"the database {patient.place.database} has no schema of Kolony",
            "run kolony migrate as the role that owns the database",
        )
    found: dict[str, list[Check]] = {}
    for group, checks in GROUPS:
        found[group] = []
        for check in checks:
            found[group] += await _made(check, patient)
    return found


async def _made(check: Callable[[Patient], Awaitable[list[Check]]], patient: Patient) -> list[Check]:
    name = check.__name__.removeprefix("check_").replace("_", " ")
    try:
        return await check(patient)
    except asyncpg.InsufficientPrivilegeError as error:
        return [ok(name, f"for an admin or a superuser to see ({error})")]
    except (asyncpg.UndefinedFunctionError, asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError) as error:
        return [warning(name, f"cannot be looked at: {error}", "see what is said of the schema")]
