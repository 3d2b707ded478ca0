"""What waits to be written: bounded while the database is away, and sent in pieces that the way to it can carry."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from kolony_tui.agent.attempt.outbox import LEAST_BYTES, MEMORY_BYTES, MOST_BYTES, Outbox
from kolony_tui.agent.attempt.output import CHUNK_BYTES, Chunk
from kolony_tui.agent.attempt.spool import Spool
from kolony_tui.agent.link import Link
from kolony_tui.models.errors import CannotConnect, KolonyError


class _Way:
    """A link that carries so many bytes at once and no more; what came through is in ``written``."""

    def __init__(self, carries: int) -> None:
        self.carries = carries
        self.up = asyncio.Event()
        self.tried: list[int] = []
        self.written: list[tuple[int, bytes]] = []

    async def insist(self, function: str, *arguments: Any, alive: Any, tries: float) -> None:
        await self.up.wait()
        numbers, datas = arguments[1], arguments[-1]
        self.tried.append(sum(map(len, datas)))
        if self.tried[-1] > self.carries:
            raise CannotConnect("no answer in time")
        self.written += zip(numbers, datas, strict=True)


def _outbox(way: _Way, folder: Path, bound: int = 1 << 30) -> tuple[Outbox, list[KolonyError]]:
    wrong: list[KolonyError] = []
    made = Outbox(UUID(int=1), cast("Link", way), asyncio.Lock(), Spool(folder, bound), lambda: True, lambda: None,
                  wrong.append)  # fmt: skip
    return made, wrong


def _chunk(number: int) -> Chunk:
    return Chunk(number, "stdout", datetime.now(UTC), number, 1, (b"%d\n" % number).rjust(CHUNK_BYTES, b"."))


async def test_a_narrow_way_is_sent_less_at_once_and_a_wide_one_more(tmp_path: Path) -> None:
    way = _Way(carries=200_000)
    way.up.set()
    box, wrong = _outbox(way, tmp_path)
    box.put(map(_chunk, range(80)))
    async with asyncio.timeout(10):
        await box.emptied()
    assert way.written == [(number, _chunk(number).data) for number in range(80)]
    assert min(way.tried) >= LEAST_BYTES
    assert sum(tried > way.carries for tried in way.tried) < len(way.tried)
    way.carries = 1 << 30
    way.tried.clear()
    box.put(map(_chunk, range(80, 200)))
    async with asyncio.timeout(10):
        await box.emptied()
    assert way.tried == sorted(way.tried[:-1]) + way.tried[-1:]
    assert LEAST_BYTES < max(way.tried) <= MOST_BYTES
    assert (wrong, box.acknowledged) == ([], 200)
    await box.close()


async def test_a_flood_while_the_database_is_away_stays_within_bounds(tmp_path: Path) -> None:
    way, bound = _Way(carries=1 << 30), 3 * MEMORY_BYTES
    box, _ = _outbox(way, tmp_path, bound)
    number = 0
    while not box.full:
        box.put([_chunk(number)])
        number += 1
        await asyncio.sleep(0)
        assert number * CHUNK_BYTES < 2 * (MEMORY_BYTES + bound), "the program is never made to wait"
    assert MEMORY_BYTES + bound <= number * CHUNK_BYTES <= MEMORY_BYTES + bound + 4 * CHUNK_BYTES
    assert not list(tmp_path.iterdir()), "the spool has no name"
    way.up.set()
    async with asyncio.timeout(20):
        await box.emptied()
    assert [each for each, _ in way.written] == list(range(number))
    await box.close()
