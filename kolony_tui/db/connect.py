"""Opening a connection safely, and sending statements over it by name."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from kolony_tui.db.errors import DRIVER_ERRORS, translated
from kolony_tui.db.guard import refusals
from kolony_tui.db.place import Place, find_place
from kolony_tui.db.pooler import (
    MARK,
    PooledConnection,
    SettingsLost,
    ThroughPooler,
    begin,
    check_login,
    is_lent,
    lent,
    speaks_of_pooler,
)
from kolony_tui.db.queries import filtered_query, ordered_query, query
from kolony_tui.db.rows import read
from kolony_tui.db.startup import SETTINGS
from kolony_tui.db.target import Target
from kolony_tui.db.tls import tls_for, translated_tls
from kolony_tui.models.errors import (
    CannotConnect,
    CertificateRefused,
    KolonyError,
    LoginRefused,
    NoRight,
    PasswordMissing,
)

_Row = TypeVar("_Row")

_READY_SECONDS = 10.0
"""Within these a connection that was let in must be of use; longer where the login may take longer."""


async def connect(
    target: Target, application: str, *, patience: float = 10.0, pooled: bool = False
) -> asyncpg.Connection:
    """A connection of the driver, checked as ``guard`` and ``tls`` demand; ``patience`` in seconds.

    Of several servers it is the first that takes writes. ``pooled`` is for callers who use it inside ``pooler.lent``
    only; all others get a session of their own.

    Raises:
        CannotConnect, LoginRefused: with what to do. PasswordMissing, PasswordRefused, CertificateRefused: where a
        person can help. ThroughPooler: a pooler is there, and no server is named beside it.
    """
    place = find_place(target, direct=not pooled)
    try:
        return await _first_that_serves(target, place, application, patience, lending=False)
    except SettingsLost as lost:
        if not pooled:
            raise ThroughPooler(place.server) from lost
    if target.agent_token:
        raise CannotConnect(
            f"{place.server} is a pooler, and an agent's token under the shared login does not pass it",
            "name the server itself in KOLONY_DSN",
        )
    return await _first_that_serves(target, place, application, patience, lending=True)


async def _first_that_serves(
    target: Target, place: Place, application: str, patience: float, *, lending: bool
) -> asyncpg.Connection:
    """Tries the addresses in turn, each with patience of its own. Raises what the last said that said anything."""
    each_seconds = float(place.words.get("connect_timeout") or (patience if len(place.addresses) == 1 else 3.0))
    said: CannotConnect | None = None
    for address in place.addresses:
        try:
            return await _open(target, place, address, application, each_seconds, lending=lending)
        except (LoginRefused, CertificateRefused):
            raise
        except CannotConnect as error:
            if said is None or not isinstance(error.__cause__, OSError):
                said = error
    assert said is not None
    raise said


async def _open(
    target: Target, place: Place, address: tuple[str, int], application: str, seconds: float, *, lending: bool
) -> asyncpg.Connection:
    found: list[CannotConnect] = []
    watched, mark = refusals.set(found), secrets.token_hex(8)
    try:
        connection: asyncpg.Connection = await asyncpg.connect(
            host=[address[0]],
            port=[address[1]],
            user=place.login,
            database=place.database,
            # Never None: the driver would look for a password by rules of its own.
            password=place.said.reveal() if place.said else "",
            ssl=tls_for(target, place),
            direct_tls=place.words.get("sslnegotiation") == "direct",
            target_session_attrs=_session_attribute(place),
            timeout=seconds,
            connection_class=PooledConnection if lending else asyncpg.Connection,
            statement_cache_size=0 if lending else 100,
            server_settings=(
                {"application_name": application} if lending else {**_settings(target, place, application), MARK: mark}
            ),
        )
    except asyncpg.ClientConfigurationError as error:
        raise CannotConnect(f"{target.origin} does not say where to connect ({error})") from error
    except DRIVER_ERRORS as error:
        if found:
            raise _with_way_out(found[0], place) from error
        if speaks_of_pooler(error) and not lending:
            raise SettingsLost from error
        raise _said(error, target, place) from error
    except ValueError as error:
        raise CannotConnect(f"{target.origin} has a word that cannot be used ({error})") from error
    finally:
        refusals.reset(watched)
    try:
        # A server that took the login may be silent all the same: its disk is full, or the network broke just now.
        async with asyncio.timeout(max(seconds, _READY_SECONDS)):
            await _make_ready(connection, place.login, mark)
    except DRIVER_ERRORS as error:
        connection.terminate()
        raise _said(error, target, place) from error
    except BaseException:
        # Nobody else knows of it yet, so whoever cancels us could not close it.
        connection.terminate()
        raise
    return connection


def _session_attribute(place: Place) -> SessionAttribute:
    # Like all of the driver's settings that its own environment variables could change, always given. Whoever names
    # several servers has standbys among them, and everything here writes.
    usual = "any" if len(place.addresses) == 1 else "read-write"
    return SessionAttribute(place.words.get("target_session_attrs", usual))


def _settings(target: Target, place: Place, application: str) -> dict[str, str]:
    own = {"options": place.words["options"]} if "options" in place.words else {}
    # No statement, so it is in no server's log; and a pooler that mixes sessions refuses it instead of mixing tokens.
    shown = {"kolony.agent_token": target.agent_token.reveal()} if target.agent_token else {}
    return {**own, **SETTINGS, **shown, "application_name": application}


async def _make_ready(connection: asyncpg.Connection, login: str, mark: str) -> None:
    if is_lent(connection):
        await check_login(connection, login)
    else:
        await begin(connection, mark)
    async with lent(connection):
        for kind in ("json", "jsonb"):
            await connection.set_type_codec(kind, schema="pg_catalog", encoder=json.dumps, decoder=json.loads)


def _with_way_out(refusal: CannotConnect, place: Place) -> CannotConnect:
    if not isinstance(refusal, PasswordMissing):
        return refusal
    return PasswordMissing(
        f"{place.login} at {place.server} needs a password, and none is known",
        "kolony login asks for it and keeps it in the keyring; or use PGPASSFILE",
    )


def _said(error: Exception, target: Target, place: Place) -> KolonyError:
    if (refusal := translated_tls(error, target, place)) is not None:
        return refusal
    if isinstance(error, (TimeoutError, OSError)) and not isinstance(error, asyncpg.PostgresError):
        reason = str(error) or "no answer in time"
        return CannotConnect(f"no server answers where {target.origin} points ({reason})", "is it up, and reachable?")
    known = translated(error)
    assert known is not None
    if isinstance(known, NoRight):
        return LoginRefused(known.message, "ask an admin to add this login (kolony user add)")
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return CannotConnect(f"no server of {place.server} takes writes now", "a standby does once it is promoted")
    if not isinstance(known, CannotConnect):
        # A database that is being moved or takes no connections (55000, 57P03 and others).
        return CannotConnect(known.message, known.hint)
    return known


def pause_seconds(failures: int) -> float:
    """How long to wait before connecting again after so many failures in a row: 0.2 s doubling to 10 s, with jitter."""
    return min(10.0, 0.2 * 2.0 ** min(failures - 1, 6)) * random.uniform(0.5, 1.0)  # noqa: S311  (spreads load only)


class Database:
    """One connection that several tasks share, one statement at a time; opened again by itself after it was lost.

    ``pooled`` false: it has to be a session of its own, not one that a pooler lends.
    A statement that was under way when the connection broke is not repeated: its caller gets CannotConnect and knows
    best whether to send it again.
    """

    def __init__(self, target: Target, application: str, *, pooled: bool = True) -> None:
        self.target = target
        self.application = application
        self._connection: asyncpg.Connection | None = None
        self._pooled = pooled
        self._turn = asyncio.Lock()

    @property
    def connected(self) -> bool:
        """Whether the last statement left a live connection."""
        return self._connection is not None and not self._connection.is_closed()

    @property
    def server_pid(self) -> int | None:
        """The number of the server's process behind it; None while there is no connection."""
        return self._connection.get_server_pid() if self._connection is not None and self.connected else None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """The driver's connection for a while, alone; its errors come out as ours."""
        async with self._turn:
            if self._connection is None or self._connection.is_closed():
                self._connection = await connect(self.target, self.application, pooled=self._pooled)
            try:
                async with lent(self._connection):
                    yield self._connection
            except DRIVER_ERRORS as error:
                known = translated(error)
                if isinstance(known, CannotConnect):
                    self._connection.terminate()
                if known is None:
                    raise
                raise known from error

    async def rows(self, kind: type[_Row], name: str, *arguments: Any) -> list[_Row]:
        """The rows of the named query as ``kind``."""
        return [read(kind, record) for record in await self.records(name, *arguments)]

    async def records(self, name: str, *arguments: Any) -> Sequence[asyncpg.Record]:
        """The rows of the named query as the driver gives them."""
        async with self.connection() as connection:
            found: Sequence[asyncpg.Record] = await connection.fetch(query(name), *arguments)
            return found

    async def filtered(self, kind: type[_Row], name: str, condition: str, *arguments: Any) -> list[_Row]:
        """The rows of the named query that ``condition`` lets pass (see ``filtered_query``), as ``kind``."""
        async with self.connection() as connection:
            found = await connection.fetch(filtered_query(name, condition), *arguments)
        return [read(kind, record) for record in found]

    async def ordered(
        self, name: str, condition: str, *arguments: Any, order: str = "", group: str = "", about: str = ""
    ) -> Sequence[asyncpg.Record]:
        """The rows of the named query in another order or by groups (see ``ordered_query``)."""
        async with self.connection() as connection:
            found: Sequence[asyncpg.Record] = await connection.fetch(
                ordered_query(name, condition, order, group, about), *arguments
            )
            return found

    async def value(self, name: str, *arguments: Any) -> Any:
        """The first column of the first row of the named query, or None."""
        async with self.connection() as connection:
            return await connection.fetchval(query(name), *arguments)

    async def call(self, function: str, *arguments: Any) -> Sequence[asyncpg.Record]:
        """Calls ``kolony.<function>`` with positional arguments and returns its rows."""
        places = ", ".join(f"${number}" for number in range(1, len(arguments) + 1))
        async with self.connection() as connection:
            found: Sequence[asyncpg.Record] = await connection.fetch(
                f"SELECT * FROM kolony.{function}({places})",  # noqa: S608  (function names are ours)
                *arguments,
            )
            return found

    async def close(self) -> None:
        """Closes the connection, quickly even when the server does not answer."""
        if self._connection is not None and not self._connection.is_closed():
            try:
                await self._connection.close(timeout=1)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                self._connection.terminate()
