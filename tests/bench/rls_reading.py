"""Reading output under row security against the same statements without it: 1,000,000 chunks in 20 workspaces.

Run with ``python -m tests.bench rls_reading``; it takes about two minutes a server: the embedded one and, where it is
there, Debian's PostgreSQL 15. The statements are the app's own. The peer is the owner's side: the same statement in the
same session settings, by a superuser, for whom row security does not hold (the owner of the tables is kept to it).
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg

from kolony_tui.db.queries import query
from kolony_tui.db.startup import SETTINGS
from kolony_tui.server.embedded import EmbeddedServer
from kolony_tui.server.home import Home
from kolony_tui.server.migrations import migrate
from tests.bench.figures import Figure, rounds
from tests.bench.measuring import milliseconds

WORKSPACES, RUNS, CHUNKS = 20, 50, 1_000
"""So many in all, in each workspace, and in each run."""
LINES = 8
"""In each chunk, of 110 characters as in ``output_widget``."""
MEMBER_OF = 2
TODAY = datetime.now(UTC).date()
BATCH = 64
"""Chunks that the app reads at once."""
BLOCKS = 12
"""Each gives a ratio of its own."""
BOUND = 1.2
READER, PASSWORD = "bench_reader", "only for a benchmark"
OLD_SERVER = Path("/usr/lib/postgresql/15/bin")
FILL = f"""
SET session_replication_role = replica;
INSERT INTO kolony.workspaces (slug, name) SELECT 'w' || n, 'W' || n FROM generate_series(1, {WORKSPACES}) n;
INSERT INTO kolony.attempts (workspace_id, run_id, number, agent_id, session_id, chunk_count, outcome, ended_at)
SELECT w.workspace_id, kolony.new_id(), 1, kolony.new_id(), kolony.new_id(), {CHUNKS}, 'completed', now()
FROM kolony.workspaces w, generate_series(1, {RUNS});
INSERT INTO kolony.output_chunks (workspace_id, run_id, attempt, seq, day, stream, at, first_line, line_count, data)
SELECT t.workspace_id, t.run_id, 1, s, t.output_day, 'stdout', now(), s * {LINES}, {LINES},
       convert_to(string_agg('a line of output ' || repeat(md5(s::text || l::text), 3), E'\\n'), 'UTF8')
