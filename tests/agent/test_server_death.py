"""The server dies under a running program and comes back: the run completes and its output is whole (G3, G4)."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from kolony_tui.core.tokens import new_token
from kolony_tui.server.bootstrap import Prepared, prepare
from kolony_tui.server.embedded import EmbeddedServer
from kolony_tui.server.home import Home
from tests.agent.colony import RunnerProcess, until
from tests.conftest import QUICK
from tests.database import verifier


@pytest.fixture
def own_server() -> Iterator[tuple[EmbeddedServer, Prepared]]:
    """A server of this test alone, with its first admin."""
    folder = tempfile.mkdtemp(prefix="kolony-")
    server = EmbeddedServer(Home(Path(folder, "home").resolve()), settings=QUICK)
    try:
        yield server, prepare(server)
    finally:
        server.stop(force=True)
        shutil.rmtree(folder)


async def _admin(server: EmbeddedServer, prepared: Prepared) -> asyncpg.Connection:
    password = server.secrets.get(f"person:{prepared.first_admin}")
    assert password is not None
    return await asyncpg.connect(prepared.address.dsn(prepared.first_admin, password))


async def test_a_server_killed_under_a_run_and_started_again_has_all_of_it(
    own_server: tuple[EmbeddedServer, Prepared], tmp_path: Path
) -> None:
    server, prepared = own_server
    admin = await _admin(server, prepared)
    home = await admin.fetchval("SELECT workspace_id FROM kolony.workspaces")
    agent_id = await admin.fetchval("SELECT kolony.create_agent($1, 'worker')", home)
    token = new_token()
    await admin.execute("SELECT kolony.issue_token($1, $2, $3, $4, $5)",
                        agent_id, token.login, verifier(token.secret), token.digest, token.hint)  # fmt: skip
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "kolony_tui", "agent", "run", "worker"],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env={**os.environ, "KOLONY_HOME": str(server.home.path), "KOLONY_AGENT_TOKEN": token.secret.reveal()},
        )
    runner = RunnerProcess(process, log)
    try:
        text = "for n in $(seq 1 300); do echo line $n; sleep 0.005; done"
        run_id: UUID = await admin.fetchval(
            "SELECT run_id FROM kolony.send_command($1, $2, $3)", home, [agent_id], text
        )

        async def some() -> bool:
            return bool(await admin.fetchval("SELECT count(*) > 2 FROM kolony.output_chunks"))

        await until(some, what="output")
        pid = server.status().pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await runner.says("trying again")
        admin.terminate()
        await asyncio.to_thread(server.ensure)
        admin = await _admin(server, prepared)

        async def ended() -> asyncpg.Record | None:
            return await admin.fetchrow(
                "SELECT * FROM kolony.attempts WHERE run_id = $1 AND outcome IS NOT NULL", run_id
            )

        attempt = await until(ended, what=f"the end of the run ({runner.lines})")
        assert (attempt["number"], attempt["outcome"], attempt["line_count"]) == (1, "completed", 300)
        rows = await admin.fetch("SELECT seq, data FROM kolony.output_chunks ORDER BY seq")
        assert [row["seq"] for row in rows] == list(range(len(rows)))
        assert b"".join(row["data"] for row in rows) == b"".join(b"line %d\n" % n for n in range(1, 301))
        await admin.close()
    finally:
        process.kill()
        process.wait()
