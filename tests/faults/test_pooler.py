"""The command line, a runner and the app through pgbouncer, which lends a session for one transaction."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from kolony_tui.core.session import log_in
from kolony_tui.db.connect import Database as Connection
from kolony_tui.db.connect import connect
from kolony_tui.db.listen import Listener
from kolony_tui.db.place import find_place
from kolony_tui.db.pooler import ThroughPooler
from kolony_tui.db.startup import SETTINGS
from kolony_tui.db.target import Target
from kolony_tui.models.errors import CannotConnect, KolonyError, LoginRefused
from kolony_tui.models.secret import Secret
from kolony_tui.server.os_user import server_user
from tests.database import PASSWORD, Database, Workspace
from tests.faults.load import Load
from tests.ui.terminal import opened

PORT = 6432
READING = (
    "agent list", "agent show {agent}", "run list", "run show #1", "run why #1", "command list", "command show #1",
    "preset list", "conversation list", "report list", "inbox", "rule list", "constraint list", "usage",
    "budget list", "price list", "view list", "notification list", "webhook list", "audit", "user list",
    "workspace list", "rights", "token list", "stop --status", "tail #1",
)  # fmt: skip
AT_ONCE = 20


@dataclass(frozen=True)
class Pooler:
    """A pgbouncer before the server of a database."""

    folder: Path
    database: Database

    @property
    def dsn(self) -> str:
        """Through the pooler, without a login."""
        return f"postgresql:///{self.database.name}?host={self.folder}&port={PORT}"

    def target(self, login: str, password: Secret = PASSWORD) -> Target:
        """Through the pooler, as this login."""
        return Target(self.dsn, origin="the test").as_login(self.database.cluster.login(login), password)

    def url(self, login: str, password: Secret = PASSWORD) -> str:
        """The same as a URL with the password in it, for programs that are started."""
        named = self.database.cluster.dsn("x", self.database.cluster.login(login), password)
        return self.dsn.replace("postgresql:///", named.partition("@")[0] + "@/", 1)

    @property
    def server(self) -> str:
        """The server behind it as ``kolony_direct`` names it."""
        words = parse_qs(urlsplit(self.database.cluster.superuser_dsn).query)
        return f"{words['host'][0].replace('/', '%2F')}:{words.get('port', ['5432'])[0]}"


def listens(path: Path) -> bool:
    """Whether somebody takes connections there: a socket is bound, and so has its file, a moment before."""
    with socket.socket(socket.AF_UNIX) as trying:
        try:
            trying.connect(str(path))
        except OSError:
            return False
    return True


@contextmanager
def pooling(database: Database, *settings: str, own: str = "") -> Iterator[Pooler]:
    """pgbouncer in transaction mode with two sessions for each login, until the block ends; ``own``: more of its words
    about the database."""
    parts = urlsplit(database.cluster.superuser_dsn)
    words = {name: values[0] for name, values in parse_qs(parts.query).items()}
    folder = Path(tempfile.mkdtemp(prefix="kp-"))
    user = server_user()
    known = f'"{database.cluster.login("eve")}" "{PASSWORD.reveal()}"\n' if own else ""
    (folder / "users").write_text(f'"{parts.username}" "{parts.password}"\n{known}')
    (folder / "pgbouncer.ini").write_text(
        "\n".join((
            "[databases]",
            f"{database.name} = host={words['host']} port={words.get('port', 5432)} auth_user={parts.username} {own}",
            "[pgbouncer]", f"unix_socket_dir = {folder}", f"listen_port = {PORT}", "unix_socket_mode = 0777",
            "pool_mode = transaction", "default_pool_size = 2", "max_client_conn = 200", "auth_type = scram-sha-256",
            f"auth_file = {folder}/users", "auth_query = SELECT usename, passwd FROM pg_shadow WHERE usename = $1",
            *settings, "",
        ))
    )  # fmt: skip
    if user.separate:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, user.uid, user.gid)
        folder.chmod(0o711)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["pgbouncer", "-q", folder / "pgbouncer.ini"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={"PATH": f"{os.environ['PATH']}:/usr/sbin"}, **user.as_child,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 10
        while not listens(folder / f".s.PGSQL.{PORT}"):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield Pooler(folder, database)
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


async def kolony(pooler: Pooler, home: Path, words: str, login: str = "bob") -> tuple[str, int | None, str, str]:
    """Runs one command line: its words, exit code, output and errors."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KOLONY_", "PG"))}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "kolony_tui", *words.split(),
        env={**kept, "KOLONY_HOME": str(home), "KOLONY_DSN": pooler.url(login)},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return words, process.returncode, out.decode(errors="replace"), err.decode()


