"""Homes with servers of their own, and an ordinary OS user for tests that run as root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kolony_tui.server.binaries import reachable
from kolony_tui.server.embedded import EmbeddedServer
from kolony_tui.server.home import Home
from kolony_tui.server.os_user import ServerUser

QUICK = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "16MB"}
ORDINARY = f"kolony-test-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
PRELUDE = """
import os, sys, json, platformdirs, psutil, encodings.idna
from pathlib import Path
from kolony_tui.server import binaries, cluster, embedded, keyrings, postmaster, sessions, starting, superuser
from kolony_tui.server.embedded import EmbeddedServer
from kolony_tui.server.home import Home, kolony_home
from kolony_tui.models.errors import KolonyError
uid, gid = int(sys.argv[1]), int(sys.argv[2])
if os.geteuid() != uid:
    os.setgroups([]); os.setgid(gid); os.setuid(uid)
QUICK = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "16MB"}
"""
"""Everything is imported before root is given up, because root's Python may lie where nobody else can read."""

MakeServer = Callable[..., EmbeddedServer]


@dataclass(frozen=True)
class OrdinaryUser:
    """An OS user that is not root: this one, or one made for the tests."""

    uid: int
    gid: int
    python_path: str

    def script(self, code: str, home: Path, *arguments: str) -> list[str]:
        """The command that runs ``code`` as this user, with KOLONY_HOME set."""
        setting = f"os.environ['KOLONY_HOME'] = {str(home)!r}\n"
        return [sys.executable, "-c", PRELUDE + setting + code, str(self.uid), str(self.gid), *arguments]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": self.python_path}

    def run(self, code: str, home: Path) -> str:
        """What ``code`` prints; it must end well and say nothing on its standard error."""
        ended = subprocess.run(
            self.script(code, home), capture_output=True, text=True, env=self.environment, check=False, timeout=60
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        return ended.stdout


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder of this test with a path short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="kolony-")).resolve()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def make_server(short_folder: Path) -> Iterator[MakeServer]:
    """Makes servers in homes below ``short_folder``, not yet started; they are stopped at the end."""
    made: list[EmbeddedServer] = []

    def make(home: Path | str = "home", **settings: str) -> EmbeddedServer:
        server = EmbeddedServer(Home(short_folder / home), settings={**QUICK, **settings})
        made.append(server)
        return server

    yield make
    for server in made:
        server.stop(force=True)


@pytest.fixture(scope="session")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrdinaryUser]:
    """A user that is not root, who can run the programs of PostgreSQL."""
    if os.geteuid() != 0:
        yield OrdinaryUser(os.geteuid(), os.getegid(), os.pathsep.join(sys.path))
        return
    made = subprocess.run(["useradd", "--no-create-home", ORDINARY], capture_output=True, check=False).returncode == 0
    entry = pwd.getpwnam(ORDINARY)
    folder = Path(tempfile.mkdtemp(prefix="kolony-"))
    folder.chmod(0o755)
    try:
        programs = reachable(Home(folder), ServerUser(ORDINARY, entry.pw_uid, entry.pw_gid, separate=True))
        package = programs.folder.parent.parent
        if package.is_relative_to(folder):
            (package / "__init__.py").touch()
        yield OrdinaryUser(entry.pw_uid, entry.pw_gid, os.pathsep.join([str(package.parent), *sys.path]))
    finally:
        shutil.rmtree(folder)
        if made:
            subprocess.run(["userdel", ORDINARY], capture_output=True, check=True)
