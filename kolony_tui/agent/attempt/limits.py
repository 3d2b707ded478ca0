"""The limits of one attempt while it runs: its clock, and a watch over what its processes take and report."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeGuard

from kolony_tui.agent.attempt.left_file import Unreadable, read_bounded
from kolony_tui.agent.supervision.meter import Taken
from kolony_tui.models.constraints import Limits, duration

LOOK_SECONDS = 0.2
"""How often memory, processor time and reported tokens are looked at."""

CPU_WINDOW_SECONDS = 5.0
"""Over how long the use of processors is averaged, unless the agent's config says ``cpu_window_seconds``."""

MEGABYTE = 1_000_000
_REPORT_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A limit that was reached: its name as ``attempts.limit_hit`` has it, and the error for people."""

    limit: str
    words: str


class Clock:
    """Calls ``on_end`` once its time has passed; time for which it is held does not count.

    It is held while somebody is asked something. Holds are counted: it goes on when all of them are released.
    """

    def __init__(self, milliseconds: int | None, on_end: Callable[[], None]) -> None:
        self._left = None if milliseconds is None else milliseconds / 1000
        self._on_end = on_end
        self._holds = 0
        self._running_since: float | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._over = False

    def start(self) -> None:
        """The work begins."""
        self._running_since = time.monotonic()
        self._set()

    def hold(self) -> None:
        """The work waits for a person from now on."""
        self._holds += 1
        if self._holds == 1:
            self._unset()

    def release(self) -> None:
        """It has its answer."""
        self._holds -= 1
        if self._holds == 0:
            self._set()

    def stop(self) -> None:
        """The work has ended."""
        self._unset()
        self._over = True

    def _set(self) -> None:
        if self._left is not None and self._running_since is not None and not self._holds and not self._over:
            self._running_since = time.monotonic()
            self._alarm = asyncio.get_running_loop().call_later(max(0.0, self._left), self._on_end)

    def _unset(self) -> None:
        if self._alarm is not None and self._left is not None and self._running_since is not None:
            self._alarm.cancel()
            self._alarm = None
            self._left -= time.monotonic() - self._running_since


class Watch:
    """Looks at what an attempt takes and answers with the first limit that it goes beyond.

    ``taken`` measures its processes, ``report`` is the file in which the program counts its tokens (None: it has no
    such file), ``booked`` what its agent has said by its protocol. ``peak_bytes`` is the most memory that was seen.
    """

    def __init__(
        self,
        limits: Limits,
        taken: Callable[[], Taken],
        report: Path | None,
        window: float = CPU_WINDOW_SECONDS,
        booked: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._limits = limits
        self._taken = taken
        self._report = report
        self._window = window
        self._booked = booked
        self._cpu = 0.0
        self._cpu_before = 0.0
        self._points: deque[tuple[float, float]] = deque()
        self._read: tuple[int, int, int] | None = None
        self.tokens: int | None = None
        """What the program reported last."""
        self.peak_bytes = 0

    @property
    def needed(self) -> bool:
        """Whether there is anything to look at."""
        return self._measures or self._limits.token_budget is not None

    @property
    def _measures(self) -> bool:
        return self._limits.memory_limit_mb is not None or self._limits.cpu_limit_percent is not None

    async def exceeded(self) -> Exceeded:
        """Returns when a limit is reached; until then it waits for ever."""
        while True:
            if (found := self.look()) is not None:
                return found
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> Exceeded | None:
        """One look."""
        found = self._tokens()
        if self._measures:
            taken = self._taken()
            found = found or self._memory(taken.memory_bytes) or self._processors(taken.cpu_seconds)
        return found

    def at_end(self) -> Exceeded | None:
        """What shows only when the program has ended: its last report of tokens."""
        return self._tokens()

    def _memory(self, now_bytes: int) -> Exceeded | None:
        self.peak_bytes = max(self.peak_bytes, now_bytes)
        limit = self._limits.memory_limit_mb
        if limit is None or self.peak_bytes <= limit * MEGABYTE:
            return None
        peak = -(-self.peak_bytes // MEGABYTE)
        return Exceeded("memory_limit", f"memory limit of {limit} MB reached (peak {peak} MB)")

    def _processors(self, cpu_seconds: float) -> Exceeded | None:
        # It can fall when a process dies that nobody waited for: what that one took is counted once, not taken back.
        self._cpu += max(0.0, cpu_seconds - self._cpu_before)
        self._cpu_before = cpu_seconds
        now = time.monotonic()
        self._points.append((now, self._cpu))
        while len(self._points) > 1 and now - self._points[1][0] >= self._window:
            self._points.popleft()
        limit, (since, before) = self._limits.cpu_limit_percent, self._points[0]
        if limit is None or now - since < self._window:
            return None
        percent = 100 * (self._cpu - before) / (now - since)
        if percent <= limit:
            return None
        return Exceeded("cpu_limit", f"CPU limit of {limit}% reached ({percent:.0f}% over {now - since:.0f} s)")

    def _tokens(self) -> Exceeded | None:
        budget = self._limits.token_budget
        if self._report is not None:
            self._count(self._report)
        if (booked := self._booked()) is not None:
            self.tokens = max(booked, self.tokens or 0)
        if budget is None or self.tokens is None or self.tokens <= budget:
            return None
        return Exceeded("token_budget", f"token budget of {budget} used up ({self.tokens} tokens)")

    def _count(self, report: Path) -> None:
        try:
            facts = report.lstat()
            state = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
            if state == self._read or not 0 < facts.st_size <= _REPORT_BYTES:
                return
            self._read = state
            tokens = tokens_in(read_bounded(report, _REPORT_BYTES) or b"")
        except (OSError, Unreadable):
            return
        if tokens is not None:
            self.tokens = tokens


def tokens_in(report: bytes) -> int | None:
    """The tokens of a ``usage.json``: ``total_tokens``, or else input and output together. None: it tells of none.

    >>> tokens_in(b'{"input_tokens": 900, "output_tokens": 150}'), tokens_in(b'{"total_tokens": 7}'), tokens_in(b"{")
    (1050, 7, None)
    """
    try:
        usage = json.loads(report)
    except (ValueError, RecursionError):
        return None
    if not isinstance(usage, dict):
        return None
    total, *parts = (_count(usage.get(name)) for name in ("total_tokens", "input_tokens", "output_tokens"))
    if total is not None:
        return total
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def _count(value: object) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and isinstance(value, int) and 0 <= value <= 10**15 else None


def is_seconds(value: object) -> TypeGuard[int | float]:
    """Whether a value of an agent's config is a number of seconds, at most an hour."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 3600


def cpu_window(config: Mapping[str, Any]) -> float:
    """Over how many seconds an agent with this config has its use of processors averaged."""
    wanted = config.get("cpu_window_seconds")
    return max(1.0, wanted) if is_seconds(wanted) else CPU_WINDOW_SECONDS


def to_watch(limits: Limits, held: frozenset[str]) -> Limits:
    """The limits without those that the kernel holds."""
    return replace(
        limits,
        memory_limit_mb=None if "memory_limit" in held else limits.memory_limit_mb,
        cpu_limit_percent=None if "cpu_limit" in held else limits.cpu_limit_percent,
    )


def writable_memory(limits: Limits) -> int | None:
    """The bytes of writable memory that the kernel lets each process have, should it grow faster than one can look.

    Four times the limit and 1 GiB: programs reserve much that they never use. Linux only.
    """
    if limits.memory_limit_mb is None or sys.platform != "linux":
        return None
    return 4 * limits.memory_limit_mb * MEGABYTE + 1024**3


def time_is_up(milliseconds: int) -> Exceeded:
    """The limit of a clock that has ended."""
    return Exceeded("time_limit", f"time limit of {duration(milliseconds)} reached")
