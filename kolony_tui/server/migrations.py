"""Applies the migrations of ``sql/migrations`` in order, once each, and refuses edited ones."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from kolony_tui.db.queries import query, sql_folder
from kolony_tui.models.errors import NoRight, SchemaMismatch, WorkFailed
from kolony_tui.server.versions import check_server_version
from kolony_tui.server.versions import newest_version as newest_version

_FILE_NAME = re.compile(r"^(\d{4})_([a-z0-9_]+)\.sql$")

# What two migrators that make the same roles or the same schema at once get; the loser starts over and finds it done.
_RACED = (
    asyncpg.DuplicateObjectError,
    asyncpg.DuplicateSchemaError,
    asyncpg.DuplicateTableError,
    asyncpg.DuplicateFunctionError,
    asyncpg.UniqueViolationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InternalServerError,  # "tuple concurrently updated"
)
_RACE_TRIES = 20


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of ``sql/migrations``. ``checksum`` is the SHA-256 of its bytes, in hex."""

    version: int
    name: str
    checksum: str
    sql: str


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """What a database has and what it lacks, oldest first."""

    applied: tuple[Migration, ...]
    pending: tuple[Migration, ...]


def migrations(folder: Path | None = None) -> tuple[Migration, ...]:
    """Every migration that this program brings, in order.

    Raises:
        WorkFailed: a file has no proper name, or a number is missing or there twice.
    """
    found: list[Migration] = []
    for path in sorted((folder or sql_folder() / "migrations").glob("*.sql")):
        parts = _FILE_NAME.match(path.name)
        if parts is None or int(parts[1]) != len(found) + 1:
            raise WorkFailed(f"the migration {path.name} is out of order", "install Kolony again: this copy is damaged")
        content = path.read_bytes()
        found.append(Migration(int(parts[1]), parts[2], hashlib.sha256(content).hexdigest(), content.decode()))
    return tuple(found)


async def plan(connection: asyncpg.Connection, ours: tuple[Migration, ...] | None = None) -> MigrationPlan:
    """What is applied and what is not; reads only.

    Raises:
        CannotConnect: the server's major version is not one of 15 to 18.
        SchemaMismatch: the schema is newer than this program, or an applied migration is not the one we have.
    """
    ours = migrations() if ours is None else ours
    check_server_version(connection.get_server_version().major)
    if not await _has_ledger(connection):
        return MigrationPlan((), ours)
    ledger = await connection.fetch("SELECT version, name, checksum FROM kolony.migrations ORDER BY version")
    if ledger and ledger[-1]["version"] > ours[-1].version:
        raise SchemaMismatch(
            f"the schema is version {ledger[-1]['version']}, newer than this program's {ours[-1].version}",
            "upgrade kolony",
        )
    for row, migration in zip(ledger, ours, strict=False):
        if (row["version"], row["checksum"]) != (migration.version, migration.checksum):
            raise SchemaMismatch(
                f"migration {row['version']:04d}_{row['name']} was applied in another form than this program brings",
                "a migration is never edited after it was applied: install the release that applied it",
            )
    return MigrationPlan(ours[: len(ledger)], ours[len(ledger) :])


async def migrate(connection: asyncpg.Connection, ours: tuple[Migration, ...] | None = None) -> tuple[Migration, ...]:
    """Applies what is pending, each migration in its own transaction, and answers with what it applied.

    Safe to run twice and from several processes at once: from the second migration on the ledger table is locked
    before it is read; the first one, which makes it, is tried again when another process was faster.

    Kolony's roles are made where they are missing; ``user_admin.install`` decides whether they may make logins.

    Raises:
        NoRight: the login does not own the database, or has neither CREATEROLE nor the roles that it would make.
        SchemaMismatch: see ``plan``.
    """
    ours = migrations() if ours is None else ours
    await _check_installer(connection)
    applied: list[Migration] = []
    for attempt in range(_RACE_TRIES):
        try:
            while (done := await _apply_next(connection, ours)) is not None:
                applied.append(done)
        except _RACED:
            if attempt == _RACE_TRIES - 1:
                raise
            await asyncio.sleep(0.05 * (attempt + 1))
        else:
            return tuple(applied)
    raise AssertionError("the last try returns or raises")


async def _apply_next(connection: asyncpg.Connection, ours: tuple[Migration, ...]) -> Migration | None:
    async with connection.transaction():
        if await _has_ledger(connection):
            await connection.execute("SET LOCAL ROLE kolony_owner")
            await connection.execute("LOCK TABLE kolony.migrations IN EXCLUSIVE MODE")
            pending = (await plan(connection, ours)).pending
            await connection.execute("RESET ROLE")
        else:
            pending = (await plan(connection, ours)).pending
        if not pending:
            return None
        this = pending[0]
        try:
            await connection.execute(this.sql)
        except asyncpg.InsufficientPrivilegeError as error:
            raise NoRight(
                f"migration {this.version:04d}_{this.name} was refused: {error}",
                "run it as a role that owns the database and has CREATEROLE",
            ) from error
        await connection.execute("SET LOCAL ROLE kolony_owner")
        await connection.execute(
            "INSERT INTO kolony.migrations (version, name, checksum) VALUES ($1, $2, $3)",
            this.version,
            this.name,
            this.checksum,
        )
        return this


async def _has_ledger(connection: asyncpg.Connection) -> bool:
    # Not to_regclass: it needs USAGE on the schema, and who has none yet shall hear that, not "no schema".
    return bool(
        await connection.fetchval(
            """SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = 'kolony' AND c.relname = 'migrations')"""
        )
    )


async def _check_installer(connection: asyncpg.Connection) -> None:
    row = await connection.fetchrow(query("server/installer"))
    assert row is not None
    if row["owns"] and (row["makes_roles"] or row["has_roles"]):
        return
    lacks = [words for has, words in ((row["makes_roles"] or row["has_roles"], "CREATEROLE"),
                                      (row["owns"], "ownership of the database")) if not has]  # fmt: skip
    ways = "run it as a role that owns the database and has CREATEROLE"
    if row["owns"]:
        ways += ", or have whoever runs the server execute what kolony migrate --roles prints"
    raise NoRight(f"{row['name']} cannot migrate: it lacks {' and '.join(lacks)}", ways)
