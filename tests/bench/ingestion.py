"""How fast output reaches the database: a program that pours build logs into its runner, beside psql's COPY of them.

Run with ``python -m tests.bench ingestion``; it takes a minute. Both write the same bytes into the same server, each
into a table of bytea with 64 KiB a row, which the server compresses; the peer's has no row security, no other columns
than a number, and one commit at its end. Ours counts from the start of the attempt to its recorded end: the program,
the pipe, the masking of secrets and tokens, and all commits.
"""

from __future__ import annotations

import struct
import time
from pathlib import Path

from tests.bench import figures
from tests.bench.figures import Figure
from tests.bench.printing import Printing, printing, seconds

MEGABYTES = 64
ROW_BYTES = 64 * 1024
ROUNDS = 7


def main() -> list[Figure]:
    """MB/s of both."""
    size = (16 if figures.QUICK else MEGABYTES) * 1024 * 1024
    with printing(size) as place:
        rows = place.logs.with_suffix(".copy")
        _write_rows(place.logs, rows)
        ours, peer = [], []
        for number in range(figures.rounds(ROUNDS) + 1):
            taken = seconds(place.printed(f"exec cat {place.logs}")), _copied(place, rows)
            if number:
                ours.append(size / taken[0] / 1e6)
                peer.append(size / taken[1] / 1e6)
    return [Figure("output ingestion through a runner", "MB/s", ours, "psql COPY of the same bytes", peer,
                   reach="at least 0.5", better="higher", limit=0.5)]  # fmt: skip


def _write_rows(logs: Path, rows: Path) -> None:
    """The logs in COPY's binary format."""
    with logs.open("rb") as source, rows.open("wb") as target:
        target.write(b"PGCOPY\n\xff\r\n\0" + struct.pack(">II", 0, 0))
        number = 0
        while data := source.read(ROW_BYTES):
            target.write(struct.pack(">HiIi", 2, 4, number, len(data)) + data)
            number += 1
        target.write(struct.pack(">h", -1))


def _copied(place: Printing, rows: Path) -> float:
    """Seconds that psql takes."""
    place.psql("DROP TABLE IF EXISTS peer", "postgres")
    place.psql("CREATE TABLE peer (number integer, data bytea)", "postgres")
    began = time.perf_counter()
    place.psql(f"\\copy peer FROM '{rows}' (FORMAT binary)", "postgres")
    return time.perf_counter() - began
