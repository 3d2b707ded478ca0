"""A small process between the runner and one program: whatever that starts stays below it, and ends with it.

It runs from this file's compiled code alone and imports nothing but built-in modules, so that it starts in about ten
milliseconds. Its first argument is the descriptor of a socket whose other end only the runner holds. On it comes the
program to start (``marshal``, behind its length), then single bytes: ``k`` kill all below, ``e`` end. Back go lines:
``started PID`` or ``failed STAGE ERRNO``; ``left CODE`` (as ``subprocess`` has codes) when the program has exited;
``ended CODE USER SYSTEM RSS KILLED LEFT`` once nothing lives, or three seconds have passed. The end of the socket, the
death of the runner and SIGTERM mean: end.

On Linux orphans are adopted by it, as by init; it is told of the runner's death by a signal, too. Elsewhere it knows
its program's process group only.
"""

from __future__ import annotations

import errno
import marshal
import os
import resource
import select
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from typing import Any
else:
    import _signal as signal  # the same, without the enumerations, which take longer to load than all else

CAP_SECONDS = 3.0
"""How long it tries to end what is below it."""

_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 1, 15, 36
_OOM_SCORE = "300"
"""When memory runs out, the kernel takes an agent's program before the runner and the database."""


def prctl(option: int, value: object) -> None:
    """prctl(2) without the weight of ctypes; nothing where there is none, as in a Python that was built without it."""
    if sys.platform == "linux":
        try:
            import _ctypes

            function = _ctypes.dlsym(_ctypes.dlopen(None, 0), "prctl")  # type: ignore[arg-type]
            _ctypes.call_function(function, (option, value, 0, 0, 0))
        except (ImportError, AttributeError, OSError):
            return


def children(pid: int) -> list[int]:
    """The children of a process, of all of its threads."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
    except OSError:
        # It, or its thread, has just gone; or this kernel has no such file: one looks at all processes.
        return _children_by_parent(pid) if os.path.isdir(f"/proc/{pid}") else []
    return found


def _children_by_parent(parent: int) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal() and (facts := stat(int(name))) is not None and facts[1] == parent:
            found.append(int(name))
    return found


def stat(pid: int) -> tuple[bytes, int] | None:
    """State and parent of a process; None where there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, parent = file.read().rpartition(b")")[2].split()[:2]
    except (OSError, ValueError):
        return None
    return state, int(parent)


def below(pid: int) -> list[int]:
    """The living processes below one, to any depth; zombies do not count, what is below them does."""
    found: list[int] = []
    due = children(pid)
    while due:
        each = due.pop()
        due += children(each)
        facts = stat(each)
        if facts is not None and facts[0] not in (b"Z", b"X"):
            found.append(each)
    return found


