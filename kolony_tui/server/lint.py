"""What in the live catalog would let somebody in: stray grants, unforced row security, unpinned functions."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from kolony_tui.db.queries import query

REMEDIES = {
    "row security is not forced": "ALTER TABLE ... ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
    "row security cannot hold": "it knows no row security: make a table or a security_invoker view of it",
    "a view reads as its owner": "ALTER VIEW ... SET (security_invoker = true)",
    "a policy names a group": "make it anew without TO: DROP OWNED BY that group deletes such a policy",
    "a policy lets everybody in": "make it anew with a condition on the workspace",
    "a policy calls a function for each row": "write = ANY ((SELECT kolony.f())::uuid[]), which runs once a query",
    "a client may write a whole table": "REVOKE it; grant columns, or write a function",
    "a client may refer to a table": "REVOKE REFERENCES",
    "a grant to a stranger": "REVOKE it; rights go by kolony_user and kolony_agents",
    "an agent may read a table": "REVOKE it; agents call functions only",
    "the backup role may do more than read": "REVOKE it from kolony_backup",
    "secrets can be read": "REVOKE it; nobody but kolony_api and kolony_backup reads agent_tokens",
    "a partition can be reached directly": "REVOKE it; a partition is reached through its parent",
    "everybody may execute a function": "REVOKE EXECUTE ... FROM PUBLIC",
    "a function looks names up where its caller says": "ALTER FUNCTION ... SET search_path = pg_catalog, pg_temp",
    "the wrong owner": "ALTER ... OWNER TO kolony_owner (functions: kolony_api or kolony_roleadm)",
    "the schemas are open": "REVOKE it ON SCHEMA",
    "the database is open": "REVOKE it ON DATABASE",
    "new functions would be open to everybody": "ALTER DEFAULT PRIVILEGES ... REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
    "somebody may become what only the installer may": "REVOKE that role from them",
    "a role of Kolony can do too much": "ALTER ROLE ... NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOREPLICATION",
    "a person or an agent stands above the rules": "ALTER ROLE ... NOSUPERUSER NOBYPASSRLS NOCREATEROLE",
    "a login is person and agent at once": "REVOKE one of the two groups",
    "a trigger is switched off": "ALTER TABLE ... ENABLE TRIGGER",
    "a statement is rewritten": "DROP RULE",
    "a foreign key has no index": "CREATE INDEX on its columns",
}
"""Every rule, and what to do where it is broken (as the installer, after SET ROLE to the owner)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """``rule`` is broken by ``subject``."""

    rule: str
    subject: str

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return REMEDIES[self.rule]


async def lint(connection: asyncpg.Connection) -> list[Finding]:
    """Every rule that the live database breaks; empty where all is well. Needs no rights beyond connecting."""
    async with connection.transaction():
        await connection.execute("SET LOCAL search_path = pg_catalog; SET LOCAL quote_all_identifiers = off")
        rows = await connection.fetch(query("server/lint"))
    return [Finding(row["rule"], row["subject"]) for row in rows]
