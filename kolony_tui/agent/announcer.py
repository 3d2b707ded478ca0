"""Tells whoever looks on that there is something new: seldom, together, and never in a transaction that writes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable

from kolony_tui.agent.link import Link
from kolony_tui.models.errors import CannotConnect, LoginRefused, Refused

SPACING_SECONDS = 0.1
_AT_ONCE = 100
"""As many hints as one call takes. Of a kind of which there are more, one hint for all of them is sent."""


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
        hints, self._due = _together(self._due), {}
        try:
            for start in range(0, len(hints), _AT_ONCE):
                await self._link.call("announce", hints[start : start + _AT_ONCE])
        except LoginRefused:
            raise
        except (CannotConnect, Refused):
            # Whoever reconnects reads everything again anyway.
            return


def _together(due: Iterable[str]) -> list[str]:
    """The hints, where they are too many with ``kind:*`` in the place of all of a kind.

    >>> _together(["run:1", "agent:2"]), _together(["agent:2", *(f"run:{n}" for n in range(101))])
    (['run:1', 'agent:2'], ['agent:2', 'run:*'])
    """
    hints = list(due)
    if len(hints) <= _AT_ONCE:
        return hints
    kinds = Counter(hint.partition(":")[0] for hint in hints)
    most = _AT_ONCE // (2 * len(kinds))
    kept = [hint for hint in hints if kinds[hint.partition(":")[0]] <= most]
    return kept + [f"{kind}:*" for kind, count in kinds.items() if count > most]
