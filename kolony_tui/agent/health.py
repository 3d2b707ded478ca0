"""What a runner tells about itself with each heartbeat."""

from __future__ import annotations

import time
from typing import Any

import psutil


class Health:
    """Measures the runner with all that it started, and counts what it did.

    ``limits`` says how limits of memory and CPU are held here: by the ``kernel``, ``kernel-memory``, or ``measured``.
    """

    def __init__(self, limits: str = "measured") -> None:
        self._limits = limits
        self._runner = psutil.Process()
        self._began = time.monotonic()
        self._measured = self._began
        self._cpu_seconds = self._cpu([self._runner])
        self.done = 0
        self.failed = 0
        self._seconds = 0.0
        self._facts: dict[str, str] = {}

    def tell(self, **facts: str) -> None:
        """What people should know of what it runs: ``type``, ``trust``, ``program`` (with its version), ``mode``."""
        self._facts |= {name: value[:200] for name, value in facts.items() if value}

    def count(self, *, completed: bool, seconds: float) -> None:
        """A run has ended under this runner after so many seconds."""
        self.done += completed
        self.failed += not completed
        self._seconds += seconds

    def report(self, running: int) -> dict[str, Any]:
        """Percent of one processor since the last report, resident bytes, seconds, runs and their mean time."""
        family = self._family()
        now, cpu = time.monotonic(), self._cpu(family)
        busy = max(0.0, cpu - self._cpu_seconds) / max(now - self._measured, 0.001)
        self._measured, self._cpu_seconds = now, cpu
        ended = self.done + self.failed
        return {
            "cpu_percent": round(100 * busy, 1),
            "memory_bytes": sum(_resident(process) for process in family),
            "uptime_seconds": round(now - self._began, 1),
            "running": running,
            "done": self.done,
            "failed": self.failed,
            "mean_seconds": round(self._seconds / ended, 3) if ended else None,
            "load1": round(psutil.getloadavg()[0], 2),
            "limits": self._limits,
            **self._facts,
        }

    def _family(self) -> list[psutil.Process]:
        try:
            return [self._runner, *self._runner.children(recursive=True)]
        except psutil.Error:
            return [self._runner]

    @staticmethod
    def _cpu(family: list[psutil.Process]) -> float:
        """Seconds of processor time of the living, and of their dead that were waited for."""
        total = 0.0
        for process in family:
            try:
                times = process.cpu_times()
            except psutil.Error:
                continue
            total += times.user + times.system
            total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        return total


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
