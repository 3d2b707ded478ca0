"""``kolony doctor`` on the embedded server, which is ours: nothing is wrong, and what is opened by hand is found."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from kolony_tui.server.doctor import running
from kolony_tui.server.embedded import EmbeddedServer
from kolony_tui.server.home import Home
from tests.server.conftest import QUICK

SETTINGS = {**QUICK, "max_prepared_transactions": "3"}


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    """A running server that the command line has prepared."""
    folder = Path(tempfile.mkdtemp(prefix="kolony-")).resolve()
    made = EmbeddedServer(Home(folder / "home"), settings=SETTINGS)
    try:
        made.ensure()
        run_doctor(made)
        yield made
    finally:
        made.stop(force=True)
        shutil.rmtree(folder)


def run_doctor(server: EmbeddedServer) -> subprocess.CompletedProcess[str]:
    """``kolony doctor --json`` as a process."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KOLONY_", "PG"))}
    return subprocess.run(
        [sys.executable, "-m", "kolony_tui", "doctor", "--json"],
        env={**kept, "KOLONY_HOME": str(server.home.path), "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"},
        stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=60,
    )  # fmt: skip


def doctor(server: EmbeddedServer) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """Exit code, and the findings that are not ok by check."""
    done = run_doctor(server)
    checks = json.loads(done.stdout)["checks"]
    return done.returncode, {
        check["check"]: [each for each in checks if each["check"] == check["check"] and each["status"] != "ok"]
        for check in checks
        if check["status"] != "ok"
    }


def ask(server: EmbeddedServer, database: str, *statements: str) -> None:
    """Statements of the superuser, each on its own."""

    async def run() -> None:
        superuser = await asyncpg.connect(server.superuser_dsn(database))
        for statement in statements:
            await superuser.execute(statement)
        await superuser.close()

    asyncio.run(run())


def test_a_fresh_embedded_server_is_sound(server: EmbeddedServer) -> None:
    code, found = doctor(server)
    # These servers of the tests are not to survive a crash of the machine, and doctor says so.
    assert (code, list(found)) == (0, ["durability"])


def test_a_rule_that_lets_everybody_in_is_found(server: EmbeddedServer) -> None:
    rules = server.home.data / "pg_hba.conf"
    kept = rules.read_bytes()
    rules.write_bytes(kept + b"local all all trust\nhost all all 0.0.0.0/0 scram-sha-256\nlocal no such rule\n")
    try:
        code, found = doctor(server)
    finally:
        rules.write_bytes(kept)
    assert (code, [each["status"] for each in found["pg_hba.conf"]]) == (1, ["wrong", "warning", "wrong"])
    assert "lets in by trust: local all all" in found["pg_hba.conf"][0]["finding"]
    assert "without TLS" in found["pg_hba.conf"][1]["finding"]
    assert "cannot be read" in found["pg_hba.conf"][2]["finding"]


def test_an_open_database_is_found_and_closed_by_the_next_preparation(server: EmbeddedServer) -> None:
    ask(server, "postgres", "GRANT CONNECT ON DATABASE postgres TO PUBLIC")
    code, found = doctor(server)
    assert (code, [each["finding"] for each in found["databases"]]) == (
        1, ["every login of this server may connect to postgres"],
    )  # fmt: skip
    server.home.update_state(schema=None)
    assert doctor(server)[0] == 0


def test_open_folders_are_found(server: EmbeddedServer) -> None:
    for path in (server.home.secrets, server.home.run):
        path.chmod(0o755)
        try:
            code, found = doctor(server)
        finally:
            path.chmod(0o700)
        assert code == 1
        assert [each["finding"] for each in found["files"]] == [f"others may read and change {path} (mode 0755)"]
    assert doctor(server)[0] == 0


def test_a_prepared_transaction_is_found(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(server, "kolony", "BEGIN; SELECT pg_current_xact_id(); PREPARE TRANSACTION 'forgotten'")
    try:
        assert doctor(server)[0] == 0  # it is young
        monkeypatch.setattr(running, "PREPARED_LIMIT", 0)
        [check] = asyncio.run(_prepared(server))
        assert (check.status, check.finding.raw.startswith("forgotten of postgres in kolony")) == ("wrong", True)
    finally:
        ask(server, "kolony", "ROLLBACK PREPARED 'forgotten'")


async def _prepared(server: EmbeddedServer) -> list[Any]:
    from kolony_tui.db.place import find_place
    from kolony_tui.db.target import Target
    from kolony_tui.server.doctor.check import Patient

    target = Target(dsn=server.superuser_dsn("kolony"))
    superuser = await asyncpg.connect(target.dsn)
    try:
        return await running.check_prepared(Patient(superuser, target, find_place(target), server.home, embedded=True))
    finally:
        await superuser.close()


def test_a_schema_that_is_gone_is_one_line(server: EmbeddedServer) -> None:
    ask(server, "kolony", "ALTER SCHEMA kolony RENAME TO elsewhere")
    try:
        done = run_doctor(server)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
        assert "no schema of Kolony; run kolony migrate" in done.stderr
    finally:
        ask(server, "kolony", "ALTER SCHEMA elsewhere RENAME TO kolony")
