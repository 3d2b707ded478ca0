"""From what the driver raises to what a person can act on."""

from __future__ import annotations

import asyncio

import asyncpg

from kolony_tui.db.sqlstates import OUTPUT_HOLE as OUTPUT_HOLE
from kolony_tui.db.sqlstates import connection_gone, gone_by_state, on_one_line, refused_by_server
from kolony_tui.models.errors import KolonyError

DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
"""What a statement may raise. InternalClientError: a connection ended by the server at the wrong moment."""

_GONE = (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, asyncio.TimeoutError)


def translated(error: BaseException) -> KolonyError | None:
    """Our error for one of the driver's or the network's; None for anything else (a fault of ours)."""
    if isinstance(error, KolonyError):
        return error
    if isinstance(error, asyncpg.PostgresError):
        state, hint = str(error.sqlstate or ""), str(getattr(error, "hint", None) or "")
        if gone_by_state(state):
            return connection_gone(_plain(error), state)
        return refused_by_server(state, _plain(error), hint)
    if isinstance(error, _GONE):
        return connection_gone(_plain(error))
    return None


def _plain(error: BaseException) -> str:
    message = getattr(error, "message", None) or str(error) or type(error).__name__
    return on_one_line(str(message))
