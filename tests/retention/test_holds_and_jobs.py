"""Legal holds, how long what is kept, and the jobs of upkeep that see to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from kolony_tui.core import archiving, retention
from kolony_tui.core.upkeep import run_upkeep
from tests.database import Agent, Database, Workspace, refused
from tests.retention.past import age, archive_state, ended_run, logged_in, rows
from tests.work.calls import Runner, send


async def done(superuser: asyncpg.Connection, what: str) -> dict[str, Any]:
    """One turn of a job."""
    found: dict[str, Any] = json.loads(await superuser.fetchval("SELECT kolony.retain($1)", what))
    return found


async def test_settings_are_for_admins_and_within_bounds(workspace: Workspace) -> None:
    home, database = workspace.workspace_id, workspace.database
    ada = await database.connect("ada")
    change = "SELECT kolony.set_retention($1, $2, $3)"
    for kind, days in (("output", 0), ("audit", 29), ("audit", None), ("archive", -1), ("archive", 90), ("output", 30)):
        with refused("22023"):
            await ada.execute(change, home, kind, days)
    with refused("P0002", "called"):
        await ada.execute(change, home, "dreams", 3)
    for who in ("bob", "eve"):
        person = await database.connect(who)
        with refused("42501", "needs the role admin"):
            await person.execute(change, home, "output", 100)
        with refused("42501"):
            await person.execute("SELECT kolony.place_hold($1, 'workspace', NULL, 'a case')", home)
        with refused("42501"):
            await person.execute("SELECT kolony.set_archive($1, 'file:///srv')", home)
    for place in ("s3://key:secret@bucket/x", "s3://bucket/x?secret_access_key=1", "http://x", "relative/folder"):
        with refused("22023"):
            await ada.execute("SELECT kolony.set_archive($1, $2)", home, place)
    await ada.execute(change, home, "output", None)
    await ada.execute(change, home, "audit", 60)
    async with logged_in(database, "eve") as eve:
        now = {each.kind: (each.days, each.words) for each in await retention.kept(eve)}
    assert now["output"] == (None, "forever")
    assert (now["archive"], now["audit"], now["restored"]) == ((30, "30 days"), (60, "60 days"), (7, "7 days"))


@pytest.mark.parametrize("scope", ["workspace", "agent", "command", "run"])
async def test_what_is_held_stays(workspace: Workspace, agent: Agent, tmp_path: Path, scope: str) -> None:
    superuser, ada = await workspace.database.superuser(), await workspace.database.connect("ada")
    home = workspace.workspace_id
    run_id = await ended_run(workspace, agent, 100)
    before = await rows(superuser, run_id)
    subject = {"workspace": None, "agent": agent.agent_id, "run": run_id, "command": await superuser.fetchval(
        "SELECT command_id FROM kolony.runs WHERE run_id = $1", run_id)}[scope]  # fmt: skip
    async with logged_in(workspace.database, "ada") as session:
        await archiving.set_archive(session, str(tmp_path))
        taken = await ada.fetchrow("SELECT * FROM kolony.take_archive($1, 'psql')", home)
        assert taken is not None
        hold = await retention.hold(session, scope, subject, "the case of the lost letters")
        [[count]] = await superuser.fetch("SELECT count(*) FROM kolony.audit_log WHERE event = 'HOLD_PLACED'")
        assert count == 1
        with refused("55000", "legal hold"):
            await ada.execute("SELECT kolony.finish_archive($1, $2, 1, $3, $4, 10, $5, '{}', false)", home, run_id,
                              taken["ticket"], "0" * 64, b"x" * 32)  # fmt: skip
        await superuser.execute("UPDATE kolony.output_archives SET taken_until = now() - interval '1 second'")
        assert (await archiving.tend(session)).result == {"archived": 0, "removed": 0, "bytes": 0}
        assert await done(superuser, "output") == {"removed_outputs": 0, "removed_copies": 0}
        await superuser.execute("SELECT kolony.keep_months()")
        assert await rows(superuser, run_id) == before
        assert [each.hold_id for each in await retention.holds_of_run(session, run_id)] == [hold]
        await retention.lift(session, hold)
        with refused("55000", "lifted before"):
            await ada.execute("SELECT kolony.lift_hold($1)", hold)
    assert (await done(superuser, "output"))["removed_outputs"] == 1
    assert (await rows(superuser, run_id), await archive_state(superuser, run_id)) == ([], "removed")


async def test_what_is_old_goes_and_what_is_young_stays(workspace: Workspace, agent: Agent) -> None:
    superuser, database = await workspace.database.superuser(), workspace.database
    operator, runner = await database.connect("bob"), await Runner.of(database, agent, 4)
    runs = await send(operator, agent) + await send(operator, agent)
    for claimed in await runner.claim(2):
        attempt = claimed["attempt_id"]
        await runner.start(attempt)
        await runner.append(attempt, [(0, b"x")])
        entry = [{"key": "k", "position": 0, "revision": 1, "type": "thought", "started_at": str(datetime.now(UTC))}]
        await runner.connection.execute("SELECT kolony.append_trace($1, $2)", attempt, entry)
        await runner.finish(attempt, chunks=1)
    old, young = runs
    await age(superuser, old, 100)
    # The trace is filed under a day of its own only here: runs are not moved in time elsewhere.
    await superuser.execute(
        "SELECT kolony.ensure_trace_partition(output_day) FROM kolony.attempts WHERE run_id = $1", old
    )
    await superuser.execute("UPDATE kolony.trace_entries SET day = current_date - 100 WHERE run_id = $1", old)
    for what in ("output", "traces"):
        did = await done(superuser, what)
        assert sum(did.values()) == 1, did
        assert sum((await done(superuser, what)).values()) == 0
    left = "SELECT run_id FROM kolony.output_chunks UNION SELECT run_id FROM kolony.trace_entries"
    assert [row[0] for row in await superuser.fetch(left)] == [young]
    audit = "SELECT subject FROM kolony.audit_log WHERE event = 'RETENTION_APPLIED' ORDER BY entry_id"
    assert [row[0] for row in await superuser.fetch(audit)] == ["output", "traces"]


async def test_past_months_go_when_nothing_is_wanted_of_them(workspace: Workspace, agent: Agent) -> None:
    superuser = await workspace.database.superuser()
    run_id = await ended_run(workspace, agent, 130)
    then = datetime.now(UTC) - timedelta(days=130)
    empty = (then.replace(day=1) - timedelta(days=40)).date()
    await superuser.execute("SELECT kolony.ensure_output_partition($1), kolony.ensure_event_partition($1)", empty)
    other = await workspace.database.connect("olga")
    await other.execute("SELECT kolony.set_retention($1, 'output', 1000)", workspace.other_id)
    count = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'kolony.output_chunks'::regclass"
    before = await superuser.fetchval(count)
    await superuser.execute("SELECT kolony.keep_months()")
    # Two months ahead are there, the empty one is gone, and somebody might still want what is in the other.
    assert await superuser.fetchval("SELECT to_regclass($1) IS NULL", f"kolony.output_chunks_{empty:%Y_%m}")
    assert await superuser.fetchval("SELECT to_regclass($1) IS NULL", f"kolony.events_{empty:%Y_%m}")
    ahead = await superuser.fetchval("SELECT to_char(now() + interval '2 months', 'YYYY_MM')")
    for table in ("output_chunks", "audit_log", "trace_entries", "events"):
        assert await superuser.fetchval("SELECT to_regclass($1) IS NOT NULL", f"kolony.{table}_{ahead}")
    assert await superuser.fetchval(count) == before
    assert len(await rows(superuser, run_id)) == 5
    await other.execute("SELECT kolony.set_retention($1, 'output', 90)", workspace.other_id)
    await superuser.execute("SELECT kolony.keep_months()")
    assert await superuser.fetchval("SELECT to_regclass($1) IS NULL", f"kolony.output_chunks_{then:%Y_%m}")
    assert await archive_state(superuser, run_id) == "removed"


async def test_a_week_without_anybody_is_caught_up_once(workspace: Workspace, agent: Agent) -> None:
    superuser, database = await workspace.database.superuser(), workspace.database
    await superuser.execute("UPDATE kolony.upkeep SET last_began = now() - interval '7 days', last_ended = now()")
    for table in ("output_chunks", "trace_entries", "events", "audit_log"):
        parts = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = $1::regclass"
        for row in await superuser.fetch(parts, f"kolony.{table}"):
            await superuser.execute(f"DROP TABLE {row[0]}")
    run_id = await ended_run(workspace, agent, 0)  # the month is made by who needs it first
    assert len(await rows(superuser, run_id)) == 5
    async with logged_in(database, "eve") as eve:
        did = await run_upkeep(eve)
        assert [job.job for job in did if not job.ran or job.failed] == []
        assert [job.job for job in await run_upkeep(eve) if job.ran] == []
        history = await retention.job_history(eve, "partitions")
        assert len(history) == 1


async def test_a_long_job_goes_on_by_turns(workspace: Workspace, agent: Agent) -> None:
    superuser, database = await workspace.database.superuser(), workspace.database
    run_id = await ended_run(workspace, agent, 200)
    await superuser.execute(
        """INSERT INTO kolony.usage_reports (workspace_id, attempt_id, number, run_id, at, day, model, source, scope,
               input_fresh, input_cached, cache_write, output, reasoning, calls, cost_usd, estimated_usd, said)
           SELECT workspace_id, attempt_id, n, run_id, ended_at, output_day, 'm', 's', 'call', 1, 0, 0, 0, 0, 1, 0, 0,
               '{}'
           FROM kolony.attempts, generate_series(0, 11999) n WHERE run_id = $1""",
        run_id,
    )
    eve = await database.connect("eve")
    once = "SELECT * FROM kolony.run_upkeep(false, 'retain_usage')"
    first = await eve.fetchrow(once)
    assert first is not None
    assert first["result"] == {"more": True, "removed_reports": 5000}
    async with logged_in(database, "bob") as bob:  # whoever comes next goes on, to the end
        [job] = [job for job in await run_upkeep(bob) if job.job == "retain_usage"]
        assert (job.ran, job.result) == (True, {"removed_reports": 7000})
        assert [each.job for each in await run_upkeep(bob) if each.ran] == []


async def test_agents_that_stay_away_are_told_of_once(workspace: Workspace, agent: Agent) -> None:
    superuser = await workspace.database.superuser()
    await superuser.execute("UPDATE kolony.agents SET created_at = now() - interval '20 days'")
    find = "SELECT kolony.find_stale_agents()"
    assert json.loads(await superuser.fetchval(find)) == {"stale_agents": 1}
    assert json.loads(await superuser.fetchval(find)) == {"stale_agents": 0}
    told = await superuser.fetchval("SELECT title FROM kolony.notification_events WHERE kind = 'agent_stale'")
    assert told == "worker has not been seen for 14 days"
    await Runner.of(workspace.database, agent)
    assert json.loads(await superuser.fetchval(find)) == {"stale_agents": 0}
    assert await superuser.fetchval("SELECT count(*) FROM kolony.stale_agents") == 0


def kolony(database: Database, login: str, *words: str) -> tuple[int, str, str]:
    """A verb as a process: exit code, standard output, standard error."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    did = subprocess.run(
        [sys.executable, "-m", "kolony_tui", *words, "--dsn", database.dsn(login)],
        capture_output=True, env=kept, stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    return did.returncode, did.stdout.decode("latin-1"), did.stderr.decode()


