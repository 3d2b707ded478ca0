"""What is done to end or interrupt an attempt, step by step, on its way into the database."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from uuid import UUID

from kolony_tui.agent.link import Link
from kolony_tui.models.errors import KolonyError

FLUSH_SECONDS = 3.0
"""How long the end of an attempt waits for its steps to be written; it never waits longer for them."""

WORDS = {
    "heard": "heard",
    "protocol_cancel": "asked to stop, by its protocol",
    "stdin_closed": "its input closed",
    "sigint": "SIGINT sent",
    "sigterm": "SIGTERM sent",
    "sigkill": "SIGKILL sent",
    "ended": "the program has ended",
    "gone": "nothing of it runs any more",
}
"""Each step in words for people."""


class Steps:
    """Writes steps in order, one call at a time, beside the work. ``on_done`` hears of each whether it was written.

    A step that cannot be written is dropped: the work is ended all the same, and what the database has not heard it
    shows as not confirmed.
    """

    def __init__(self, attempt_id: UUID, link: Link, on_done: Callable[[str, bool], None]) -> None:
        self._attempt_id = attempt_id
        self._link = link
        self._on_done = on_done
        self._due: asyncio.Queue[tuple[str, str]] | None = None
        self._writer: asyncio.Task[None] | None = None

    def note(self, step: str, detail: str = "") -> None:
        """Something was done."""
        if self._due is None:
            self._due = asyncio.Queue()
            self._writer = asyncio.create_task(self._write(self._due))
        self._due.put_nowait((step, detail))

    async def flushed(self) -> None:
        """Returns when all steps are written, or after three seconds."""
        if self._due is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._due.join()

    async def close(self) -> None:
        """Drops what is not written."""
        if self._writer is not None:
            self._writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writer

    async def _write(self, due: asyncio.Queue[tuple[str, str]]) -> None:
        while True:
            step, detail = await due.get()
            try:
                await self._link.call("note_step", self._attempt_id, step, detail)
                self._on_done(step, True)
            except KolonyError:
                self._on_done(step, False)
            finally:
                due.task_done()
