"""Migrations: applied once, by whoever may, however many try; refused where they are not the ones that were applied."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from kolony_tui.db.queries import sql_folder
from kolony_tui.models.errors import NoRight, SchemaMismatch, WorkFailed
from kolony_tui.server.lint import lint
from kolony_tui.server.migrations import migrate, migrations, plan
from kolony_tui.server.schema import differences
from tests.database import INSTALLER, OUTSIDER, Cluster

ONE_PROCESS = """
import asyncio, sys, asyncpg
from kolony_tui.server.migrations import migrate
async def main():
    connection = await asyncpg.connect(sys.argv[1])
    print(len(await migrate(connection)))
    await connection.close()
asyncio.run(main())
"""


@pytest.fixture
async def empty(cluster: Cluster) -> AsyncIterator[str]:
    """The name of a database that the installer owns and that holds nothing."""
    name = f"kolony_test{cluster.suffix}_{secrets.token_hex(4)}"
    superuser = await cluster.superuser()
    await superuser.execute(f"CREATE DATABASE {name} OWNER {INSTALLER}")
    yield name
    await superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await superuser.close()


@pytest.fixture
async def installer(cluster: Cluster, empty: str) -> AsyncIterator[asyncpg.Connection]:
    """The installer in that database."""
    connection = await asyncpg.connect(cluster.dsn(empty, INSTALLER))
    yield connection
    await connection.close()


async def test_the_second_time_there_is_nothing_to_do(installer: asyncpg.Connection) -> None:
    before = await plan(installer)
    assert (before.applied, before.pending) == ((), migrations())
    assert await migrate(installer) == migrations()
    assert await migrate(installer) == ()
    after = await plan(installer)
    assert (after.applied, after.pending) == (migrations(), ())
    ledger = await installer.fetch("SELECT version, name, checksum FROM kolony.migrations ORDER BY version")
    assert [tuple(row) for row in ledger] == [(each.version, each.name, each.checksum) for each in migrations()]
    assert await differences(installer) == []
    assert await lint(installer) == []


async def test_processes_that_migrate_at_once_do_it_once(
    cluster: Cluster, empty: str, installer: asyncpg.Connection
) -> None:
    command = [sys.executable, "-c", ONE_PROCESS, cluster.dsn(empty, INSTALLER)]
    started = [
        await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        for _ in range(3)
    ]
    said = [await asyncio.wait_for(each.communicate(), 60) for each in started]
    assert [each.returncode for each in started] == [0, 0, 0], said
    assert sum(int(out) for out, _ in said) == len(migrations())
    assert await differences(installer) == []


async def test_an_edited_migration_is_refused(installer: asyncpg.Connection, tmp_path: Path) -> None:
    ours = migrations()
    await migrate(installer, ours[:2])
    folder = tmp_path / "migrations"
    shutil.copytree(sql_folder() / "migrations", folder)
    second = next(folder.glob("0002_*.sql"))
    second.write_text(second.read_text() + "\n-- a harmless remark\n")
    for step in (plan, migrate):
        with pytest.raises(SchemaMismatch, match="0002_people was applied in another form") as caught:
            await step(installer, migrations(folder))
        assert "\n" not in caught.value.line
    assert await migrate(installer, ours) == ours[2:]


async def test_a_newer_schema_is_refused(installer: asyncpg.Connection) -> None:
    await migrate(installer)
    for step in (plan, migrate):
        with pytest.raises(SchemaMismatch, match=f"newer than this program's {len(migrations()) - 1}"):
            await step(installer, migrations()[:-1])


async def test_a_migration_that_fails_leaves_nothing(installer: asyncpg.Connection, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(sql_folder() / "migrations", folder)
    second = next(folder.glob("0002_*.sql"))
    second.write_text(second.read_text() + "\nSELECT 1 / 0;\n")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(installer, migrations(folder))
    assert await installer.fetchval("SELECT count(*) FROM kolony.migrations") == 1
    assert await installer.fetchval("SELECT to_regclass('kolony.workspaces') IS NULL")
    assert await migrate(installer) == migrations()[1:]


async def test_numbers_without_gaps(tmp_path: Path) -> None:
    for name in ("0002_late.sql", "1_short.sql", "0001-dash.sql"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_text("SELECT 1")
        with pytest.raises(WorkFailed, match="out of order"):
            migrations(folder)


async def test_who_does_not_own_the_database_is_told_so(cluster: Cluster, empty: str) -> None:
    superuser = await cluster.superuser()
    login = cluster.login(OUTSIDER)
    connection = await asyncpg.connect(cluster.dsn(empty, login))
    try:
        with pytest.raises(NoRight, match="lacks CREATEROLE and ownership of the database") as caught:
            await migrate(connection)
        assert "\n" not in caught.value.line
        await superuser.execute(f"ALTER ROLE {login} CREATEROLE")
        with pytest.raises(NoRight, match="lacks ownership of the database"):
            await migrate(connection)
        assert await connection.fetchval("SELECT count(*) FROM pg_namespace WHERE nspname = 'kolony'") == 0
    finally:
        await superuser.execute(f"ALTER ROLE {login} NOCREATEROLE")
        await connection.close()
        await superuser.close()
