"""Waiting for work to go on: hints wake, a slow poll makes sure, the database has the answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from kolony_tui.core import work
from kolony_tui.core.session import PersonSession
from kolony_tui.db.listen import Listener
from kolony_tui.models.work import Run
from kolony_tui.patience import set_within

_POLL_SECONDS = 1.0


class Hints:
    """Wakes every waiter when anything in the workspace may have changed, and once a second anyway."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def note(self, _: str) -> None:
        """For the listener: something changed."""
        waiting, self._changed = self._changed, asyncio.Event()
        waiting.set()

    async def next(self) -> None:
        """Returns at the next hint, or after a second."""
        await set_within(self._changed, _POLL_SECONDS)


@asynccontextmanager
async def look_again(session: PersonSession) -> AsyncIterator[Hints]:
    """Listens in the session's workspace for as long as the block runs."""
    hints = Hints()
    listener = Listener(
        session.db.target, session.workspace.channel, session.db.application, hints.note, lambda state: None
    )
    listening = asyncio.create_task(listener.run())
    try:
        yield hints
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def ended_runs(session: PersonSession, run_ids: Sequence[UUID], hints: Hints) -> list[Run]:
    """Waits until every run has ended."""
    ended: dict[UUID, Run] = {}
    while True:
        await work.settle(session)
        for run_id in run_ids:
            if run_id not in ended and (run := (await work.run_detail(session, run_id)).run).status.ended:
                ended[run_id] = run
        if len(ended) == len(run_ids):
            return [ended[run_id] for run_id in run_ids]
        await hints.next()
