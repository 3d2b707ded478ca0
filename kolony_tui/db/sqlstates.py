"""From an SQLSTATE and the server's words to an error that a person can act on; for every driver."""

from __future__ import annotations

from kolony_tui.models.errors import (
    CannotConnect,
    Fenced,
    KolonyError,
    LoginRefused,
    NoRight,
    NotFound,
    PasswordRefused,
    Refused,
    WrongState,
)

LEASE_LOST = "KO001"
OUTPUT_HOLE = "KO002"

_BY_STATE: dict[str, type[Refused]] = {
    "42501": NoRight,
    "P0002": NotFound,
    "55000": WrongState,
    LEASE_LOST: Fenced,
}
_WRONG_PASSWORD = "28P01"  # noqa: S105  (a code)
_LOGIN_STATES = ("28000", _WRONG_PASSWORD)
# A server that ends, starts or is full; a connection that idled too long.
_GONE_STATES = ("57P01", "57P02", "57P03", "57P05", "25P03")
_FULL, _READ_ONLY = "53300", "25006"


def refused_by_server(state: str, message: str, hint: str) -> KolonyError:
    """Our error for what the server refused."""
    if state in _LOGIN_STATES:
        if state == _WRONG_PASSWORD:
            # A password that has expired is refused in the same words: only the server's log tells them apart.
            return PasswordRefused(message, hint or "it is wrong, or it has expired; an admin can set a new one")
        if "not permitted to log in" in message:
            return LoginRefused(f"this login is disabled ({message})", "ask an admin")
        return LoginRefused(message, hint or "check the login and its password")
    if state == "3D000":
        return CannotConnect(message, hint or "make the database first, or name another")
    if state in ("3F000", "42P01", "42883"):
        return Refused(f"this database has no Kolony schema, or an older one ({message})", "run kolony migrate")
    if state == "42501" and "permission denied for schema kolony" in message:
        return NoRight("this login does not belong to Kolony here", "ask an admin to add it (kolony user add)")
    return _BY_STATE.get(state, Refused)(message, hint)


def gone_by_state(state: str) -> bool:
    """Whether the connection is no more, as opposed to a statement that was refused."""
    return state in (*_GONE_STATES, _FULL, _READ_ONLY) or state.startswith("08")


def connection_gone(reason: str, state: str = "") -> CannotConnect:
    """Our error for a connection that ended, or that leads to a server which does not serve (any more)."""
    if state == _FULL:
        return CannotConnect(
            f"the server has no connection left ({reason})", "close what is not needed, or ask who runs it for more"
        )
    if state == _READ_ONLY:
        return CannotConnect(
            f"this server takes no writes any more ({reason})", "name all servers in the DSN, to find the one that does"
        )
    return CannotConnect(f"the connection to the server is gone ({reason})", "is the server up?")


def on_one_line(words: str) -> str:
    """What a server said, without its line breaks."""
    return " ".join(words.split())
