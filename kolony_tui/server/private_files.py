"""Files and folders that only this OS user may enter, written whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kolony_tui.models.errors import CannotConnect, KolonyError, WorkFailed

FULL = (errno.ENOSPC, errno.EDQUOT)


def said_plainly(error: OSError, path: Path | str, kind: type[KolonyError] = CannotConnect) -> KolonyError:
    """The error of an operation on ``path`` as one line that says what to do."""
    if error.errno in FULL:
        return kind(f"the disk that holds {path} is full", "free some space, or set KOLONY_HOME to another disk")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        reason = "the file system is read-only" if error.errno == errno.EROFS else "no permission"
        return kind(f"cannot write in {path}: {reason}", "set KOLONY_HOME to a folder of yours that can be written")
    return kind(f"cannot use {path}: {error.strerror or error}", "set KOLONY_HOME to another folder")


def private_folder(path: Path, *, mode: int = 0o700, owner: int | None = None) -> None:
    """Make ``path`` or make sure that it is a real folder of this user, or of ``owner``, closed to all others.

    Raises CannotConnect where it is a link, somebody else's, or cannot be made.
    """
    me = os.geteuid()
    owner = me if owner is None else owner
    try:
        try:
            path.mkdir(mode=mode)
            found = path.lstat()
        except FileExistsError:
            found = path.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (me, owner):
                raise CannotConnect(
                    f"{path} is not a folder of this user", "move it away, or set KOLONY_HOME to another folder"
                ) from None
        if found.st_uid != owner:
            os.chown(path, owner, -1, follow_symlinks=False)
        if stat.S_IMODE(found.st_mode) != mode:
            path.chmod(mode)
    except OSError as error:
        raise said_plainly(error, path) from error


def write_private(path: Path, content: bytes) -> None:
    """Put ``content`` into ``path`` with mode 0600: readers see the old file or the whole new one, also after a crash.

    Raises WorkFailed where the disk is full or the folder cannot be written.
    """
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise said_plainly(error, path.parent, WorkFailed) from error


def sync_folder(path: Path) -> None:
    """Make renames in ``path`` survive a crash of the machine."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_lock(path: Path) -> int:
    """A new descriptor of the lock file ``path``; each descriptor locks on its own, also inside one process."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise said_plainly(error, path.parent) from error


def try_lock(descriptor: int) -> bool:
    """Take the lock if nobody holds it; it is free again when every copy of the descriptor is closed, by a kill too."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise CannotConnect(
            f"this file system cannot lock files ({error.strerror})", "set KOLONY_HOME to a folder on a local disk"
        ) from error
    return True


@contextmanager
def locked(path: Path, *, patience: float, refusal: str) -> Iterator[None]:
    """Hold the lock file ``path``; CannotConnect with ``refusal`` if others hold it for ``patience`` seconds."""
    descriptor = open_lock(path)
    try:
        deadline = time.monotonic() + patience
        while not try_lock(descriptor):
            if time.monotonic() > deadline:
                raise CannotConnect(refusal, "try again, or end the Kolony process that hangs")
            time.sleep(0.005)
        yield
    finally:
        os.close(descriptor)
