"""How the processes of one attempt are brought to an end: rung by rung, and only what is gone counts as ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from kolony_tui.agent import guardian
from kolony_tui.agent.limits import is_seconds

_NEVER = float("inf")
_POLL_SECONDS = (0.005, 0.1)

RUNG_NAMES = {signal.SIGINT: "sigint", signal.SIGTERM: "sigterm", signal.SIGKILL: "sigkill"}


@dataclass(frozen=True, slots=True)
class Graces:
    """Seconds that a program has to end by itself: after SIGINT, after SIGTERM, and for what it leaves behind.

    ``confirm``: after SIGKILL, until what still lives is reported as not confirmed. Under an emergency stop it has
    ``emergency`` seconds in all before SIGKILL, however much the others are.
    """

    interrupt: float = 5.0
    terminate: float = 5.0
    leftovers: float = 2.0
    confirm: float = 10.0
    emergency: float = 5.0

    def changed_by(self, config: Mapping[str, Any]) -> Graces:
        """Those of an agent whose config has ``interrupt_grace_seconds``, ``terminate_grace_seconds`` and so on.

        A value that is no number from 0 to 3600 changes nothing.
        """
        found = {each.name: config.get(f"{each.name}_grace_seconds") for each in fields(self)}
        return replace(self, **{name: float(value) for name, value in found.items() if is_seconds(value)})


def marked(marks: Sequence[bytes]) -> list[int]:
    """The living processes of ours whose environment has all of these ``NAME=value``: also those that left the session.

    Best effort: a program can clear its environment, and without /proc nobody is found.
    """
    found = []
    for pid in _pids():
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                environment = file.read().split(b"\0")
            with open(f"/proc/{pid}/stat", "rb") as file:
                state = file.read().rpartition(b")")[2].split()[0]
        except (OSError, IndexError):
            continue
        if state not in (b"Z", b"X") and all(mark in environment for mark in marks):
            found.append(pid)
    return found


def described(pids: Sequence[int]) -> str:
    """Processes for an error: the first few ids, each with its state where it is known.

    >>> described([])
    'none'
    """
    words = []
    for pid in pids[:5]:
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                state = file.read().rpartition(b")")[2].split()[0].decode("ascii", "replace")
            words.append(f"pid {pid} in state {state}")
        except (OSError, IndexError):
            words.append(f"pid {pid}")
    return ", ".join(words) + (f" and {len(pids) - 5} more" if len(pids) > 5 else "") if words else "none"


def _pids() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return []


class Ladder:
    """Ends the session of processes that ``leader`` began. ``tell`` hears of each rung that is taken when asked.

    What was asked to end is also looked for outside its session: ``others`` answers with all that belongs to it. What
    a program leaves behind that ended by itself is ended within the session only: it may have started a service on
    purpose.
    """

    def __init__(
        self, leader: int, others: Callable[[], Sequence[int]], graces: Graces, tell: Callable[[str, str], None]
    ) -> None:
        self._leader = leader
        self._others = others
        self._graces = graces
        self._tell = tell
        self._hurry = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None
        self._asked = False
        self._emergency = False
        self._left = asyncio.Event()
        self.over = asyncio.Event()
        """Nothing lives any more, or nobody waits for it any longer: see ``survivors``."""
        self.survivors: list[int] = []
        """What still lives although SIGKILL was sent and the time to confirm has passed."""

    def left(self, how: str) -> None:
        """The leader has exited; it is not reaped yet."""
        self._left.set()
        if self._asked:
            self._tell("ended", how)

    def interrupt(self) -> None:
        """SIGINT, and no more: what becomes of it is the program's own affair."""
        if self._ending is None and not self._left.is_set():
            self._asked = True
            self._signal(signal.SIGINT)
            self._tell("sigint", "")

    def ask(self, *, emergency: bool = False) -> None:
        """SIGINT, SIGTERM, SIGKILL, each with its grace; in an emergency also where it had begun with more patience."""
        self._asked = True
        if emergency and not self._emergency:
            self._emergency = True
            if self._ending is not None:
                asyncio.get_running_loop().call_later(self._graces.emergency, self.kill)
        each = self._graces.interrupt, self._graces.terminate
        if emergency:
            each = (min(each[0], self._graces.emergency / 2), min(each[1], self._graces.emergency / 2))
        self._end_by((signal.SIGINT, each[0]), (signal.SIGTERM, each[1]), (signal.SIGKILL, _NEVER))

    def tidy(self) -> None:
        """After the leader's own end: what it left behind gets a while, SIGTERM, a while, SIGKILL."""
        seconds = self._graces.leftovers
        self._end_by((None, seconds), (signal.SIGTERM, seconds), (signal.SIGKILL, _NEVER))

    def kill(self) -> None:
        """SIGKILL now, whatever rung it stands on."""
        if self.over.is_set():
            return
        self._hurry.set()
        guardian.send(self._leader, signal.SIGKILL)
        self._end_by((signal.SIGKILL, _NEVER))

    async def climbed(self) -> None:
        """Returns when it is over."""
        await self.over.wait()
        assert self._ending is not None
        await self._ending

    def _end_by(self, *rungs: tuple[signal.Signals | None, float]) -> None:
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(rungs))

    async def _end(self, rungs: tuple[tuple[signal.Signals | None, float], ...]) -> None:
        killed = False
        try:
            for number, seconds in rungs:
                if self._hurry.is_set():
                    break
                if number is not None:
                    self._signal(number)
                    # A stopped program does not hear anything but this and SIGKILL.
                    self._signal(signal.SIGCONT)
                    self._say(RUNG_NAMES[number])
                    killed = number is signal.SIGKILL
                if await self._none_left(seconds if number is not signal.SIGKILL else 0.0):
                    self._say("gone")
                    return
            if not killed:
                self._say(RUNG_NAMES[signal.SIGKILL])  # ``kill`` has sent it
            until = time.monotonic() + self._graces.confirm
            while not await self._none_left(0.5, hurried=True):
                self._signal(signal.SIGKILL)
                if time.monotonic() >= until:
                    self.survivors = self._living() or [self._leader]
                    return
            self._say("gone")
        finally:
            self.over.set()

    def _say(self, rung: str) -> None:
        if self._asked:
            self._tell(rung, "")

    def _signal(self, number: int) -> None:
        guardian.send(self._leader, number)
        if self._asked and number != signal.SIGINT:
            # SIGINT is for the program that was asked; what has left its session is spared until it is to end.
            for pid in self._others():
                with contextlib.suppress(OSError):
                    os.kill(pid, number)

    def _living(self) -> list[int]:
        """What lives of it. The session is looked at first: that costs less, and is all there is most of the time."""
        # Twice: a process that starts another and exits can be missed by one look at all processes.
        found = guardian.members(self._leader) or guardian.members(self._leader)
        return found or (list(self._others()) if self._asked else [])

    async def _none_left(self, seconds: float, *, hurried: bool = False) -> bool:
        """Whether the leader has exited and nothing of it lives, within this time or until hurried."""
        until = time.monotonic() + seconds
        pause, longest = _POLL_SECONDS
        while True:
            if self._left.is_set() and not self._living():
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
