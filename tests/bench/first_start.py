"""From ``kolony`` to a screen that takes keys: first starts against the server alone, later ones against Textual.

Run with ``python -m tests.bench first_start``; it takes about two minutes.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure, rounds
from tests.bench.measuring import Installation, installation, interleaved, milliseconds, timed
from tests.terminal import running

ROUNDS = 5
LATER_ROUNDS = 11
FIRST_BOUND = 2.5
LATER_BOUND = 1.5
GRACE = 0.3
"""Seconds that a later start may take beyond an empty Textual app."""
PLAIN = {"LC_ALL": "C", "PATH": os.defpath}
EMPTY_APP = """
from textual.app import App
from textual.widgets import Input
class Empty(App):
    def compose(self):
        yield Input()
Empty().run()
"""


def main() -> list[Figure]:
    """Both figures."""
    with installation() as installed:
        first = interleaved(
            {"kolony": lambda: _first(installed), "server": lambda: _server_alone(installed)}, rounds(ROUNDS)
        )
        with installed.home() as home:
            installed.kolony(home, "db", "start")
            _app(installed, home)
            later = interleaved(
                {"kolony": lambda: _app(installed, home), "textual": lambda: _empty(installed, home)},
                rounds(LATER_ROUNDS),
            )
    granted = [seconds + GRACE for seconds in later["textual"]]
    return [
        Figure(
            "first start to a screen that takes keys", "ms", milliseconds(first["kolony"]),
            "`initdb` and server start alone", milliseconds(first["server"]), f"at most {FIRST_BOUND} times",
            limit=FIRST_BOUND,
        ),
        Figure(
            "later start", "ms", milliseconds(later["kolony"]), f"an empty Textual app and {GRACE} s",
            milliseconds(granted), f"at most {LATER_BOUND} times", limit=LATER_BOUND,
        ),
    ]  # fmt: skip


def _first(installed: Installation) -> float:
    with installed.home() as home:
        return _app(installed, home)


def _app(installed: Installation, home: Path) -> float:
    return _until_a_key_shows([installed.program("kolony")], installed.environment(home))


def _empty(installed: Installation, home: Path) -> float:
    return _until_a_key_shows([installed.program("python"), "-c", EMPTY_APP], installed.environment(home))


def _until_a_key_shows(program: list[str | Path], environment: dict[str, str]) -> float:
    """Seconds from the start of a program until its screen shows a character that was typed."""
    started = typed = time.perf_counter()
    with running(program, environment, columns=120, rows=36) as terminal:
        while "ß" not in terminal.shown:
            # Keys that come before the program reads them are lost, or are answers to another question: so, again.
            # Not with the first byte that it prints: a moment later it has switched off the terminal's own echo.
            if not terminal.seen:
                typed = time.perf_counter()
            if time.perf_counter() - typed > 0.03:
                terminal.press("ß")
                typed = time.perf_counter()
            if not terminal.read(0.005):
                raise RuntimeError(f"it ended before it took a key:\n{terminal.shown}")
            if time.perf_counter() - started > 60:
                raise RuntimeError(f"it took no key in a minute:\n{terminal.shown}")
        taken = time.perf_counter() - started
        terminal.signal(signal.SIGTERM)
        terminal.until(terminal.ended, "its end")
        return taken


def _server_alone(installed: Installation) -> float:
    """Seconds that initdb and ``pg_ctl -w start`` take, with nothing turned off."""
    folder = Path(tempfile.mkdtemp(prefix="alone-", dir=installed.folder))
    user: dict[str, Any] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root; Kolony has made this user by now
        entry = pwd.getpwnam("kolony-postgres")
        user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    pg_ctl: list[str | Path] = [installed.postgres / "pg_ctl", "-D", folder / "data", "-w"]

    def run(*program: str | Path) -> None:
        subprocess.run(
            program, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=folder, env=PLAIN, **user
        )

    def make_and_start() -> None:
        run(installed.postgres / "initdb", "-D", folder / "data", "-A", "trust", "-U", "postgres", "-E", "UTF8")
        run(*pg_ctl, "-l", folder / "log", "-o", f"-k {folder} -c listen_addresses=", "start")

    try:
        return timed(make_and_start)
    finally:
        run(*pg_ctl, "-m", "immediate", "stop")
        shutil.rmtree(folder)
