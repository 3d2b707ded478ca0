"""Opening a bundle: a server of its own in a folder of its own, filled with what the bundle holds, gone afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg

from kolony_tui.core.bundle import TABLES, Bundle
from kolony_tui.models.errors import UsageError
from kolony_tui.server.bootstrap import prepare
from kolony_tui.server.embedded import EmbeddedServer
from kolony_tui.server.home import Home

_AT_ONCE = 500
_PARTITIONS = {
    "output_chunks": ("ensure_output_partition", "day"),
    "trace_entries": ("ensure_trace_partition", "day"),
    "events": ("ensure_event_partition", "at"),
}
"""Tables in parts: what makes one, and by which column."""


@contextmanager
def opened(bundle: Bundle) -> Iterator[Home]:
    """A home whose embedded server holds the bundle, and a viewer to look at it; all of it is removed at the end.

    This process has that home and no other server from here on. Raises UsageError, CannotConnect.
    """
    bundle.check()
    folder = tempfile.mkdtemp(prefix="kolony-bundle-")
    for name in [name for name in os.environ if name.startswith("PG") or name in ("KOLONY_DSN", "KOLONY_PROFILE")]:
        del os.environ[name]
    os.environ["KOLONY_HOME"] = folder
    home = Home(Path(folder).resolve())
    server = EmbeddedServer(home, settings={"fsync": "off", "full_page_writes": "off"})
    try:
        prepare(server)
        asyncio.run(_fill(server, bundle))
        yield home
    finally:
        try:
            server.stop(force=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


async def _fill(server: EmbeddedServer, bundle: Bundle) -> None:
    connection = await asyncpg.connect(server.superuser_dsn())
    try:
        # Rows of a past that is whole by itself: no trigger tells of it again, and nothing is missed by a foreign key.
        await connection.execute("SET session_replication_role = replica")
        home = str(await connection.fetchval("SELECT workspace_id FROM kolony.workspaces"))
        for table in TABLES:
            await _fill_table(connection, bundle, table, home)
        await connection.execute("UPDATE kolony.memberships SET role = 'viewer'")
        await connection.execute("ANALYZE")
    except asyncpg.PostgresError as error:
        raise UsageError(
            f"{bundle.file} does not fit this Kolony ({error})", "update Kolony, or export it again"
        ) from error
    finally:
        await connection.close()


async def _fill_table(connection: asyncpg.Connection, bundle: Bundle, table: str, home: str) -> None:
    columns: set[str] = {
        row[0]
        for row in await connection.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped "
            "AND attgenerated = ''",
            f"kolony.{table}",
        )
    } - {"xid"}
    months: set[str] = set()
    batch: list[dict[str, Any]] = []
    for number, row in enumerate(bundle.rows(table), 1):
        batch.append(_local(table, row, number, home))
        if len(batch) == _AT_ONCE:
            await _insert(connection, table, columns, batch, months)
            batch = []
    if batch:
        await _insert(connection, table, columns, batch, months)


def _local(table: str, row: dict[str, Any], number: int, home: str) -> dict[str, Any]:
    """A row as it stands here: in the workspace there is, and of people who have no login."""
    if table == "profiles":
        # Beyond every role that a server makes.
        return {**row, "login": f"{row.get('login')}"[:63], "role_oid": 4_000_000_000 + number, "avatar": "",
                "login_made": False, "created_at": "2000-01-01", "updated_at": "2000-01-01"}  # fmt: skip
    return {**row, "workspace_id": home}


async def _insert(
    connection: asyncpg.Connection, table: str, columns: set[str], batch: list[dict[str, Any]], months: set[str]
) -> None:
    given = [name for name in columns if name in batch[0]]
    if table in _PARTITIONS:
        function, column = _PARTITIONS[table]
        for day in {str(row.get(column, ""))[:10] for row in batch} - months:
            await connection.execute(f"SELECT kolony.{function}($1::text::date)", day)
            months.add(day)
    names = ", ".join(given)
    skipped = " ON CONFLICT DO NOTHING" if table == "profiles" else ""
    await connection.execute(
        f"INSERT INTO kolony.{table} ({names}) OVERRIDING SYSTEM VALUE "  # noqa: S608  (columns of the catalog)
        f"SELECT {names} FROM json_populate_recordset(NULL::kolony.{table}, $1::json){skipped}",
        json.dumps(batch),
    )
