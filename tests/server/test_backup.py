"""A backup holds database and logins, goes into another home, and replaces nothing by accident."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from kolony_tui.models.errors import WorkFailed, WrongState
from kolony_tui.models.secret import Secret
from kolony_tui.server.backup import DUMP, MANIFEST, back_up
from kolony_tui.server.embedded import EmbeddedServer
from kolony_tui.server.home import Home
from kolony_tui.server.restore import NEW, OLD, restore
from kolony_tui.server.superuser import Superuser
from tests.server.conftest import QUICK, MakeServer

COLONY = """
CREATE ROLE "own er" NOLOGIN;
CREATE ROLE people NOLOGIN;
CREATE ROLE ada LOGIN CONNECTION LIMIT 7 PASSWORD 'ada''s';
CREATE ROLE bob NOLOGIN PASSWORD 'bob''s';
GRANT people TO ada WITH INHERIT TRUE;
ALTER ROLE ada SET application_name = E'two lines\\nCREATE ROLE evil;\\n''; ALTER ROLE ada SUPERUSER; --';
CREATE DATABASE kolony OWNER "own er";
REVOKE ALL ON DATABASE kolony FROM PUBLIC;
GRANT CONNECT ON DATABASE kolony TO people;
ALTER DATABASE kolony SET statement_timeout = '77s';
ALTER DATABASE kolony SET search_path = "$user", things;
ALTER ROLE ada IN DATABASE kolony SET work_mem = '5MB';
"""
ROWS = """
CREATE SCHEMA things AUTHORIZATION "own er";
CREATE TABLE things.secret (id int GENERATED ALWAYS AS IDENTITY, what text NOT NULL);
ALTER TABLE things.secret OWNER TO "own er";
ALTER TABLE things.secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE things.secret FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON things.secret USING (what = session_user);
GRANT USAGE ON SCHEMA things TO people;
GRANT SELECT ON things.secret TO people;
CREATE TABLE things.bulk AS SELECT md5(n::text) AS filler FROM generate_series(1, 2000) n;
INSERT INTO things.secret (what) SELECT unnest(ARRAY['ada', 'bob', E'\\u00e9\\u4e2d\\n']);
"""


@pytest.fixture(scope="module")
def colony() -> Iterator[EmbeddedServer]:
    """A server with a database, rows that nobody may read, and two people."""
    folder = Path(tempfile.mkdtemp(prefix="kolony-")).resolve()
    server = EmbeddedServer(Home(folder / "home"), settings=QUICK)
    try:
        superuser = Superuser(server.ensure(), server.superuser_password())
        superuser.ask(COLONY)
        superuser.ask(ROWS, database="kolony")
        server.home.update_state(first_admin="ada")
        server.secrets.set("person:ada", Secret("ada's"))
        yield server
    finally:
        server.stop(force=True)
        shutil.rmtree(folder)


async def seen_by(server: EmbeddedServer, login: str, password: str, question: str) -> object:
    address = server.ensure()
    connection = await asyncpg.connect(address.dsn(login, Secret(password)))
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def asked(server: EmbeddedServer, question: str, database: str = "kolony") -> str:
    return Superuser(server.ensure(), server.superuser_password()).ask(question, database=database)


def test_a_backup_goes_into_another_home_with_its_people(
    colony: EmbeddedServer, make_server: MakeServer, tmp_path: Path
) -> None:
    file = tmp_path / "colony.backup"
    told: list[int] = []
    size = back_up(colony, file, progress=told.append)
    assert size == file.stat().st_size > 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert told == sorted(told)
    assert told
    assert list(tmp_path.iterdir()) == [file]

    other = make_server()
    restore(other, file)
    everything = "SELECT count(*), max(what) FROM things.secret"
    assert asked(other, everything) == asked(colony, everything) == "3|é中"
    password = other.secrets.get("person:ada")
    assert password is not None
    assert other.home.read_state() == {"first_admin": "ada"}
    mine = "SELECT string_agg(what, ',') FROM things.secret"
    assert asyncio.run(seen_by(other, "ada", password.reveal(), mine)) == "ada"
    facts = """SELECT pg_get_userbyid(datdba), datacl, datallowconn FROM pg_database WHERE datname = 'kolony';
        SELECT rolconnlimit, rolsuper, rolcanlogin, rolconfig FROM pg_roles WHERE rolname = 'ada';
        SELECT setconfig FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase
         WHERE datname = 'kolony' ORDER BY 1;
        SELECT count(*) FROM pg_roles WHERE rolname = 'evil';
        SELECT rolpassword FROM pg_authid WHERE rolname = 'bob';"""
    assert asked(other, facts) == asked(colony, facts)
    assert asked(other, "SELECT has_database_privilege('public', 'postgres', 'CONNECT')") == "f"
    assert asked(other, "SELECT string_agg(datname, ',' ORDER BY 1) FROM pg_database WHERE NOT datistemplate") == (
        "kolony,postgres"
    )


def test_a_database_is_replaced_only_when_asked_and_unused(colony: EmbeddedServer, tmp_path: Path) -> None:
    file = tmp_path / "b"
    back_up(colony, file)
    asked(colony, "CREATE TABLE things.later ()")
    with pytest.raises(WrongState, match="holds a database already") as refusal:
        restore(colony, file)
    assert "--force" in refusal.value.hint

    async def while_used() -> None:
        user = await asyncpg.connect(colony.ensure().dsn("ada", Secret("ada's"), application="kolony app"))
        with pytest.raises(WrongState, match=r"in use by 'two lines.*login 'ada'|in use by 'kolony app'"):
            await asyncio.to_thread(restore, colony, file)
        assert await user.fetchval("SELECT 1") == 1
        await asyncio.to_thread(restore, colony, file, replace=True)
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await user.fetchval("SELECT 1")
        user.terminate()

    asyncio.run(while_used())
    assert asked(colony, "SELECT to_regclass('things.later') IS NULL") == "t"
    assert colony.secrets.get("person:ada") == Secret("ada's")
    assert asyncio.run(seen_by(colony, "ada", "ada's", "SELECT current_setting('work_mem')")) == "5MB"
    assert asked(colony, f"SELECT count(*) FROM pg_database WHERE datname IN ('{NEW}', '{OLD}')") == "0"


def test_a_restore_that_fails_changes_nothing(colony: EmbeddedServer, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    back_up(colony, whole)
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(broken, "w") as copy:
        for name in archive.namelist():
            content = archive.read(name)
            if name == DUMP:
                content = content[: len(content) // 2]
            if name == MANIFEST:
                content = content.replace(b'"ada"', b'"newcomer",\n"ada"', 2).replace(b'"newcomer",\n', b"", 1)
            copy.writestr(name, content)
    state = "SELECT array_agg(rolname ORDER BY 1) FROM pg_roles; SELECT array_agg(datname ORDER BY 1) FROM pg_database;"
    before = asked(colony, state)
    with pytest.raises(WorkFailed, match="the backup does not go in"):
        restore(colony, broken, replace=True)
    assert asked(colony, state) == before
    assert asyncio.run(seen_by(colony, "ada", "ada's", "SELECT count(*) FROM things.secret")) == 1


def test_what_is_no_backup_is_said_before_anything_is_begun(
    colony: EmbeddedServer, make_server: MakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kolony_tui.server.restore.PIECE", 1000)
    whole = tmp_path / "whole"
    back_up(colony, whole)
    content = bytearray(whole.read_bytes())
    content[len(content) // 3] ^= 0xFF
    damaged = {
        "flipped": bytes(content),
        "cut": bytes(content[: len(content) // 2]),
        "empty": b"",
        "text": b"-- PostgreSQL database dump\n",
    }
    for name, left in damaged.items():
        (tmp_path / name).write_bytes(left)
        with pytest.raises(WorkFailed, match="is not a backup of Kolony, or is damaged"):
            restore(colony, tmp_path / name, replace=True, progress=lambda done: pytest.fail("it was begun"))
    with pytest.raises(WorkFailed, match=r"cannot read .*missing: No such file"):
        restore(colony, tmp_path / "missing")
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(tmp_path / "newer", "w") as newer:
        for name in archive.namelist():
            newer.writestr(name, archive.read(name).replace(b'"format": 1', b'"format": 2'))
    with pytest.raises(WorkFailed, match="was made by a newer Kolony"):
        restore(make_server(), tmp_path / "newer")
    assert not make_server().home.path.exists()


def test_a_backup_does_not_overwrite_and_leaves_no_half_file(
    colony: EmbeddedServer, make_server: MakeServer, tmp_path: Path, short_folder: Path
) -> None:
    file = tmp_path / "kept"
    file.write_text("photos")
    with pytest.raises(WrongState, match="exists already"):
        back_up(colony, file)
    assert file.read_text() == "photos"
    back_up(colony, file, overwrite=True)
    assert zipfile.is_zipfile(file)
    with pytest.raises(WorkFailed, match=r"cannot use .*no-folder"):
        back_up(colony, tmp_path / "no-folder" / "b")
    with pytest.raises(WrongState, match="there is no database in"):
        back_up(make_server(), tmp_path / "nothing")
    if os.geteuid() == 0:
        disk = short_folder / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(disk)], check=True)
        try:
            with pytest.raises(WorkFailed, match=f"the disk that holds {disk} is full"):
                back_up(colony, disk / "b")
            assert list(disk.iterdir()) == []
        finally:
            subprocess.run(["umount", str(disk)], check=True)
    assert list(tmp_path.iterdir()) == [file]
