"""All processes of one attempt, wherever they went: who of them lives, and signals to them."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Sequence

from kolony_tui.agent.supervision import guardian
from kolony_tui.agent.supervision.shims import ShimProcess


class Tree:
    """What lives below a shim, and what ``others`` answers with: what belongs to the attempt by another mark.

    Without its shim, which may have been killed, the session of the program stands for what was below.
    """

    def __init__(self, shim: ShimProcess, others: Callable[[], Sequence[int]]) -> None:
        self._shim = shim
        self._others = others

    @property
    def leader(self) -> int:
        """The program's id, and its session's."""
        return self._shim.leader

    def below(self) -> list[int]:
        """What lives below the shim."""
        return self._shim.living() if self._shim.alive else guardian.members(self.leader)

    def living(self, *, everywhere: bool) -> list[int]:
        """What lives; ``everywhere``: also what left the tree, which is looked for only once that is empty."""
        # Twice: a process that starts another and exits can be missed by one look.
        found = self.below() or self.below()
        return found or (list(self._others()) if everywhere or not self._shim.alive else [])

    def send(self, number: signal.Signals) -> None:
        """A signal to each once: SIGINT to the program's session, any other to all."""
        reached = {*self.below(), *(() if number is signal.SIGINT else self._others())}
        for pid in [-self.leader, *reached]:
            with contextlib.suppress(OSError):
                # Who has handled the first SIGINT would take another for a new one.
                if pid < 0 or (os.getpgid(pid) != self.leader and self._meant(pid, number)):
                    os.kill(pid, number)

    def kill(self) -> None:
        """SIGKILL to all of it, without looking first: the shim looks, and goes on until nothing is left."""
        with contextlib.suppress(OSError):
            os.kill(-self.leader, signal.SIGKILL)
        self._shim.kill()
        if not self._shim.alive:
            self.send(signal.SIGKILL)

    def _meant(self, pid: int, number: signal.Signals) -> bool:
        return number is not signal.SIGINT or os.getsid(pid) == self.leader
