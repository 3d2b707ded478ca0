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


@contextmanager
def small_disk(megabytes: int) -> Iterator[SmallDisk]:
    """A tmpfs: mounted by root, or by anybody in a name space of their own, which others reach through /proc."""
    folder = tempfile.mkdtemp(prefix="kolony-", dir="/tmp")
    options = f"size={megabytes}m,mode=0711"
    mounted = os.geteuid() == 0 and not subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "kolony-test", folder], capture_output=True, check=False
    ).returncode
    try:
        if mounted:
            yield SmallDisk(Path(folder))
            return
        script = f'mount -t tmpfs -o {options} kolony-test "$0" && echo mounted && exec cat'
        holder = subprocess.Popen(
            ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert holder.stdin is not None
        assert holder.stdout is not None
        try:
            said = holder.stdout.readline()
            assert said == b"mounted\n", f"there can be no small disk here: {said.decode(errors='replace')}"
            yield SmallDisk(Path(f"/proc/{holder.pid}/root{folder}"))
        finally:
            holder.kill()
            holder.communicate()
    finally:
        if mounted:
            # Lazily: whatever still ends there does not keep the tests.
            subprocess.run(["umount", "--lazy", folder], check=True)
        shutil.rmtree(folder)
