"""How fast output is read back: ``kolony tail`` of 1 GB beside psql's COPY of the same rows, both to /dev/null.

Run with ``python -m tests.bench tail``; it takes two minutes. The peer is told the rows by their run alone, as the
superuser, for whom there is no row security.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from tests.bench import figures
from tests.bench.figures import Figure
from tests.bench.printing import Printing, printing

MEGABYTES = 64
TIMES = 16
ROUNDS = 5


def main() -> list[Figure]:
    """MB/s of both."""
    times = 2 if figures.QUICK else TIMES
    size = MEGABYTES * 1024 * 1024
    ours, peer = [], []
    with printing(size) as place:
        run = place.printed(f"exec cat {' '.join([str(place.logs)] * times)}")
        number, run_id = run["reference"], run["run_id"]
        for _ in range(figures.rounds(ROUNDS)):
            ours.append(size * times / _tailed(place, number) / 1e6)
            peer.append(size * times / _copied(place, run_id) / 1e6)
    return [Figure(f"kolony tail of {size * times / 1e9:.2g} GB", "MB/s", ours, "psql -c COPY", peer,
                   reach="at least 0.5", better="higher", limit=0.5)]  # fmt: skip


def _tailed(place: Printing, number: str) -> float:
    words: list[str | Path] = [place.made.program("kolony"), "tail", number]
    with Path(os.devnull).open("wb") as nowhere:
        began = time.perf_counter()
        subprocess.run(words, env=place.made.environment(place.home), stdout=nowhere, check=True)
    return time.perf_counter() - began


def _copied(place: Printing, run_id: str) -> float:
    statement = f"COPY (SELECT data FROM kolony.output_chunks WHERE run_id = '{run_id}' ORDER BY seq) TO STDOUT"
    began = time.perf_counter()
    place.psql(statement, output=Path(os.devnull))
    return time.perf_counter() - began