class Shim:
    """The program ``leader`` and what is below; ``usage`` sums user and system seconds, and the greatest RSS."""

    def __init__(self, control: int) -> None:
        self.control = control
        self.leader = 0
        self.code: int | None = None
        self.killed: set[int] = set()
        self.usage = (0.0, 0.0, 0)
        self.unread = b""

    def read(self, count: int) -> bytes:
        """So many bytes from the runner; ends the process where there is none any more."""
        data = b""
        while len(data) < count:
            piece = os.read(self.control, count - len(data))
            if not piece:
                os._exit(1)
            data += piece
        return data

    def tell(self, line: str) -> None:
        """A line to the runner, if it lives."""
        try:
            os.write(self.control, line.encode() + b"\n")
        except OSError:
            return

    def start(self, runner: int) -> None:
        """Starts the program that the runner names."""
        if sys.platform == "linux":
            prctl(_PR_SET_NAME, b"agent-shim")
            prctl(_PR_SET_CHILD_SUBREAPER, 1)
            prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != runner:
                os._exit(1)  # it died before it could be heard of
        # A dump of an agent's memory holds its secrets; nor is one left by this process, which ends as its program did.
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        job = marshal.loads(self.read(int.from_bytes(self.read(8), "big")))  # noqa: S302  (it comes from the runner)
        reading, writing = os.pipe()
        self.leader = os.fork()
        if not self.leader:
            become(job, os.getppid(), writing)
        os.close(writing)
        failure = os.read(reading, 100)
        os.close(reading)
        if failure:
            os.waitpid(self.leader, 0)
            self.tell(f"failed {failure.decode()}")
            os._exit(1)
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nothing, number)
        for number in {nothing, *job["kept"]} - {0, 1, 2}:
            os.close(number)
        self.tell(f"started {self.leader}")

    def watch(self) -> None:
        """Until the runner says so, dies, or SIGTERM comes. Then nothing below may live."""
        waking, woken = os.pipe()
        for number in (waking, woken):
            os.set_blocking(number, False)
        ending: list[int] = []
        signal.set_wakeup_fd(woken)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.signal(signal.SIGTERM, lambda number, frame: ending.append(number))
        self.reap()
        while not ending:
            ready = select.select([self.control, waking], [], [])[0]
            if waking in ready:
                os.read(waking, 4096)
                self.reap()
            if self.control in ready:
                words = self.heard()
                if b"k" in words:
                    self.kill_all()
                if not words or b"e" in words:
                    return

    def heard(self) -> bytes:
        """What the runner says now; nothing once it is gone."""
        try:
            return os.read(self.control, 4096)
        except OSError:
            return b""

    def kill_all(self) -> list[int]:
        """SIGKILL to all below until there is nobody, for three seconds; answers with who lives then."""
        until = time.monotonic() + CAP_SECONDS
        while (living := self.kill()) and time.monotonic() < until:
            time.sleep(0.004)
            self.reap()
        self.reap()
        return living

    def kill(self) -> list[int]:
        """SIGKILL to all below, once; answers with who lived."""
        living = below(os.getpid()) if sys.platform == "linux" else self.group()
        for pid in living:
            try:
                os.kill(pid, signal.SIGKILL)
                self.killed.add(abs(pid))
            except OSError:
                continue
        return living

    def group(self) -> list[int]:
        """Without /proc the program's process group stands for all of it."""
        try:
            os.killpg(self.leader, 0)
        except OSError:
            return []
        return [-self.leader]

    def end(self) -> None:
        """Ends all below, says so, and exits as the program did."""
        living = self.kill_all()
        self.reap_leader(0 if self.code is not None else os.WNOHANG)
        code = self.code if self.code is not None else -signal.SIGKILL
        user, system, rss = self.usage
        self.tell(f"ended {code} {user:.6f} {system:.6f} {rss} {len(self.killed)} {len(living)}")
        if code >= 0:
            os._exit(code)
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
        os._exit(128 - code)

    def reap(self) -> None:
        """Takes the dead that it adopted; the program itself stays a zombie, so that its id stays its own."""
        if not hasattr(os, "waitid"):
            self.reap_leader(os.WNOHANG)
            return
        for pid in children(os.getpid()):
            if pid != self.leader:
                self.wait(pid, os.WNOHANG)
        if self.code is None:
            found = os.waitid(os.P_PID, self.leader, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            if found is not None:
                self.left(found.si_status if found.si_code == os.CLD_EXITED else -found.si_status)

    def reap_leader(self, how: int) -> None:
        """Takes the program itself, if it has exited."""
        status = self.wait(self.leader, how)
        if status is not None and self.code is None:
            self.left(os.waitstatus_to_exitcode(status))

    def left(self, code: int) -> None:
        """The program has exited."""
        self.code = code
        self.tell(f"left {code}")

    def wait(self, pid: int, how: int) -> int | None:
        """Reaps a child that has exited, and counts what it took."""
        try:
            found, status, taken = os.wait4(pid, how)
        except ChildProcessError:
            return None
        if not found:
            return None
        user, system, rss = self.usage
        self.usage = (user + taken.ru_utime, system + taken.ru_stime, max(rss, taken.ru_maxrss))
        return status


def become(job: dict[str, Any], shim: int, telling: int) -> None:
    """Turns this process into the program, in a session of its own; tells stage and error number if it cannot."""
    stage = "program"
    try:
        os.setsid()
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != shim:
            os._exit(1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        for file, text in (("/proc/self/oom_score_adj", _OOM_SCORE), (job["cage"], str(os.getpid()))):
            if file:
                put(file, text)
        if job["writable"]:
            hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
            most = job["writable"] if hard == resource.RLIM_INFINITY else min(job["writable"], hard)
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        stage = "folder"
        os.chdir(job["folder"])
        stage = "program"
        execute(job["words"], job["environment"])
    except OSError as error:
        os.write(telling, f"{stage} {error.errno or 0}".encode())
    except BaseException:
        os.write(telling, f"{stage} 0".encode())
    os._exit(127)


def execute(words: list[str], environment: dict[str, str]) -> None:
    """The program takes this process' place, looked for in the PATH that it gets. Raises OSError."""
    if "/" in words[0]:
        os.execve(words[0], words, environment)  # noqa: S606  (that is what this is for)
    failure = FileNotFoundError(errno.ENOENT, "")
    for folder in environment.get("PATH", os.defpath).split(":"):
        try:
            os.execve(f"{folder or '.'}/{words[0]}", words, environment)  # noqa: S606
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            failure = error  # type: ignore[assignment]
    raise failure


def put(file: str, text: str) -> None:
    """Writes into a file of the kernel's, where it may."""
    try:
        descriptor = os.open(file, os.O_WRONLY)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)
    except OSError:
        return


def main(control: int, runner: int) -> None:
    """The whole life of one shim."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.set_inheritable(control, False)
    shim = Shim(control)
    shim.start(runner)
    try:
        shim.watch()
    finally:
        shim.end()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
