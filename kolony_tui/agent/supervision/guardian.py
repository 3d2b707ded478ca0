"""A small process beside the runner that ends the runner's programs when the runner cannot: killed, stopped, hung.

It runs from this file's source alone, which comes first on its input; it imports nothing but the standard library.
Its standard input is a pipe that only the runner holds: lines ``+ID`` (a session of processes begins), ``*ID`` (a shim
does), ``-ID`` (it has ended) and ``@SECONDS`` (the lease ends then, on the clock of ``boot_seconds``). Its input ends
with the runner.
"""

from __future__ import annotations

import os
import select
import signal
import time


def boot_seconds() -> float:
    """Seconds on a clock that nobody sets and that goes on while the machine sleeps, as the database's does."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def members(leader: int) -> list[int]:
    """The living processes of the session that ``leader`` began; zombies do not count.

    Without /proc only the leader's process group is known, and it stands for them all.
    """
    try:
        pids = [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return [leader] if _group_lives(leader) else []
    return [pid for pid in pids if _belongs(pid, leader)]


def _belongs(pid: int, leader: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, _, _, session = file.read().rpartition(b")")[2].split()[:4]
    except (OSError, ValueError):
        return False
    return int(session) == leader and state not in (b"Z", b"X")


def _group_lives(leader: int) -> bool:
    try:
        os.killpg(leader, 0)
    except OSError:
        return False
    return True


def send(leader: int, number: int) -> None:
    """Signals the leader's process group, and what left the group but not the session (a shell's job control)."""
    for pid in [-leader, *members(leader)]:
        try:
            # Nobody is signalled twice: who has handled the first SIGINT would take another for a new one.
            if pid < 0 or os.getpgid(pid) != leader:
                os.kill(pid, number)
        except OSError:
            continue


def kill_all(leaders: set[int], shims: set[int] = frozenset()) -> None:  # type: ignore[assignment]
    """Ends every process of these sessions, and has shims end what is below them.

    Gives up after two seconds on what cannot be killed; a shim has four, then it is killed too.
    """
    began = time.monotonic()
    for shim in shims:
        for number in (signal.SIGTERM, signal.SIGCONT):
            signal_one(shim, number)
    for leader in leaders:
        send(leader, signal.SIGKILL)
        while members(leader) and time.monotonic() < began + 2:
            time.sleep(0.01)
            send(leader, signal.SIGKILL)
    for shim in shims:
        while members(shim) and time.monotonic() < began + 4:
            time.sleep(0.01)
        signal_one(shim, signal.SIGKILL)


def signal_one(pid: int, number: int) -> None:
    """A signal to a process, if there is such a one."""
    try:
        os.kill(pid, number)
    except OSError:
        return


def watch(source: int) -> None:
    """Reads the runner's lines until they end, and ends its programs then, or when the lease passes."""
    leaders: set[int] = set()
    shims: set[int] = set()
    fence: float | None = None
    unread = b""
    while True:
        patience = None if fence is None or not (leaders or shims) else max(0.0, fence - boot_seconds())
        if not select.select([source], [], [], patience)[0]:
            kill_all(leaders, shims)
            leaders.clear()
            shims.clear()
            continue
        piece = os.read(source, 65536)
        if not piece:
            kill_all(leaders, shims)
            return
        *lines, unread = (unread + piece).split(b"\n")
        for line in lines:
            if line[:1] == b"+":
                leaders.add(int(line[1:]))
            elif line[:1] == b"*":
                shims.add(int(line[1:]))
            elif line[:1] == b"-":
                leaders.discard(int(line[1:]))
                shims.discard(int(line[1:]))
            elif line[:1] == b"@":
                fence = float(line[1:])


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    watch(0)
