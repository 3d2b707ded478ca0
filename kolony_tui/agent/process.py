"""The ``process`` adapter: one program an attempt, its output through two pipes, its whole session ended with it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from kolony_tui.agent import guardian
from kolony_tui.agent.adapter import Assignment, CannotStart, Ended, Event, Output
from kolony_tui.agent.guard import Guard
from kolony_tui.agent.launch import Launch, begin, tidy
from kolony_tui.agent.pipes import Pipes

_NEVER = float("inf")
_POLL_SECONDS = (0.005, 0.1)


@dataclass(frozen=True, slots=True)
class Graces:
    """Seconds that a program has to end by itself: after SIGINT, after SIGTERM, and for what it leaves behind."""

    interrupt: float = 5.0
    terminate: float = 5.0
    leftovers: float = 2.0


class ProcessWork:
    """One attempt as a program. An ``Adapter``."""

    def __init__(self, work: Assignment, launch: Launch, guard: Guard, graces: Graces) -> None:
        self._work = work
        self._launch = launch
        self._guard = guard
        self._graces = graces
        self._folder = launch.folder(work)
        self._process: subprocess.Popen[bytes] | None = None
        self._pipes: Pipes | None = None
        self._began = 0.0
        self._left = asyncio.Event()
        self._hurry = asyncio.Event()
        self._gone = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[Ended] | None = None

    async def start(self) -> None:
        """Starts the program. Raises CannotStart."""
        ends, theirs = [], []
        try:
            for _ in ("stdout", "stderr"):
                ours, other = os.pipe()
                ends.append(ours)
                theirs.append(other)
            self._began = time.monotonic()
            self._process = begin(self._launch, self._work, self._folder, theirs[0], theirs[1])
        except OSError as error:
            _close_all(ends)
            raise CannotStart(f"no pipe for the program: {error.strerror}") from error
        except CannotStart:
            _close_all(ends)
            tidy(self._folder)
            raise
        finally:
            _close_all(theirs)
        self._guard.add(self._process.pid)
        self._pipes = Pipes({"stdout": ends[0], "stderr": ends[1]})
        self._watching = asyncio.create_task(self._watch(self._process))

    async def events(self) -> AsyncIterator[Event]:
        """The program's output as it comes, then how it ended."""
        assert self._pipes is not None
        assert self._watching is not None
        while (piece := await self._pipes.next()) is not None:
            yield Output(*piece)
        yield await self._watching

    async def cancel(self) -> None:
        """SIGINT, SIGTERM, SIGKILL to the whole session, each with its grace; returns when none of it lives."""
        graces = self._graces
        self._end_by(
            (signal.SIGINT, graces.interrupt), (signal.SIGTERM, graces.terminate), (signal.SIGKILL, _NEVER)
        )
        if self._process is not None:
            await self._gone.wait()

    def kill(self) -> None:
        """SIGKILL to the whole session."""
        if self._process is None or self._gone.is_set():
            return
        self._hurry.set()
        guardian.send(self._process.pid, signal.SIGKILL)
        self._end_by((signal.SIGKILL, _NEVER))

    async def close(self, *, keep: bool = False) -> None:
        """Kills what still runs and, unless ``keep``, removes the working folder if it is empty."""
        if self._process is None:
            return
        self.kill()
        await self._gone.wait()
        assert self._pipes is not None
        assert self._watching is not None
        self._pipes.close()
        await self._watching
        if not keep:
            tidy(self._folder)

    def _end_by(self, *steps: tuple[signal.Signals | None, float]) -> None:
        if self._process is not None and self._ending is None:
            self._ending = asyncio.create_task(self._end(self._process.pid, steps))

    async def _end(self, leader: int, steps: tuple[tuple[signal.Signals | None, float], ...]) -> None:
        for number, seconds in steps:
            if self._hurry.is_set():
                break
            if number is not None:
                guardian.send(leader, number)
                # A stopped program does not hear anything but this and SIGKILL.
                guardian.send(leader, signal.SIGCONT)
            if await self._none_left(leader, seconds if number is not signal.SIGKILL else 0.0):
                return
        while not await self._none_left(leader, 0.5, hurried=True):
            guardian.send(leader, signal.SIGKILL)

    async def _none_left(self, leader: int, seconds: float, *, hurried: bool = False) -> bool:
        """Whether the leader has exited and nothing of its session lives, within this time or until hurried."""
        until = time.monotonic() + seconds
        pause, longest = _POLL_SECONDS
        while True:
            # Twice: a process that starts another and exits can be missed by one look at all processes.
            if self._left.is_set() and not guardian.members(leader) and not guardian.members(leader):
                return True
            left = until - time.monotonic()
            if left <= 0 or (self._hurry.is_set() and not hurried):
                return False
            waited_for = self._hurry if not hurried else self._left
            if waited_for.is_set():
                await asyncio.sleep(min(pause, left))
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(waited_for.wait(), min(pause, left))
            pause = min(pause * 2, longest)

    async def _watch(self, process: subprocess.Popen[bytes]) -> Ended:
        reaped = await _exit_of(process.pid)
        wall = time.monotonic() - self._began
        self._left.set()
        self._end_by((None, self._graces.leftovers), (signal.SIGTERM, self._graces.leftovers), (signal.SIGKILL, _NEVER))
        assert self._ending is not None
        await self._ending
        # Only now: until it is reaped nobody else can get the leader's id, so no signal of ours hits a stranger.
        status, usage = reaped or os.wait4(process.pid, 0)[1:]  # noqa: ASYNC222  (it has exited)
        code = os.waitstatus_to_exitcode(status)
        process.returncode = code
        self._guard.remove(process.pid)
        assert self._pipes is not None
        self._pipes.settle()
        self._gone.set()
        return _ended(code, usage, wall)


async def _exit_of(pid: int) -> tuple[int, Any] | None:
    """Waits until the process has exited. Answers with status and usage only where waiting had to reap it."""
    loop = asyncio.get_running_loop()
    try:
        descriptor = os.pidfd_open(pid)
    except (AttributeError, OSError):
        # Not Linux, or an old one: a thread waits, and the id is free from then on.
        return (await loop.run_in_executor(None, os.wait4, pid, 0))[1:]
    exited = asyncio.Event()
    loop.add_reader(descriptor, exited.set)
    try:
        await exited.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return None


def _ended(code: int, usage: Any, wall: float) -> Ended:
    used = {
        "user_seconds": round(usage.ru_utime, 6),
        "system_seconds": round(usage.ru_stime, 6),
        "wall_seconds": round(wall, 6),
        "max_rss_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
    }
    if code == 0:
        return Ended(exit_code=0, usage=used)
    if code > 0:
        return Ended(exit_code=code, error=f"exit {code}", usage=used)
    return Ended(exit_code=128 - code, signal=-code, error=f"exit {128 - code} ({_signal_name(-code)})", usage=used)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _close_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
