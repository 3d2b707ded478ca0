"""The ``process`` adapter: one program an attempt, which succeeds by exit code 0 and prints what it has to say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

from kolony_tui.agent.adapter import Assignment
from kolony_tui.agent.attempt.launch import Launch, told
from kolony_tui.agent.events import Event, Output
from kolony_tui.agent.supervision.cage import Cages
from kolony_tui.agent.supervision.guard import Guard
from kolony_tui.agent.supervision.ladder import Graces
from kolony_tui.agent.supervision.meter import Meter, Taken
from kolony_tui.agent.supervision.supervised import Supervised


class ProcessWork:
    """One attempt as a program. An ``Adapter``."""

    needs_folder = True

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
        self._program = Supervised(work, launch, guard, graces, meter, cages, self._step)
        self.on_step: Callable[[str, str], None] = lambda step, detail: None

    async def start(self) -> None:
        """Starts the program. Raises CannotStart."""
        with told(self._launch, self._work) as (words, source, kept):
            await self._program.start(words, stdin=source, pass_fds=kept)

    async def events(self) -> AsyncIterator[Event]:
        """The program's output as it comes, then how it ended."""
        while (piece := await self._program.read()) is not None:
            yield Output(*piece)
        yield await self._program.ended()

    @property
    def leader(self) -> int | None:
        """The id of the program, and of its session; None until it was started."""
        return self._program.leader

    def interrupt(self) -> None:
        """SIGINT to the whole session."""
        self._program.interrupt()

    async def cancel(self, *, emergency: bool = False) -> None:
        """SIGINT, SIGTERM, SIGKILL to all its processes, each with its grace; in an emergency SIGKILL at once."""
        await self._program.cancel(emergency=emergency)

    def kill(self) -> None:
        """SIGKILL to all its processes."""
        self._program.kill()

    async def answer(self, request: str, allow: bool, note: str = "", option_id: str | None = None) -> None:
        """Nothing: a program asks through its run's folder."""

    def taken(self) -> Taken:
        """What its processes take."""
        return self._program.taken()

    @property
    def holds(self) -> frozenset[str]:
        """The limits that nobody has to watch: the kernel holds them."""
        return self._program.holds

    @property
    def folder(self) -> Path:
        """The working folder."""
        return self._program.folder

    @property
    def usage_report(self) -> Path | None:
        """``usage.json`` in the run's folder."""
        return None if self._work.run_dir is None else self._work.run_dir / "usage.json"

    async def close(self, *, keep: bool = False) -> None:
        """Kills what still runs and, unless ``keep``, removes the working folder if it is empty."""
        await self._program.close(keep=keep)

    def _step(self, step: str, detail: str) -> None:
        self.on_step(step, detail)
