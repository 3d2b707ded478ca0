"""What an agent asks to be allowed, on its way to people and rules, and the answer on its way back to its adapter."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from kolony_tui.agent.events import Asked, Ended, Event, Withdrawn
from kolony_tui.agent.link import Lapsed
from kolony_tui.models.errors import Fenced, LoginRefused, Refused

if TYPE_CHECKING:
    from kolony_tui.agent.record.sinks import Bench

EXPIRY_SECONDS = 1800.0
"""So long an agent waits, unless its adapter has ``permission_seconds``; then it is rejected."""

_RAW_BYTES = 64 * 1024
_TITLE = 500
_RISKS = {"read": "low", "search": "low", "think": "low", "delete": "high"}
_CLOCKS_DIFFER_SECONDS = 0.5


@dataclass(slots=True)
class _Wait:
    """One permission that the agent waits for. ``news``: there is something to look at. ``over``: why nobody waits."""

    asked: Asked
    news: asyncio.Event = field(default_factory=asyncio.Event)
    over: str = ""


class Permissions:
    """Asks for each permission, holds the attempt's clock meanwhile, and gives the adapter the answer.

    What is not allowed is denied: by a person, by a rule, because nobody answered in time, or because it cannot be
    asked at all. Nothing is answered that the agent does not wait for any more.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._seconds = float(getattr(bench.adapter, "permission_seconds", EXPIRY_SECONDS))
        self._waits: dict[str, _Wait] = {}
        self._by_approval: dict[UUID, _Wait] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, event: Event) -> None:
        """Begins to ask, or ends it."""
        if isinstance(event, Asked) and event.request not in self._waits:
            wait = self._waits[event.request] = _Wait(event)
            self._bench.clock.hold()
            task = asyncio.create_task(self._see_to(wait))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif isinstance(event, Withdrawn) and event.request in self._waits:
            self._end(self._waits[event.request], "its agent waits for it no more")
        elif isinstance(event, Ended):
            for wait in list(self._waits.values()):
                self._end(wait, "its agent has ended")

    def answered(self, approval_id: UUID) -> None:
        """The database has the end of a question; however often that is said, and whosever it is."""
        if approval_id in self._by_approval:
            self._by_approval[approval_id].news.set()

    async def flushed(self) -> None:
        """Nothing is asked any more: what was open is withdrawn."""
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def close(self) -> None:
        """Asks and answers no more."""
        for task in list(self._tasks):
            task.cancel()
        await self.flushed()

    def _end(self, wait: _Wait, why: str) -> None:
        wait.over = wait.over or why
        wait.news.set()

    async def _see_to(self, wait: _Wait) -> None:
        try:
            allow, note = await self._decided(wait)
        except (Lapsed, Fenced, LoginRefused):
            return  # the attempt ends by its lease
        except Refused as error:
            allow, note = False, f"it could not be asked: {error.line}"
            self._bench.say("ask refused", f"was denied {_line(wait.asked.title)}: {error.line}")
        finally:
            self._waits.pop(wait.asked.request, None)
            self._bench.clock.release()
        if not wait.over:
            await self._bench.adapter.answer(wait.asked.request, allow, note)

    async def _decided(self, wait: _Wait) -> tuple[bool, str]:
        [row] = await self._insist("ask", self._bench.work.attempt_id, *_arguments(wait.asked, self._seconds))
        approval: UUID = row["approval_id"]
        self._by_approval[approval] = wait
        try:
            if row["state"] == "open":
                self._bench.say("asks", f"asks for {_line(wait.asked.title)}")
            else:
                wait.news.set()
            return await self._heard(wait, approval)
        finally:
            del self._by_approval[approval]

    async def _heard(self, wait: _Wait, approval: UUID) -> tuple[bool, str]:
        """Waits for an answer, the end of the waiting, or the time at which it runs out by the server's clock."""
        runs_out = time.monotonic() + self._seconds
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(runs_out - time.monotonic(), _CLOCKS_DIFFER_SECONDS)):
                    await wait.news.wait()
            wait.news.clear()
            if wait.over:
                await self._insist("withdraw_question", approval, wait.over)
                return False, wait.over
            [row] = await self._insist("hear_answer", approval)
            state, by = row["state"], f" by {row['answered_by']}" if row["answered_by"] else ""
            if state != "open":
                self._bench.say("answered", f"{state}{by}")
                return state == "allowed", row["note"] or _because(state, by)

    async def _insist(self, function: str, *arguments: Any) -> Any:
        return await self._bench.link.insist(function, *arguments, alive=self._bench.alive)


def _because(state: str, by: str) -> str:
    if state == "expired":
        return "nobody answered in time"
    return f"{state}{by}" if state != "allowed" else ""


def _arguments(asked: Asked, seconds: float) -> tuple[Any, ...]:
    """For ``kolony.ask``, behind the attempt. The name cannot be guessed: a program that asks by files takes none."""
    name = f"permission-{secrets.token_hex(8)}"
    title = _clean(asked.title).strip() or f"uses {_clean(asked.tool_name) or 'a tool'}"
    known: dict[str, Any] = {
        "request": asked.request,
        "tool": asked.tool,
        "tool_name": asked.tool_name,
        "tool_kind": asked.tool_kind,
        "choices": [{"id": each.option_id, "name": each.name, "kind": each.kind} for each in asked.choices],
    }
    if asked.raw is not None and len(json.dumps(asked.raw, default=str)) <= _RAW_BYTES:
        known["raw"] = asked.raw
    tool = _clean(asked.tool_kind or asked.tool_name)[:200].strip() or None
    return (
        name, "permission", title[:_TITLE], "", None, _RISKS.get(asked.tool_kind, "medium"),
        max(1, min(math.ceil(seconds), 31_536_000)), tool, _clean(asked.command), _storable(known),
    )  # fmt: skip


def _clean(text: str) -> str:
    """Without what Postgres cannot store: NUL, and halves of characters."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, dict):
        return {_clean(str(key)): _storable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(each) for each in value]
    return value if value is None or isinstance(value, bool | int) or _finite(value) else str(value)


def _finite(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _line(text: str) -> str:
    return repr(text[:200])
