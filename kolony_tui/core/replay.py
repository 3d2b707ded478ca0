"""Looking back: the same questions, answered as of a moment."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

import asyncpg

from kolony_tui.core.session import PersonSession
from kolony_tui.db.connect import Database
from kolony_tui.db.target import Target

_KEPT = (
    "agents", "agent_sessions", "attempts", "leases", "attempt_steps", "output_chunks", "trace_entries", "commands",
    "runs", "run_overview", "run_listed", "command_overview", "agent_listed", "agent_overview",
)  # fmt: skip
"""The tables and views that have one of the past beside them, of the same name and ``_then``."""

_INSTEAD = {
    "fleet/listed": "replay/agents", "fleet/named": "replay/agents", "fleet/pulse": "replay/pulse",
    "work/queue_window": "replay/queue", "work/queue_sorted": "work/listed_open",
}  # fmt: skip
"""Queries that would take too long in the past, and what is asked there."""

_PRESENT = re.compile(r"\bkolony\.(" + "|".join(_KEPT) + r")\b(?!\s*\()|(?<![\w.])now\(\)")


def in_the_past(statement: str) -> str:
    """A statement of ours that asks about then instead of now.

    >>> in_the_past("SELECT r.run_id FROM kolony.runs r WHERE r.created_at < now() AND kolony.settle($1) = 0")
    'SELECT r.run_id FROM kolony.runs_then r WHERE r.created_at < kolony.moment() AND kolony.settle($1) = 0'
    """
    return _PRESENT.sub(lambda found: f"kolony.{found[1]}_then" if found[1] else "kolony.moment()", statement)


class PastDatabase(Database):
    """A connection that looks back: every statement is answered as of ``moment``, and nothing can be written."""

    def __init__(self, target: Target, application: str, moment: datetime) -> None:
        super().__init__(target, application)
        self.moment = moment
        self._over = False

    async def records(self, name: str, *arguments: Any) -> Sequence[asyncpg.Record]:
        """The rows of the named query, or of that which takes its place in the past."""
        return await super().records(_INSTEAD.get(name, name), *arguments)

    async def ordered(
        self, name: str, condition: str, *arguments: Any, order: str = "", group: str = "", about: str = ""
    ) -> Sequence[asyncpg.Record]:
        """The rows of the named query, or of that which takes its place in the past."""
        name = _INSTEAD.get(name, name)
        return await super().ordered(name, condition, *arguments, order=order, group=group, about=about)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """The driver's connection for a while, set to the moment."""
        moment = self.moment
        try:
            async with super().connection() as connection:
                await connection.execute(
                    "SELECT set_config('kolony.moment', $1, false), "
                    "set_config('default_transaction_read_only', 'on', false)",
                    moment.isoformat(),
                )
                yield cast("asyncpg.Connection", _Past(connection))
        finally:
            if self._over:
                async with self._turn:
                    await super().close()

    async def close(self) -> None:
        """Closes the connection; who asks just now has the answer first, and closes behind itself."""
        self._over = True
        if not self._turn.locked():
            await super().close()


class _Past:
    """The driver's connection, with every statement turned to the past."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def fetch(self, statement: str, *arguments: Any) -> Any:
        return await self._connection.fetch(in_the_past(statement), *arguments)

    async def fetchval(self, statement: str, *arguments: Any) -> Any:
        return await self._connection.fetchval(in_the_past(statement), *arguments)

    async def fetchrow(self, statement: str, *arguments: Any) -> Any:
        return await self._connection.fetchrow(in_the_past(statement), *arguments)

    async def execute(self, statement: str, *arguments: Any) -> Any:
        return await self._connection.execute(in_the_past(statement), *arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def looking_back(session: PersonSession, moment: datetime, application: str) -> PersonSession:
    """The same person, on a connection of its own that looks back."""
    return replace(session, db=PastDatabase(session.db.target, application, moment))
