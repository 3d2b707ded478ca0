"""What an attempt says it has used, on its way into the database: from its agent's protocol, or from ``usage.json``."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections import deque
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kolony_tui.agent.attempt.left_file import Unreadable, read_bounded
from kolony_tui.agent.events import Ended, Event, Used
from kolony_tui.models.errors import Fenced, Refused

if TYPE_CHECKING:
    from kolony_tui.agent.record.sinks import Bench

LOOK_SECONDS = 1.0
"""How often ``usage.json`` is looked at."""

_SPACING_SECONDS = 0.1
_AT_ONCE = 200
_WAITING = 2000
_REPORT_BYTES = 256 * 1024
_RAW_BYTES = 32 * 1024
_FIGURES = ("input_fresh", "input_cached", "cache_write", "output", "reasoning", "calls")


class UsageBook:
    """A sink for ``Used``. ``tokens``: all of the attempt, as the database has counted them; None: none were said.

    While the database is away reports wait; many of them are joined where that changes no sum.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._file = bench.adapter.usage_report
        self._due: deque[dict[str, Any]] = deque()
        self._numbered = 0
        self._news = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._last: bytes | None = None
        self._writer: asyncio.Task[None] | None = None
        self._looker = asyncio.create_task(self._look_again()) if self._file is not None else None
        self.tokens: int | None = None

    def take(self, event: Event) -> None:
        """Notes what was used."""
        if isinstance(event, Used):
            self._put(_report(event))
        elif isinstance(event, Ended):
            self._look()

    async def flushed(self) -> None:
        """Every report is booked. Raises Fenced, Lapsed, LoginRefused."""
        if self._writer is None:
            return
        emptied = asyncio.create_task(self._empty.wait())
        await asyncio.wait({emptied, self._writer}, return_when=asyncio.FIRST_COMPLETED)
        emptied.cancel()
        if self._writer.done():
            self._writer.result()

    async def close(self) -> None:
        """Drops what is not booked."""
        for task in (self._looker, self._writer):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task

    def _put(self, report: dict[str, Any]) -> None:
        if len(self._due) >= _WAITING and _join(self._due[-1], report):
            return
        self._due.append(report)
        self._empty.clear()
        self._news.set()
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._due:
                await self._book([self._due[place] for place in range(min(_AT_ONCE, len(self._due)))])
                await asyncio.sleep(_SPACING_SECONDS if self._due else 0)
            self._empty.set()

    async def _book(self, batch: list[dict[str, Any]]) -> None:
        # Numbered only now: what waits may still be joined to another one.
        numbered = [{**report, "number": number} for number, report in enumerate(batch, self._numbered)]
        for _ in batch:
            self._due.popleft()
        self._numbered += len(batch)
        bench = self._bench
        try:
            [row] = await bench.link.insist("report_usage", bench.work.attempt_id, numbered, alive=bench.alive)
        except Fenced:
            raise
        except Refused as error:
            # What it says of itself must not end the work that it did.
            bench.say("usage not booked", f"said it used something that cannot be booked: {error.line}")
            return
        self.tokens = row["report_usage"]["total_tokens"]

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._look()

    def _look(self) -> None:
        if self._file is None:
            return
        with contextlib.suppress(Unreadable, OSError):
            content = read_bounded(Path(self._file), _REPORT_BYTES)
            if content and content != self._last:
                self._last = content
                if (used := used_in(content)) is not None:
                    # Its sums are the attempt's, whatever session its agent goes on with.
                    self._put({**_report(used), "session_id": f"usage.json of {self._bench.work.attempt_id}"})


def used_in(content: bytes) -> Used | None:
    """What a ``usage.json`` says: sums of the attempt so far. None: it says nothing that can be counted.

    >>> used = used_in(b'{"total_tokens": 1000, "output_tokens": 100, "cached_input_tokens": 50, "cost_usd": 0.5}')
    >>> (used.input_fresh, used.input_cached, used.output, used.cost_usd)
    (850, 50, 100, Decimal('0.5'))
    """
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    total, read, output, cached = (
        _whole(said.get(name)) for name in ("total_tokens", "input_tokens", "output_tokens", "cached_input_tokens")
    )
    cost = said.get("cost_usd")
    money = Decimal(str(cost)) if _amount(cost) else None
    if total is not None:
        read = max(0, total - (output or 0))
    if read is None and output is None and money is None:
        return None
    model = said.get("model")
    return Used(
        source="usage.json",
        scope="session",
        model=model if isinstance(model, str) else None,
        input_fresh=None if read is None else max(0, read - (cached or 0)),
        input_cached=cached,
        output=output,
        cost_usd=money,
        cumulative=True,
        money_cumulative=True,
        raw=said,
    )


def _report(used: Used) -> dict[str, Any]:
    """As ``report_usage`` takes it; what is not said is left out."""
    report: dict[str, Any] = {"source": _plain(used.source), "scope": used.scope}
    for name in _FIGURES:
        value = _whole(getattr(used, name))
        if value is not None:
            report[name] = value
    if used.cost_usd is not None and _amount(money := float(used.cost_usd)):
        report["cost_usd"] = money
    for name in ("session_id", "model"):
        if text := getattr(used, name):
            report[name] = _plain(text)
    for name in ("cumulative", "money_cumulative"):
        if getattr(used, name):
            report[name] = True
    if (raw := _storable(used.raw)) is not None:
        report["raw"] = raw
    return report


def _join(before: dict[str, Any], report: dict[str, Any]) -> bool:
    """Makes one of two reports that follow each other, where that changes no sum."""
    about = ("source", "scope", "session_id", "model", "cumulative", "money_cumulative")
    if any(before.get(name) != report.get(name) for name in about):
        return False
    for name in (*_FIGURES, "cost_usd"):
        if name in report:
            sums = report.get("money_cumulative" if name == "cost_usd" else "cumulative")
            before[name] = report[name] if sums else before.get(name, 0) + report[name]
    before.pop("raw", None)
    return True


def _whole(value: object) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and isinstance(value, int) and 0 <= value <= 10**15 else None


def _amount(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= 10**9


def _plain(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()[:300]


def _storable(raw: Any) -> Any:
    """What of it a database takes; None where that is nothing, or too much."""
    if raw is None:
        return None
    try:
        text = json.dumps(raw, ensure_ascii=False, allow_nan=False, default=str)
    except (ValueError, RecursionError, TypeError):
        return None
    if len(text) > _RAW_BYTES:
        return None
    return json.loads(text.encode("utf-8", "replace").decode().replace("\\u0000", "\ufffd"))
