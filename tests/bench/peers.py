"""What benchmarks compare with: programs of others from PyPI and npm, and a server of the benchmark's own."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import platformdirs

from kolony_tui.server.binaries import installed
from kolony_tui.server.embedded import EmbeddedServer
from kolony_tui.server.home import Home
from kolony_tui.server.migrations import migrate

INSTALLER = "bench_installer"
"""The login that owns Kolony's tables in a benchmark's database."""


class PeerMissing(Exception):
    """A peer could not be installed: most often there is no network."""


def python_peer(*packages: str) -> Path:
    """The python of a virtual environment with these packages of PyPI, made once a user. Raises PeerMissing."""

    def make(folder: Path) -> None:
        _run([sys.executable, "-m", "venv", folder], packages)
        _run([folder / "bin" / "python", "-m", "pip", "install", "-q", *packages], packages)

    program = _made("python", packages, make) / "bin" / "python"
    listed = json.loads(_run([program, "-m", "pip", "list", "--format", "json"], packages))
    _tell(packages, {each["name"].lower(): each["version"] for each in listed})
    return program


def node_peer(*packages: str) -> Path:
    """A folder with these packages from npm in its ``node_modules``; made once for each user. Raises PeerMissing."""

    def make(folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "package.json").write_text('{"private": true}')
        _run(["npm", "install", "--silent", "--no-audit", "--no-fund", *packages], packages, folder)

    folder = _made("node", packages, make)
    manifests = {name: folder / "node_modules" / name / "package.json" for name in map(_name, packages)}
    _tell(packages, {name: json.loads(path.read_text())["version"] for name, path in manifests.items()})
    return folder


def _made(kind: str, packages: Sequence[str], make: Callable[[Path], None]) -> Path:
    words = "-".join(re.sub(r"[^a-z0-9.]+", "-", each.lower()).strip("-") for each in packages)
    mark = hashlib.sha256("\0".join((sys.version, *packages)).encode()).hexdigest()[:8]
    folder = platformdirs.user_cache_path("kolony-bench") / kind / f"{words}-{mark}"
    done = folder / ".complete"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        make(folder)
        done.touch()
    return folder


def _run(words: Sequence[str | Path], packages: Sequence[str], folder: Path | None = None) -> str:
    try:
        done = subprocess.run(words, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise PeerMissing(f"{' '.join(packages)} cannot be installed: there is no {words[0]}") from error
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no reason was given").splitlines()[-1]
        raise PeerMissing(f"{' '.join(packages)} cannot be installed ({last}); is there a network?")
    return done.stdout


def _name(package: str) -> str:
    """A package's name without its version and extras, of either registry."""
    return re.split(r"[\[<>=~!]|(?<=.)@", package, maxsplit=1)[0]


def _tell(packages: Sequence[str], versions: Mapping[str, str]) -> None:
    known = {name.replace("_", "-"): number for name, number in versions.items()}
    told = (f"{_name(each)} {known.get(_name(each).lower().replace('_', '-'), '?')}" for each in packages)
    print(f"peer: {', '.join(told)}", flush=True)


@dataclass(frozen=True)
class Server:
    """A running server of a benchmark's own, with the product's settings. ``dsn``: its superuser, in ``postgres``."""

    dsn: str
    programs: Path

    def in_database(self, name: str) -> str:
        """The superuser's URL in another database."""
        parts = urlsplit(self.dsn)
        return urlunsplit((parts.scheme, parts.netloc, f"/{name}", parts.query, ""))

    @property
    def environment(self) -> dict[str, str]:
        """For the server's own programs: where its socket is, and the superuser with the password."""
        parts = urlsplit(self.dsn)
        words = dict(each.split("=", 1) for each in parts.query.split("&"))
        return {
            "PGHOST": words["host"].replace("%2F", "/"), "PGPORT": words.get("port", "5432"),
            "PGUSER": parts.username or "", "PGPASSWORD": parts.password or "", "PGDATABASE": "postgres",
        }  # fmt: skip

    async def empty_database(self, name: str) -> str:
        """Makes a database for a peer's tables: the superuser's URL in it."""
        superuser = await asyncpg.connect(self.dsn)
        await superuser.execute(f'CREATE DATABASE "{name}"')
        await superuser.close()
        return self.in_database(name)

    async def kolony_database(self, name: str = "kolony_bench") -> str:
        """Makes a database with Kolony's tables in it: the superuser's URL in it."""
        superuser = await asyncpg.connect(self.dsn)
        if not await superuser.fetchval("SELECT to_regrole($1) IS NOT NULL", INSTALLER):
            await superuser.execute(f"CREATE ROLE {INSTALLER} CREATEROLE")
        await superuser.execute(f'CREATE DATABASE "{name}" OWNER {INSTALLER}')
        await superuser.close()
        owner = await asyncpg.connect(self.in_database(name))
        try:
            await owner.execute(f"SET SESSION AUTHORIZATION {INSTALLER}")
            await migrate(owner)
        finally:
            await owner.close()
        return self.in_database(name)


@contextmanager
def server(settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """The embedded server in a home of its own, durable as the product has it; it goes at the end."""
    folder = Path(tempfile.mkdtemp(prefix="kolony-bench-")).resolve()
    embedded = EmbeddedServer(Home(folder / "home"), settings=settings)
    try:
        embedded.ensure()
        yield Server(embedded.superuser_dsn("postgres"), programs())
    finally:
        embedded.stop(force=True)
        shutil.rmtree(folder)


def programs() -> Path:
    """The folder of PostgreSQL's programs that come with the embedded server (psql, pgbench, pg_basebackup)."""
    return installed().folder
