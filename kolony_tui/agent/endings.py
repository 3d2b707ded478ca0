"""Ends of attempts that have completed, on their way into the database: those that wait together go in one call."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from kolony_tui.agent.link import Link
from kolony_tui.models.errors import KolonyError, LoginRefused

_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Completed:
    """The end of an attempt, as ``kolony.complete_attempts`` takes it."""

    attempt_id: UUID
    exit_code: int | None
    signal: int | None
    error: str | None
    usage: dict[str, Any]
    chunks: int
    bytes: int
    lines: int
    warning: str | None

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "attempt_id": str(self.attempt_id), "exit_code": self.exit_code, "signal": self.signal, "error": self.error,
            "usage": self.usage, "chunks": self.chunks, "bytes": self.bytes, "lines": self.lines,
            "warning": self.warning,
        }  # fmt: skip


class Endings:
    """Writes ends as they come: the first at once, and whatever comes while a call is under way with the next one."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._waiting: list[tuple[Completed, asyncio.Future[bool]]] = []
        self._sender: asyncio.Task[None] | None = None

    async def written(self, end: Completed) -> bool:
        """Whether the end is in the database now. If not, it has to be said by ``finish_attempt``, which says why.

        Raises LoginRefused.
        """
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((end, answer))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send())
        return await answer

    async def _send(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
                await self._write(batch)
        finally:
            self._sender = None

    async def _write(self, batch: list[tuple[Completed, asyncio.Future[bool]]]) -> None:
        written: set[UUID] = set()
        refused: LoginRefused | None = None
        try:
            rows = await self._link.call("complete_attempts", [end.document() for end, _ in batch])
            written = {row[0] for row in rows}
        except LoginRefused as error:
            refused = error
        except (KolonyError, ValueError, TypeError):
            # Not known, or one of them cannot be stored: each for itself, which may be said again.
            pass
        finally:
            for end, answer in batch:
                if answer.done():
                    continue
                if refused is not None:
                    answer.set_exception(refused)
                else:
                    answer.set_result(end.attempt_id in written)
