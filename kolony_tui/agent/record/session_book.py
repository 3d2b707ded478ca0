"""What keeps a conversation going: the agent's own session, and the answer that becomes its message."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from kolony_tui.agent.events import Ended, Event, Opened
from kolony_tui.models.errors import Fenced, KolonyError, LoginRefused, Refused

if TYPE_CHECKING:
    from kolony_tui.agent.record.sinks import Bench

ANSWER_BYTES = 1024 * 1024
"""How much of the end of an answer becomes a message; the run's output has all of it."""


class SessionBook:
    """Writes them for an attempt at a message of a conversation, in order. A ``Sink``; other attempts leave it idle."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._attempt = bench.work.attempt_id
        self._calls: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
        self._trouble: KolonyError | None = None
        self._writing: asyncio.Task[None] | None = None
        if bench.work.brief.conversation_id is not None:
            self._writing = asyncio.create_task(self._write())

    def take(self, event: Event) -> None:
        """Takes what opens a session, and the answer at the end."""
        if self._writing is None:
            return
        if isinstance(event, Opened):
            words = (event.session_id, event.how, event.adapter, event.program, event.version, event.mode, event.cwd)
            self._calls.put_nowait(("note_session", self._attempt, *map(_storable, (*words, event.why))))
        elif isinstance(event, Ended) and event.answer.strip():
            whole = _storable(event.answer).encode()
            kept = whole[-ANSWER_BYTES:].decode(errors="ignore")
            self._calls.put_nowait(("note_reply", self._attempt, kept, len(whole) > ANSWER_BYTES))

    async def flushed(self) -> None:
        """All of it is written. Raises Fenced, Lapsed, LoginRefused."""
        if self._writing is None:
            return
        waiting = asyncio.create_task(self._calls.join())
        try:
            await asyncio.wait([waiting, self._writing], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self._trouble is not None:
            raise self._trouble

    async def close(self) -> None:
        """Drops what is not written."""
        if self._writing is not None:
            self._writing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writing

    async def _write(self) -> None:
        while True:
            function, *arguments = await self._calls.get()
            try:
                await self._bench.link.insist(function, *arguments, alive=self._bench.alive)
            except (Fenced, LoginRefused) as error:
                self._trouble = error
                return
            except Refused as error:
                # The thread is the poorer for it; the work is not.
                self._bench.say("conversation", f"its conversation does not have this: {error.line}")
            except KolonyError as error:
                self._trouble = error
                return
            self._calls.task_done()


def _storable(text: str) -> str:
    """The same without what no text in the database can hold."""
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()
