"""Claims a second from a queue of 1,000,000 waiting runs, beside the same from a queue of 1,000.

Run with ``python -m tests.bench backlog``; it takes two minutes, most of them to fill the long queue. On one server, in
two databases; each claim is of ten runs, as a busy runner asks for them, and is committed. The rounds go in turns.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from kolony_tui.db.connect import connect
from tests.bench import figures
from tests.bench.figures import Figure
from tests.bench.peers import server
from tests.bench.queue_place import Place, queue_place

ROUNDS, CLAIMS, AT_ONCE = 11, 10, 10
MANY, FEW, QUICK = 1_000_000, 1_000, 50_000
BOUND = 0.8


@dataclass(frozen=True)
class Claimer:
    """A connection of an agent with an open session, and the place that it claims in."""

    place: Place
    connection: asyncpg.Connection
    session_id: UUID

    async def round(self) -> float:
        """Claims a second; the queue is as long afterwards as before."""
        began = time.perf_counter()
        for _ in range(CLAIMS):
            rows = await self.connection.fetch("SELECT * FROM kolony.claim_attempts($1, $2)", self.session_id, AT_ONCE)
            assert len(rows) == AT_ONCE
        taken = time.perf_counter() - began
        await self.connection.execute(
            """SELECT kolony.complete_attempts(jsonb_agg(jsonb_build_object('attempt_id', a, 'exit_code', 0,
                   'chunks', 0, 'bytes', 0, 'lines', 0))) FROM unnest($1::uuid[]) a""",
            [row[0] for row in await self.place.superuser.fetch("SELECT attempt_id FROM kolony.leases")],
        )
        await self.place.fill(CLAIMS * AT_ONCE)
        return CLAIMS * AT_ONCE / taken


async def main() -> list[Figure]:
    """Measure."""
    taken: dict[str, list[float]] = {"long": [], "short": []}
    with server() as its:
        lengths = {"long": QUICK if figures.QUICK else MANY, "short": FEW}
        async with queue_place(its, "long") as long, queue_place(its, "short", "ka_00000000000bec04") as short:
            sides = {name: await _claimer(place, lengths[name]) for name, place in (("long", long), ("short", short))}
            for number in range(figures.rounds(ROUNDS) + 1):
                for name in list(sides)[:: 1 if number % 2 else -1]:
                    rate = await sides[name].round()
                    if number:
                        taken[name].append(rate)
            for side in sides.values():
                await side.connection.close()
    return [
        Figure(f"claims with {lengths['long']:,} waiting runs", "runs/s", taken["long"], f"with {FEW:,}",
               taken["short"], f"at least {BOUND}", "higher", BOUND)
    ]  # fmt: skip


async def _claimer(place: Place, waiting: int) -> Claimer:
    await place.superuser.execute("SET session_replication_role = replica")
    for start in range(0, waiting, 100_000):
        await place.fill(min(100_000, waiting - start))
    await place.superuser.execute("RESET session_replication_role")
    await place.superuser.execute("VACUUM ANALYZE")
    connection = await connect(place.target, "kolony bench")
    call = "SELECT session_id FROM kolony.open_session('bench', 1, '0', 'process', 1000)"
    return Claimer(place, connection, await connection.fetchval(call))
