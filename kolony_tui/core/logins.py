"""A person's password for a server: where it is looked for, and the keyring that keeps it. Never a file of ours."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from kolony_tui.db.passwords import in_password_file, password_file, take_environment_password
from kolony_tui.db.place import Place, find_place
from kolony_tui.db.target import Target
from kolony_tui.models.errors import WorkFailed
from kolony_tui.models.secret import Secret
from kolony_tui.server.home import Home
from kolony_tui.server.private_files import private_folder, write_private
from kolony_tui.server.secrets import MARK, given_by, kept_in, persons_keyring
from kolony_tui.server.traces import secret_file

IN_KEYRING, IN_DSN, IN_SERVICE, IN_ENVIRONMENT, ASKED = "keyring", "the DSN", "service file", "PGPASSWORD", "asked"
"""What ``Target.source`` says; a password file is named."""
NO_KEYRING = "there is no usable keyring on this machine"


class Logins:
    """The passwords of this person, by server, database and login.

    An empty file in the home says which of them are in the keyring: asking one takes long, and may ask the person.
    """

    def __init__(self, home: Home) -> None:
        self._home = home

    def complete(self, target: Target) -> tuple[Target, str]:
        """The target with the password that is found first, and what of it a person should hear (mostly nothing).

        Order: given (asked for, or in the DSN), keyring, password file, service file, PGPASSWORD.
        """
        environment = take_environment_password()
        place = find_place(target)
        if place.said is not None:
            return replace(target, password=place.said, source=target.source or IN_DSN), ""
        password, told = self.kept(place)
        if password is not None:
            return replace(target, password=password, source=IN_KEYRING), ""
        password, why = in_password_file(place)
        if password is not None:
            return replace(target, password=password, source=f"password file {password_file(place)}"), told
        told = told or why
        for password, source in ((place.served, IN_SERVICE), (environment, IN_ENVIRONMENT)):
            if password is not None:
                return replace(target, password=password, source=source), told
        return target, told

    def kept(self, place: Place) -> tuple[Secret | None, str]:
        """The password in the keyring, or None; and why it is not to be had where it once was put there."""
        if not self.keeps(place):
            return None, ""
        keyring = persons_keyring()
        clear = None if keyring is None else given_by(keyring, place.service, place.login)
        if clear is None:
            return None, "the keyring does not give the password that was put there; unlock it, or kolony login again"
        return Secret(clear), ""

    def keeps(self, place: Place) -> bool:
        """Whether a password of this login was put into the keyring."""
        return self._mark(place).exists()

    def keep(self, place: Place, password: Secret) -> str:
        """Puts it into the keyring; answers where that is, in words. Raises WorkFailed where no keyring keeps it."""
        keyring = persons_keyring()
        if keyring is None:
            raise WorkFailed(NO_KEYRING, "the password is asked for each time, or read from PGPASSFILE (mode 0600)")
        if not kept_in(keyring, place.service, place.login, password):
            raise WorkFailed(f"the keyring ({keyring.title}) did not keep the password", "unlock it")
        self._home.make()
        private_folder(self._home.secrets)
        write_private(self._mark(place), b"")
        return f"keyring ({keyring.title})"

    def forget(self, place: Place) -> bool:
        """Takes it out of the keyring; false where none was kept. Raises WorkFailed where the keyring refuses."""
        mark = self._mark(place)
        if not mark.exists():
            return False
        keyring = persons_keyring()
        if keyring is None:
            raise WorkFailed("the password is in the keyring, which does not answer", "unlock it")
        keyring.delete(place.service, place.login)
        mark.unlink(missing_ok=True)
        return True

    @property
    def why_none(self) -> str:
        """Why no password can be kept on this machine; empty where it can."""
        return "" if persons_keyring() is not None else NO_KEYRING

    def _mark(self, place: Place) -> Path:
        digest = hashlib.sha256(f"{place.service}\0{place.login}".encode()).hexdigest()[:16]
        return Path(secret_file(str(self._home.secrets), f"login:{place.login}:{digest}") + MARK)