FROM kolony.attempts t, generate_series(0, {CHUNKS} - 1) s, generate_series(1, {LINES}) l
GROUP BY 1, 2, 3, 4, 5 ORDER BY 4;
CREATE ROLE {READER} LOGIN PASSWORD '{PASSWORD}' IN ROLE kolony_user;
INSERT INTO kolony.profiles (login, role_oid) VALUES ('{READER}', '{READER}'::regrole::oid);
INSERT INTO kolony.memberships (workspace_id, profile_id, role)
SELECT w.workspace_id, p.profile_id, 'viewer'
FROM (SELECT workspace_id FROM kolony.workspaces ORDER BY slug LIMIT {MEMBER_OF}) w, kolony.profiles p;
"""
WHOLE_WORKSPACE = "SELECT count(*), sum(c.line_count) FROM kolony.output_chunks c WHERE c.workspace_id = $1"


@dataclass(frozen=True)
class Reading:
    """A statement, ``times`` of it a block; each for another run."""

    what: str
    statement: str
    arguments: Callable[[UUID, UUID, int], Sequence[Any]]
    times: int


READINGS = (
    Reading(f"a run's last {BATCH} chunks", query("records/output"),
            lambda home, run, _: (home, run, 1, TODAY, CHUNKS - BATCH - 1, None, BATCH), 200),
    Reading(f"{BATCH} chunks of a run from a number on", query("records/output"),
            lambda home, run, turn: (home, run, 1, TODAY, turn * 37 % (CHUNKS - BATCH), None, BATCH), 200),
    Reading("a run's chunks of one stream", query("records/output"),
            lambda home, run, _: (home, run, 1, TODAY, -1, "stdout", CHUNKS), 10),
    Reading("a whole workspace, counted", WHOLE_WORKSPACE, lambda home, _, __: (home,), 3),
)  # fmt: skip


def main() -> list[Figure]:
    """The figure of each statement on each server."""
    with _embedded() as dsn:
        figures = asyncio.run(_measure(dsn))
    given = os.environ.get("KOLONY_TEST_SERVER")
    if given:
        figures += asyncio.run(_measure(given))
    elif (OLD_SERVER / "initdb").exists():
        with _old_server() as dsn:
            figures += asyncio.run(_measure(dsn))
    return figures


async def _measure(server: str) -> list[Figure]:
    superuser = await asyncpg.connect(server)
    await _drop(superuser)
    await superuser.execute("CREATE ROLE bench_installer CREATEROLE")
    await superuser.execute("CREATE DATABASE kolony_bench OWNER bench_installer")
    parts = urlsplit(server)
    dsn = urlunsplit((parts.scheme, parts.netloc, "/kolony_bench", parts.query, ""))
    owner = await asyncpg.connect(dsn, server_settings=SETTINGS)
    try:
        await owner.execute("SET SESSION AUTHORIZATION bench_installer")
        await migrate(owner)
        await owner.execute("RESET SESSION AUTHORIZATION")
        await owner.execute(FILL)
        await owner.execute("RESET session_replication_role")
        await owner.execute("VACUUM (ANALYZE, FREEZE)")
        place = parts.netloc.rpartition("@")[2]
        login = urlunsplit((parts.scheme, f"{READER}@{place}", "/kolony_bench", parts.query, ""))
        reader = await asyncpg.connect(login, password=PASSWORD, server_settings=SETTINGS)
        try:
            return await _figures(reader, owner)
        finally:
            await reader.close()
    finally:
        await owner.close()
        await _drop(superuser)
        await superuser.close()


async def _figures(reader: asyncpg.Connection, owner: asyncpg.Connection) -> list[Figure]:
    rows = await owner.fetch(
        """SELECT t.workspace_id, t.run_id FROM kolony.attempts t JOIN kolony.memberships m USING (workspace_id)
           ORDER BY t.run_id"""
    )
    runs = [(row["workspace_id"], row["run_id"]) for row in rows]
    total = await owner.fetchval("SELECT count(*) FROM kolony.output_chunks")
    version = await owner.fetchval("SELECT current_setting('server_version')")
    print(f"PostgreSQL {version}: {total:,} chunks in {WORKSPACES} workspaces, the reader a member of {MEMBER_OF}")
    figures = []
    for reading in READINGS:
        blocks = [await _block(reader, owner, reading, runs) for _ in range(rounds(BLOCKS))]
        ours, peer = ([median(block[side]) for block in blocks] for side in (0, 1))
        figures.append(
            Figure(
                f"{reading.what}, PostgreSQL {version.split()[0]}", "ms", milliseconds(ours),
                "the same without row security", milliseconds(peer), f"at most {BOUND} times", limit=BOUND,
            )
        )  # fmt: skip
    return figures


async def _block(
    reader: asyncpg.Connection, owner: asyncpg.Connection, reading: Reading, runs: list[tuple[UUID, UUID]]
) -> tuple[list[float], list[float]]:
    """Seconds of each statement for the reader and for the owner, turn by turn, so that both meet the same load."""
    taken: tuple[list[float], list[float]] = ([], [])
    for turn in range(reading.times):
        arguments = reading.arguments(*runs[turn % len(runs)], turn)
        order = (0, 1) if turn % 2 else (1, 0)
        # Each does it twice and the second time counts, so that what is read lies in memory and both are warm alike.
        for side in (*order, *order[::-1]):
            began = time.perf_counter()
            found = await (reader, owner)[side].fetch(reading.statement, *arguments)
            taken[side].append(time.perf_counter() - began)
            assert found
    return taken[0][1::2], taken[1][1::2]


async def _drop(superuser: asyncpg.Connection) -> None:
    await superuser.execute("DROP DATABASE IF EXISTS kolony_bench WITH (FORCE)")
    await superuser.execute(f"DROP ROLE IF EXISTS {READER}")
    if await superuser.fetchval("SELECT to_regrole('bench_installer') IS NOT NULL"):
        # Kolony's roles belong to whoever made them, and stay: they are the server's.
        await superuser.execute("REASSIGN OWNED BY bench_installer TO CURRENT_USER; DROP OWNED BY bench_installer")
        await superuser.execute("DROP ROLE bench_installer")


@contextmanager
def _embedded() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="kolony-bench-")).resolve()
    server = EmbeddedServer(Home(folder / "home"), settings={"fsync": "off"})
    try:
        server.ensure()
        yield server.superuser_dsn("postgres")
    finally:
        server.stop(force=True)
        shutil.rmtree(folder)


@contextmanager
def _old_server() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="kolony-bench-"))
    user: dict[str, Any] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root; Kolony has made this user by now
        entry = pwd.getpwnam("kolony-postgres")
        user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    password = folder / "password"
    password.write_text(PASSWORD)
    if user:
        os.chown(password, user["user"], user["group"])

    def run(*program: str | Path) -> None:
        subprocess.run(program, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=folder, **user)

    control: list[str | Path] = [OLD_SERVER / "pg_ctl", "-D", folder / "data", "-w"]
    # As the embedded one is set up.
    options = f"-k {folder} -c listen_addresses= -c fsync=off -c shared_buffers=512MB -c jit=off -c max_wal_size=2GB"
    try:
        run(OLD_SERVER / "initdb", "-D", folder / "data", "-A", "scram-sha-256", f"--pwfile={password}",
            "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")  # fmt: skip
        run(*control, "-l", folder / "log", "-o", options, "start")
        yield f"postgresql://postgres:{PASSWORD.replace(' ', '%20')}@/postgres?host={folder}"
    finally:
        run(*control, "-m", "immediate", "stop")
        shutil.rmtree(folder)
