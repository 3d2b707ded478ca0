"""Cages: a control group (cgroup, version 2) for each attempt, where the runner may make any.

The runner may where systemd delegated its cgroup (``systemd-run --user --scope -p Delegate=yes kolony agent run ...``)
or where a folder of ours in that hierarchy is named. In a cage the kernel itself holds the memory limit and slows a
program down to its CPU limit, and nothing that a program starts gets out.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psutil

from kolony_tui.agent.attempt.limits import MEGABYTE, Exceeded
from kolony_tui.models.constraints import Limits
from kolony_tui.models.errors import UsageError

_WANTED = ("memory", "cpu")
_PERIOD = 100_000


@dataclass(frozen=True, slots=True)
class Cages:
    """The cgroup below which cages are made, and which limits the kernel holds in them: ``memory``, ``cpu``."""

    folder: Path
    controllers: frozenset[str]

    def make(self, attempt_id: UUID, limits: Limits) -> Cage | None:
        """A cage with these limits; None where it cannot be made, and the limits are measured then."""
        place = self.folder / f"kolony-{os.getpid()}-{attempt_id.hex}"
        held = set()
        try:
            place.mkdir()
            if limits.memory_limit_mb is not None and "memory" in self.controllers:
                with contextlib.suppress(OSError):  # there is none without swap
                    _write(place / "memory.swap.max", "0")
                _write(place / "memory.oom.group", "1")
                _write(place / "memory.max", str(limits.memory_limit_mb * MEGABYTE))
                held.add("memory_limit")
            if limits.cpu_limit_percent is not None and "cpu" in self.controllers:
                _write(place / "cpu.max", f"{limits.cpu_limit_percent * _PERIOD // 100} {_PERIOD}")
                held.add("cpu_limit")
        except OSError:
            with contextlib.suppress(OSError):
                place.rmdir()
            return None
        return Cage(place, frozenset(held), limits)

    def sweep(self) -> None:
        """Removes what runners left that were killed."""
        for place in self.folder.glob("kolony-*-*"):
            owner = place.name.split("-")[1]
            if owner.isdecimal() and not psutil.pid_exists(int(owner)):
                with contextlib.suppress(OSError):
                    place.rmdir()


@dataclass(frozen=True, slots=True)
class Cage:
    """One attempt's cgroup. ``holds`` names the limits that the kernel holds in it."""

    place: Path
    holds: frozenset[str]
    limits: Limits

    def enter(self, pid: int) -> bool:
        """Puts a process in, and whatever it starts from now on."""
        try:
            _write(self.place / "cgroup.procs", str(pid))
        except OSError:
            return False
        return True

    def members(self) -> list[int]:
        """The processes in it; zombies do not count."""
        try:
            return [int(line) for line in (self.place / "cgroup.procs").read_text().split()]
        except (OSError, ValueError):
            return []

    def exceeded(self) -> Exceeded | None:
        """Whether the kernel ended its processes for their memory."""
        if "memory_limit" not in self.holds:
            return None
        try:
            events = dict(line.split() for line in (self.place / "memory.events").read_text().splitlines())
        except (OSError, ValueError):
            return None
        if not int(events.get("oom_kill", 0)):
            return None
        limit = self.limits.memory_limit_mb
        return Exceeded("memory_limit", f"memory limit of {limit} MB reached (held by the kernel)")

    def remove(self) -> None:
        """Removes it; one in which something still runs stays until ``Cages.sweep``."""
        with contextlib.suppress(OSError):
            self.place.rmdir()


def enforcement(cages: Cages | None) -> tuple[str, str]:
    """How limits of memory and CPU are held here: a word for programs, and a line for whoever starts the runner."""
    if cages is not None and cages.controllers == frozenset(_WANTED):
        return (
            "kernel",
            "limits are held by the kernel: a run over its memory is ended, one over its CPU is slowed down",
        )
    if cages is not None and "memory" in cages.controllers:
        return "kernel-memory", "the kernel holds memory limits; a run over its CPU limit for 5 s is ended"
    return "measured", "limits are measured: a run over its memory, or over its CPU for 5 s, is ended"


def find_cages(wanted: str) -> Cages | None:
    """Where cages can be made: ``off`` nowhere, ``auto`` where the runner's own cgroup was delegated, else a folder.

    Raises UsageError for a folder that is no cgroup of ours.
    """
    if wanted == "off":
        return None
    if wanted != "auto":
        folder = Path(wanted)
        if not (folder / "cgroup.procs").is_file() or not os.access(folder, os.W_OK | os.X_OK):
            raise UsageError(f"{wanted} is no cgroup (version 2) in which groups can be made", "see --cgroup")
        return _prepared(folder)
    own = own_cgroup()
    if own is None or not _delegated(own):
        return None
    # A cgroup whose children have limits holds no processes itself.
    leaf = own / f"kolony-{os.getpid()}-runner"
    try:
        leaf.mkdir()
        _write(leaf / "cgroup.procs", str(os.getpid()))
    except OSError:
        return None
    return _prepared(own)


def own_cgroup() -> Path | None:
    """The folder of the cgroup (version 2) that this process is in; None where there is no such hierarchy."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return None
    place = next((line[3:] for line in lines if line.startswith("0::")), None)
    mount = next((line.split()[4] for line in mounts if " - cgroup2 " in line), None)
    if place is None or mount is None:
        return None
    folder = Path(mount) / place.lstrip("/")
    return folder if (folder / "cgroup.procs").is_file() else None


def _delegated(folder: Path) -> bool:
    """Whether whoever keeps this hierarchy left this cgroup to us; being root is no leave."""
    for name in ("user.delegate", "trusted.delegate"):
        with contextlib.suppress(OSError, AttributeError):
            if os.getxattr(folder, name) == b"1":
                return os.access(folder, os.W_OK)
    return os.geteuid() != 0 and folder.stat().st_uid == os.geteuid() and os.access(folder, os.W_OK)


def _prepared(folder: Path) -> Cages:
    for controller in _WANTED:
        with contextlib.suppress(OSError):
            _write(folder / "cgroup.subtree_control", f"+{controller}")
    try:
        there = (folder / "cgroup.subtree_control").read_text().split()
    except OSError:
        there = []
    cages = Cages(folder, frozenset(_WANTED) & frozenset(there))
    cages.sweep()
    return cages


def _write(file: Path, text: str) -> None:
    """One write, as the kernel wants it; the file is there already."""
    descriptor = os.open(file, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
