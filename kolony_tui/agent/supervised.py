"""The program of one attempt under supervision: its pipes, its input, its whole tree of processes, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kolony_tui.agent.adapter import Assignment, CannotStart
from kolony_tui.agent.cage import Cage, Cages
from kolony_tui.agent.events import Ended
from kolony_tui.agent.feed import Feed
from kolony_tui.agent.guard import Guard
from kolony_tui.agent.ladder import Graces, Ladder, described, marked, of_a_program, of_an_agent
from kolony_tui.agent.launch import Launch, begin, marks, tidy
from kolony_tui.agent.limits import second_line
from kolony_tui.agent.meter import Meter, Taken
from kolony_tui.agent.pipes import Pipes

TAIL_BYTES = 65536
"""How much of the end of stderr is kept to say why a program failed."""


class Supervised:
    """One program for one attempt; adapters stand on it. ``on_step`` hears of each thing done to end or interrupt it.

    Use: ``start``, ``read`` until it answers None, ``ended``, ``close``. All is called from the runner's event loop.
    """

    def __init__(
        self,
        work: Assignment,
        launch: Launch,
        guard: Guard,
        graces: Graces,
        meter: Meter | None = None,
        cages: Cages | None = None,
        on_step: Callable[[str, str], None] = lambda step, detail: None,
    ) -> None:
        self._work = work
        self._launch = launch
        self._guard = guard
        self._graces = graces.changed_by(work.config)
        self._meter = meter or Meter()
        self._cages = cages
        self._cage: Cage | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ladder: Ladder | None = None
        self._pipes: Pipes | None = None
        self._feed: Feed | None = None
        self._began = 0.0
        self._watching: asyncio.Task[Ended] | None = None
        self.folder = launch.folder(work)
        """The working folder."""
        self.stderr_tail = b""
        """The last 64 KiB of its stderr that were read."""
        self.on_step = on_step

    async def start(
        self,
        words: Sequence[str],
        *,
        duplex: bool = False,
        stdin: int | None = None,
        pass_fds: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Starts the program in the working folder. Raises CannotStart.

        ``duplex``: its standard input is a pipe for ``write``; else the descriptor ``stdin``, or nothing to read.
        ``environment`` is its whole environment; without it, the one that ``launch`` makes for the work.
        """
        ours: dict[str, int] = {}
        theirs: dict[str, int] = {}
        try:
            for name in ("stdout", "stderr"):
                ours[name], theirs[name] = os.pipe()
            if duplex:
                theirs["stdin"], ours["stdin"] = os.pipe()
            self._began = time.monotonic()
            if self._cages is not None:
                self._cage = self._cages.make(self._work.attempt_id, self._work.limits)
            variables = self._launch.variables(self._work, self.folder) if environment is None else dict(environment)
            source = theirs.get("stdin", subprocess.DEVNULL if stdin is None else stdin)
            self._process = begin(
                words, self.folder, variables, (source, theirs["stdout"], theirs["stderr"]), pass_fds, self._cage
            )
        except OSError as error:
            _close_all(ours)
            raise CannotStart(f"no pipe for the program: {error.strerror}") from error
        except CannotStart:
            _close_all(ours)
            tidy(self.folder)
            if self._cage is not None:
                self._cage.remove()
            raise
        finally:
            _close_all(theirs)
        leader = self._process.pid
        self._guard.add(leader)
        self._shut_in(leader)
        self._ladder = Ladder(leader, self._all, self._graces, self._step)
        if duplex:
            self._feed = Feed(ours.pop("stdin"))
        self._pipes = Pipes(ours)
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

    @property
    def leader(self) -> int | None:
        """The id of the program, and of its session; None until it was started."""
        return self._process.pid if self._process is not None else None

    async def read(self) -> tuple[str, bytes] | None:
        """``stdout`` or ``stderr`` and at most 64 KiB of it, as it comes; None when both have ended."""
        assert self._pipes is not None
        piece = await self._pipes.next()
        if piece is not None and piece[0] == "stderr":
            self.stderr_tail = (self.stderr_tail + piece[1])[-TAIL_BYTES:]
        return piece

    async def write(self, data: bytes) -> None:
        """Puts this into its standard input; waits while it does not read. Nothing where its input has ended."""
        if self._feed is not None:
            await self._feed.write(data)

    def close_input(self) -> None:
        """Ends its standard input."""
        if self._feed is not None:
            self._feed.close()

    async def ended(self) -> Ended:
        """How it ended, once it has; nothing of it runs any more then, or ``not_confirmed`` says what does."""
        assert self._watching is not None
        return await self._watching

    def interrupt(self) -> None:
        """SIGINT to the whole session."""
        if self._ladder is not None:
            self._ladder.interrupt()

    async def cancel(self, *, emergency: bool = False, politely: Callable[[], Awaitable[bool]] | None = None) -> None:
        """Ends it rung by rung, each with its grace; returns when nothing of it runs, or nothing more can be done.

        A program: SIGINT, SIGTERM, SIGKILL. One that is spoken to (``duplex``): ``politely``, which asks it by its
        protocol and answers once it has stopped, the end of its input, SIGTERM, SIGKILL. ``emergency``: SIGKILL now.
        """
        if self._ladder is None:
            return
        rungs = of_a_program(self._graces)
        if self._feed is not None:
            rungs = of_an_agent(self._graces, politely, self.close_input)
        self._ladder.ask(rungs, emergency=emergency)
        await self._ladder.climbed()

    def dismiss(self, seconds: float | None = None) -> None:
        """Its work is done: its input ends, and it has this long to end by itself before SIGTERM, then SIGKILL.

        Returns at once; that it had to be ended is no step of a cancel, and is not told.
        """
        if self._ladder is not None:
            self.close_input()
            self._ladder.tidy(self._graces.input if seconds is None else seconds)

    def kill(self) -> None:
        """SIGKILL to all of it."""
        if self._ladder is not None:
            self._ladder.kill()

    def taken(self) -> Taken:
        """What its processes take."""
        return self._meter.of(self._process.pid) if self._process is not None else Taken()

    async def close(self, *, keep: bool = False) -> None:
        """Kills what still runs and, unless ``keep``, removes the working folder if it is empty."""
        if self._ladder is None:
            return
        self._ladder.kill()
        await self._ladder.climbed()
        assert self._pipes is not None
        assert self._watching is not None
        self.close_input()
        self._pipes.close()
        await self._watching
        if self._cage is not None:
            self._cage.remove()
        if not keep:
            tidy(self.folder)

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
            self._settle()
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
        self._settle()
        exceeded = self._cage.exceeded() if self._cage is not None else None
        return replace(_ended(code, usage, wall), not_confirmed=_not_confirmed(ladder), exceeded=exceeded)

    def _settle(self) -> None:
        assert self._pipes is not None
        self.close_input()
        self._pipes.settle()


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


def _close_all(descriptors: dict[str, int]) -> None:
    for descriptor in descriptors.values():
        with contextlib.suppress(OSError):
            os.close(descriptor)
