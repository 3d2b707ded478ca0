"""The server's main process: what its pid file says, starting it apart from us, ending it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kolony_tui.server.address import PORT, Address, socket_path
from kolony_tui.server.binaries import Binaries, plain_environment
from kolony_tui.server.home import Home
from kolony_tui.server.os_user import ServerUser
from kolony_tui.server.traces import read_pid_lines


@dataclass(frozen=True, slots=True)
class PidFile:
    """``postmaster.pid``: process id, address and state ("starting", "ready", "stopping") of the main process."""

    pid: int
    socket_folder: str
    port: int
    state: str

    @property
    def address(self) -> Address:
        return Address(self.socket_folder, self.port)


def read_pid_file(data: Path) -> PidFile | None:
    """What ``data`` says about its server; None where it says nothing whole. It may be stale: ask the address."""
    found = read_pid_lines(str(data))
    return PidFile(*found) if found else None


def running_address(data: Path) -> Address | None:
    """Where the server of ``data`` answers now, or None; a read and a connect, well under a millisecond."""
    pid_file = read_pid_file(data)
    if pid_file is None or pid_file.state != "ready" or not pid_file.address.answers():
        return None
    return pid_file.address


def launch(
    home: Home, user: ServerUser, binaries: Binaries, arguments: Mapping[str, str], server_lock: int, output: int
) -> None:
    """Start the server in a session of its own, with nothing of this process but ``server_lock`` and ``output``.

    A shell between us and it ends at once, so that the server is nobody's child and outlives its caller.
    """
    options = [part for name, value in arguments.items() for part in ("-c", f"{name}={value}")]
    subprocess.run(
        ["/bin/sh", "-c", '"$@" &', "sh", binaries.program("postgres"), "-D", str(home.data), *options],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        check=True,
        cwd="/",
        env=plain_environment(),
        start_new_session=True,
        pass_fds=(server_lock,),
        umask=0o077,
        **user.as_child,
    )


def processes_of(data: Path) -> list[int]:
    """The ids of all processes of a server on ``data``: PostgreSQL's own stand in their data folder."""
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            if process.name().startswith("postgres") and os.path.samefile(process.cwd(), data):
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def signal_main(data: Path, number: signal.Signals) -> bool:
    """Send a signal to the main process of the server on ``data``; False where there is none to send it to."""
    pid_file = read_pid_file(data)
    if pid_file is None or pid_file.pid not in processes_of(data):
        return False
    return _send(pid_file.pid, number)


def end_orphans(data: Path, number: signal.Signals) -> None:
    """Send a signal to what is left of a server whose main process is gone: it blocks the next start."""
    pid_file = read_pid_file(data)
    left = processes_of(data)
    if pid_file is not None and pid_file.pid in left:
        return
    for pid in left:
        _send(pid, number)


def drop_lock_files_of_strangers(data: Path, socket_folder: Path) -> None:
    """Remove PostgreSQL's lock files whose number is by now another program's, or a dead process nobody collected.

    PostgreSQL would take it for a live server. Only for who holds the server's lock: no server of ours lives then.
    """
    for path in (data / "postmaster.pid", Path(socket_path(str(socket_folder), PORT) + ".lock")):
        try:
            pid = int(path.read_text("utf-8", errors="replace").partition("\n")[0])
        except (OSError, ValueError):
            continue
        if _exists(pid) and pid not in processes_of(data):
            path.unlink(missing_ok=True)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _send(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
