"""The database of Kolony: what the catalog lint finds, and where the schema is not the one of this program."""

from __future__ import annotations

from kolony_tui.server.doctor.check import Check, Patient, ok, warning, wrong
from kolony_tui.server.lint import REMEDIES, lint
from kolony_tui.server.schema import differences
from kolony_tui.server.versions import newest_version

DAY = 86_400


async def check_rights(patient: Patient) -> list[Check]:
    """The catalog lint: what would let somebody in."""
    found = await lint(patient.connection)
    if not found:
        return [ok("rights", f"{len(REMEDIES)} rules on grants, row security, functions and roles hold")]
    return [wrong("rights", f"{each.rule}: {each.subject}", each.remedy) for each in found]


async def check_schema(patient: Patient) -> list[Check]:
    """The live schema against the expected one."""
    version = await patient.connection.fetchval("SELECT max(m.version) FROM kolony.migrations m")
    ours = newest_version()
    if version is not None and version > ours:
        return [wrong("schema", f"the schema is version {version}, newer than this program's {ours}", "upgrade kolony")]
    if version is None or version < ours:
        remedy = "run kolony migrate as the role that owns the database"
        return [wrong("schema", f"the schema is version {version or 0}, older than this program's {ours}", remedy)]
    found = await differences(patient.connection)
    if not found:
        return [ok("schema", f"version {version}, exactly as this program makes it")]
    changes: dict[str, list[str]] = {}
    for line in found:
        name, _, change = line.partition(": ")
        changes.setdefault(name, []).append(change)
    remedy = "undo it as the owner; kolony migrate --check shows all of it"
    return [
        wrong("schema", f"{name}: {first}" + (f" (and {len(more)} more lines)" if more else ""), remedy)
        for name, (first, *more) in changes.items()
    ]


async def check_upkeep(patient: Patient) -> list[Check]:
    """Whether the upkeep is done, and how it ended."""
    checks = []
    for row in await patient.rows("upkeep", DAY):
        if row["error"] is not None:
            checks.append(warning("upkeep", f"{row['job']} ended with: {row['error']}", "run kolony maintain --all"))
        elif row["late"]:
            finding = f"{row['job']} is overdue by more than a day"
            checks.append(warning("upkeep", finding, "run kolony maintain, from cron perhaps"))
    return checks or [ok("upkeep", "no job is overdue, and none failed the last time")]


async def check_roles(patient: Patient) -> list[Check]:
    """Roles that reach further than the lint's rules, on this server and version."""
    row = await patient.row("roles")
    major = patient.connection.get_server_version().major
    checks = []
    if row["makes_logins"] and major < 16:
        checks.append(warning(
            "roles",
            f"on PostgreSQL {major} kolony_roleadm, which makes Kolony's logins, may change every login but superusers",
            "use a server for Kolony alone, PostgreSQL 16 or later, or switch it off: kolony migrate --user-admin off",
        ))  # fmt: skip
    if row["superuser_owner"] is not None:
        checks.append(warning(
            "roles",
            f"the database belongs to the superuser {row['superuser_owner']}",
            "ALTER DATABASE ... OWNER TO a role that has CREATEROLE and is no superuser",
        ))  # fmt: skip
    checks += [
        warning("roles", f"the login {login} has BYPASSRLS and reads every row that it is granted",
                f"ALTER ROLE {login} NOBYPASSRLS, unless whoever runs the server needs it")
        for login in row["above_row_security"]
    ]  # fmt: skip
    if not row["makes_logins"]:
        checks.append(ok("roles", "Kolony makes no logins here: whoever runs the server does"))
    return checks or [ok("roles", "no login stands above row security but superusers")]


async def check_databases(patient: Patient) -> list[Check]:
    """Other databases of the server, which every login reaches unless PUBLIC is kept out."""
    found: list[str] = (await patient.row("roles"))["open_databases"]
    if not found:
        return [ok("databases", "no other database of this server lets everybody connect")]
    finding = f"every login of this server may connect to {', '.join(found)}"
    remedy = "REVOKE CONNECT, TEMPORARY ON DATABASE ... FROM PUBLIC, as whoever owns it"
    return [(wrong if patient.embedded else warning)("databases", finding, remedy)]
