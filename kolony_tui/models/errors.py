"""One hierarchy of everything that can go wrong, each with words for a person and an exit code for a script."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the command line; a contract with scripts."""

    DONE = 0
    WORK_FAILED = 1
    USAGE = 2
    NO_CONNECTION = 3
    REFUSED = 4
    INTERRUPTED = 130


class KolonyError(Exception):
    """Something that a person can act on.

    ``message`` says in one line what happened, ``hint`` what to do about it (may be empty).
    """

    title = "It did not work"
    exit_code = ExitCode.WORK_FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def line(self) -> str:
        """Message and hint on one line."""
        text = f"{self.message}; {self.hint}" if self.hint else self.message
        return " ".join(text.split())


class WorkFailed(KolonyError):
    """The thing asked for was tried and did not succeed (a waited-for run failed, a backup could not be written)."""

    title = "Failed"


class UsageError(KolonyError):
    """The request itself is wrong: an unknown flag, an empty command, a name that cannot be one."""

    title = "Wrong usage"
    exit_code = ExitCode.USAGE


class CannotConnect(KolonyError):
    """No server, no database, or a server that we do not talk to."""

    title = "Cannot connect"
    exit_code = ExitCode.NO_CONNECTION


class LoginRefused(CannotConnect):
    """The server is there and does not accept this login."""

    title = "Login refused"


class PasswordRefused(LoginRefused):
    """The server knows another password, or the one that was given has expired: it does not tell which."""


class PasswordMissing(LoginRefused):
    """The server wants a password and none is known."""

    title = "Password wanted"


class CertificateRefused(CannotConnect):
    """The server has TLS, and nobody we trust says that it is the right one; a person may, by its fingerprint."""

    title = "Unknown server"


class Refused(KolonyError):
    """The database refused it: no right, no such thing, or not in this state."""

    title = "Refused"
    exit_code = ExitCode.REFUSED


class NoRight(Refused):
    """The logged-in user may not do this (SQLSTATE 42501)."""

    title = "Not allowed"


class NotFound(Refused):
    """No such thing in this workspace (SQLSTATE P0002)."""

    title = "Not found"


class WrongState(Refused):
    """The thing exists, but its state does not allow this step (SQLSTATE 55000)."""

    title = "Not now"


class Fenced(Refused):
    """An attempt wrote after its lease had passed to another (SQLSTATE KO001)."""

    title = "Lease lost"


class SchemaMismatch(Refused):
    """The live schema is not the one that this program was made for."""

    title = "Schema mismatch"
