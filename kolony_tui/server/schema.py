"""The live schema as text, and where it differs from the one of ``sql/schema.sql``.

``python -m kolony_tui.server.schema DSN > sql/schema.sql`` writes that file anew from a database just migrated.
"""

from __future__ import annotations

import asyncio
import difflib
import sys
from pathlib import Path

import asyncpg

from kolony_tui.db.queries import query, sql_folder

_HEAD = "--- "
_PREFACE = """\
-- The schema as the migrations leave it: what exists, who owns it, what it does and who may use it. Generated, to be
-- read and to be compared with a live database (kolony migrate --check):
-- python -m kolony_tui.server.schema DSN > sql/schema.sql
"""


async def render(connection: asyncpg.Connection) -> str:
    """The schema of this database, in the same words on every server version. Needs no rights beyond connecting."""
    async with connection.transaction():
        # What the server writes out is qualified by what the search path leaves unsaid.
        await connection.execute("SET LOCAL search_path = pg_catalog; SET LOCAL quote_all_identifiers = off")
        rows = await connection.fetch(query("server/schema"))
    parts = [_PREFACE]
    headed = ""
    for row in rows:
        head = f"\n{_HEAD}{row['kind']} {row['name']}\n"
        if head != headed:
            parts.append(head)
            headed = head
        parts.append("\n".join(line.rstrip() for line in row["text"].splitlines()) + "\n")
    return "".join(parts)


async def differences(connection: asyncpg.Connection, expected: str | None = None) -> list[str]:
    """What the live schema has and should not, or lacks, a line each; empty where it is the expected one.

    ``expected`` is a text of ``render``, by default the one of ``sql/schema.sql``.
    """
    wanted = _sections(schema_file().read_text(encoding="utf-8") if expected is None else expected)
    live = _sections(await render(connection))
    found: list[str] = []
    for name in sorted({*wanted, *live}):
        if name not in live:
            found.append(f"{name}: missing")
        elif name not in wanted:
            found.append(f"{name}: not expected")
        else:
            found += [f"{name}: {line}" for line in _changes(wanted[name], live[name])]
    return found


def schema_file() -> Path:
    """Where the expected schema stands."""
    return sql_folder() / "schema.sql"


def _sections(text: str) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in text.splitlines():
        if line.startswith(_HEAD):
            current = sections.setdefault(line.removeprefix(_HEAD), [])
        elif line.strip():
            current.append(line)
    return sections


def _changes(wanted: list[str], live: list[str]) -> list[str]:
    words = {"- ": "missing: ", "+ ": "not expected: "}
    compared = difflib.ndiff(wanted, live)
    return [words[line[:2]] + line[2:].strip() for line in compared if line[:2] in words]


async def _print(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        sys.stdout.write(await render(connection))
    finally:
        await connection.close()


if __name__ == "__main__":
    asyncio.run(_print(sys.argv[1]))
