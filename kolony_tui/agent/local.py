"""A runner beside the app: a process of its own that ends with the process that started it, however that ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kolony_tui.agent.stopping import STAY
from kolony_tui.models.errors import WorkFailed
from kolony_tui.models.secret import Secret
from kolony_tui.server.home import Home

LOG_BYTES = 1024 * 1024


class LocalRunner:
    """``kolony agent run`` for one agent, held by a pipe.

    The token goes down that pipe, and its end, which comes with the end of this process (kill -9 too), stops the
    runner: running work is handed back, or finished where ``release`` is false. ``environment`` is added to this
    process' own: KOLONY_DSN or KOLONY_PROFILE say which server is meant, nothing means the embedded one of ``home``.
    """

    def __init__(
        self,
        home: Home,
        agent: str,
        token: Secret,
        *,
        environment: Mapping[str, str] | None = None,
        concurrency: int = 1,
        release: bool = True,
    ) -> None:
        self._home = home
        self._token = token
        self._environment = dict(environment or {})
        self._words = ["agent", "run", agent, "--attached", "--concurrency", str(concurrency)]
        self._words += ["--on-stop", "release" if release else "finish"]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """Where it writes what happens."""
        return self._home.path / "runner.log"

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs or before it was started."""
        return None if self._process is None else self._process.poll()

    @property
    def last_words(self) -> str:
        """The last line of its log: why it ended. Text from elsewhere; show it through ``kolony_tui.text.safe``."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return lines[-1] if lines else ""

    async def start(self) -> None:
        """Starts it, unless it runs. Raises WorkFailed where no process can be started."""
        if not self.alive:
            await asyncio.to_thread(self._spawn)

    async def stop(self, patience: float = 20.0) -> None:
        """Stops it and waits for its end; killed, with all that it runs, after so many seconds."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        await asyncio.to_thread(_await_end, process, patience)

    def leave(self) -> None:
        """Lets it outlive this process; it is stopped by SIGTERM from then on, or never."""
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            with contextlib.suppress(OSError):
                process.stdin.write(STAY)
            process.stdin.close()
            # Not ours to wait for any more.
            process.returncode = 0

    def _spawn(self) -> None:
        environment = {**os.environ, **self._environment, "KOLONY_HOME": str(self._home.path)}
        environment.pop("KOLONY_AGENT_TOKEN", None)
        try:
            with _opened(self.log) as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "kolony_tui", *self._words],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    env=environment,
                    # Out of reach of the terminal's own signals: the app decides when it ends.
                    start_new_session=True,
                    bufsize=0,
                )
            assert self._process.stdin is not None
            self._process.stdin.write(self._token.reveal().encode("ascii") + b"\n")
        except OSError as error:
            raise WorkFailed(f"the local runner cannot be started: {error.strerror or error}") from error


@contextmanager
def _opened(log: Path) -> Iterator[int]:
    """The log file, private, begun anew when it has grown large."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if os.fstat(descriptor).st_size > LOG_BYTES:
            os.ftruncate(descriptor, 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _await_end(process: subprocess.Popen[bytes], patience: float) -> None:
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
