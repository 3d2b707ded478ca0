"""From the commit of a command to the start of its work, beside graphile-worker's pickup of a job.

Run with ``python -m tests.bench pickup``; it takes a minute. Both sides: a sender in this process commits a command (a
job) 40 times a second on an idle queue and keeps the time; the worker writes down when its handler begins. Ours is the
runner with an adapter in its process, so that the start of a program is no part of it; the peer's handler does nothing
else either. In turns, on one server.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from kolony_tui.agent.adapter import Assignment
from tests.bench import figures
from tests.bench.figures import Figure, percentile
from tests.bench.idle_work import idle_runner
from tests.bench.peers import node_peer, server
from tests.bench.queue_place import AGENT, PERSON, queue_place

ROUNDS, SENDS, A_SECOND = 7, 120, 40
BOUND = 1.5
GRAPHILE = """
const { run } = require("graphile-worker");
(async () => {
  await run({
    connectionString: process.argv[2], concurrency: 10, noHandleSignals: true, pollInterval: 2000,
    logger: new (require("graphile-worker").Logger)(() => () => {}),
    taskList: { nothing: async (payload) => {
      process.stdout.write(JSON.stringify({ id: payload.id, at: Number(process.hrtime.bigint()) / 1e9 }) + "\\n"); } },
  });
  process.stdout.write("{}\\n");
})();
"""


async def main() -> list[Figure]:
    """Measure; the median and the 99th of each round."""
    folder = node_peer("graphile-worker")
    begun: dict[str, float] = {}

    def note(work: Assignment) -> None:
        begun[str(work.run_id)] = time.monotonic()

    taken: dict[str, list[list[float]]] = {"ours": [], "peer": []}
    with server() as its:
        jobs = await its.empty_database("graphile")
        async with (
            queue_place(its) as place,
            idle_runner(place.target, AGENT, 10, note),
            _graphile(folder, jobs) as peer_begun,
        ):
            operator, sender = await asyncpg.connect(place.dsn), await asyncpg.connect(jobs)
            await operator.execute(f"SET SESSION AUTHORIZATION {PERSON}")
            home = await operator.fetchval("SELECT workspace_id FROM kolony.workspaces")

            async def command(_: int) -> str:
                call = "SELECT run_id FROM kolony.send_command($1, $2, 'true')"
                return str(await operator.fetchval(call, home, [place.agent_id]))

            async def job(number: int) -> str:
                payload = json.dumps({"id": f"{len(taken['peer'])}-{number}"})
                await sender.execute("SELECT graphile_worker.add_job('nothing', $1::json)", payload)
                return f"{len(taken['peer'])}-{number}"

            for number in range(figures.rounds(ROUNDS) + 1):
                for side, send, at in (("ours", command, begun), ("peer", job, peer_begun)):
                    seconds = await _round(send, at)
                    if number:  # the first one fills caches and makes plans
                        taken[side].append([1000 * each for each in seconds])
                    at.clear()
            await operator.close()
            await sender.close()
    return [
        Figure(f"pickup, commit to begin, p{hundredth}", "ms", [percentile(each, hundredth) for each in taken["ours"]],
               "graphile-worker", [percentile(each, hundredth) for each in taken["peer"]],
               f"at most {BOUND} times", "lower", BOUND, "program start excluded")
        for hundredth in (50, 99)
    ]  # fmt: skip


async def _round(send: Callable[[int], Awaitable[str]], begun: dict[str, float]) -> list[float]:
    """Seconds from each commit to the beginning of its work."""
    committed: dict[str, float] = {}
    began = time.monotonic()
    for number in range(SENDS):
        await asyncio.sleep(max(0.0, began + number / A_SECOND - time.monotonic()))
        sent = await send(number)
        committed[sent] = time.monotonic()
    while not committed.keys() <= begun.keys():
        await asyncio.sleep(0.01)
    return [max(0.0, begun[each] - at) for each, at in committed.items()]


@asynccontextmanager
async def _graphile(folder: Path, dsn: str) -> AsyncIterator[dict[str, float]]:
    """graphile-worker at work; what its handler said when, by the clock that ``time.monotonic`` reads."""
    process = await asyncio.create_subprocess_exec(
        "node", "-e", GRAPHILE, "--", "-", dsn, cwd=folder, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, env={"PATH": "/usr/local/bin:/usr/bin:/bin", "NODE_ENV": "production"},
    )  # fmt: skip
    assert process.stdout is not None
    begun: dict[str, float] = {}

    async def read(lines: asyncio.StreamReader) -> None:
        while line := await lines.readline():
            said = json.loads(line)
            begun[said["id"]] = said["at"]

    try:
        if not await process.stdout.readline():
            raise RuntimeError("graphile-worker did not start")
        reading = asyncio.create_task(read(process.stdout))
        yield begun
        reading.cancel()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
