"""One embedded server a test session (a worker of xdist has its own), which ends with it however the session ends."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from hypothesis import settings

from kolony_tui.server.embedded import EmbeddedServer
from kolony_tui.server.home import Home
from tests.security import leaks

pytest_plugins = ["tests.database"]

# How long an example takes is the machine's doing.
settings.register_profile("kolony", deadline=None)
settings.load_profile("kolony")

# Whoever runs the tests in the background of a script has SIGINT ignored, under nohup SIGHUP. Programs would inherit
# that; a handler they do not.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)

QUICK = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "32MB"}
"""For servers that may lose everything in a crash of the machine."""
MEMORY = "/dev/shm"
WATCHED = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "all",
           "pg_stat_statements.max": "20000"}  # fmt: skip
"""Keeps every statement of the session, so that the search for secrets has something to find."""

GUARD = """
import shutil, sys
from pathlib import Path
sys.stdin.read()
from kolony_tui.server.embedded import EmbeddedServer
from kolony_tui.server.home import Home
try:
    EmbeddedServer(Home(Path(sys.argv[1], "home"))).stop(force=True)
finally:
    shutil.rmtree(sys.argv[1])
"""
"""Waits for the end of its input, which comes with the end of the tests (Ctrl-C and kill -9 too), and clears up."""


@pytest.fixture(scope="session", autouse=True)
def _own_surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test sees the person's own servers, home or keyring."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("KOLONY_", "PG")):
                patch.delenv(name)
        patch.setenv("KOLONY_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
        leaks.watch(patch)
        yield
    found = leaks.in_folder(tmp_path_factory.getbasetemp())
    assert found == {}, f"secrets in files: {found}"


@pytest.fixture(scope="session")
def embedded(_own_surroundings: None) -> Iterator[EmbeddedServer]:
    """The running server of this session."""
    folder = tempfile.mkdtemp(prefix="kolony-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None)
    guard = subprocess.Popen(
        [sys.executable, "-c", GUARD, folder],
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    try:
        server = EmbeddedServer(Home(Path(folder, "home").resolve()), settings={**QUICK, **WATCHED})
        server.ensure()
        yield server
        asyncio.run(_no_secret_in_statistics(server))
        leaks.search(server.home)
    finally:
        guard.communicate()
        shutil.rmtree(folder, ignore_errors=True)
    assert guard.returncode == 0


async def _no_secret_in_statistics(server: EmbeddedServer) -> None:
    """Where the tests have not taken the server down themselves."""
    if server.address is not None:
        superuser = await asyncpg.connect(server.superuser_dsn("postgres"))
        assert await leaks.in_statistics(superuser) == []
        await superuser.close()


@pytest.fixture(scope="session")
def server(embedded: EmbeddedServer) -> str:
    """The superuser's DSN on that server, for the database ``postgres``."""
    return embedded.superuser_dsn("postgres")
