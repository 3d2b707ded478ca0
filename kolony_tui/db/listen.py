"""The one listening connection of a process: hints in, a set of them out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import asyncpg

from kolony_tui.db.connect import connect, pause_seconds
from kolony_tui.db.errors import DRIVER_ERRORS
from kolony_tui.db.pooler import ThroughPooler
from kolony_tui.db.target import Target
from kolony_tui.models.errors import KolonyError, LoginRefused
from kolony_tui.patience import set_within

EVERYTHING = "*:*"
"""The hint that anything may have changed: after each (re)connect, because hints sent meanwhile are lost."""

_HINT = re.compile(r"^[a-z]{1,16}:(\*|[0-9a-f-]{36})$")
_ALIVE_SECONDS = 10.0
_POOLER_SECONDS = 60.0


class Listener:
    """Keeps LISTENing on one channel, through lost connections.

    ``on_hint`` gets each hint (``kind:id``; anything else that arrives is dropped) and must only note it down.
    ``on_state`` gets None when connected, or the reason why not. Hints that ``own``, the number of a process of the
    server, has sent are dropped too.
    """

    def __init__(
        self,
        target: Target,
        channel: str,
        application: str,
        on_hint: Callable[[str], None],
        on_state: Callable[[KolonyError | None], None],
        own: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._target = target
        self._channel = channel
        self._application = application
        self._on_hint = on_hint
        self._on_state = on_state
        self._own = own

    async def run(self) -> None:
        """Listens until cancelled. Raises LoginRefused when the login itself is refused: trying again cannot help."""
        failures, told = 0, False
        while True:
            try:
                connection = await connect(self._target, self._application)
                failures = 0
                await self._listen(connection)
            except LoginRefused:
                raise
            except ThroughPooler as error:
                # Whoever listens looks again from time to time as well; the pooler is not asked all the time.
                if not told:
                    told = True
                    self._on_state(error)
                await asyncio.sleep(_POOLER_SECONDS)
            except KolonyError as error:
                failures += 1
                self._on_state(error)
                await asyncio.sleep(pause_seconds(failures))

    async def _listen(self, connection: asyncpg.Connection) -> None:
        gone = asyncio.Event()
        connection.add_termination_listener(lambda _: gone.set())
        try:
            await connection.add_listener(self._channel, self._received)
            self._on_state(None)
            self._on_hint(EVERYTHING)
            while not await set_within(gone, _ALIVE_SECONDS):
                # A half-open connection says nothing for ever; a round trip shows it.
                await connection.fetchval("SELECT 1", timeout=5)
        except DRIVER_ERRORS:
            pass
        finally:
            connection.terminate()

    def _received(self, connection: object, pid: int, channel: str, payload: object) -> None:
        if isinstance(payload, str) and _HINT.match(payload) and pid != self._own():
            self._on_hint(payload)
