"""What the processes of a run take: memory and processor time, of all runs in one look at the machine."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import psutil

_FRESH_SECONDS = 0.05
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Taken:
    """Resident bytes now, and seconds of processor time of the living and of their dead that were waited for."""

    memory_bytes: int = 0
    cpu_seconds: float = 0.0

    def __add__(self, other: Taken) -> Taken:
        return Taken(self.memory_bytes + other.memory_bytes, self.cpu_seconds + other.cpu_seconds)


class Meter:
    """Measures trees of processes by what is at their top. One look at /proc serves all that ask within 50 ms."""

    def __init__(self) -> None:
        self._looked_at = float("-inf")
        self._below: dict[int, list[_Process]] = {}

    def of(self, shim: int) -> Taken:
        """What is taken below a shim, by those too that it adopted; what it takes itself is left out."""
        if not os.path.isdir("/proc/self"):
            return _by_family(shim)
        now = time.monotonic()
        if now - self._looked_at > _FRESH_SECONDS:
            self._below, self._looked_at = _look(), now
        total = Taken(0, next((each.waited_for for each in self._top(shim)), 0.0))
        due = [*self._below.get(shim, ())]
        while due:
            each = due.pop()
            total += each.taken
            due += self._below.get(each.pid, ())
        return total

    def _top(self, shim: int) -> list[_Process]:
        return [each for each in self._below.get(os.getpid(), ()) if each.pid == shim]


@dataclass(frozen=True, slots=True)
class _Process:
    """``waited_for``: seconds of processor time of its dead."""

    pid: int
    taken: Taken
    waited_for: float


def _look() -> dict[int, list[_Process]]:
    """The processes by their parents' ids."""
    below: dict[int, list[_Process]] = {}
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
            # proc(5), counted from the state, its third field: parent 4, utime to cstime 14-17, rss 24.
            parent, ticks, pages = int(fields[1]), [int(each) / _TICKS for each in fields[11:15]], int(fields[21])
        except (OSError, ValueError, IndexError):
            continue
        made = _Process(int(name), Taken(pages * _PAGE, sum(ticks)), sum(ticks[2:]))
        below.setdefault(parent, []).append(made)
    return below


def _by_family(top: int) -> Taken:
    """Without /proc: the descendants of a process."""
    total = Taken()
    try:
        family = psutil.Process(top).children(recursive=True)
    except psutil.Error:
        return total
    for process in family:
        try:
            times = process.cpu_times()
            total += Taken(process.memory_info().rss, times.user + times.system)
        except psutil.Error:
            continue
    return total
