"""A server behind a pooler that lends a session for one transaction (pgbouncer's transaction mode), made safe to use.

Nothing that a session keeps may be relied on there, and nothing of ours may stay in it: each use is a transaction that
brings our settings with it, without prepared statements. What needs a session of its own (LISTEN, migrations) does not
go through one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from kolony_tui.db.startup import NEWER_SETTINGS, NEWER_SINCE, SETTINGS
from kolony_tui.models.errors import CannotConnect, LoginRefused

DIRECT = "kolony_direct"
"""The word of a DSN that names the server itself (HOST:PORT, or several) where its host is a pooler."""
# What is only taken at a start-up, and what says how a transaction begins, which ours says itself.
_NOT_LOCAL = ("local_preload_libraries", "default_transaction_isolation", "default_transaction_read_only",
              "default_transaction_deferrable", "idle_session_timeout")  # fmt: skip
MARK = "kolony.session"
"""A setting with another value in every session: who begins one and does not find it there is not alone in it."""


class PooledConnection(asyncpg.Connection):
    """A connection to a pooler; to be used inside ``lent`` only."""

    __slots__ = ()


def is_lent(connection: asyncpg.Connection) -> bool:
    """Whether a connection leads to a pooler. (For isinstance, the driver has all of its connections be one.)"""
    return type(connection) is PooledConnection


class SettingsLost(Exception):
    """A server began a session without the settings that we began it with: there is a pooler before it."""


class ThroughPooler(CannotConnect):
    """This needs a session of its own, and there is a pooler on the way."""

    def __init__(self, server: str) -> None:
        super().__init__(
            f"{server} is a pooler, which lends no session to listen or migrate in",
            f"name the server itself as well: {DIRECT}=HOST:PORT in the DSN",
        )


def speaks_of_pooler(error: BaseException) -> bool:
    """Whether a start-up was refused as only a pooler refuses it (pgbouncer's words)."""
    return isinstance(error, asyncpg.ProtocolViolationError) and "unsupported startup parameter" in str(error)


async def begin(connection: asyncpg.Connection, mark: str) -> None:
    """Says the rest of our settings on a connection that was begun with this mark. Raises SettingsLost."""
    newer = NEWER_SETTINGS if connection.get_server_version().major >= NEWER_SINCE else {}
    said = "".join(f"SET {name} = '{value}'; " for name, value in newer.items())
    if await connection.execute(f"{said}SELECT WHERE current_setting('{MARK}', true) = '{mark}'") != "SELECT 1":
        raise SettingsLost


async def check_login(connection: asyncpg.Connection, login: str) -> None:
    """Raises LoginRefused where the pooler takes everybody to the server under one login: that one's rights count."""
    async with lent(connection):
        found = await connection.fetchval("SELECT session_user::text")
    if found != login:
        raise LoginRefused(
            f"the pooler goes to the server as {found}, not as {login}", "let it pass each login on (auth_query)"
        )


@asynccontextmanager
async def lent(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Everything inside is one transaction under our settings, where ``connection`` leads to a pooler."""
    if not is_lent(connection):
        yield
        return
    async with connection.transaction(isolation="read_committed", readonly=False, deferrable=False):
        await connection.execute(_local_settings(connection.get_server_version().major))
        yield


def _local_settings(major: int) -> str:
    newer = NEWER_SETTINGS if major >= NEWER_SINCE else {}
    settings = {"transaction_read_only": "off", **SETTINGS, **newer}
    return "; ".join(f"SET LOCAL {name} = '{value}'" for name, value in settings.items() if name not in _NOT_LOCAL)
