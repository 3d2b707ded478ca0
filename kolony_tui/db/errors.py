"""From what the driver raises to what a person can act on."""

from __future__ import annotations

import asyncio
import ssl

import asyncpg

from kolony_tui.models.errors import (
    CannotConnect,
    Fenced,
    KolonyError,
    LoginRefused,
    NoRight,
    NotFound,
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
_LOGIN_STATES = ("28000", "28P01")
_GONE = (
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InternalClientError,
    OSError,
    asyncio.TimeoutError,
)


def translated(error: BaseException) -> KolonyError | None:
    """Our error for one of the driver's or the network's; None for anything else (a fault of ours)."""
    if isinstance(error, KolonyError):
        return error
    if isinstance(error, asyncpg.PostgresError) and not isinstance(error, _GONE):
        return _from_server(error)
    if isinstance(error, ssl.SSLError):
        return CannotConnect(f"the server's TLS was refused: {error.reason or error}", "check its certificate")
    if isinstance(error, _GONE):
        return CannotConnect(f"the connection to the server is gone ({_plain(error)})", "is the server up?")
    return None


def _from_server(error: asyncpg.PostgresError) -> KolonyError:
    state = str(error.sqlstate or "")
    message = _plain(error)
    hint = str(getattr(error, "hint", None) or "")
    if state in _LOGIN_STATES:
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


def _plain(error: BaseException) -> str:
    message = getattr(error, "message", None) or str(error) or type(error).__name__
    return " ".join(str(message).split())
