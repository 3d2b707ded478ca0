"""What the database takes for output: tables and indexes beside the bytes that build logs have.

Run with ``python -m tests.bench storage``; it takes a minute. Poured: as fast as it comes. Paced: in lines of their own
over a time, as builds print them; short pieces are rows of their own, and the server compresses nothing below 2 KB.
"""

from __future__ import annotations

from tests.bench import figures
from tests.bench.figures import Figure
from tests.bench.printing import OUTPUT_BYTES, Printing, printing

MEGABYTES = 32
PACED_SECONDS = 20
PACED_BYTES = 25_000
"""A second."""

_PACED = """
import sys, time
lines = open(sys.argv[1], "rb").read({size}).splitlines(keepends=True)
began, printed = time.monotonic(), 0
for line in lines:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
    printed += len(line)
    time.sleep(max(0.0, began + printed / {speed} - time.monotonic()))
"""


def main() -> list[Figure]:
    """Megabytes of both."""
    size = (8 if figures.QUICK else MEGABYTES) * 1024 * 1024
    took = 5 if figures.QUICK else PACED_SECONDS
    with printing(size) as place:
        poured = _grown(place, f"exec cat {place.logs}")
        script = place.home.parent / "paced.py"
        script.write_text(_PACED.format(size=took * PACED_BYTES, speed=PACED_BYTES))
        paced = _grown(place, f"exec {place.made.program('python')} {script} {place.logs}")
    what = "storage of build logs, tables and indexes"
    raw, mb = "the raw bytes", 1e6
    return [
        Figure(f"{what}, poured out", "MB", [poured / mb], raw, [size / mb], reach="at most 0.75", limit=0.75),
        Figure(f"{what}, line by line at {PACED_BYTES // 1000} kB/s", "MB", [paced / mb], raw,
               [took * PACED_BYTES / mb], reach="at most 0.75", limit=0.75),
    ]  # fmt: skip


def _grown(place: Printing, program: str) -> int:
    before = int(place.psql(OUTPUT_BYTES))
    place.printed(program)
    return int(place.psql(OUTPUT_BYTES)) - before
