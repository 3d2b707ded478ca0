"""The embedded server: one PostgreSQL for all Kolony processes of this user, started by whoever needs it first."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kolony_tui.models.errors import CannotConnect, KolonyError, WorkFailed, WrongState
from kolony_tui.models.secret import Secret
from kolony_tui.server.address import DATABASE, SUPERUSER, Address
from kolony_tui.server.home import Home
from kolony_tui.server.postmaster import read_pid_file, running_address
from kolony_tui.server.private_files import locked
from kolony_tui.server.secrets import SUPERUSER_SECRET, SecretStore

if TYPE_CHECKING:
    from kolony_tui.server.sessions import Session

LOCK_PATIENCE = 90.0
"""Seconds to wait for another process that makes, starts or stops the server: the longest that it may take."""


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of the server; ``address``, ``pid`` and ``users`` only while it runs."""

    running: bool
    version: str
    data: Path
    address: Address | None = None
    pid: int | None = None
    users: list[Session] = field(default_factory=list)


class EmbeddedServer:
    """The server of one home. Every method may be called from any process and thread at any time.

    ``settings`` are added to the configuration at a start (the tests turn fsync off).
    """

    def __init__(self, home: Home, *, settings: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.secrets = SecretStore(home)
        self._settings = dict(settings or {})

    @property
    def address(self) -> Address | None:
        """Where the server answers now, or None."""
        return running_address(self.home.data)

    def ensure(self) -> Address:
        """The address of the running server, which is made and started first where that is needed.

        Blocks for up to a minute or so; raises CannotConnect.
        """
        address = self.address
        if address is not None:
            return address
        self.home.make()
        with self._alone():
            return self.address or self._start()

    def revive(self) -> None:
        """Starts the server again where it died; one that was stopped, or is just being stopped, is left alone.

        Blocks as ``ensure`` does; raises CannotConnect.
        """
        with self._alone():
            # Under the lock: whoever stops the server holds it until the pid file is gone.
            found = read_pid_file(self.home.data)
            if found is None or found.state == "stopping" or self.address is not None:
                return
            self._start()

    async def ensure_async(self) -> Address:
        """``ensure`` without blocking the event loop."""
        import asyncio

        return await asyncio.to_thread(self.ensure)

    def superuser_password(self) -> Secret:
        """The password of the superuser; raises CannotConnect where it is not to be had."""
        secret = self.secrets.get(SUPERUSER_SECRET)
        if secret is None:
            raise CannotConnect(
                f"the superuser's password for {self.home.data} is lost: it is not in {self.home.secrets}",
                "put it back, or restore a backup into another KOLONY_HOME",
            )
        return secret

    def superuser_dsn(self, database: str = DATABASE) -> str:
        """A URL for the superuser on the running server; starts none. Raises CannotConnect."""
        return self._running().dsn(SUPERUSER, self.superuser_password(), database=database)

    def in_use(self) -> list[Session]:
        """The sessions of others on the running server; empty where none runs. Raises CannotConnect."""
        from kolony_tui.server.sessions import sessions_of
        from kolony_tui.server.superuser import Superuser

        address = self.address
        return [] if address is None else sessions_of(Superuser(address, self.superuser_password()))

    def status(self) -> Status:
        """Whether the server runs, where, and who uses it; starts nothing. Raises CannotConnect."""
        from kolony_tui.server.binaries import installed

        version = installed().version()
        address, pid_file = self.address, read_pid_file(self.home.data)
        if address is None or pid_file is None:
            return Status(False, version, self.home.data)
        return Status(True, version, self.home.data, address, pid_file.pid, self.in_use())

    def stop(self, force: bool = False) -> bool:
        """End the server; True if one ran. Open transactions are rolled back.

        Raises WrongState while an app, a runner or anybody else uses it, unless ``force``.
        """
        if not self.home.path.is_dir():
            return False
        with self._alone():
            from kolony_tui.server import starting

            if starting.is_down(self.home):
                return False
            if not force:
                self._refuse_while_used()
            starting.stop(self.home)
            return True

    def _start(self) -> Address:
        from kolony_tui.server.starting import start

        try:
            return start(self.home, self.secrets, self._settings)
        except WorkFailed as error:
            raise CannotConnect(error.message, error.hint) from error

    def _refuse_while_used(self) -> None:
        from kolony_tui.server.sessions import described

        try:
            users = self.in_use()
        except KolonyError as error:
            raise WrongState(f"it is not known who uses the server: {error.message}", "stop it with --force") from error
        if users:
            raise WrongState(f"the server is in use by {described(users)}", "end them first, or stop with --force")

    def _running(self) -> Address:
        address = self.address
        if address is None:
            raise CannotConnect("the embedded server does not run", "start it: kolony db start")
        return address

    def _alone(self) -> AbstractContextManager[None]:
        return locked(
            self.home.lock,
            patience=LOCK_PATIENCE,
            refusal=f"another process has been starting or stopping the server of {self.home.path} for too long",
        )