async def test_the_verbs(workspace: Workspace, agent: Agent, tmp_path: Path) -> None:
    database = workspace.database
    run_id = str(await ended_run(workspace, agent, 40))
    whole = kolony(database, "eve", "tail", run_id)
    assert kolony(database, "ada", "retention", "archive", str(tmp_path), "--json")[0] == 0
    assert kolony(database, "ada", "retention", "set", "output", "100 days")[0] == 0
    shown = {
        each["kind"]: each["days"] for each in json.loads(kolony(database, "eve", "retention", "show", "--json")[1])
    }
    assert (shown["archive"], shown["output"]) == (30, 100)
    code, out, _ = kolony(database, "ada", "maintain", "--job", "archive", "--json")
    assert (code, json.loads(out)[0]["result"]["archived"]) == (0, 1)
    code, out, err = kolony(database, "eve", "tail", run_id)
    assert (code, out, "kolony retention restore" in err, err.count("\n")) == (4, "", True, 1)
    [found] = json.loads(kolony(database, "eve", "retention", "search", "Refused", "--json")[1])
    assert (found["run_id"], found["state"]) == (run_id, "archived")
    assert kolony(database, "bob", "retention", "restore", run_id)[0] == 0
    assert kolony(database, "eve", "tail", run_id) == whole
    code, out, _ = kolony(database, "ada", "retention", "hold", "agent:worker", "--reason", "a case", "--json")
    hold = json.loads(out)["hold_id"]
    [held] = json.loads(kolony(database, "eve", "retention", "holds", "--json")[1])
    assert (held["hold_id"], held["subject"], held["reason"]) == (hold, "worker", "a case")
    assert kolony(database, "ada", "retention", "release", hold[-8:])[0] == 4
