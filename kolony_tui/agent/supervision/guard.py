"""The runner's side of its guardian: starts it, tells it what runs, and starts it again should it die."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

from kolony_tui.agent.supervision import guardian


class Guard:
    """Knows which sessions of processes belong to the runner, so that they end with it, however it ends.

    Its source goes down its pipe, so that Kolony's name is not in its command line: who kills the runner by that name
    spares it.
    """

    def __init__(self) -> None:
        self._source = Path(guardian.__file__).read_bytes()
        self._process: subprocess.Popen[bytes] | None = None
        self._leaders: set[int] = set()
        self._shims: set[int] = set()
        self.mark = ""
        """What the runner holds for as long as it lives: programs have it in their environment, see ``sweeping``."""
        self._fence: float | None = None

    def start(self) -> None:
        """Starts the guardian; until then nothing is guarded."""
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", f"import os; exec(os.read(0, {len(self._source)}))", "guardian"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={},
            start_new_session=True,
            bufsize=0,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(self._source)

    def add(self, leader: int) -> None:
        """From now on this session of processes ends with the runner."""
        self._leaders.add(leader)
        self._tell(f"+{leader}")

    def add_shim(self, pid: int) -> None:
        """From now on what is below this shim ends with the runner."""
        self._shims.add(pid)
        self._tell(f"*{pid}")

    def remove(self, leader: int) -> None:
        """This session of processes, or this shim, has ended; its id may belong to others from now on."""
        self._leaders.discard(leader)
        self._shims.discard(leader)
        self._tell(f"-{leader}")

    def fence(self, at: float) -> None:
        """The lease ends at this moment (``guardian.boot_seconds``), and all sessions with it."""
        self._fence = at
        self._tell(f"@{at:.3f}")

    def close(self) -> None:
        """Ends the guardian, and whatever it still guards."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _tell(self, line: str) -> None:
        if self._process is None:
            return
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
        except OSError:
            self._replace()

    def _replace(self) -> None:
        dead = self._process
        assert dead is not None
        assert dead.stdin is not None
        with contextlib.suppress(OSError):
            dead.stdin.close()
        dead.kill()
        dead.wait()
        self.start()
        for leader in self._leaders:
            self._tell(f"+{leader}")
        for shim in self._shims:
            self._tell(f"*{shim}")
        if self._fence is not None:
            self._tell(f"@{self._fence:.3f}")
