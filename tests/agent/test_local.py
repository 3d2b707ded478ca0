"""The runner beside the app: it ends with the process that started it, and leaves nothing running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from uuid import UUID

import psutil

from kolony_tui.agent.local import LocalRunner
from kolony_tui.server.home import Home
from tests.agent.colony import Colony, until

APP = """
import asyncio, os, sys
from pathlib import Path
from kolony_tui.agent.local import LocalRunner
from kolony_tui.models.secret import Secret
from kolony_tui.server.home import Home
async def app():
    runner = LocalRunner(Home(Path(sys.argv[1])), "worker", Secret(os.environ.pop("SECRET")))
    await runner.start()
    await asyncio.Event().wait()
asyncio.run(app())
"""


def _runner(colony: Colony) -> LocalRunner:
    return LocalRunner(Home(colony.home), "worker", colony.token.secret, environment={"KOLONY_DSN": colony.dsn})


async def _pid_of(colony: Colony, run_id: UUID) -> int:
    async def printed() -> bytes:
        return await colony.output(run_id)

    return int(await until(printed, what="the program's pid"))


async def _gone(*pids: int) -> None:
    async def ended() -> bool:
        return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids)

    await until(ended, deadline=15, what="the end of the processes")


async def test_it_works_and_stops_with_its_work_handed_back(colony: Colony) -> None:
    runner = _runner(colony)
    await runner.start()
    try:
        assert (await colony.done(await colony.send("true")))["status"] == "completed"
        run_id = await colony.send("echo $$; exec sleep 621")
        pid = await _pid_of(colony, run_id)
        before = runner.alive
    finally:
        await runner.stop()
    assert (before, runner.alive) == (True, False)
    assert not psutil.pid_exists(pid)
    assert (await colony.run(run_id))["status"] == "waiting"
    assert runner.log.stat().st_mode & 0o777 == 0o600
    assert colony.token.secret.reveal() not in runner.log.read_text()


async def test_the_token_is_in_no_argument_and_no_environment(colony: Colony) -> None:
    runner = _runner(colony)
    await runner.start()
    try:
        await colony.done(await colony.send("true"))
        for process in psutil.Process().children(recursive=True):
            secret = colony.token.secret.reveal()
            assert secret not in " ".join(process.cmdline())
            assert secret not in str(process.environ())
    finally:
        await runner.stop()


async def test_it_ends_with_a_parent_that_is_killed(colony: Colony) -> None:
    environment = {**os.environ, "KOLONY_DSN": colony.dsn, "SECRET": colony.token.secret.reveal()}
    app = subprocess.Popen([sys.executable, "-c", APP, str(colony.home)], env=environment)
    try:
        run_id = await colony.send("echo $$; exec sleep 622")
        pid = await _pid_of(colony, run_id)
        family = [process.pid for process in psutil.Process(app.pid).children(recursive=True)]
    finally:
        app.kill()
        app.wait()
    await _gone(pid, *family)
    assert (await colony.run(run_id))["status"] == "waiting"
    assert [attempt["outcome"] for attempt in await colony.attempts(run_id)] == ["released"]


async def test_it_can_be_left_running(colony: Colony) -> None:
    runner = _runner(colony)
    await runner.start()
    try:
        await colony.done(await colony.send("true"))
        [child] = [process for process in psutil.Process().children() if "--attached" in process.cmdline()]
    finally:
        runner.leave()
    assert (await colony.done(await colony.send("true")))["status"] == "completed"
    child.send_signal(signal.SIGTERM)
    assert child.wait(20) == 0


async def test_a_refused_token_is_told_in_its_last_words(colony: Colony) -> None:
    await colony.superuser.execute(f"ALTER ROLE {colony.token.login} NOLOGIN")
    runner = _runner(colony)
    await runner.start()

    async def ended() -> bool:
        return runner.exit_code == 3

    await until(ended, what="exit code 3")
    assert "token was refused" in runner.last_words
    await runner.stop()
