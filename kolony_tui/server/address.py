"""Where the embedded server listens: a Unix socket in a folder that only this user may enter."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from kolony_tui.models.secret import Secret
from kolony_tui.server.home import Home
from kolony_tui.server.os_user import ServerUser
from kolony_tui.server.private_files import private_folder, said_plainly, write_private

PORT = 5432
DATABASE = "kolony"
SUPERUSER = "postgres"
LONGEST_SOCKET_PATH = 103
"""Bytes: sun_path holds 108 with its end on Linux, 104 elsewhere."""


@dataclass(frozen=True, slots=True)
class Address:
    """Socket folder and port (which names the socket file) of a server, and the database of Kolony on it."""

    host: str
    port: int = PORT
    database: str = DATABASE

    @property
    def socket(self) -> str:
        """The path of the socket."""
        return socket_path(self.host, self.port)

    def dsn(self, user: str, password: Secret | None = None, *, database: str = "", application: str = "") -> str:
        """A URL that psql and asyncpg both read; it holds the password in clear."""
        login = quote(user, safe="")
        if password is not None:
            login += ":" + quote(password.reveal(), safe="")
        url = f"postgresql://{login}@/{quote(database or self.database, safe='')}"
        url += f"?host={quote(self.host, safe='/')}&port={self.port}"
        return f"{url}&application_name={quote(application, safe='')}" if application else url

    def answers(self) -> bool:
        """Whether a process listens on the socket."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(1)
            try:
                client.connect(self.socket)
            except (BlockingIOError, TimeoutError):
                return True  # a full queue of connections is a sign of life
            except OSError:
                return False
            return True


def socket_path(folder: str, port: int) -> str:
    """PostgreSQL's name for its socket in ``folder``."""
    return f"{folder}/.s.PGSQL.{port}"


def choose_socket_folder(home: Home, user: ServerUser) -> Path:
    """The folder for the socket, made and checked: ``run`` of the home where a socket can have that path.

    Else a folder with a random name in a folder for temporary files; the file ``socket-folder`` keeps its name for the
    next start. One that is a link, somebody else's or open to others is never used. Raises CannotConnect.
    """
    if fits(home.run):
        private_folder(home.run, owner=user.uid)
        return home.run
    record = home.path / "socket-folder"
    try:
        known = Path(os.fsdecode(record.read_bytes()).rstrip("\n"))
        if fits(known) and _is_private(known, user):
            return known
    except FileNotFoundError:
        pass
    except OSError as error:
        raise said_plainly(error, record) from error
    folder = _new_folder(user)
    write_private(record, os.fsencode(folder) + b"\n")
    return folder


def fits(folder: Path) -> bool:
    """Whether a socket in ``folder`` has a path that the kernel takes and that a list of hosts can hold."""
    path = str(folder)
    if not path.startswith("/") or any(mark in path for mark in ",\"'\\") or path != path.strip():
        return False
    return len(os.fsencode(socket_path(path, PORT))) <= LONGEST_SOCKET_PATH


def _is_private(folder: Path, user: ServerUser) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == user.uid and not found.st_mode & 0o077


def _new_folder(user: ServerUser) -> Path:
    refusal: OSError = FileNotFoundError(2, "no folder for temporary files")
    for place in ("/tmp", tempfile.gettempdir(), os.environ.get("XDG_RUNTIME_DIR", "")):  # noqa: S108
        if not place or not fits(Path(place) / "kolony-12345678"):
            continue
        try:
            folder = Path(tempfile.mkdtemp(prefix="kolony-", dir=place))
            if user.separate:
                os.chown(folder, user.uid, user.gid)
        except OSError as error:
            refusal = error
            continue
        return folder
    raise said_plainly(refusal, "the folder for temporary files, which the server's socket needs") from refusal
