"""The ladder: which rungs are taken and told, what leaves the session, and what cannot be confirmed (G6)."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kolony_tui.agent.attempt.launch import Launch
from kolony_tui.agent.events import Ended, Output
from kolony_tui.agent.process import ProcessWork
from kolony_tui.agent.supervision.guard import Guard
from kolony_tui.agent.supervision.ladder import Graces
from kolony_tui.agent.supervision.shims import ShimProcess
from tests.agent.colony import assignment, lives, until

IGNORES = "trap '' INT TERM; echo $$; while :; do sleep 0.05; done"


@dataclass
class Climb:
    """A program under an adapter; ``steps`` is what was told, ``printed`` what it wrote."""

    work: ProcessWork
    steps: list[str] = field(default_factory=list)
    printed: bytes = b""
    ended: asyncio.Future[Ended] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    async def read(self) -> None:
        async for event in self.work.events():
            if isinstance(event, Output):
                self.printed += event.data
            elif isinstance(event, Ended):
                self.ended.set_result(event)

    async def says(self, count: int) -> list[int]:
        """The ids that it printed, once there are so many."""

        async def said() -> list[int] | None:
            found = [int(word) for word in self.printed.split()]
            return found if len(found) == count else None

        return await until(said, deadline=10, what=f"{count} pids")

    async def tells(self, step: str) -> None:
        """Waits until a step was told."""

        async def told() -> bool:
            return not step or step in self.steps

        await until(told, deadline=10, what=step)


class Stand:
    """Makes climbs, and ends them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._guard = Guard()
        self._guard.start()
        self._climbs: list[tuple[Climb, asyncio.Task[None]]] = []

    async def run(self, text: str, **graces: float) -> Climb:
        launch = Launch("worker", self._folder / "work", self._folder)
        work = ProcessWork(assignment(text), launch, self._guard, Graces(**graces))
        climb = Climb(work)
        work.on_step = lambda step, detail: climb.steps.append(f"{step} {detail}".strip())
        await work.start()
        self._climbs.append((climb, asyncio.create_task(climb.read())))
        return climb

    async def close(self) -> None:
        for climb, reading in self._climbs:
            await climb.work.close()
            await reading
        self._guard.close()


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    """Where programs are climbed."""
    made = Stand(tmp_path)
    yield made
    await made.close()


async def test_what_ignores_everything_takes_every_rung_with_its_children(stand: Stand) -> None:
    climb = await stand.run(f'sh -c "{IGNORES}" & {IGNORES}', interrupt=0.2, terminate=0.2)
    pids = await climb.says(2)
    await climb.work.cancel()
    assert not any(lives(pid) for pid in pids)
    ended = await climb.ended
    assert (ended.signal, ended.not_confirmed) == (signal.SIGKILL, "")
    assert climb.steps == ["sigint", "sigterm", "sigkill", "ended exit 137 (SIGKILL)", "gone"]


async def test_an_emergency_has_less_patience(stand: Stand) -> None:
    for cancelled_before in (False, True):
        climb = await stand.run(IGNORES, interrupt=60, terminate=60, emergency=0.2)
        [pid] = await climb.says(1)
        patient = asyncio.create_task(climb.work.cancel()) if cancelled_before else None
        await climb.tells("sigint" if cancelled_before else "")
        await asyncio.wait_for(climb.work.cancel(emergency=True), 10)
        assert not lives(pid)
        assert climb.steps[-3:] == ["sigkill", "ended exit 137 (SIGKILL)", "gone"]
        if patient is not None:
            await patient


@pytest.mark.parametrize("code", [0, 3])
async def test_an_interrupt_is_one_signal_and_the_rest_is_the_programs_affair(stand: Stand, code: int) -> None:
    climb = await stand.run(f"trap 'echo 7; exit {code}' INT; echo $$; while :; do sleep 0.05; done")
    await climb.says(1)
    climb.work.interrupt()
    ended = await asyncio.wait_for(climb.ended, 10)
    assert climb.printed.endswith(b"7\n")
    assert ended.exit_code == code
    assert climb.steps == ["sigint", f"ended exit {code}", "gone"]


async def test_an_interrupt_that_is_ignored_ends_nothing(stand: Stand) -> None:
    climb = await stand.run(IGNORES, interrupt=0.1, terminate=0.1)
    [pid] = await climb.says(1)
    climb.work.interrupt()
    climb.work.interrupt()
    assert climb.steps == ["sigint", "sigint"]
    assert lives(pid)
    await climb.work.cancel()
    assert climb.steps[2:] == ["sigint", "sigterm", "sigkill", "ended exit 137 (SIGKILL)", "gone"]


async def test_what_left_the_session_is_ended_with_what_was_cancelled(stand: Stand) -> None:
    climb = await stand.run("setsid sh -c 'echo $$; exec sleep 641' & echo $$; wait", interrupt=0.2)
    pids = await climb.says(2)
    assert sum(os.getsid(pid) != climb.work.leader for pid in pids) == 1
    await climb.work.cancel()
    assert not any(lives(pid) for pid in pids)
    assert climb.steps[0] == "sigint"
    assert climb.steps[-1] == "gone"


async def test_what_ends_by_itself_is_told_nothing_of(stand: Stand) -> None:
    climb = await stand.run("sleep 642 & exit 4", leftovers=0.1)
    assert (await asyncio.wait_for(climb.ended, 10)).exit_code == 4
    assert climb.steps == []


async def test_what_cannot_be_ended_is_not_confirmed(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    # As work in uninterruptible sleep, or of another user: signals do nothing.
    with monkeypatch.context() as patched:
        patched.setattr("kolony_tui.agent.supervision.tree.os.kill", lambda pid, number: None)
        patched.setattr(ShimProcess, "kill", lambda shim: None)
        climb = await stand.run(IGNORES, interrupt=0.05, terminate=0.05, confirm=0.2)
        [pid] = await climb.says(1)
        await asyncio.wait_for(climb.work.cancel(), 10)
        ended = await asyncio.wait_for(climb.ended, 10)
    assert lives(pid)
    assert f"pid {pid} in state" in ended.not_confirmed
    assert (ended.exit_code, ended.error) == (None, "it could not be ended")
    assert climb.steps == ["sigint", "sigterm", "sigkill"], "neither ended nor gone"
    await climb.work.close()

    async def gone() -> bool:
        return not lives(pid)

    await until(gone, deadline=5, what="the end of what its shim was left with")


def test_an_agents_config_has_the_last_word_about_graces() -> None:
    graces = Graces(interrupt=1, terminate=2)
    config = {"interrupt_grace_seconds": 0, "leftovers_grace_seconds": 7.5, "terminate_grace_seconds": "soon",
              "confirm_grace_seconds": -1, "emergency_grace_seconds": True, "cpu_window_seconds": 9}  # fmt: skip
    assert graces.changed_by(config) == Graces(interrupt=0, terminate=2, leftovers=7.5)
