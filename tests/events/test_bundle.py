"""A bundle: what was exported is there again elsewhere, nothing secret is in it, and a bad one gets one line."""

from __future__ import annotations

import asyncio
import io
import json
import os
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest

from kolony_tui.core import lists, records, work
from kolony_tui.core.bundle import MANIFEST, Bundle, export
from kolony_tui.core.bundle_opening import opened
from kolony_tui.core.connection import Choice, find_destination
from kolony_tui.core.replay import looking_back
from kolony_tui.core.session import clock, log_in
from kolony_tui.models.errors import UsageError, WrongState
from kolony_tui.models.lists import Wish
from tests.database import Database
from tests.events.test_events import session_of
from tests.work.calls import Runner, send

ALL = Wish(0, 100)


async def made(database: Database, file: Path) -> tuple[list[str], list[str]]:
    """A bundle of an hour in which something happened, and after which more did; answers with agents and runs then."""
    agent = await database.add_agent()
    bob = await database.connect("bob")
    await bob.execute("SELECT kolony.edit_agent($1, $2)", agent.agent_id, {"instructions": "the hidden plan"})
    runner = await Runner.of(database, agent)
    await runner.beat()
    first, waiting = (await send(bob, agent, "look"))[0], (await send(bob, agent, "wait"))[0]
    (attempt,) = [row["attempt_id"] for row in await runner.claim()]
    await runner.start(attempt)
    await runner.append(attempt, [(0, b"one\n"), (1, b"two\x00\xff\n")])
    eve = await session_of(database, "eve")
    until = await clock(eve)
    await runner.finish(attempt, chunks=2)
    await bob.fetch("SELECT * FROM kolony.cancel_runs($1, 'no')", [waiting])
    try:
        past = looking_back(eve, until, "kolony tests")
        agents = [repr(agent.status) for agent in (await lists.agents(past, ALL)).rows]
        runs = [f"{run.reference} {run.status} {run.title.raw}" for run in await work.runs(past)]
        await past.db.close()
        await export(eve, file, until - timedelta(hours=1), until)
        with pytest.raises(WrongState):
            await export(eve, file, until - timedelta(hours=1), until)
        with pytest.raises(UsageError):
            await export(eve, file, until, until, overwrite=True)
    finally:
        await eve.db.close()
    assert first
    return agents, runs


async def test_there_and_back(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x.kolony"
    agents, runs = await made(database, file)
    assert file.stat().st_mode & 0o777 == 0o600
    held = b"".join(zipfile.ZipFile(file).read(name) for name in zipfile.ZipFile(file).namelist())
    assert b"hidden plan" not in held
    assert database.cluster.login("bob").encode() not in held
    monkeypatch.setenv("KOLONY_HOME", os.environ["KOLONY_HOME"])  # put back at the end
    folder = await asyncio.to_thread(_look, file, agents, runs)
    assert not folder.exists(), "nothing is left of it"


def _look(file: Path, agents: list[str], runs: list[str]) -> Path:
    bundle = Bundle(file)
    with opened(bundle) as home:
        asyncio.run(_compare(bundle, agents, runs))
        return home.path


async def _compare(bundle: Bundle, agents: list[str], runs: list[str]) -> None:
    destination = await asyncio.to_thread(find_destination, Choice())
    session = await log_in(destination.target, "kolony tests")
    past = looking_back(session, bundle.manifest.until, "kolony tests")
    try:
        assert str(session.role) == "viewer"
        assert [repr(agent.status) for agent in (await lists.agents(past, ALL)).rows] == agents
        found = await work.runs(past)
        assert [f"{run.reference} {run.status} {run.title.raw}" for run in found] == runs
        assert len((await lists.open_runs(past, ALL, bundle.manifest.since, 10)).rows) == 2
        run = next(run for run in found if run.title.raw == "look")
        end = await records.output_end(past, run.run_id)
        assert end is not None
        pieces = await records.output(past, run.run_id, end)
        assert b"".join(piece.data for piece in pieces) == b"one\ntwo\x00\xff\n"
    finally:
        await past.db.close()
        await session.db.close()


def _changed(file: Path, name: str, data: bytes | None) -> Path:
    """A copy with one part replaced (None: left out)."""
    source, out = zipfile.ZipFile(file), io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for each in {*source.namelist(), name}:
            if each != name:
                target.writestr(each, source.read(each))
            elif data is not None:
                target.writestr(each, data)
    copy = file.with_name("copy.kolony")
    copy.write_bytes(out.getvalue())
    return copy


async def test_a_bad_one_gets_one_line(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "x.kolony"
    await made(database, file)
    Bundle(file).check()
    manifest = json.loads(zipfile.ZipFile(file).read(MANIFEST))
    bomb = {**manifest, "tables": {**manifest["tables"], "runs": {**manifest["tables"]["runs"], "bytes": 1 << 40}}}
    other = zipfile.ZipFile(file).read("events.jsonl").replace(b"run.queued", b"run.failed")
    for name, data in (
        ("events.jsonl", other), ("runs.jsonl", b'{"run_id": "x"}\n'), ("runs.jsonl", b"0" * (1 << 22)),
        ("runs.jsonl", None),
        ("../../evil", b"x"), (MANIFEST, json.dumps(bomb).encode()), (MANIFEST, b"[" * 100_000),
        (MANIFEST, json.dumps({**manifest, "format": 99}).encode()), (MANIFEST, b"x" * (2 << 20)),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=r"damaged|no bundle"):
            Bundle(_changed(file, name, data)).check()
    half = tmp_path / "half.kolony"
    half.write_bytes(file.read_bytes()[:500])
    with pytest.raises(UsageError, match="no bundle"):
        Bundle(half)
    whole = bytearray(file.read_bytes())
    whole[zipfile.ZipFile(file).getinfo("events.jsonl").header_offset + 200] ^= 0xFF  # within what is packed there
    half.write_bytes(whole)
    with pytest.raises(UsageError):
        Bundle(half).check()
