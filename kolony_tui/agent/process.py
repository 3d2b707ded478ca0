"""The ``process`` adapter: one program an attempt, its output through two pipes, its whole session ended with it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from kolony_tui.agent.adapter import Assignment, CannotStart
from kolony_tui.agent.cage import Cage, Cages
from kolony_tui.agent.events import Ended, Event, Output
from kolony_tui.agent.guard import Guard
from kolony_tui.agent.ladder import Graces, Ladder, described, marked
from kolony_tui.agent.launch import Launch, begin, marks, tidy
from kolony_tui.agent.limits import second_line
from kolony_tui.agent.meter import Meter, Taken
from kolony_tui.agent.pipes import Pipes


class ProcessWork:
    """One attempt as a program. An ``Adapter``."""

    def __init__(
        self,
        work: Assignment,
        launch: Launch,
        guard: Guard,
        graces: Graces,
        meter: Meter | None = None,
        cages: Cages | None = None,
    ) -> None:
        self._work = work
        self._launch = launch
        self._guard = guard
        self._graces = graces.changed_by(work.config)
        self._meter = meter or Meter()
        self._cages = cages
        self._cage: Cage | None = None
        self._folder = launch.folder(work)
        self._process: subprocess.Popen[bytes] | None = None
        self._ladder: Ladder | None = None
        self._pipes: Pipes | None = None
        self._began = 0.0
        self._watching: asyncio.Task[Ended] | None = None
        self.on_step: Callable[[str, str], None] = lambda step, detail: None

    async def start(self) -> None:
        """Starts the program. Raises CannotStart."""
        ends, theirs = [], []
        try:
            for _ in ("stdout", "stderr"):
                ours, other = os.pipe()
                ends.append(ours)
                theirs.append(other)
            self._began = time.monotonic()
            if self._cages is not None:
                self._cage = self._cages.make(self._work.attempt_id, self._work.limits)
            self._process = begin(self._launch, self._work, self._folder, theirs[0], theirs[1], self._cage)
        except OSError as error:
            _close_all(ends)
            raise CannotStart(f"no pipe for the program: {error.strerror}") from error
        except CannotStart:
            _close_all(ends)
            tidy(self._folder)
            if self._cage is not None:
                self._cage.remove()
            raise
        finally:
            _close_all(theirs)
        leader = self._process.pid
        self._guard.add(leader)
        self._shut_in(leader)
        self._ladder = Ladder(leader, self._all, self._graces, self._step)
        self._pipes = Pipes({"stdout": ends[0], "stderr": ends[1]})
        self._watching = asyncio.create_task(self._watch(self._process, self._ladder))

    def _shut_in(self, leader: int) -> None:
        """It goes into its cage by itself, and is put there too: only so is it known that it can be."""
        if self._cage is not None and not self._cage.enter(leader):
            self._cage.remove()
            self._cage = None
        if "memory_limit" not in self.holds:
            second_line(leader, self._work.limits)

    @property
    def holds(self) -> frozenset[str]:
        """The limits that nobody has to watch: the kernel holds them."""
        return self._cage.holds if self._cage is not None else frozenset()

    def _all(self) -> list[int]:
        """Every process of the attempt that is known, wherever it went."""
        caged = self._cage.members() if self._cage is not None else []
        return sorted({*caged, *marked(marks(self._work))})

    async def events(self) -> AsyncIterator[Event]:
        """The program's output as it comes, then how it ended."""
        assert self._pipes is not None
        assert self._watching is not None
        while (piece := await self._pipes.next()) is not None:
            yield Output(*piece)
        yield await self._watching

    @property
    def leader(self) -> int | None:
        """The id of the program, and of its session; None until it was started."""
        return self._process.pid if self._process is not None else None

    def interrupt(self) -> None:
        """SIGINT to the whole session."""
        if self._ladder is not None:
            self._ladder.interrupt()

    async def cancel(self, *, emergency: bool = False) -> None:
        """SIGINT, SIGTERM, SIGKILL to the whole session, each with its grace."""
        if self._ladder is not None:
            self._ladder.ask(emergency=emergency)
            await self._ladder.climbed()

    def kill(self) -> None:
        """SIGKILL to the whole session."""
        if self._ladder is not None:
            self._ladder.kill()

    def taken(self) -> Taken:
        """What the session takes."""
        return self._meter.of(self._process.pid) if self._process is not None else Taken()

    async def answer(self, request: str, allow: bool, note: str = "", option_id: str | None = None) -> None:
        """Nothing: a program asks through its run's folder."""

    @property
    def folder(self) -> Path:
        """The working folder."""
        return self._folder

    @property
    def usage_report(self) -> Path | None:
        """``usage.json`` in the run's folder."""
        return None if self._work.run_dir is None else self._work.run_dir / "usage.json"

    async def close(self, *, keep: bool = False) -> None:
        """Kills what still runs and, unless ``keep``, removes the working folder if it is empty."""
        if self._ladder is None:
            return
        self._ladder.kill()
        await self._ladder.climbed()
        assert self._pipes is not None
        assert self._watching is not None
        self._pipes.close()
        await self._watching
        if self._cage is not None:
            self._cage.remove()
        if not keep:
            tidy(self._folder)

    def _step(self, step: str, detail: str) -> None:
        self.on_step(step, detail)

    async def _watch(self, process: subprocess.Popen[bytes], ladder: Ladder) -> Ended:
        leaving = asyncio.create_task(_exit_of(process.pid))
        given_up = asyncio.create_task(ladder.over.wait())
        await asyncio.wait({leaving, given_up}, return_when=asyncio.FIRST_COMPLETED)
        given_up.cancel()
        wall = time.monotonic() - self._began
        assert self._pipes is not None
        if not leaving.done():
            leaving.cancel()
            self._pipes.settle()
            # Nobody will wait for it any more; the guardian goes on trying when the runner ends.
            process.returncode = -signal.SIGKILL
            return Ended(error="it could not be ended", not_confirmed=_not_confirmed(ladder))
        reaped = leaving.result()
        ladder.left(_exit_words(process.pid, reaped))
        ladder.tidy()
        await ladder.climbed()
        # Only now: until it is reaped nobody else can get the leader's id, so no signal of ours hits a stranger.
        status, usage = reaped or os.wait4(process.pid, 0)[1:]  # noqa: ASYNC222  (it has exited)
        code = os.waitstatus_to_exitcode(status)
        process.returncode = code
        self._guard.remove(process.pid)
        self._pipes.settle()
        exceeded = self._cage.exceeded() if self._cage is not None else None
        return replace(_ended(code, usage, wall), not_confirmed=_not_confirmed(ladder), exceeded=exceeded)


def _not_confirmed(ladder: Ladder) -> str:
    return f"still running after SIGKILL: {described(ladder.survivors)}" if ladder.survivors else ""


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


def _exit_words(pid: int, reaped: tuple[int, Any] | None) -> str:
    """How it exited, without reaping it."""
    if reaped is not None:
        return _code_words(os.waitstatus_to_exitcode(reaped[0]))
    found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    if found is None:
        return ""
    return _code_words(found.si_status if found.si_code == os.CLD_EXITED else -found.si_status)


def _code_words(code: int) -> str:
    return f"exit {code}" if code >= 0 else f"exit {128 - code} ({_signal_name(-code)})"


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
        return Ended(exit_code=code, error=_code_words(code), usage=used)
    return Ended(exit_code=128 - code, signal=-code, error=_code_words(code), usage=used)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _close_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
