"""Processes that nobody watches over any more: found by their marks and ended, by any later runner of the same home."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from collections.abc import Callable, Collection
from pathlib import Path
from uuid import uuid4

from kolony_tui.agent.supervision import marker
from kolony_tui.models.errors import WorkFailed

SWEEP_SECONDS = 60.0
"""How often a runner looks for them, beside at its start."""


class Hold:
    """A file that a runner holds locked for as long as it lives; its programs have its name in their environment.

    Raises WorkFailed where it cannot be made.
    """

    def __init__(self, scratch: Path) -> None:
        self.path = scratch.resolve() / f"runner-{uuid4().hex}"
        new = self.path.with_name(f"new-{self.path.name}")
        try:
            self._lock = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            # Only now, or another runner would take it for a dead one's.
            new.rename(self.path)
        except OSError as error:
            raise WorkFailed(f"the runner cannot write into {scratch}: {error.strerror}") from error

    def release(self) -> None:
        """The runner ends, and nothing of it runs any more."""
        with contextlib.suppress(OSError):
            self.path.unlink()
        os.close(self._lock)


def sweep(scratch: Path, own: Path, running: Callable[[], Collection[tuple[str, int]]]) -> list[int]:
    """Ends what is marked with a runner of this home that lives no more, and what is ``own`` but of no attempt in
    ``running`` (run and attempt). Answers with the processes; also removes the files of dead runners.

    A runner that lives, and another home's, keep what is theirs.
    """
    found = marker.look(fresh=True)
    # Asked after the look: an attempt that began meanwhile is among them.
    scratch = scratch.resolve()
    at_work = {(run, str(attempt)) for run, attempt in running()}
    dead = {str(path) for path in scratch.glob("runner-*") if path != own and not _held(path)}
    ended = []
    for each in found:
        place = Path(each.runner)
        mine = each.runner == str(own) and (each.run, each.attempt) not in at_work
        orphaned = place.parent == scratch and (each.runner in dead or not place.exists())
        # Looked at again: its id may be somebody else's by now.
        if (mine or orphaned) and marker.marks_of(each.pid) == each:
            with contextlib.suppress(OSError):
                os.kill(each.pid, signal.SIGKILL)
                ended.append(each.pid)
    for name in dead:
        with contextlib.suppress(OSError):
            Path(name).unlink()
    return ended


def _held(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
