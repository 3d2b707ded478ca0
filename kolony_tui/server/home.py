"""KOLONY_HOME: where everything that Kolony keeps on this machine lies."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kolony_tui.models.errors import CannotConnect
from kolony_tui.server import traces
from kolony_tui.server.private_files import locked, said_plainly, write_private


@dataclass(frozen=True, slots=True)
class Home:
    """The folder ``path`` and what lies in it.

    ``postgres/``     the data folder of the embedded server
    ``run/``          its socket, where the path is short enough for one (else ``socket-folder`` names a folder that is)
    ``log/``          the server's log, a file for each day of the week
    ``secrets/``      0600 files, or markers that say "in the keyring"
    ``config.toml``   the person's settings
    ``state.json``    what programs remember: the first admin's login and the like; never a secret
    ``lock``          held while a server is made, started or stopped
    ``server.lock``   held by the server itself, as long as any process of it lives
    ``start.log``     what the server said before it had opened its log
    """

    path: Path

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def data(self) -> Path:
        return self.path / "postgres"

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def log(self) -> Path:
        return self.path / "log"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets"

    @property
    def config(self) -> Path:
        return self.path / "config.toml"

    @property
    def state(self) -> Path:
        return self.path / "state.json"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def server_lock(self) -> Path:
        return self.path / "server.lock"

    @property
    def start_log(self) -> Path:
        return self.path / "start.log"

    def make(self) -> None:
        """Make the folder, or make sure that it is this user's and that nobody else can write in it.

        New ones are 0700, for uid 0 0711 (the server's user must pass). Raises CannotConnect.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.mkdir(mode=0o700)
            if os.geteuid() == 0:
                self.path.chmod(0o711)
        except FileExistsError:
            self._own()
        except OSError as error:
            raise said_plainly(error, self.path) from error

    def _own(self) -> None:
        try:
            found = self.path.stat()
            if not stat.S_ISDIR(found.st_mode):
                raise CannotConnect(f"{self.path} is not a folder", "set KOLONY_HOME to a folder")
            if found.st_uid != os.geteuid():
                raise CannotConnect(
                    f"{self.path} belongs to another user (uid {found.st_uid})",
                    "run Kolony as that user, or set KOLONY_HOME to a folder of yours",
                )
            if found.st_mode & 0o022:
                self.path.chmod(stat.S_IMODE(found.st_mode) & ~0o022)
        except OSError as error:
            raise said_plainly(error, self.path) from error

    def read_state(self) -> dict[str, Any]:
        """What ``update_state`` kept; empty where nothing was kept yet. Raises WorkFailed where it cannot be read."""
        return traces.read_state(str(self.state))

    def update_state(self, **changes: Any) -> dict[str, Any]:
        """Set the given keys (None removes one) and return the whole; safe with other processes at once."""
        self.make()
        with locked(self.path / "state.lock", patience=10, refusal=f"{self.state} is locked by another process"):
            kept = {**self.read_state(), **changes}
            state = {key: value for key, value in kept.items() if value is not None}
            write_private(self.state, json.dumps(state, indent=2).encode() + b"\n")
        return state


def kolony_home() -> Home:
    """KOLONY_HOME, or by default the user's data folder (for uid 0 ``/var/lib/kolony``); nothing is made yet.

    Raises UsageError for a path that no server can live under.
    """
    return Home(Path(traces.home_folder()))
