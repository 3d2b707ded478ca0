"""The program of one attempt under supervision: its pipes, its input, its whole tree of processes, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kolony_tui.agent.adapter import Assignment, CannotStart
from kolony_tui.agent.attempt.launch import Launch, make
from kolony_tui.agent.attempt.limits import writable_memory
from kolony_tui.agent.events import Ended
from kolony_tui.agent.supervision import marker
from kolony_tui.agent.supervision.cage import Cage, Cages
from kolony_tui.agent.supervision.feed import Feed
from kolony_tui.agent.supervision.guard import Guard
from kolony_tui.agent.supervision.ladder import Graces, Ladder, described, of_a_program, of_an_agent
from kolony_tui.agent.supervision.meter import Meter, Taken
from kolony_tui.agent.supervision.pipes import Pipes
from kolony_tui.agent.supervision.shims import Report, ShimProcess, job_of, spawn
from kolony_tui.agent.supervision.tree import Tree

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
        self._shim: ShimProcess | None = None
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
        make(self.folder)
        if self._cages is not None:
            self._cage = self._cages.make(self._work.attempt_id, self._work.limits)
        ours: dict[str, int] = {}
        try:
            variables = self._launch.variables(self._work, self.folder) if environment is None else environment
            writable = writable_memory(self._work.limits)
            job = job_of(words, self.folder, {**variables, **self._mark()}, pass_fds, self._cage, writable)
            self._shim = self._spawn(ours, pass_fds, duplex=duplex, stdin=stdin)
            self._guard.add_shim(self._shim.pid)
            self._began = time.monotonic()
            await self._shim.start(job)
        except BaseException:
            self._undo(ours)
            raise
        self._guard.add(self._shim.leader)
        self._shut_in(self._shim.leader)
        self._ladder = Ladder(Tree(self._shim, self._others), self._graces, self._step)
        if duplex:
            self._feed = Feed(ours.pop("stdin"))
        self._pipes = Pipes(ours)
        self._watching = asyncio.create_task(self._watch(self._shim, self._ladder))

    def _spawn(self, ours: dict[str, int], kept: Sequence[int], *, duplex: bool, stdin: int | None) -> ShimProcess:
        """A shim with pipes to its program; their other ends go into ``ours``."""
        theirs: dict[str, int] = {}
        try:
            for name in ("stdout", "stderr"):
                ours[name], theirs[name] = os.pipe()
            if duplex:
                theirs["stdin"], ours["stdin"] = os.pipe()
            source = theirs.get("stdin", subprocess.DEVNULL if stdin is None else stdin)
            return spawn((source, theirs["stdout"], theirs["stderr"]), kept)
        except OSError as error:
            raise CannotStart(f"no pipe for the program: {error.strerror}") from error
        finally:
            _close_all(theirs)

    def _undo(self, ours: dict[str, int]) -> None:
        """What was made for a program that cannot be started."""
        _close_all(ours)
        self._launch.tidy(self.folder)
        if self._cage is not None:
            self._cage.remove()
        if self._shim is not None:
            self._guard.remove(self._shim.pid)
            self._shim.let_go()

    def _mark(self) -> dict[str, str]:
        return {marker.RUNNER.decode(): self._guard.mark} if self._guard.mark else {}

    def _shut_in(self, leader: int) -> None:
        """It goes into its cage by itself, and is put there too: only so is it known that it can be."""
        if self._cage is not None and not self._cage.enter(leader):
            self._cage.remove()
            self._cage = None

    @property
    def holds(self) -> frozenset[str]:
        """The limits that nobody has to watch: the kernel holds them."""
        return self._cage.holds if self._cage is not None else frozenset()

    def _others(self) -> list[int]:
        """Every process of the attempt that is known by a mark, wherever it went."""
        caged = self._cage.members() if self._cage is not None else []
        return sorted({*caged, *marker.of_attempt(str(self._work.run_id), self._work.attempt)})

    @property
    def leader(self) -> int | None:
        """The id of the program, and of its session; None until it was started."""
        return self._shim.leader if self._ladder is not None and self._shim is not None else None

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
        return self._meter.of(self._shim.pid) if self._shim is not None else Taken()

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
        assert self._shim is not None
        await self._shim.close()
        if self._cage is not None:
            self._cage.remove()
        if not keep:
            self._launch.tidy(self.folder)

    def _step(self, step: str, detail: str) -> None:
        self.on_step(step, detail)

    async def _watch(self, shim: ShimProcess, ladder: Ladder) -> Ended:
        waits = [asyncio.create_task(each.wait()) for each in (shim.left, ladder.over)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        wall = time.monotonic() - self._began
        if shim.left.is_set():
            ladder.left(_code_words(shim.code) if shim.code is not None else "unseen: its shim was killed")
            if not shim.alive:
                ladder.kill()
            ladder.tidy()
            await ladder.climbed()
        report = None
        if not ladder.survivors:
            # The program is a zombie until now, so that no signal of ours hits a stranger who got its id.
            report = await shim.end()
            self._guard.remove(shim.leader)
            self._guard.remove(shim.pid)
        assert self._pipes is not None
        self.close_input()
        self._pipes.settle()
        exceeded = self._cage.exceeded() if self._cage is not None else None
        ended = Ended(error="it could not be ended")
        if shim.left.is_set():
            ended = _ended(shim.code if report is None else report.code, report, wall)
        return replace(ended, not_confirmed=_not_confirmed(ladder), exceeded=exceeded)


def _not_confirmed(ladder: Ladder) -> str:
    return f"still running after SIGKILL: {described(ladder.survivors)}" if ladder.survivors else ""


def _code_words(code: int) -> str:
    return f"exit {code}" if code >= 0 else f"exit {128 - code} ({_signal_name(-code)})"


def _ended(code: int | None, report: Report | None, wall: float) -> Ended:
    used: dict[str, Any] = {"wall_seconds": round(wall, 6)}
    if report is not None:
        used |= {
            "user_seconds": report.user_seconds,
            "system_seconds": report.system_seconds,
            "max_rss_bytes": report.max_rss_bytes,
        }
    if code is None:
        return Ended(error="the process that watched over the program was killed", reason="crashed", usage=used)
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