def test_the_server_itself_is_named_beside_its_pooler() -> None:
    beside = Target("postgresql://ada@pooler:6432/kolony?kolony_direct=db,[::1]:77", origin="the test")
    assert find_place(beside).addresses == (("pooler", 6432),)
    assert find_place(beside, direct=True).addresses == (("db", 5432), ("::1", 77))
    for wrong in ("db:x", "db:99999", "[::1"):
        with pytest.raises(CannotConnect, match="bad"):
            find_place(Target(f"host=pooler kolony_direct={wrong}", origin="the test"), direct=True)


async def test_every_verb_and_a_runner_come_through_a_pooler(workspace: Workspace, load: Load, tmp_path: Path) -> None:
    """Twenty programs at once over two sessions of each login; the runner claims, prints and ends over one of two."""
    worker = load.workers[0]
    with pooling(workspace.database) as pooler:
        await load.session.db.close()
        load.session = await log_in(pooler.target("ada"), "kolony tests")
        load.via = Target(pooler.dsn)
        load.start(worker)
        await load.send(worker, seconds=0.1)
        await load.judge()
        turn = asyncio.Semaphore(AT_ONCE)

        async def one(words: str) -> tuple[str, int | None, str, str]:
            async with turn:
                return await kolony(pooler, tmp_path, words.format(agent=worker.name), "ada")

        sends = [f"send {worker.name} --wait --json -- echo {number}" for number in range(4)]
        done = await asyncio.gather(*map(one, (*sends, *READING)))
        assert [(words, code, err) for words, code, _, err in done if code != 0] == []
        ended = [json.loads(out)["runs"][0]["status"] for _, _, out, _ in done[: len(sends)]]
        assert ended == ["completed"] * len(sends)
        await _nothing_of_ours_stayed(pooler)


async def _nothing_of_ours_stayed(pooler: Pooler) -> None:
    """The sessions that everybody was lent are as the server begins one, but for what the pooler itself keeps."""
    fresh = await pooler.database.connect("ada")
    foreign = await asyncpg.connect(pooler.url("ada"), statement_cache_size=0)
    begun = await asyncpg.connect(pooler.database.dsn("ada"))
    asked = "SELECT name, setting FROM pg_settings WHERE name = ANY ($1) ORDER BY name"
    names = sorted({*SETTINGS} - {"TimeZone", "DateStyle", "standard_conforming_strings"})
    found = [tuple(map(tuple, await each.fetch(asked, names))) for each in (foreign, begun, fresh)]
    assert found[0] == found[1]
    assert found[0] != found[2], "ours are others"
    assert await foreign.fetchval("SELECT count(*) FROM pg_prepared_statements") == 0
    for each in (foreign, begun):
        await each.close()


async def test_settings_come_with_each_transaction(workspace: Workspace) -> None:
    superuser = await workspace.database.superuser()
    login = await workspace.database.add_person("operator")
    await superuser.execute(f"ALTER ROLE {login} SET search_path = 'pg_temp'")
    await superuser.execute(f"ALTER ROLE {login} SET default_transaction_read_only = on")
    with pooling(workspace.database) as pooler:
        each = [Connection(pooler.target(login), "kolony tests") for _ in range(4)]
        found = await asyncio.gather(*(one.value("people/clock") for one in each))
        assert len(found) == 4
        for one in each:
            async with one.connection() as connection:
                shown = [await connection.fetchval(f"SHOW {name}") for name in ("search_path", "row_security")]
                assert [*shown, await connection.fetchval("SHOW transaction_read_only")] == ["pg_catalog", "on", "off"]
            await one.close()


