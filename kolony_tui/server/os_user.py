"""The OS user that the embedded server runs as: this user, or for uid 0 (which PostgreSQL refuses) one of our own."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from typing import Any

from kolony_tui.models.errors import CannotConnect

SYSTEM_USER = "kolony-postgres"


@dataclass(frozen=True, slots=True)
class ServerUser:
    """An OS user; ``separate`` when it is not the one that this process runs as."""

    name: str
    uid: int
    gid: int
    separate: bool

    @property
    def as_child(self) -> dict[str, Any]:
        """Arguments for ``subprocess`` that run a child as this user."""
        if not self.separate:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_user() -> ServerUser:
    """The user of the embedded server; for uid 0 it is made where it does not exist yet.

    Raises CannotConnect where there can be none.
    """
    uid = os.geteuid()
    if uid == 0:
        return _system_user()
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise CannotConnect(
            f"user id {uid} has no name on this machine, and PostgreSQL wants one",
            "add it to /etc/passwd, run as another user, or use a server elsewhere with --dsn",
        ) from None
    return ServerUser(entry.pw_name, uid, entry.pw_gid, separate=False)


def _system_user() -> ServerUser:
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        _add_system_user()
        entry = pwd.getpwnam(SYSTEM_USER)
    if entry.pw_uid == 0:
        raise CannotConnect(f"the user {SYSTEM_USER} has uid 0", "give it another id: PostgreSQL refuses uid 0")
    return ServerUser(entry.pw_name, entry.pw_uid, entry.pw_gid, separate=True)


def _add_system_user() -> None:
    refused = "PostgreSQL does not run as root, and the system user for it could not be made"
    hint = f"run Kolony as an ordinary user, or make the system user {SYSTEM_USER} by hand"
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    command += ["--shell", "/usr/sbin/nologin", SYSTEM_USER]
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    try:
        added = subprocess.run(command, capture_output=True, text=True, env={"PATH": path, "LC_ALL": "C"}, check=False)
    except FileNotFoundError:
        raise CannotConnect(f"{refused}: there is no useradd here", hint) from None
    if added.returncode == 0:
        return
    try:
        pwd.getpwnam(SYSTEM_USER)  # another process was faster
    except KeyError:
        raise CannotConnect(f"{refused}: {added.stderr.strip() or 'useradd failed'}", hint) from None
