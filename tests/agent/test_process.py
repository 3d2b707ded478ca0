"""The process adapter and the guardian by themselves."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from kolony_tui.agent.attempt.launch import Launch, file_name
from kolony_tui.agent.events import Ended, Output
from kolony_tui.agent.process import ProcessWork
from kolony_tui.agent.supervision.guard import Guard
from kolony_tui.agent.supervision.guardian import boot_seconds, members
from kolony_tui.agent.supervision.ladder import Graces
from tests.agent.colony import assignment, lives, until


@pytest.fixture
def guard() -> Iterator[Guard]:
    """A guard with its guardian."""
    made = Guard()
    made.start()
    yield made
    made.close()


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A program in a session of its own, with a child."""
    process = subprocess.Popen(["sh", "-c", "sleep 631 & wait"], start_new_session=True)
    yield process
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


async def _ended(process: subprocess.Popen[bytes]) -> None:
    async def gone() -> bool:
        process.poll()
        return not members(process.pid)

    await until(gone, deadline=5, what="the end of the session")


async def test_a_session_ends_when_its_runner_lets_go(guard: Guard, sleeper: subprocess.Popen[bytes]) -> None:
    guard.add(sleeper.pid)
    assert lives(sleeper.pid)
    guard.close()
    await _ended(sleeper)


async def test_a_session_ends_when_the_lease_passes(guard: Guard, sleeper: subprocess.Popen[bytes]) -> None:
    guard.add(sleeper.pid)
    guard.fence(boot_seconds() + 0.2)
    await _ended(sleeper)


async def test_a_guardian_that_was_killed_is_replaced(guard: Guard, sleeper: subprocess.Popen[bytes]) -> None:
    [guardian] = [process for process in psutil.Process().children() if process.cmdline()[-1:] == ["guardian"]]
    assert "kolony" not in " ".join(guardian.cmdline()[1:])
    guard.add(sleeper.pid)
    guardian.send_signal(signal.SIGKILL)
    guardian.wait(5)
    assert lives(sleeper.pid)
    guard.fence(boot_seconds() + 0.2)
    await _ended(sleeper)


async def test_what_has_ended_is_not_signalled_any_more(guard: Guard, sleeper: subprocess.Popen[bytes]) -> None:
    guard.add(sleeper.pid)
    guard.remove(sleeper.pid)
    guard.close()
    assert lives(sleeper.pid)


async def test_how_a_program_exited_and_what_it_took_is_told(guard: Guard, tmp_path: Path) -> None:
    launch = Launch("worker", tmp_path / "work", tmp_path)
    work = ProcessWork(assignment("echo out; exit 5"), launch, guard, Graces())
    await work.start()
    events = [event async for event in work.events()]
    await work.close()
    *output, ended = events
    assert b"".join(event.data for event in output if isinstance(event, Output)) == b"out\n"
    assert isinstance(ended, Ended)
    assert (ended.exit_code, ended.signal, ended.error) == (5, None, "exit 5")
    assert ended.usage["max_rss_bytes"] > 100_000


def test_runs_have_folders_of_their_own_whatever_their_agents_name(tmp_path: Path) -> None:
    names = ["plain-1.x", "..", "a/b", "a_b", "über", ".hidden", ""]
    folders = {file_name(name) for name in names}
    assert len(folders) == len(names)
    assert all("/" not in folder and not folder.startswith(".") and folder for folder in folders)
    launch = Launch("worker", tmp_path, tmp_path)
    one, other = assignment("x"), assignment("x", ordinal=2, target_count=3)
    assert launch.folder(one) == launch.folder(one)
    assert launch.folder(one) != launch.folder(other)
    assert launch.folder(other).name.startswith("12.2-")


def test_instructions_reach_the_program(tmp_path: Path) -> None:
    launch = Launch("worker", tmp_path, tmp_path, environment={})
    assert launch.variables(assignment("x", instructions="be brief"), tmp_path)["KOLONY_INSTRUCTIONS"] == "be brief"
    assert "KOLONY_INSTRUCTIONS" not in launch.variables(assignment("x"), tmp_path)
