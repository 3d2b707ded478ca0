"""The runner's calls into the database, over one connection that all of its work shares."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from kolony_tui.agent.supervision.guardian import boot_seconds
from kolony_tui.db.connect import Database, pause_seconds
from kolony_tui.db.target import Target
from kolony_tui.models.errors import CannotConnect, KolonyError, LoginRefused
from kolony_tui.patience import set_within

CALL_SECONDS = 10.0
"""A call that takes longer hangs; its connection is given up."""

_PASSING_CLASSES = ("40", "53", "57", "58")
_PASSING_STATES = ("55P03", "25006")
_SERVERS_TROUBLE = ("53", "58")
"""A full disk, too little memory: not over in a moment, so somebody should hear of it,"""
VAIN_SECONDS = 10.0
"""and so of whatever else kept the same call from being done for so long."""


class Lapsed(KolonyError):
    """The lease ended before the database could be reached."""

    title = "Lease lost"


class Busy(CannotConnect):
    """The server answered, but cannot do it at the moment: a lock, a full disk, a standby."""


def sqlstate(error: BaseException) -> str:
    """The server's code behind one of our errors, or an empty string."""
    cause = error.__cause__
    return str(cause.sqlstate or "") if isinstance(cause, asyncpg.PostgresError) else ""


class Link:
    """One connection as the agent, opened again after it was lost.

    ``up`` is set while the last call reached the server. Only the runner's own beat tries again while it is not; all
    else waits for ``up``, so that a hundred runs do not knock at a server that is starting.
    """

    def __init__(self, target: Target, application: str) -> None:
        self._database = Database(target, application)
        self.secrets = tuple(each.reveal() for each in (target.password, target.agent_token) if each is not None)
        """What this connection is opened with."""
        self.up = asyncio.Event()
        self.on_down: Callable[[], None] = lambda: None
        self.on_trouble: Callable[[KolonyError | None], None] = lambda error: None
        """Gets why the server cannot write at the moment, once; None when it could again."""
        self._troubled = False
        self._in_vain: dict[str, float] = {}
        """The functions whose last call failed in passing, and since when."""
        self._time = (datetime.now(UTC), boot_seconds())
        self.seconds = CALL_SECONDS

    async def call(self, function: str, *arguments: Any) -> Sequence[asyncpg.Record]:
        """Calls ``kolony.<function>``.

        Raises:
            CannotConnect: not known whether it was done (Busy: it was not). LoginRefused: trying again cannot help.
            Refused and its kinds: the database said no.
        """
        places = ", ".join(f"${number}" for number in range(1, len(arguments) + 1))
        statement = f"SELECT * FROM kolony.{function}({places})"  # noqa: S608  (function names are ours)
        try:
            async with self._database.connection() as connection:
                found: Sequence[asyncpg.Record] = await connection.fetch(statement, *arguments, timeout=self.seconds)
        except LoginRefused:
            raise
        except CannotConnect:
            if self.up.is_set():
                self.up.clear()
                self.on_down()
            raise
        except KolonyError as error:
            state = sqlstate(error)
            if state in _PASSING_STATES or state[:2] in _PASSING_CLASSES:
                raise Busy(error.message, error.hint) from error.__cause__
            raise
        self.up.set()
        return found

    @property
    def server_pid(self) -> int | None:
        """Of the server's process that does these calls; None without a connection."""
        return self._database.server_pid

    def now(self) -> datetime:
        """The database's time, as far as it is known; nobody who sets this machine's clock changes it."""
        at, seconds = self._time
        return at + timedelta(seconds=boot_seconds() - seconds)

    async def learn_time(self) -> None:
        """Asks the database for its time. Raises CannotConnect."""
        began = boot_seconds()
        async with self._database.connection() as connection:
            theirs = await connection.fetchval("SELECT clock_timestamp()", timeout=self.seconds)
        self._time = (theirs, (began + boot_seconds()) / 2)

    async def insist(
        self, function: str, *arguments: Any, alive: Callable[[], bool], tries: float = float("inf")
    ) -> Sequence[asyncpg.Record]:
        """``call``, again and again through lost connections, for calls that may be said twice.

        Raises Lapsed once ``alive`` says no, CannotConnect after so many ``tries``, when the server is there again;
        LoginRefused and Refused as ``call``.
        """
        failures = 0
        while True:
            if not alive():
                self._in_vain.pop(function, None)
                raise Lapsed("the lease ended while the database could not be reached")
            try:
                found = await self.call(function, *arguments)
            except LoginRefused:
                raise
            except CannotConnect as error:
                self._note(function, error)
                failures += 1
                await asyncio.sleep(pause_seconds(failures))
                await self._wait_up(alive)
                if failures >= tries and alive():
                    raise
            else:
                self._note(function, None)
                return found

    def _note(self, function: str, error: KolonyError | None) -> None:
        if error is None:
            self._in_vain.pop(function, None)
            troubled = False
        else:
            long = time.monotonic() - self._in_vain.setdefault(function, time.monotonic()) > VAIN_SECONDS
            troubled = long or (isinstance(error, Busy) and sqlstate(error)[:2] in _SERVERS_TROUBLE)
        if troubled != self._troubled and (troubled or error is None):
            self._troubled = troubled
            self.on_trouble(error)

    async def _wait_up(self, alive: Callable[[], bool]) -> None:
        while not self.up.is_set() and alive():
            await set_within(self.up, 0.5)

    async def close(self) -> None:
        """Closes the connection."""
        await self._database.close()
