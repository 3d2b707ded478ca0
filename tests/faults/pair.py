"""A server with a synchronous standby, both from the wheel: the one can be killed, and the other takes its place."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import psutil

from kolony_tui.db.target import Target
from kolony_tui.models.secret import Secret
from kolony_tui.server.binaries import Binaries, reachable
from kolony_tui.server.home import Home
from kolony_tui.server.os_user import server_user
from tests.agent.colony import until
from tests.database import PASSWORD, Cluster, Database, _prepare
from tests.faults.load import Ground

SUPERUSER = Secret("only for a test")
PORTS = (5432, 5433)
SETTINGS = ("listen_addresses=", "fsync=off", "shared_buffers=32MB", "wal_level=replica", "max_wal_senders=8",
            "max_connections=200", "hot_standby=on", "synchronous_commit=on", "jit=off",
            "wal_receiver_status_interval=1", "dynamic_shared_memory_type=mmap", "log_min_messages=error")  # fmt: skip
ACCESS = "local all all scram-sha-256\nlocal replication postgres scram-sha-256\n"


@dataclass
class Pair:
    """Two servers with one socket folder; ``primary`` is the number of the one that writes."""

    folder: Path
    primary: int = 0
    user: dict[str, Any] = field(default_factory=lambda: server_user().as_child)

    @cached_property
    def programs(self) -> Binaries:
        """PostgreSQL's programs, where the servers' user may run them."""
        return reachable(Home(self.folder), server_user())

    def data(self, number: int) -> Path:
        """The data folder of a server."""
        return self.folder / f"data{number}"

    def dsn(self, database: str, *numbers: int) -> str:
        """Without a login, to these servers (none: to whichever writes)."""
        ports = [PORTS[number] for number in numbers or (0, 1)]
        host, port = ",".join([quote(str(self.folder), safe="/")] * len(ports)), ",".join(map(str, ports))
        which = "" if numbers else "&target_session_attrs=read-write"
        return f"postgresql:///{database}?host={host}&port={port}{which}"

    def superuser(self, database: str = "postgres", *numbers: int) -> str:
        """The same as the superuser."""
        login = f"postgresql://postgres:{quote(SUPERUSER.reveal())}@/"
        return self.dsn(database, *numbers).replace("postgresql:///", login)

    def ground(self, database: Database, home: Path) -> Ground:
        """For a colony that knows both servers."""
        place = Target(self.dsn(database.name), origin="the test")
        return Ground(place, place.as_login("ada", PASSWORD), lambda: self.superuser(database.name), home)

    async def make(self) -> Database:
        """Starts both, the second as a synchronous standby of the first; answers with a database of Kolony."""
        (self.folder / "password").write_text(SUPERUSER.reveal())
        await self._run("initdb", "-D", self.data(0), "-U", "postgres", "-A", "scram-sha-256", "--no-sync",
                        f"--pwfile={self.folder}/password", "-E", "UTF8", "--locale=C.UTF-8")  # fmt: skip
        (self.data(0) / "pg_hba.conf").write_text(ACCESS)
        await self.start(0)
        cluster = Cluster(self.superuser("postgres", 0), "")
        await _prepare(cluster)
        await self.add_standby()
        return Database(cluster, cluster.template)

    async def add_standby(self) -> None:
        """The server that does not write begins anew as a copy of the other, which waits for it at each commit."""
        other = 1 - self.primary
        shutil.rmtree(self.data(other), ignore_errors=True)
        reach = f"host={self.folder} port={PORTS[self.primary]} user=postgres password='{SUPERUSER.reveal()}'"
        await self._run("pg_basebackup", "-D", self.data(other), "-d", reach, "-R", "-X", "stream", "-c", "fast", "-N")
        await self.start(other)
        superuser = await asyncpg.connect(self.superuser("postgres", self.primary))
        await superuser.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        await superuser.execute("SELECT pg_reload_conf()")

        async def follows() -> bool:
            return "sync" in [row[0] for row in await superuser.fetch("SELECT sync_state FROM pg_stat_replication")]

        await until(follows, what="a standby that keeps up")
        await superuser.close()

    async def start(self, number: int) -> None:
        """Starts a server."""
        options = " ".join(f"-c {setting}" for setting in SETTINGS)
        await self._run("pg_ctl", "-D", self.data(number), "-w", "-l", self.folder / f"log{number}", "-o",
                        f"-k {self.folder} -p {PORTS[number]} {options}", "start")  # fmt: skip

    def kill(self) -> None:
        """kill -9 of the server that writes, with all of its processes."""
        pid = int((self.data(self.primary) / "postmaster.pid").read_text().split()[0])
        postmaster = psutil.Process(pid)
        for process in (postmaster, *postmaster.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    async def promote(self) -> None:
        """The standby writes from now on, and waits for nobody."""
        self.primary = 1 - self.primary
        await self._run("pg_ctl", "-D", self.data(self.primary), "-w", "promote")
        superuser = await asyncpg.connect(self.superuser("postgres", self.primary))
        await superuser.execute("ALTER SYSTEM RESET synchronous_standby_names")
        await superuser.execute("SELECT pg_reload_conf()")
        await superuser.close()

    async def _run(self, program: str, *words: object) -> None:
        process = await asyncio.create_subprocess_exec(
            self.programs.program(program), *map(str, words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, cwd=self.folder, **self.user,
        )  # fmt: skip
        if await process.wait() != 0:
            logs = "\n".join(path.read_text()[-2000:] for path in self.folder.glob("log*"))
            raise AssertionError(f"{program} ended with {process.returncode}\n{logs}")


@asynccontextmanager
async def pair_of_servers() -> AsyncIterator[tuple[Pair, Database]]:
    """A server and its standby, until the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="kf-"))
    pair = Pair(folder)
    folder.chmod(0o711)
    if pair.user:
        shutil.chown(folder, pair.user["user"], pair.user["group"])
    try:
        yield pair, await pair.make()
    finally:
        for number in (0, 1):
            if (pair.data(number) / "postmaster.pid").exists():
                with contextlib.suppress(AssertionError):
                    await pair._run("pg_ctl", "-D", pair.data(number), "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)
