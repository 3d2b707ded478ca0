"""Upkeep: each job once when it is due, by whoever is there; a job that fails holds up no other."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from typing import Any

import asyncpg

from kolony_tui.core.session import log_in
from kolony_tui.core.upkeep import keep_up, run_upkeep
from tests.database import Database, Workspace, refused, until_blocked

JOBS = ["hand_out", "watchdog", "settle", "seal_audit", "analyze", "partitions", "retain_notes", "orphans",
        "retain_artifacts", "retain_audit", "retain_events", "retain_output", "retain_traces", "retain_usage",
        "stale_agents"]  # fmt: skip


async def run(caller: asyncpg.Connection, *arguments: Any) -> dict[str, tuple[bool, dict[str, Any] | None]]:
    """What ``run_upkeep`` says, by job."""
    places = ", ".join(f"${number}" for number in range(1, len(arguments) + 1))
    rows = await caller.fetch(f"SELECT * FROM kolony.run_upkeep({places})", *arguments)
    return {row["job"]: (row["ran"], row["result"]) for row in rows}


async def test_a_viewer_does_what_is_due_and_it_is_not_due_again(workspace: Workspace) -> None:
    eve = await workspace.database.connect("eve")
    first = await run(eve)
    assert list(first) == JOBS
    assert all(ran and "error" not in (result or {}) for ran, result in first.values()), first
    assert (await run(eve)) == {job: (False, result) for job, (_, result) in first.items()}
    superuser = await workspace.database.superuser()
    await superuser.execute("UPDATE kolony.upkeep SET last_began = now() - every WHERE job = 'settle'")
    assert [job for job, (ran, _) in (await run(eve)).items() if ran] == ["settle"]
    assert await eve.fetchval("SELECT bool_and(last_began <= last_ended) FROM kolony.upkeep")


async def test_only_an_admin_has_it_done_before_it_is_due(workspace: Workspace) -> None:
    ada, bob = await workspace.database.connect("ada"), await workspace.database.connect("bob")
    await run(bob)
    with refused("42501", "admin"):
        await run(bob, True)
    assert [ran for ran, _ in (await run(ada, True)).values()] == [True] * len(JOBS)
    assert list(await run(ada, True, "settle")) == ["settle"]
    with refused("P0002", "no job"):
        await run(ada, True, "nothing")


async def test_who_is_no_member_may_not(workspace: Workspace) -> None:
    database = workspace.database
    agent = await database.add_agent()
    for caller in (await database.connect("dan"), await database.connect("sam"), await database.open(agent.target)):
        with refused("42501"):
            await run(caller)
    superuser = await database.superuser()
    assert await superuser.fetchval("SELECT count(*) FROM kolony.upkeep WHERE last_began IS NOT NULL") == 0
    assert await (await database.connect("dan")).fetch("SELECT job FROM kolony.upkeep") == []


async def test_several_at_once_do_each_job_once(workspace: Workspace) -> None:
    callers = [await workspace.database.connect(login) for login in ("ada", "bob", "eve", "ada")]
    did = await asyncio.gather(*(run(caller) for caller in callers))
    assert {job: sum(each[job][0] for each in did) for job in JOBS} == dict.fromkeys(JOBS, 1)


async def test_nobody_waits_for_who_is_at_it(workspace: Workspace) -> None:
    ada, eve = await workspace.database.connect("ada"), await workspace.database.connect("eve")
    async with ada.transaction():
        assert (await run(ada, False, "settle"))["settle"][0]
        assert not (await asyncio.wait_for(run(eve, False, "settle"), 5))["settle"][0]


async def test_a_job_that_fails_is_recorded_and_holds_up_no_other(workspace: Workspace) -> None:
    superuser = await workspace.database.superuser()
    await superuser.execute("ALTER FUNCTION kolony.retain_audit() RENAME TO retain_no_audit")
    eve = await workspace.database.connect("eve")
    did = await run(eve)
    assert [job for job, (ran, result) in did.items() if "error" in (result or {})] == ["retain_audit"]
    assert all(ran for ran, _ in did.values())
    error = await eve.fetchval("SELECT last_result ->> 'error' FROM kolony.upkeep WHERE job = 'retain_audit'")
    assert "retain_audit" in error


async def test_a_job_does_not_wait_for_a_lock_for_long(workspace: Workspace) -> None:
    superuser, eve = await workspace.database.superuser(), await workspace.database.connect("eve")
    upkeep = "kolony.run_upkeep(boolean, text)"
    settings = await superuser.fetchval("SELECT proconfig FROM pg_proc WHERE oid = $1::text::regprocedure", upkeep)
    assert "lock_timeout=5s" in settings
    await superuser.execute(f"ALTER FUNCTION {upkeep} SET lock_timeout = '500ms'")
    await superuser.execute("BEGIN; LOCK TABLE kolony.agent_sessions")
    running = asyncio.create_task(run(eve, False, "settle"))
    watcher = await workspace.database.superuser()
    await until_blocked(watcher, eve)
    ran, result = (await running)["settle"]
    assert (ran, (result or {})["sqlstate"]) == (True, "55P03")


async def test_what_a_dead_runner_held_is_taken_back_in_every_workspace(workspace: Workspace) -> None:
    database = workspace.database
    superuser = await database.superuser()
    agent = await database.add_agent(workspace="other")
    runner = await database.open(agent.target)
    session_id = await runner.fetchval("SELECT session_id FROM kolony.open_session('here', 1, '', '', 1)")
    await superuser.execute("UPDATE kolony.agent_sessions SET last_seen = now() - interval '1 hour'")
    await run(await database.connect("eve"))
    reason = await superuser.fetchval("SELECT end_reason FROM kolony.agent_sessions WHERE session_id = $1", session_id)
    assert reason == "stopped answering"


async def test_partitions_are_there_a_month_ahead(workspace: Workspace) -> None:
    superuser = await workspace.database.superuser()
    ahead = await superuser.fetchval("SELECT to_char(now() + interval '1 month', 'YYYY_MM')")
    parts = [f"kolony.output_chunks_{ahead}", f"kolony.audit_log_{ahead}"]
    for part in parts:
        await superuser.execute(f"DROP TABLE {part}")
    await run(await workspace.database.connect("eve"))
    for part in parts:
        assert await superuser.fetchval("SELECT relforcerowsecurity FROM pg_class WHERE oid = to_regclass($1)", part)


async def test_the_app_keeps_it_up_on_a_connection_of_its_own(database: Database) -> None:
    session = await log_in(database.target("eve"), "kolony tests", "main")
    try:
        async with session.db.connection():  # whoever uses the session meanwhile waits for nothing
            pass
        assert [job.job for job in await keep_up(session, "kolony app upkeep") if job.ran] == JOBS
        assert await keep_up(session, "kolony app upkeep") == []
        assert [job.ran for job in await run_upkeep(session)] == [False] * len(JOBS)
    finally:
        await session.db.close()


async def maintain(database: Database, login: str, *words: str) -> tuple[int, str, str]:
    """``kolony maintain`` as a process: exit code, standard output, standard error."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "kolony_tui", "maintain", "--dsn", database.dsn(login), *words],
        capture_output=True, encoding="utf-8", env=kept, stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


async def test_kolony_maintain_does_what_is_due(workspace: Workspace) -> None:
    database = workspace.database
    code, out, _ = await maintain(database, "eve", "--json")
    assert code == 0
    assert [(job["job"], job["ran"], set(job)) for job in json.loads(out)] == [
        (job, True, {"job", "ran", "result"}) for job in JOBS
    ]
    code, out, _ = await maintain(database, "eve")
    assert (code, [line.split()[:3] for line in out.splitlines()[1:]]) == (0, [[job, "not", "due"] for job in JOBS])
    code, out, err = await maintain(database, "bob", "--all")
    assert (code, out, err.count("\n")) == (4, "", 1)
    code, out, _ = await maintain(database, "ada", "--all", "--json")
    assert (code, {job["ran"] for job in json.loads(out)}) == (0, {True})


async def test_kolony_maintain_says_which_job_failed(workspace: Workspace) -> None:
    superuser = await workspace.database.superuser()
    await superuser.execute("ALTER FUNCTION kolony.retain_audit() RENAME TO retain_no_audit")
    code, out, _ = await maintain(workspace.database, "eve")
    assert code == 1
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert "done" in lines["settle"]
    assert "failed  function kolony.retain_audit() does not exist" in lines["retain_audit"]
