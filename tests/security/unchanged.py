"""Digests of everything that an attack might leave behind: rows, policies, grants, owners, functions, roles."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

_CATALOG = {
    "policies": "SELECT p::text FROM pg_policies p ORDER BY 1",
    "relations": """SELECT oid, relname, relkind, relowner, relacl::text, relrowsecurity, relforcerowsecurity,
                           reloptions::text, relhastriggers
                    FROM pg_class WHERE relnamespace = 'kolony'::regnamespace ORDER BY 1""",
    "columns": """SELECT attrelid, attname, attacl::text FROM pg_attribute WHERE attacl IS NOT NULL ORDER BY 1, 2""",
    "functions": """SELECT oid, proname, proowner, proacl::text, proconfig::text, prosecdef, prosrc
                    FROM pg_proc WHERE pronamespace = 'kolony'::regnamespace ORDER BY 1""",
    "triggers": """SELECT tgrelid, tgname, tgenabled::text FROM pg_trigger
                   WHERE NOT tgisinternal ORDER BY 1, 2""",
    "schemas": """SELECT nspname, nspowner, nspacl::text FROM pg_namespace
                  WHERE nspname !~ '^pg_temp|^pg_toast' ORDER BY 1""",
    "the database": "SELECT datname, datdba, datacl::text FROM pg_database WHERE datname = current_database()",
    "what new things get": "SELECT d::text FROM pg_default_acl d ORDER BY 1",
    "large objects": "SELECT count(*) FROM pg_largeobject_metadata",
}
# Other tests make roles on the same server at the same time: only those that this database knows, or that are ours.
_NAMES = """SELECT login FROM kolony.profiles UNION SELECT login FROM kolony.agent_tokens
            UNION SELECT unnest(ARRAY['kolony_owner', 'kolony_api', 'kolony_roleadm', 'kolony_user', 'kolony_agents',
                                      'kolony_backup', 'test_installer'])"""
_OURS = f"SELECT oid FROM pg_authid WHERE rolname IN ({_NAMES})"
_ROLES = {
    "roles": f"SELECT a::text FROM pg_authid a WHERE oid IN ({_OURS}) ORDER BY 1",
    "who is in which role": f"""SELECT roleid, member, admin_option FROM pg_auth_members WHERE member IN ({_OURS})
        AND (roleid IN ({_OURS}) OR roleid < 16384) ORDER BY 1, 2, 3""",
    "settings of roles": f"SELECT s::text FROM pg_db_role_setting s WHERE setrole IN ({_OURS}) ORDER BY 1",
}


async def fingerprint(superuser: asyncpg.Connection) -> dict[str, str]:
    """A digest of every table of the schema and of each part of the catalog, by name."""
    tables = await superuser.fetch(
        """SELECT oid::regclass::text AS name FROM pg_class
           WHERE relnamespace = 'kolony'::regnamespace AND relkind IN ('r', 'p')"""
    )
    statements = {row["name"]: f"SELECT t::text FROM {row['name']} t ORDER BY 1" for row in tables}
    found = {}
    for part, statement in {**statements, **_CATALOG, **_ROLES}.items():
        rows = await superuser.fetch(statement)
        found[part] = hashlib.sha256(repr([tuple(row) for row in rows]).encode()).hexdigest()
    return found


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """The parts that differ."""
    return {part for part in before.keys() | after.keys() if before.get(part) != after.get(part)}


@asynccontextmanager
async def unchanged(superuser: asyncpg.Connection) -> AsyncIterator[None]:
    """Whatever is tried inside leaves nothing behind."""
    before = await fingerprint(superuser)
    yield
    assert changed(before, await fingerprint(superuser)) == set()
