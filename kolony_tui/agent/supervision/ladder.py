"""How the processes of one attempt are brought to an end: rung by rung, and only what is gone counts as ended."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from kolony_tui.agent.attempt.limits import is_seconds
from kolony_tui.agent.supervision.tree import Tree
from kolony_tui.patience import set_within

_NEVER = float("inf")
_POLL_SECONDS = (0.005, 0.1)


@dataclass(frozen=True, slots=True)
class Graces:
    """Seconds that a program has to end by itself: after SIGINT, after SIGTERM, and for what it leaves behind.

    An agent that speaks a protocol: after it was asked by that to stop, after the end of its ``input``, and after
    SIGTERM the lesser of ``terminate`` and ``ending``: it was asked twice by then.
    ``confirm``: after SIGKILL, until what still lives is reported as not confirmed. Under an emergency stop it has
    ``emergency`` seconds in all before SIGKILL, however much the others are.
    """

    interrupt: float = 5.0
    terminate: float = 5.0
    leftovers: float = 2.0
    confirm: float = 10.0
    emergency: float = 0.0
    protocol: float = 5.0
    input: float = 2.0
    ending: float = 3.0

    def changed_by(self, config: Mapping[str, Any]) -> Graces:
        """Those of an agent whose config has ``interrupt_grace_seconds``, ``terminate_grace_seconds`` and so on.

        A value that is no number from 0 to 3600 changes nothing.
        """
        found = {each.name: config.get(f"{each.name}_grace_seconds") for each in fields(self)}
        return replace(self, **{name: float(value) for name, value in found.items() if is_seconds(value)})


@dataclass(frozen=True, slots=True)
class Rung:
    """One thing that is done to end a program, and the seconds that it has then. ``name`` is told, if there is one.

    ``number`` is sent, ``act`` is called; ``until`` is waited for instead of the program's end.
    """

    name: str
    seconds: float
    number: signal.Signals | None = None
    act: Callable[[], None] | None = None
    until: Callable[[], Awaitable[bool]] | None = None


_KILL = Rung("sigkill", _NEVER, signal.SIGKILL)


def of_a_program(graces: Graces) -> list[Rung]:
    """How a program is ended that is asked to."""
    return [
        Rung("sigint", graces.interrupt, signal.SIGINT),
        Rung("sigterm", graces.terminate, signal.SIGTERM),
        _KILL,
    ]


def of_an_agent(
    graces: Graces, politely: Callable[[], Awaitable[bool]] | None, close_input: Callable[[], None]
) -> list[Rung]:
    """How an agent is ended that speaks a protocol over its standard input."""
    asked = [] if politely is None else [Rung("protocol_cancel", graces.protocol, until=politely)]
    return [
        *asked,
        Rung("stdin_closed", graces.input, act=close_input),
        Rung("sigterm", min(graces.terminate, graces.ending), signal.SIGTERM),
        _KILL,
    ]


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


class Ladder:
    """Ends all processes of a tree. ``tell`` hears of each rung that is taken when asked.

    What was asked to end is also looked for outside the tree. What a program leaves behind that ended by itself is
    ended with it: nothing of a run outlives it.
    """

    def __init__(self, tree: Tree, graces: Graces, tell: Callable[[str, str], None]) -> None:
        self._tree = tree
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
            self._tree.send(signal.SIGINT)
            self._tell("sigint", "")

    def ask(self, rungs: Sequence[Rung], *, emergency: bool = False) -> None:
        """Takes these rungs; in an emergency with less patience, also where it had begun with more."""
        self._asked = True
        if emergency and not self._emergency:
            self._emergency = True
            if not self._graces.emergency:
                self.kill()
            elif self._ending is not None:
                asyncio.get_running_loop().call_later(self._graces.emergency, self.kill)
        if emergency:
            most = self._graces.emergency / max(1, len(rungs) - 1)
            rungs = [replace(rung, seconds=min(rung.seconds, most)) for rung in rungs]
        self._end_by(*rungs)

    def tidy(self, seconds: float | None = None) -> None:
        """What is to end by itself, or was left behind by what did: it gets a while, SIGTERM, a while, SIGKILL."""
        after = self._graces.leftovers
        self._end_by(Rung("", after if seconds is None else seconds), Rung("sigterm", after, signal.SIGTERM), _KILL)

    def kill(self) -> None:
        """SIGKILL now, whatever rung it stands on."""
        if self.over.is_set():
            return
        self._hurry.set()
        self._tree.kill()
        self._end_by(_KILL)

    async def climbed(self) -> None:
        """Returns when it is over."""
        await self.over.wait()
        assert self._ending is not None
        await self._ending

    def _end_by(self, *rungs: Rung) -> None:
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(rungs))

    async def _end(self, rungs: Sequence[Rung]) -> None:
        killed = False
        try:
            for rung in rungs:
                if self._hurry.is_set():
                    break
                self._take(rung)
                killed = rung is _KILL
                if rung.until is not None:
                    await self._until(rung.until, rung.seconds)
                elif await self._none_left(rung.seconds if not killed else 0.0):
                    self._say("gone")
                    return
            if not killed:
                self._say(_KILL.name)  # ``kill`` has sent it
            until = time.monotonic() + self._graces.confirm
            while not await self._none_left(0.5, hurried=True):
                self._tree.send(signal.SIGKILL)
                if time.monotonic() >= until:
                    self.survivors = self._living() or [self._tree.leader]
                    return
            self._say("gone")
        finally:
            self.over.set()

    def _take(self, rung: Rung) -> None:
        if rung.number is not None:
            self._tree.send(rung.number)
            # A stopped program does not hear anything but this and SIGKILL.
            self._tree.send(signal.SIGCONT)
        if rung.act is not None:
            rung.act()
        self._say(rung.name)

    async def _until(self, answer: Callable[[], Awaitable[bool]], seconds: float) -> None:
        """Waits for this answer, and no longer than it can matter."""
        waits = [asyncio.ensure_future(each) for each in (answer(), self._hurry.wait(), self._left.wait())]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)

    def _say(self, rung: str) -> None:
        if self._asked and rung:
            self._tell(rung, "")

    def _living(self) -> list[int]:
        return self._tree.living(everywhere=self._asked)

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
                await set_within(waited_for, min(pause, left))
            pause = min(pause * 2, longest)
