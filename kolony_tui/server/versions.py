"""Which servers and which schema this program works with. Imports nothing slow: reading verbs check it too."""

from __future__ import annotations

import os

from kolony_tui.db.queries import sql_path
from kolony_tui.models.errors import CannotConnect, SchemaMismatch

OLDEST_SERVER = 15
NEWEST_SERVER = 18


def newest_version() -> int:
    """The schema version that this program was made for: the number of its last migration."""
    names = os.listdir(os.path.join(sql_path(), "migrations"))
    return max(int(name[:4]) for name in names if name.endswith(".sql") and name[:4].isdecimal())


def check_server_version(major: int) -> None:
    """Refuses a server that is too old for Kolony (CannotConnect)."""
    if major < OLDEST_SERVER:
        raise CannotConnect(
            f"the server is PostgreSQL {major}, too old for Kolony",
            f"use PostgreSQL {OLDEST_SERVER} to {NEWEST_SERVER}",
        )


def check_schema_version(live: int) -> None:
    """Refuses a schema that is not the one this program was made for (SchemaMismatch)."""
    ours = newest_version()
    if live > ours:
        raise SchemaMismatch(f"the schema is version {live}, newer than this program's {ours}", "upgrade kolony")
    if live < ours:
        raise SchemaMismatch(
            f"the schema is version {live}, older than this program's {ours}",
            "run kolony migrate as the role that owns the database",
        )
