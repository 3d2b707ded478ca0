"""``Database`` for callers without an event loop, with the interface of ``direct.DirectConnection``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kolony_tui.db.connect import Database
from kolony_tui.db.target import Target

if TYPE_CHECKING:
    from kolony_tui.db.direct import Value


class BlockingConnection:
    """One connection of asyncpg in an event loop of its own; its first use raises what ``connect`` raises."""

    def __init__(self, target: Target, application: str) -> None:
        self._loop = asyncio.Runner()
        self._database = Database(target, application)

    def server_major(self) -> int:
        """The server's major version."""
        return self._loop.run(self._server_major())

    def rows(self, statement: str, *arguments: Value) -> list[str]:
        """The first column of each row, as text; NULL comes as an empty text. Raises what the server refused."""
        return self._loop.run(self._rows(statement, *arguments))

    def close(self) -> None:
        """Ends the connection."""
        with self._loop:
            self._loop.run(self._database.close())

    async def _server_major(self) -> int:
        async with self._database.connection() as connection:
            return int(connection.get_server_version().major)

    async def _rows(self, statement: str, *arguments: Value) -> list[str]:
        async with self._database.connection() as connection:
            found = await connection.fetch(statement, *arguments)
        return ["" if row[0] is None else str(row[0]) for row in found]
