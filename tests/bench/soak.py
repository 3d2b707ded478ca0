"""Whether anything grows without bound while two runners work for half an hour: tables, indexes, dead rows, memory.

Run with ``python -m tests.bench soak [--minutes 30]``; ``all`` leaves it out. A person sends commands at a fixed rate
to two agents, whose runners are processes: most print some lines, one in ten asks something first and is answered, one
in fifteen is cancelled at work, one in thirty before it begins. Every minute, and thirty times at least, everything is
measured. The tables of what goes on must stay as they were; the history may grow with the runs, and nothing else.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

import asyncpg
import psutil

from kolony_tui.core.tokens import Token, new_token
from tests.bench import figures
from tests.bench.figures import Figure
from tests.bench.peers import server
from tests.bench.queue_place import AGENT, PERSON, Place, queue_place
from tests.database import verifier

LONG = True
MINUTES, A_SECOND, SAMPLES = 30.0, 3.0, 30
HOT = ("ready_runs", "scheduled_runs", "blocked_runs", "leases", "agent_sessions", "agent_tokens", "agents", "stops",
       "budget_spending", "usage_days", "workspaces", "stop_gates")  # fmt: skip
BOUND_HOT, BOUND_HISTORY, BOUND_MEMORY = 1.2, 1.2, 1.2
_PRINTS = "for i in 1 2 3 4 5 6 7 8 9 10; do echo line $i of what a soak prints; done"
_ASKS = """cd "$KOLONY_RUN_DIR"; printf '{"title": "go on?"}' > ask/a.tmp; mv ask/a.tmp ask/a.json
n=0; while [ ! -e answers/a.json ] && [ $n -lt 300 ]; do sleep 0.1; n=$((n + 1)); done; echo answered"""
_SIZES = """
SELECT c.relname AS name, coalesce(t.relname, c.relname) AS of_table, pg_relation_size(c.oid) AS bytes
FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid LEFT JOIN pg_class t ON t.oid = i.indrelid
WHERE c.relnamespace = 'kolony'::regnamespace AND c.relkind IN ('r', 'i')
"""
_STATE = """
SELECT (SELECT count(*) FROM kolony.runs WHERE outcome IS NOT NULL), (SELECT count(*) FROM kolony.ready_runs),
       (SELECT sum(n_dead_tup) FROM pg_stat_user_tables WHERE schemaname = 'kolony'),
       (SELECT coalesce(max(age(backend_xmin)), 0) FROM pg_stat_activity WHERE pid <> pg_backend_pid())
"""
_HEAD = "    runs  waiting  hot MB  history MB  dead rows  xmin age  runners MB  server cpu s"


@dataclass(frozen=True)
class Sample:
    """One look. Bytes, but for ``ended`` (runs), ``dead`` (rows) and ``processor`` (seconds of the server so far)."""

    ended: int
    waiting: int
    dead: int
    xmin_age: int
    memory: int
    processor: float
    sizes: dict[str, tuple[str, int]]

    @property
    def hot(self) -> int:
        """The tables of what goes on, with their indexes."""
        return sum(size for table, size in self.sizes.values() if table in HOT)

    @property
    def history(self) -> int:
        """All else."""
        return sum(size for table, size in self.sizes.values() if table not in HOT)


async def main() -> list[Figure]:
    """Measure, and print a row for each sample."""
    minutes = figures.MINUTES or (1.0 if figures.QUICK else MINUTES)
    samples: list[Sample] = []
    with tempfile.TemporaryDirectory(prefix="kolony-bench-") as name, server() as its:
        async with queue_place(its) as place:
            agents, tokens = await _agents(place)
            with _runners(Path(name), place.dsn, tokens) as processes:
                end = time.monotonic() + 60 * minutes
                load = asyncio.create_task(_load(place.dsn, agents, end))
                print(_HEAD, flush=True)
                while time.monotonic() < end and not load.done():
                    await asyncio.sleep(60 * minutes / max(SAMPLES, int(minutes)))
                    samples.append(await _sample(place.superuser, processes))
                    print(_row(samples[-1]), flush=True)
                await load
    print("largest at the end: " + ", ".join(
        f"{each} {size / 1e6:.1f} MB" for each, (_, size) in sorted(
            samples[-1].sizes.items(), key=lambda item: -item[1][1])[:12]))  # fmt: skip
    return _figures(samples)


async def _agents(place: Place) -> tuple[list[UUID], dict[str, Token]]:
    await place.superuser.execute(
        "INSERT INTO kolony.agents (workspace_id, name) SELECT workspace_id, 'other' FROM kolony.workspaces"
    )
    tokens = {AGENT: new_token(), "other": new_token()}
    ids: list[UUID] = []
    for agent, token in tokens.items():
        await place.superuser.execute(
            f"CREATE ROLE {token.login} LOGIN PASSWORD '{verifier(token.secret)}' IN ROLE kolony_agents"
        )
        ids.append(await place.superuser.fetchval(
            """INSERT INTO kolony.agent_tokens (workspace_id, agent_id, login, token_hash, token_hint)
               SELECT workspace_id, agent_id, $2, $3, $4 FROM kolony.agents WHERE name = $1 RETURNING agent_id""",
            agent, token.login, token.digest, token.hint))  # fmt: skip
    return ids, tokens


@contextmanager
def _runners(folder: Path, dsn: str, tokens: dict[str, Token]) -> Iterator[list[psutil.Process]]:
    """A runner for each agent, as processes."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("KOLONY_", "PG"))}
    started: list[subprocess.Popen[bytes]] = []
    # Without the superuser's login: a token brings its own.
    scheme, _, rest = dsn.partition("://")
    bare = f"{scheme}://{rest.rpartition('@')[2]}"
    try:
        for agent, token in tokens.items():
            with (folder / f"{agent}.log").open("wb") as log:
                started.append(subprocess.Popen(
                    [sys.executable, "-m", "kolony_tui", "agent", "run", agent, "--concurrency", "8"],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    env={**kept, "KOLONY_HOME": str(folder / f"home-{agent}"), "KOLONY_DSN": bare,
                         "KOLONY_AGENT_TOKEN": token.secret.reveal()},
                ))  # fmt: skip
        deadline = time.monotonic() + 60
        while not all(b"ready" in (folder / f"{agent}.log").read_bytes() for agent in tokens):
            if time.monotonic() > deadline or any(each.poll() is not None for each in started):
                raise RuntimeError("; ".join((folder / f"{agent}.log").read_text() for agent in tokens))
            time.sleep(0.1)
        yield [psutil.Process(each.pid) for each in started]
    finally:
        for each in started:
            each.terminate()
        for each in started:
            each.wait()


