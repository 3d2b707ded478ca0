"""How long it takes from an agent's line that asks for a permission until an operator sees it.

Run with ``python -m tests.bench permission``; it takes two minutes. An agent over the Agent Client Protocol writes the
time into the title of each request; the operator's app runs in a terminal, and what counts is when its bytes arrive.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import random
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.figures import Figure, percentile
from tests.bench.measuring import ROOT, Installation, installation

ASKED = 60
BOUND_MS = 300
FAKE = ROOT / "tests" / "agent" / "fakes" / "asks_acp.py"
PAUSES = (0.05, 1.2)
"""Seconds until the operator allows what was asked, at random: no rhythm hides behind another."""


def main() -> list[Figure]:
    """The figure."""
    with installation() as made, made.home() as home:
        made.kolony(home, "db", "start")
        made.kolony(home, "agent", "create", "worker")
        with _runner(made, home), _terminal(made, home) as screen:
            taken = _asked(made, home, screen)
    what = "from an agent's line that asks for permission to the operator's screen"
    reach = f"p95 at most {BOUND_MS} ms"
    return [Figure(what, "ms", taken, reach=reach, limit=lambda it: percentile(it.ours, 95) <= BOUND_MS)]


@contextmanager
def _runner(made: Installation, home: Path) -> Iterator[None]:
    token = json.loads(made.kolony(home, "token", "issue", "worker", "--json"))["token"]
    words = [str(made.program("kolony")), "agent", "run", "worker", "--adapter", "acp", "--", sys.executable, str(FAKE)]
    process = subprocess.Popen(
        words, env={**made.environment(home), "KOLONY_AGENT_TOKEN": token}, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        process.kill()  # it would finish what waits for an answer
        process.wait()


@contextmanager
def _terminal(made: Installation, home: Path) -> Iterator[int]:
    """The app on its inbox; answers with the terminal's other end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
    environment = {**made.environment(home), "TERM": "xterm-256color"}
    process = subprocess.Popen(
        [made.program("kolony")], env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    try:
        _until(ours, re.compile(rb"history"))  # the composer, which is open the first time
        os.write(ours, b"\x1b")
        _read(ours, 1.0)
        os.write(ours, b"2")
        _until(ours, re.compile(rb"nothing waits for you"))
        yield ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _asked(made: Installation, home: Path, screen: int) -> list[float]:
    made.kolony(home, "send", "worker", "--", "ASK make\n" * ASKED)
    seen: set[bytes] = set()
    taken: list[float] = []
    while len(taken) < ASKED:
        stamp = _until(screen, re.compile(rb"at (\d{13})"), seen)
        taken.append(time.time_ns() / 1e6 - int(stamp))
        seen.add(stamp)
        _read(screen, random.uniform(*PAUSES))
        os.write(screen, b"y")
    return taken


def _until(screen: int, wanted: re.Pattern[bytes], seen: set[bytes] | None = None) -> bytes:
    """Reads until something wanted comes that was not seen before."""
    text, end = b"", time.monotonic() + 30
    while time.monotonic() < end:
        text = text[-4096:] + _read(screen, 0.001)
        for found in wanted.findall(text):
            if found not in (seen or ()):
                return bytes(found)
    raise RuntimeError(f"{wanted.pattern!r} did not come; the last that did: {text[-500:]!r}")


def _read(screen: int, seconds: float) -> bytes:
    text, end = b"", time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if select.select([screen], [], [], left)[0]:
            try:
                text += os.read(screen, 65_536)
            except OSError as error:
                raise RuntimeError(f"the app has ended: {text[-500:]!r}") from error
            if seconds < 0.01:
                break
    return text
