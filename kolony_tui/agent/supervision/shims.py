"""The runner's side of a shim: starts a program under one, hears what becomes of it, and has its tree ended."""

from __future__ import annotations

import asyncio
import contextlib
import marshal
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from kolony_tui.agent.adapter import CannotStart
from kolony_tui.agent.attempt.launch import reason
from kolony_tui.agent.supervision import shim
from kolony_tui.agent.supervision.cage import Cage
from kolony_tui.patience import set_within

_LOADER = "import os,marshal\nb=b''\nwhile len(b)<%d:b+=os.read(%d,%d-len(b))or os._exit(1)\nexec(marshal.loads(b))"
_LAST_WORDS_SECONDS = shim.CAP_SECONDS + 2
_GONE_POLL_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Report:
    """What a shim says last. ``code`` as ``subprocess`` has it; seconds and bytes are of the whole tree.

    ``killed`` processes were ended by it, ``left`` could not be.
    """

    code: int
    user_seconds: float
    system_seconds: float
    max_rss_bytes: int
    killed: int
    left: int


class ShimProcess:
    """One shim and the program under it. ``pid`` is the shim's id, ``leader`` the program's and its session's."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket) -> None:
        self._process = process
        self._control = control
        self._unread = b""
        self._started: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        self.pid = process.pid
        self.leader = 0
        self.left = asyncio.Event()
        """The program has exited with ``code``, or its shim has gone."""
        self.code: int | None = None
        self.report: Report | None = None
        self._gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(control, self._readable)

    @property
    def alive(self) -> bool:
        """Whether the shim still holds its tree."""
        return not self._gone.is_set()

    async def start(self, job: dict[str, Any]) -> None:
        """Names the program to it. Raises CannotStart."""
        words = marshal.dumps(job)
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().sock_sendall(self._control, len(words).to_bytes(8, "big") + words)
        said = await self._started
        if said[0] == "started":
            self.leader = int(said[1])
            return
        await self.close()
        if said[0] != "failed":
            raise CannotStart("the process that is to watch over the program ended at its start")
        error = OSError(int(said[2]), os.strerror(int(said[2])))
        if said[1] == "folder":
            raise CannotStart(f"the working folder {job['folder']} cannot be entered: {error.strerror}")
        raise CannotStart(reason(error, job["words"][0]))

    def living(self) -> list[int]:
        """The living processes below it; what it adopted too. Without a shim: none that is known."""
        if not self.alive:
            return []
        return shim.below(self.pid) if os.path.isdir("/proc/self") else _family(self.pid)

    def kill(self) -> None:
        """Has it kill all below, at once."""
        self._say(b"k")

    async def end(self) -> Report | None:
        """Has it end all below and exit; what it reported, None where it was killed itself."""
        self._say(b"e")
        await set_within(self._gone, _LAST_WORDS_SECONDS)
        await self.close()
        return self.report

    def let_go(self) -> None:
        """It ends with all below, if it has not; nobody waits for that."""
        if self._control.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()
            self._is_gone()
        if self._process.poll() is None:
            self._process.returncode = -signal.SIGKILL

    async def close(self) -> None:
        """Lets go of it, and waits for its end; a second time does nothing more."""
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_WR)
        for _ in range(int(_LAST_WORDS_SECONDS / _GONE_POLL_SECONDS)):
            if self._process.poll() is not None:
                break
            await asyncio.sleep(_GONE_POLL_SECONDS)
        else:
            self._process.kill()
        self.let_go()

    def _say(self, word: bytes) -> None:
        if self.alive:
            with contextlib.suppress(OSError):
                self._control.send(word)

    def _readable(self) -> None:
        try:
            piece = self._control.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            asyncio.get_running_loop().remove_reader(self._control)
            self._is_gone()
            return
        *lines, self._unread = (self._unread + piece).split(b"\n")
        for line in lines:
            self._hear(line.decode().split())

    def _hear(self, words: list[str]) -> None:
        if words[0] == "left":
            self.code = int(words[1])
            self.left.set()
        elif words[0] == "ended":
            code, user, system, rss, killed, left = words[1:]
            unit = 1 if sys.platform == "darwin" else 1024
            self.report = Report(int(code), float(user), float(system), int(rss) * unit, int(killed), int(left))
        elif not self._started.done():
            self._started.set_result(words)

    def _is_gone(self) -> None:
        self._gone.set()
        self.left.set()
        if not self._started.done():
            self._started.set_result(["gone"])


def spawn(streams: tuple[int, int, int], kept: Sequence[int] = ()) -> ShimProcess:
    """Starts a shim with these as standard input, output and error, for the program. Raises CannotStart."""
    ours, theirs = socket.socketpair()
    code = _code()
    number = theirs.fileno()
    process = None
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LOADER % (len(code), number, len(code)), str(number), str(os.getpid())],
            stdin=streams[0],
            stdout=streams[1],
            stderr=streams[2],
            cwd="/",
            env={},
            start_new_session=True,
            pass_fds=(number, *kept),
        )
        ours.sendall(code)
    except OSError as error:
        ours.close()
        if process is not None:
            process.wait()
        raise CannotStart(f"no process can be started: {error.strerror or error}") from error
    finally:
        theirs.close()
    ours.setblocking(False)
    return ShimProcess(process, ours)


def job_of(
    words: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    kept: Sequence[int],
    cage: Cage | None,
    writable: int | None,
) -> dict[str, Any]:
    """What a shim is told of its program; ``writable`` bytes of memory for each of its processes at most.

    Raises CannotStart for what no program can be given.
    """
    texts = [*words, *environment, *environment.values()]
    if any("\0" in text for text in texts):
        raise CannotStart(f"the program {words[0]!r} cannot be started: embedded null byte")
    return {
        "words": list(words),
        "folder": str(folder),
        "environment": dict(environment),
        "kept": list(kept),
        "cage": "" if cage is None else str(cage.place / "cgroup.procs"),
        "writable": writable or 0,
    }


def _family(pid: int) -> list[int]:
    try:
        return [each.pid for each in psutil.Process(pid).children(recursive=True) if each.is_running()]
    except psutil.Error:
        return []


@cache
def _code() -> bytes:
    # Compiled here once: it starts in half the time, and Kolony's name is in no command line that is killed by name.
    return marshal.dumps(compile(Path(shim.__file__).read_bytes(), "shim", "exec", dont_inherit=True, optimize=2))