async def _load(dsn: str, agents: list[UUID], end: float) -> None:
    """Sends, answers and cancels until ``end``."""
    person = await asyncpg.connect(dsn)
    await person.execute(f"SET SESSION AUTHORIZATION {PERSON}")
    home = await person.fetchval("SELECT workspace_id FROM kolony.workspaces")
    to_cancel: list[tuple[float, UUID]] = []
    began, number, answered = time.monotonic(), 0, 0.0
    while (now := time.monotonic()) < end:
        number += 1
        text, cancel_in = _PRINTS, None
        if number % 10 == 0:
            text = _ASKS
        elif number % 15 == 1:
            text, cancel_in = "echo begun; exec sleep 60", 2.0
        elif number % 30 == 2:
            cancel_in = 0.0
        call = "SELECT run_id FROM kolony.send_command($1, $2, $3)"
        run = await person.fetchval(call, home, [agents[number % 2]], text)
        if cancel_in is not None:
            to_cancel.append((now + cancel_in, run))
        for due in [each for each in to_cancel if each[0] <= now]:
            await person.fetchval("SELECT kolony.cancel_run($1, 'a soak')", due[1])
            to_cancel.remove(due)
        if now > answered + 0.5:
            answered = now
            await person.fetch(
                """SELECT kolony.answer_approval(approval_id, true) FROM kolony.approvals
                   WHERE answered_at IS NULL AND cancelled_at IS NULL AND expired_at IS NULL"""
            )
        await asyncio.sleep(max(0.0, began + number / A_SECOND - time.monotonic()))
    await person.close()


async def _sample(superuser: asyncpg.Connection, processes: list[psutil.Process]) -> Sample:
    await superuser.execute("SELECT pg_stat_clear_snapshot()")
    state: Any = await superuser.fetchrow(_STATE)
    sizes = {row["name"]: (row["of_table"], row["bytes"]) for row in await superuser.fetch(_SIZES)}
    backend = psutil.Process(superuser.get_server_pid())
    postmaster = backend.parent()
    assert postmaster is not None
    # What a program takes while it lives is its own: the runners alone.
    memory = sum(each.memory_full_info().pss for each in processes)
    times = [each.cpu_times() for each in (postmaster, *postmaster.children())]
    processor = sum(each.user + each.system for each in times) + times[0].children_user + times[0].children_system
    ended, waiting, dead, xmin_age = state
    return Sample(ended, waiting, int(dead or 0), xmin_age, memory, processor, sizes)


def _row(sample: Sample) -> str:
    return (
        f"{sample.ended:8,} {sample.waiting:8,} {sample.hot / 1e6:7.2f} {sample.history / 1e6:11.1f} {sample.dead:10,} "
        f"{sample.xmin_age:9,} {sample.memory / 1e6:11.1f} {sample.processor:13.1f}"
    )


def _figures(samples: list[Sample]) -> list[Figure]:
    third = max(1, len(samples) // 3)
    first, middle, last = samples[:third], samples[third : 2 * third] or samples[:third], samples[-third:]
    halves = (samples[0], samples[len(samples) // 2], samples[-1])
    growth = [
        (later.history - sooner.history) / max(1, later.ended - sooner.ended) / 1000
        for sooner, later in pairwise(halves)
    ]
    return [
        Figure("soak: tables and indexes of what goes on", "MB", [each.hot / 1e6 for each in last], "its first third",
               [each.hot / 1e6 for each in first], f"at most {BOUND_HOT} times", "lower", BOUND_HOT),
        Figure("soak: history for each run that ended", "kB", growth[1:], "its first half", growth[:1],
               f"at most {BOUND_HISTORY} times", "lower", BOUND_HISTORY),
        Figure("soak: dead rows", "rows", [median(each.dead for each in last)], "its middle third",
               [median(each.dead for each in middle)], "told only"),
        Figure("soak: memory of the runners", "MB", [each.memory / 1e6 for each in last], "its first third",
               [each.memory / 1e6 for each in first], f"at most {BOUND_MEMORY} times", "lower", BOUND_MEMORY),
        Figure("soak: oldest transaction in sight", "transactions", [max(each.xmin_age for each in samples)],
               reach="told only"),
    ]  # fmt: skip
