"""The command line as people and scripts use it: as a process, on a home of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The JSON document on standard output."""
        assert self.code == 0, self.err
        return json.loads(self.out)

    def refused(self, code: int, *words: str) -> None:
        """One line on standard error with these words, nothing on standard output, this exit code."""
        assert (self.code, self.out) == (code, ""), self
        assert self.err.endswith("\n"), self
        assert self.err.count("\n") == 1, self
        assert "Traceback" not in self.err
        for word in words:
            assert word in self.err, self


@dataclass(frozen=True)
class CommandLine:
    """``kolony`` with one KOLONY_HOME; ``environment`` is added to a bare one."""

    home: Path
    environment: dict[str, str]

    def __call__(self, *words: str, stdin: str = "", **environment: str) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "kolony_tui", *words],
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            env=self._environment(environment),
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def started(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        """The same, left running."""
        return subprocess.Popen(
            [sys.executable, "-m", "kolony_tui", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=self._environment(environment),
        )

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("KOLONY_", "PG"))}
        return {**kept, **self.environment, "KOLONY_HOME": str(self.home), **more}

    def login(self, name: str, role: str) -> str:
        """A new person; answers the DSN to work under that login."""
        made = self("user", "add", name, "--role", role, "--json").json
        dsn = str(self("db", "url", "--json").json["url"])
        credentials, _, place = dsn.removeprefix("postgresql://").partition("@")
        assert credentials
        return f"postgresql://{made['login']}:{made['password']}@{place}"


@pytest.fixture(scope="package")
def kolony() -> Iterator[CommandLine]:
    """The command line on an embedded server that its first use has made."""
    with _home() as line:
        yield line


@pytest.fixture
def short_home() -> Iterator[CommandLine]:
    """The same with a server that only this test uses."""
    with _home() as line:
        yield line


@contextmanager
def _home() -> Iterator[CommandLine]:
    folder = Path(tempfile.mkdtemp(prefix="kolony-")).resolve()
    line = CommandLine(folder / "home", {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"})
    try:
        assert line("user", "list").code == 0
        yield line
    finally:
        line("db", "stop", "--force")
        shutil.rmtree(folder)
