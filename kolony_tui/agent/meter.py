"""What the processes of a session take: memory and processor time, of all sessions in one look at the machine."""

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
    """Measures sessions of processes by their leaders' ids. One look at /proc serves all that ask within 50 ms."""

    def __init__(self) -> None:
        self._looked_at = float("-inf")
        self._sessions: dict[int, Taken] = {}

    def of(self, leader: int) -> Taken:
        """What the session takes that ``leader`` began; nothing where none of it lives."""
        if not os.path.isdir("/proc/self"):
            return _by_family(leader)
        now = time.monotonic()
        if now - self._looked_at > _FRESH_SECONDS:
            self._sessions, self._looked_at = _look(), now
        return self._sessions.get(leader, Taken())


def _look() -> dict[int, Taken]:
    sessions: dict[int, Taken] = {}
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
            # proc(5), counted from the state, its third field: session 6, utime to cstime 14-17, rss 24.
            session, ticks, pages = int(fields[3]), sum(int(each) for each in fields[11:15]), int(fields[21])
        except (OSError, ValueError, IndexError):
            continue
        sessions[session] = sessions.get(session, Taken()) + Taken(pages * _PAGE, ticks / _TICKS)
    return sessions


def _by_family(leader: int) -> Taken:
    """Without /proc: the leader and its descendants."""
    total = Taken()
    try:
        first = psutil.Process(leader)
        family = [first, *first.children(recursive=True)]
    except psutil.Error:
        return total
    for process in family:
        try:
            times = process.cpu_times()
            total += Taken(process.memory_info().rss, times.user + times.system)
        except psutil.Error:
            continue
    return total
