"""This machine: the embedded server's folders and doors, where secrets rest, who may write what we read."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from kolony_tui.db.passwords import password_file
from kolony_tui.models.errors import KolonyError
from kolony_tui.server.doctor.check import Check, Patient, ok, warning, wrong
from kolony_tui.server.secrets import SecretStore

WRITABLE_BY_OTHERS = 0o022
OPEN_TO_OTHERS = 0o077


async def check_folders(patient: Patient) -> list[Check]:
    """The rights on everything in KOLONY_HOME, and on the embedded server's socket."""
    home = patient.home
    private = [home.secrets, *_inside(home.secrets)]
    if patient.embedded:
        private += [home.data, home.log, *(Path(host) for host, _ in patient.place.addresses)]
    checks = [_too_open(path, OPEN_TO_OTHERS) for path in private]
    checks += [_too_open(path, WRITABLE_BY_OTHERS) for path in (home.path, home.config, home.state)]
    return [each for each in checks if each is not None] or [ok("files", f"nobody else can change or read {home.path}")]


async def check_doors(patient: Patient) -> list[Check]:
    """The embedded server answers on its socket alone."""
    if not patient.embedded:
        return []
    row = await patient.row("server")
    checks = []
    if row["listen_addresses"]:
        checks.append(wrong("embedded server", f"it listens on {row['listen_addresses']}", "kolony db stop, and start"))
    if row["socket_permissions"] != "0700":
        finding = f"its socket has the rights {row['socket_permissions']}"
        checks.append(wrong("embedded server", finding, "kolony db stop, and start"))
    return checks or [ok("embedded server", "it listens on a socket of this user alone, and on no network")]


async def check_keyring(patient: Patient) -> list[Check]:
    """Where secrets rest."""
    try:
        # A keyring may ask the person, or never answer.
        return [ok("keyring", await asyncio.to_thread(lambda: SecretStore(patient.home).where))]
    except KolonyError as error:
        return [warning("keyring", error.message, error.hint)]


async def check_password_file(patient: Patient) -> list[Check]:
    """A password file that others may read is not used, by us as by PostgreSQL's own programs."""
    path = password_file(patient.place)
    found = _too_open(Path(path), OPEN_TO_OTHERS)
    if found is not None:
        return [warning("password file", f"{found.finding.raw}: it is not used", found.remedy.raw)]
    return [ok("password file", f"{path} is closed to others, or not there")]


def _inside(folder: Path) -> Iterable[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return ()


def _too_open(path: Path, too_much: int) -> Check | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    if stat.S_ISLNK(found.st_mode) or not stat.S_IMODE(found.st_mode) & too_much:
        return None
    mode = stat.S_IMODE(found.st_mode)
    may = "read and change" if too_much == OPEN_TO_OTHERS else "change"
    return wrong("files", f"others may {may} {os.fspath(path)} (mode {mode:04o})", f"chmod {mode & ~too_much:o} {path}")
