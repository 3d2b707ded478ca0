"""The log as a test looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from kolony_tui.models.audit import Difference


async def last_entry(connection: asyncpg.Connection) -> int:
    """The number of the newest entry that this connection may see."""
    newest: int = await connection.fetchval("SELECT coalesce(max(entry_id), 0) FROM kolony.audit_log")
    return newest


async def written(connection: asyncpg.Connection, after: int = 0) -> list[asyncpg.Record]:
    """The entries since one, in order."""
    found: Sequence[asyncpg.Record] = await connection.fetch(
        "SELECT * FROM kolony.audit_log WHERE entry_id > $1 ORDER BY entry_id", after
    )
    return list(found)


async def events(connection: asyncpg.Connection, after: int = 0) -> list[str]:
    """Their events."""
    return [row["event"] for row in await written(connection, after)]


async def verified(admin: asyncpg.Connection, home: UUID) -> tuple[Any, Difference | None]:
    """What a verification says, and the difference that it names."""
    row = await admin.fetchrow("SELECT * FROM kolony.verify_audit($1)", home)
    assert row is not None
    assert row["ok"] == (row["difference"] is None)
    named = None if row["ok"] else Difference(row["at_seal"], row["at_entry"], row["difference"])
    return row, named


async def sealed(admin: asyncpg.Connection, home: UUID) -> int:
    """Seals; answers how many entries."""
    count: int = await admin.fetchval("SELECT kolony.seal_audit_now($1)", home)
    return count


async def tamper(superuser: asyncpg.Connection, statement: str, *arguments: Any) -> None:
    """What only a superuser can: a statement with every trigger switched off, which must change something."""
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")
        status = await superuser.execute(statement, *arguments)
    assert not status.endswith(" 0"), status
