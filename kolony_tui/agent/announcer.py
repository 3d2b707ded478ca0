"""Tells whoever looks on that there is something new: seldom, together, and never in a transaction that writes."""

from __future__ import annotations

import asyncio

from kolony_tui.agent.link import Link
from kolony_tui.models.errors import CannotConnect, LoginRefused, Refused

SPACING_SECONDS = 0.1
_AT_ONCE = 100
"""As many hints as one call takes."""


class Announcer:
    """Collects hints (``kind:id``) and sends each at most once in 0.1 s. One that cannot be sent is dropped."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._due: dict[str, None] = {}
        self._news = asyncio.Event()

    def add(self, *hints: str) -> None:
        """Notes hints for the next call."""
        self._due.update(dict.fromkeys(hints))
        self._news.set()

    async def run(self) -> None:
        """Sends until cancelled. Raises LoginRefused."""
        while True:
            await self._news.wait()
            await self.send()
            await asyncio.sleep(SPACING_SECONDS)

    async def send(self) -> None:
        """Sends what is noted. Raises LoginRefused."""
        self._news.clear()
        hints, self._due = list(self._due), {}
        try:
            for start in range(0, len(hints), _AT_ONCE):
                await self._link.call("announce", hints[start : start + _AT_ONCE])
        except LoginRefused:
            raise
        except (CannotConnect, Refused):
            # Whoever reconnects reads everything again anyway.
            return
