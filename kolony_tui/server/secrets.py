"""Where secrets rest: the system's keyring, or 0600 files of KOLONY_HOME where no usable keyring is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from kolony_tui.models.errors import CannotConnect, WorkFailed
from kolony_tui.models.secret import Secret
from kolony_tui.server.home import Home
from kolony_tui.server.private_files import private_folder, said_plainly, write_private
from kolony_tui.server.traces import read_secret, secret_file

SUPERUSER_SECRET = "superuser"  # noqa: S105 (the name of a secret, not one)
MARK = ".keyring"
"""Ending of the empty file that says "in the keyring": what is in a file is read without asking a keyring."""


class Keyring(Protocol):
    """What is used of a keyring; ``kolony_tui.server.keyrings`` has the real one."""

    title: str

    def get(self, service: str, name: str) -> str | None: ...

    def set(self, service: str, name: str, clear: str) -> None: ...

    def delete(self, service: str, name: str) -> None: ...


class SecretStore:
    """The secrets of one home, by name: "superuser", "person:ada".

    ``where`` says in words where the last secret that was set or read rests, so that the person can be told.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._service = f"kolony:{home.path}"
        self._in_files = f"no usable keyring on this machine: secrets are in 0600 files in {home.secrets}"
        self._where = ""

    @property
    def where(self) -> str:
        """Where secrets rest, as words for a person; asks the keyring only if nothing was set or read before."""
        if not self._where:
            keyring = persons_keyring()
            self._where = self._in_files if keyring is None else _in_keyring(keyring)
        return self._where

    def get(self, name: str) -> Secret | None:
        """The secret, or None where none was set. Raises CannotConnect where it is there and cannot be had."""
        file, mark = self._paths(name)
        clear = read_secret(str(file))
        if clear is not None:
            self._where = self._in_files
            return Secret(clear)
        if not mark.exists():
            return None
        keyring = persons_keyring()
        kept = None if keyring is None else given_by(keyring, self._service, name)
        if keyring is None or kept is None:
            raise CannotConnect(
                f"the secret {name!r} was put into the keyring, which does not give it now",
                "unlock the keyring, or run Kolony in the session in which it was set up",
            )
        self._where = _in_keyring(keyring)
        return Secret(kept)

    def set(self, name: str, secret: Secret) -> None:
        """Keep the secret, in the keyring if it can be read back from there, else in a file. Raises WorkFailed."""
        file, mark = self._paths(name)
        self._home.make()
        private_folder(self._home.secrets)
        keyring = persons_keyring()
        if keyring is not None and kept_in(keyring, self._service, name, secret):
            write_private(mark, b"")
            file.unlink(missing_ok=True)
            self._where = _in_keyring(keyring)
            return
        write_private(file, secret.reveal().encode())
        mark.unlink(missing_ok=True)
        self._where = self._in_files

    def delete(self, name: str) -> None:
        """Forget the secret; nothing happens where there is none. Raises WorkFailed where the keyring keeps it."""
        file, mark = self._paths(name)
        try:
            file.unlink(missing_ok=True)
            if mark.exists():
                keyring = persons_keyring()
                if keyring is None:
                    raise WorkFailed(f"the secret {name!r} is in the keyring, which does not answer", "unlock it")
                keyring.delete(self._service, name)
                mark.unlink()
        except OSError as error:
            raise said_plainly(error, self._home.secrets, WorkFailed) from error

    def _paths(self, name: str) -> tuple[Path, Path]:
        file = secret_file(str(self._home.secrets), name)
        return Path(file), Path(file + MARK)


def persons_keyring() -> Keyring | None:
    """The keyring of whoever runs this, if there is one that really keeps secrets."""
    if _is_root() and not os.environ.get("PYTHON_KEYRING_BACKEND"):
        return None  # root's keyring is that of whoever ran sudo, or none; unless root has named one
    from kolony_tui.server.keyrings import usable_keyring

    return usable_keyring()


def _is_root() -> bool:
    return os.geteuid() == 0


def _in_keyring(keyring: Keyring) -> str:
    return f"secrets are in the keyring ({keyring.title})"


def given_by(keyring: Keyring, service: str, name: str) -> str | None:
    """What the keyring has under that name; None where it has nothing, or fails."""
    try:
        return keyring.get(service, name)
    except WorkFailed:
        return None


def kept_in(keyring: Keyring, service: str, name: str, secret: Secret) -> bool:
    """Whether the keyring really kept it: some say yes and keep nothing."""
    try:
        keyring.set(service, name, secret.reveal())
        return keyring.get(service, name) == secret.reveal()
    except WorkFailed:
        return False
