"""Cages: what is written into a cgroup, how its kernel's verdict is read, and a real one where this machine lets us.

The kernel's own limits need a cgroup of version 2 that was delegated with the controllers memory and cpu. Where there
is none (containers, hierarchies of version 1), limits are measured, which test_enforcing.py tries with real programs.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from kolony_tui.agent.adapter import CannotStart
from kolony_tui.agent.attempt.launch import Launch
from kolony_tui.agent.attempt.limits import to_watch
from kolony_tui.agent.events import Ended, Output
from kolony_tui.agent.process import ProcessWork
from kolony_tui.agent.supervision import cage
from kolony_tui.agent.supervision.cage import Cage, Cages, enforcement, find_cages, own_cgroup
from kolony_tui.agent.supervision.guard import Guard
from kolony_tui.agent.supervision.ladder import Graces
from kolony_tui.models.constraints import Limits
from kolony_tui.models.errors import UsageError
from tests.agent.colony import assignment, lives, until

LIMITS = Limits(time_limit_ms=5, memory_limit_mb=200, cpu_limit_percent=150)


@pytest.fixture
def guard() -> Iterator[Guard]:
    """A guard with its guardian."""
    made = Guard()
    made.start()
    yield made
    made.close()


@pytest.fixture
def real() -> Iterator[Path | None]:
    """A cgroup of this test's own, or None where the machine gives us none."""
    own = own_cgroup()
    folder = None if own is None else own / f"kolony-test-{os.getpid()}"
    try:
        if folder is not None:
            folder.mkdir()
    except OSError:
        folder = None
    yield folder
    if folder is not None:
        for place in folder.glob("kolony-*"):
            place.rmdir()
        folder.rmdir()


def test_limits_are_written_as_the_kernel_wants_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: dict[str, str] = {}
    monkeypatch.setattr(cage, "_write", lambda file, text: written.setdefault(file.name, text))
    made = Cages(tmp_path, frozenset({"memory", "cpu"})).make(uuid4(), LIMITS)
    assert made is not None
    assert written == {"memory.swap.max": "0", "memory.oom.group": "1", "memory.max": "200000000",
                       "cpu.max": "150000 100000"}  # fmt: skip
    assert to_watch(LIMITS, made.holds) == Limits(time_limit_ms=5)
    written.clear()
    only = Cages(tmp_path, frozenset({"memory"})).make(uuid4(), LIMITS)
    assert only is not None
    assert "cpu.max" not in written
    assert to_watch(LIMITS, only.holds) == Limits(time_limit_ms=5, cpu_limit_percent=150)


def test_a_cage_that_cannot_be_made_is_none(tmp_path: Path) -> None:
    # An ordinary folder: nothing there takes a limit.
    assert Cages(tmp_path, frozenset({"memory"})).make(uuid4(), LIMITS) is None
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError, match="is no cgroup"):
        find_cages(str(tmp_path))
    assert find_cages("off") is None


def test_the_kernels_verdict_is_read(tmp_path: Path) -> None:
    held = Cage(tmp_path, frozenset({"memory_limit"}), LIMITS)
    assert held.exceeded() is None
    (tmp_path / "memory.events").write_text("low 0\nmax 4\noom 1\noom_kill 0\n")
    assert held.exceeded() is None
    (tmp_path / "memory.events").write_text("low 0\nmax 4\noom 1\noom_kill 3\n")
    found = held.exceeded()
    assert found is not None
    assert (found.limit, found.words) == ("memory_limit", "memory limit of 200 MB reached (held by the kernel)")


def test_what_is_in_force_is_said() -> None:
    assert enforcement(None)[0] == "measured"
    held = [enforcement(Cages(Path("/nowhere"), frozenset(names)))[0] for names in ((), ("memory",), ("memory", "cpu"))]
    assert held == ["measured", "kernel-memory", "kernel"]


async def test_nothing_gets_out_of_a_real_one(real: Path | None, guard: Guard, tmp_path: Path) -> None:
    cages = find_cages("off" if real is None else str(real))
    assert (cages is None) == (real is None)
    launch = Launch("worker", tmp_path / "work", tmp_path)
    # In another session, and without the environment by which it would be found.
    clears = "" if real is None else "env -i "
    text = f"setsid {clears}sh -c 'echo $$; exec sleep 661' & echo $$; wait"
    work = ProcessWork(assignment(text), launch, guard, Graces(interrupt=0.2), None, cages)
    await work.start()
    printed = bytearray()
    ended: list[Ended] = []

    async def read() -> None:
        async for event in work.events():
            if isinstance(event, Ended):
                ended.append(event)
            elif isinstance(event, Output):
                printed.extend(event.data)

    reading = asyncio.create_task(read())

    async def both() -> bool:
        return len(printed.split()) == 2

    await until(both, deadline=10, what="two pids")
    pids = [int(word) for word in printed.split()]
    await work.cancel()
    await reading
    await work.close()
    assert not any(lives(pid) for pid in pids)
    assert ended[0].not_confirmed == ""
    assert real is None or list(real.glob("kolony-*")) == [], "the cage is gone with it"


async def test_a_program_that_is_not_there_is_told_as_ever(real: Path | None, guard: Guard, tmp_path: Path) -> None:
    cages = find_cages("off" if real is None else str(real))
    launch = Launch("worker", tmp_path / "work", tmp_path, ("kolony-no-such-program",))
    with pytest.raises(CannotStart, match="there is no program 'kolony-no-such-program'"):
        await ProcessWork(assignment("x"), launch, guard, Graces(), None, cages).start()
    assert real is None or list(real.glob("kolony-*")) == []


def test_what_killed_runners_left_is_removed(real: Path | None) -> None:
    if real is None:
        assert find_cages("auto") is None
        return
    left, ours = real / f"kolony-999999999-{uuid4().hex}", real / f"kolony-{os.getpid()}-{uuid4().hex}"
    left.mkdir()
    ours.mkdir()
    find_cages(str(real))
    assert not left.exists()
    assert ours.exists()
