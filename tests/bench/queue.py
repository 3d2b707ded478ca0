"""Runs claimed and completed a second by one runner whose work does nothing, beside the workers of other queues.

Run with ``python -m tests.bench queue``; it takes a minute. Ours is the runner itself (session, lease, execution,
record, audit and events) with an adapter in its process that succeeds at once; a folder is made for no job, here or
there. The peers run their own worker with a handler that does nothing, once as it comes and once with the batch or
concurrency that served it best here. ``plain_rows`` writes the rows that we write, and does
nothing else. All on one server, the peers each with a database of its own, one after the other in each round.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench import figures, plain_rows
from tests.bench.figures import Figure
from tests.bench.idle_work import Quiet, idle_runner
from tests.bench.peers import Server, python_peer, server
from tests.bench.queue_place import AGENT, Place, queue_place

ROUNDS, JOBS, SLOW_JOBS, CONCURRENCY = 7, 3_000, 300, 100
WARM = 500
PGQUEUER = """
import asyncio, sys, time
import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode

dsn, count, batch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

async def main():
    connection = await asyncpg.connect(dsn)
    driver = AsyncpgDriver(connection)
    queries = Queries(driver)
    if not await connection.fetchval("SELECT to_regclass('pgqueuer') IS NOT NULL"):
        await queries.install()
    for start in range(0, count, 500):
        some = min(500, count - start)
        await queries.enqueue(["nothing"] * some, [None] * some, [0] * some)
    worker = PgQueuer(driver)
    began = []

    @worker.entrypoint("nothing")
    async def nothing(job):
        began.append(time.perf_counter())

    await worker.qm.run(batch_size=batch, mode=QueueExecutionMode.drain)
    assert len(began) == count, len(began)
    print(count / (time.perf_counter() - began[0]))

asyncio.run(main())
"""
PROCRASTINATE = """
import asyncio, sys, time
import procrastinate

dsn, count, at_once = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=dsn))
began = []

@app.task(name="nothing")
async def nothing():
    began.append(time.perf_counter())

async def main():
    async with app.open_async():
        if not (await app.connector.execute_query_one_async(
                "SELECT to_regclass('procrastinate_jobs') IS NOT NULL AS there"))["there"]:
            await app.schema_manager.apply_schema_async()
        await nothing.batch_defer_async(*[{} for _ in range(count)])
        await app.run_worker_async(wait=False, concurrency=at_once, install_signal_handlers=False)
    assert len(began) == count, len(began)
    print(count / (time.perf_counter() - began[0]))

asyncio.run(main())
"""
PEERS = (
    ("PgQueuer, as it comes (10 a batch)", "pgqueuer", JOBS, 10),
    ("PgQueuer, 100 a batch", "pgqueuer", JOBS, 100),
    ("Procrastinate, as it comes (1 at a time)", "procrastinate", SLOW_JOBS, 1),
    ("Procrastinate, 10 at a time", "procrastinate", SLOW_JOBS, 10),
)


async def main() -> list[Figure]:
    """Measure; one figure for each peer."""
    pythons = {"pgqueuer": python_peer("pgqueuer[asyncpg]"), "procrastinate": python_peer("procrastinate")}
    ours: list[float] = []
    peers: dict[str, list[float]] = {name: [] for name, *_ in PEERS}
    smallest: list[float] = []
    plain: list[float] = []
    with tempfile.TemporaryDirectory(prefix="kolony-bench-") as name, server() as its:
        folder = Path(name)
        dsns = {kind: await its.empty_database(kind) for kind in pythons}
        for kind, source in (("pgqueuer", PGQUEUER), ("procrastinate", PROCRASTINATE)):
            (folder / f"{kind}_worker.py").write_text(source)
        async with queue_place(its) as place, idle_runner(place.target, AGENT, CONCURRENCY) as report:
            await _warm(place, report)
            for _ in range(figures.rounds(ROUNDS)):
                ours.append(await _ours(place, report))
                plain.append(await plain_rows.written(place.superuser, JOBS))
                for title, kind, jobs, setting in PEERS:
                    worker = folder / f"{kind}_worker.py"
                    words: list[str | Path] = [pythons[kind], worker, dsns[kind], str(jobs), str(setting)]
                    peers[title].append(float(await asyncio.to_thread(_output, words)))
                smallest.append(await asyncio.to_thread(_pgbench, its, place.dsn, folder))
    found = [
        Figure("claim and complete, one runner", "runs/s", ours, title, peers[title], "ahead of it", "higher", 1.0)
        for title, *_ in PEERS
    ]
    same = f"the same rows by plain SQL, {plain_rows.BATCH} a batch"
    found.append(Figure("claim and complete, one runner", "runs/s", ours, same, plain, better="higher"))
    found.append(
        Figure("claim and complete, one runner", "runs/s", ours, "pgbench, a row inserted and committed", smallest,
               "at least 0.3", "higher", 0.3)
    )  # fmt: skip
    return found


async def _warm(place: Place, report: Quiet) -> None:
    await place.fill(WARM)
    await place.hint()
    await place.drained(report, WARM)
    # As the server itself does it within a minute.
    await place.superuser.execute("VACUUM ANALYZE")


async def _ours(place: Place, report: Quiet) -> float:
    before = report.ended
    # Nothing of it is seen before all of it is: the runner also looks by itself.
    async with place.superuser.transaction():
        await place.fill(JOBS)
        await plain_rows.copy_waiting(place.superuser)
        began = time.perf_counter()
    await place.hint()
    await place.drained(report, before + JOBS)
    return JOBS / (time.perf_counter() - began)


def _output(words: list[str | Path]) -> str:
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return done.stdout


def _pgbench(its: Server, dsn: str, folder: Path) -> float:
    script = folder / "smallest.sql"
    script.write_text("INSERT INTO bench_rows DEFAULT VALUES;\n")
    database = urlsplit(dsn).path.lstrip("/")
    environment = {**its.environment, "PGDATABASE": database, "PATH": "/usr/bin:/bin"}
    table = "bench_rows (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz DEFAULT now())"
    make = f"SET client_min_messages = error; CREATE TABLE IF NOT EXISTS {table}"
    subprocess.run([its.programs / "psql", "-qc", make], env=environment, check=True)
    said = subprocess.run(
        [its.programs / "pgbench", "-n", "-c", "1", "-M", "prepared", "-T", "2", "-f", script],
        env=environment, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    match = re.search(r"tps = ([0-9.]+)", said)
    assert match is not None, said
    return float(match[1])