async def test_a_pooler_that_swallows_settings_is_found(workspace: Workspace) -> None:
    """It lets every start-up pass; ours would never arrive."""
    names = [*SETTINGS, "options", "kolony.agent_token", "kolony.session"]
    swallowed = f"ignore_startup_parameters = {','.join(names)}"
    with pooling(workspace.database, swallowed) as pooler:
        with pytest.raises(ThroughPooler):
            await connect(pooler.target("ada"), "kolony tests")
        database = Connection(pooler.target("ada"), "kolony tests")
        async with database.connection() as connection:
            assert await connection.fetchval("SHOW search_path") == "pg_catalog"
        await database.close()


async def test_a_pooler_of_one_login_is_refused(workspace: Workspace) -> None:
    """Everybody would have the rights of that login."""
    database = workspace.database
    quoted = PASSWORD.reveal().replace("'", "''")
    own = f"user={database.cluster.login('ada')} password='{quoted}'"
    with pooling(database, own=own) as pooler, pytest.raises(LoginRefused, match="not as"):
        await connect(pooler.target("eve"), "kolony tests", pooled=True)


async def test_what_needs_a_session_says_so_in_one_line(workspace: Workspace, tmp_path: Path) -> None:
    with pooling(workspace.database) as pooler:
        words, code, _, err = await kolony(pooler, tmp_path, "migrate --plan", "ada")
        assert (words, code, len(err.splitlines())) == ("migrate --plan", 3, 1)
        assert "is a pooler" in err
        assert "kolony_direct=HOST:PORT" in err
        shared = replace(pooler.target("ada"), agent_token=Secret("kol_test"))
        with pytest.raises(CannotConnect, match="does not pass"):
            await connect(shared, "kolony tests", pooled=True)


async def test_hints_come_from_the_server_that_is_named_beside(workspace: Workspace) -> None:
    with pooling(workspace.database) as pooler:
        beside = replace(pooler.target("ada"), dsn=f"{pooler.dsn}&kolony_direct={pooler.server}")
        heard: asyncio.Queue[str] = asyncio.Queue()
        states: asyncio.Queue[KolonyError | None] = asyncio.Queue()
        listener = Listener(beside, workspace.channel, "kolony tests", heard.put_nowait, states.put_nowait)
        listening = asyncio.create_task(listener.run())
        async with asyncio.timeout(10):
            assert (await states.get(), await heard.get()) == (None, "*:*")
            database = Connection(beside, "kolony tests")
            await database.call("create_agent", workspace.workspace_id, "heard")
            assert (await heard.get()).startswith("agent:")
            await database.close()
        listening.cancel()
        told = asyncio.create_task(
            Listener(pooler.target("ada"), workspace.channel, "kolony tests", heard.put_nowait, states.put_nowait).run()
        )
        async with asyncio.timeout(10):
            said = await states.get()
        assert isinstance(said, ThroughPooler)
        told.cancel()
        await asyncio.gather(listening, told, return_exceptions=True)


async def test_the_app_works_through_a_pooler(load: Load, workspace: Workspace, tmp_path: Path) -> None:
    """It hears no hints and looks again by itself; one line says so."""
    with pooling(workspace.database) as pooler, opened(tmp_path, pooler.url("ada"), columns=140, rows=40) as terminal:
        await asyncio.to_thread(terminal.until, lambda: "online" in terminal.shown, "the dashboard")
        await asyncio.to_thread(terminal.until, lambda: "is a pooler" in terminal.shown, "that it hears no hints")
        made = await load.add_worker()
        await asyncio.to_thread(terminal.until, lambda: made.name in terminal.shown, "the new agent")
