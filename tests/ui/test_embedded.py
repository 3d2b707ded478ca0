"""The app with its own server and its own runner: the first run really runs, and both heal or end as they should."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from kolony_tui.server.bootstrap import prepare
from kolony_tui.server.embedded import EmbeddedServer
from kolony_tui.server.home import Home
from tests.conftest import QUICK
from tests.terminal import DEADLINE, Terminal
from tests.ui.terminal import opened


@pytest.fixture
def own_server() -> Iterator[EmbeddedServer]:
    """A server of this test alone, as the first start leaves it."""
    folder = tempfile.mkdtemp(prefix="kolony-")
    server = EmbeddedServer(Home(Path(folder, "home").resolve()), settings=QUICK)
    try:
        prepare(server)
        yield server
    finally:
        for runner in runners(server.home):
            runner.terminate()
            runner.wait(DEADLINE)
        server.stop(force=True)
        shutil.rmtree(folder)


def runners(home: Home) -> list[psutil.Process]:
    """The local runners of this home that live."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if "--attached" in process.cmdline() and process.environ().get("KOLONY_HOME") == str(home.path):
                found.append(process)
    return [process for process in found if process.status() != psutil.STATUS_ZOMBIE]


def ready(terminal: Terminal) -> None:
    """Waits for the first run's composer and the local agent."""
    terminal.until(lambda: "1/1 online" in terminal.shown and "ctrl+s draft" in terminal.shown, "local is online")


def send(terminal: Terminal, text: str, shown: str) -> None:
    """Types a command into the open composer, and waits for what it prints."""
    terminal.press(f"{text}\r")
    terminal.until(lambda: shown in terminal.shown, f"{shown} by {text}")


def quit_app(terminal: Terminal, sent: int) -> None:
    """Quits by its key, once all that was sent is seen to have ended: of a run that goes on it would ask."""
    # At the end of a line: of a run of the queue, not of the one whose output is shown.
    terminal.until(lambda: len(re.findall(r"(?m)✔ completed *$", terminal.shown)) == sent, "all of it ended")
    terminal.press("\x11")
    terminal.until(terminal.ended, "its end")
    assert terminal.code == 0


def test_first_command_runs_and_the_runner_ends_with_the_app(own_server: EmbeddedServer) -> None:
    with opened(own_server.home.path, None) as terminal:
        ready(terminal)
        send(terminal, "echo $((6 * 7))-really", "42-really")
        assert len(runners(own_server.home)) == 1
        quit_app(terminal, sent=1)
    end = time.monotonic() + DEADLINE
    while runners(own_server.home):
        assert time.monotonic() < end, "the runner outlives the app"
        time.sleep(0.01)


def test_runner_can_be_left_to_finish_its_work(own_server: EmbeddedServer) -> None:
    done = own_server.home.path / "done"
    with opened(own_server.home.path, None) as terminal:
        ready(terminal)
        send(terminal, f"echo begun-$((1+1)); while ! test -e {done}.go; do sleep 0.05; done; echo > {done}", "begun-2")
        terminal.press("\x11")
        terminal.until(lambda: "Leave it running" in terminal.shown, "it asks")
        terminal.press("l")
        terminal.until(terminal.ended, "its end")
    [runner] = runners(own_server.home)
    Path(f"{done}.go").touch()
    end = time.monotonic() + DEADLINE
    while not done.exists():
        assert time.monotonic() < end, "the work did not go on"
        time.sleep(0.01)
    assert runner.is_running()


def test_killed_server_is_started_again_by_the_app(own_server: EmbeddedServer) -> None:
    with opened(own_server.home.path, None) as terminal:
        ready(terminal)
        send(terminal, "echo before-$((1+1))", "before-2")
        pid = own_server.status().pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        terminal.until(lambda: "connection lost" in terminal.shown, "the banner")
        assert "before-2" in terminal.shown, "what was there stays"
        terminal.until(lambda: "connection lost" not in terminal.shown, "healed")
        assert own_server.status().pid not in (None, pid)
        terminal.press("n")
        terminal.until(lambda: "ctrl+s draft" in terminal.shown, "the composer")
        send(terminal, "echo after-$((1+1))", "after-2")
        quit_app(terminal, sent=2)


def test_server_that_was_stopped_on_purpose_stays_so_until_somebody_starts_it(own_server: EmbeddedServer) -> None:
    with opened(own_server.home.path, None) as terminal:
        ready(terminal)
        send(terminal, "echo before-$((1+1))", "before-2")
        own_server.stop(force=True)
        terminal.until(lambda: re.search(r"connection lost 0:(0[3-9]|[1-5])", terminal.shown), "the banner")
        assert own_server.address is None, "nobody started it"
        own_server.ensure()
        terminal.until(lambda: "connection lost" not in terminal.shown, "healed")
        quit_app(terminal, sent=1)
