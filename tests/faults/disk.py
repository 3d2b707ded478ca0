"""A small disk of a test's own, which it can fill and empty."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_FILLER = "filler"


@dataclass(frozen=True)
class SmallDisk:
    """A file system in memory of a fixed size."""

    path: Path

    def fill(self, but: int = 0) -> None:
        """Takes all of its room but so many bytes."""
        with (self.path / _FILLER).open("ab") as file, contextlib.suppress(OSError):
            while (free := self._free) > but:
                # The server writes meanwhile, too.
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), max(4096, (free - but) // 2))

    @property
    def _free(self) -> int:
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def empty(self) -> None:
        """Gives the room back."""
        (self.path / _FILLER).unlink()


_KEEP = """
mount -t tmpfs -o "$1" kolony-test "$0" && echo mounted || exit
cat
main=$(head -n 1 "$0/home/postgres/postmaster.pid" 2>/dev/null) && kill -9 "$main" 2>/dev/null
umount --lazy "$0"
rmdir "$0"
"""
"""Waits for the end of its input, which comes with the end of the tests (kill -9 too), and clears up."""


@contextmanager
def small_disk(megabytes: int) -> Iterator[SmallDisk]:
    """A tmpfs: mounted by root, or by anybody in a name space of their own, which others reach through /proc."""
    folder = tempfile.mkdtemp(prefix="kolony-", dir="/tmp")
    root = os.geteuid() == 0
    keeper = subprocess.Popen(
        [*([] if root else ["unshare", "--user", "--map-root-user", "--mount"]),
         "sh", "-c", _KEEP, folder, f"size={megabytes}m,mode=0711"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    try:
        said = keeper.stdout.readline()
        assert said == b"mounted\n", f"there can be no small disk here: {said.decode(errors='replace')}"
        yield SmallDisk(Path(folder if root else f"/proc/{keeper.pid}/root{folder}"))
    finally:
        keeper.communicate()
        shutil.rmtree(folder, ignore_errors=True)
