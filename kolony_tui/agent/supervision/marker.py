"""The marks by which processes of runs are known wherever they went: variables in their environment."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

RUN, ATTEMPT, RUNNER = b"KOLONY_RUN_ID", b"KOLONY_ATTEMPT", b"KOLONY_RUNNER"
"""What every process of an attempt has, and none of anything else; ``RUNNER`` is the file that its runner holds."""

_FRESH_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Marked:
    """One living process of a run."""

    pid: int
    run: str
    attempt: str
    runner: str


class _Look:
    at = float("-inf")
    found: tuple[Marked, ...] = ()


def look(*, fresh: bool = False) -> Sequence[Marked]:
    """The marked processes of this user, zombies aside; one look serves all that ask within 50 ms, unless ``fresh``.

    Best effort: a program can clear its environment.
    """
    if fresh or time.monotonic() - _Look.at > _FRESH_SECONDS:
        _Look.found = tuple(each for each in map(marks_of, _pids()) if each is not None)
        _Look.at = time.monotonic()
    return _Look.found


def of_attempt(run: str, attempt: int) -> list[int]:
    """The living processes of an attempt."""
    return [each.pid for each in look() if (each.run, each.attempt) == (run, str(attempt))]


def marks_of(pid: int) -> Marked | None:
    """The marks of a process; None for one that has none, has ended, or is not ours to look at."""
    found = _from_proc(pid) if os.path.isdir("/proc/self") else _from_psutil(pid)
    if found is None or RUN not in found:
        return None
    run, attempt, runner = (found.get(name, b"").decode(errors="replace") for name in (RUN, ATTEMPT, RUNNER))
    return Marked(pid, run, attempt, runner)


def _from_proc(pid: int) -> dict[bytes, bytes] | None:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            content = file.read()
        if RUN not in content:
            return None
        with open(f"/proc/{pid}/stat", "rb") as file:
            state = file.read().rpartition(b")")[2].split()[0]
    except (OSError, IndexError):
        return None
    if state in (b"Z", b"X"):
        return None
    return dict(each.split(b"=", 1) for each in content.split(b"\0") if b"=" in each)


def _from_psutil(pid: int) -> dict[bytes, bytes] | None:
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            return {name.encode(): value.encode() for name, value in process.environ().items()}
    return None


def _pids() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return psutil.pids()
