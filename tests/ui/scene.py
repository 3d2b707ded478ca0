"""A lively colony for pictures: real rows, with their times set so that the same picture comes out every time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.database import Agent
from tests.ui.scene_records import leave
from tests.ui.stage import Runner, Stage

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
"""What the clock of a picture shows."""

REVIEW = """\
Reading src/auth/session.py
Reading src/auth/tokens.py
\x1b[2m$\x1b[0m grep -n "lock" src/auth/*.py
src/auth/session.py:31:    self._lock = asyncio.Lock()
src/auth/session.py:88:    row = await self._find(token)

\x1b[1mFinding 1\x1b[0m  \x1b[33mtwo writers can pass the check\x1b[0m
  session.py:88 reads the row and inserts at :94 without holding the lock.
  Both see no row, both insert; the second overwrites the first one's expiry.

\x1b[32mSuggestion\x1b[0m  take the lock before :88, or INSERT ... ON CONFLICT DO NOTHING.
"""


async def build(stage: Stage) -> dict[str, Any]:
    """Six agents in different states, work that runs, waits and has ended. Answers with ids by name."""
    database = stage.workspace.database
    superuser = await database.superuser()
    await superuser.execute("UPDATE kolony.agents SET name = 'claude-1' WHERE agent_id = $1", stage.agent.agent_id)
    agents: dict[str, Agent] = {"claude-1": stage.agent}
    for name in ("claude-2", "codex-1", "codex-2", "gemini-1", "worker-7"):
        agents[name] = await database.add_agent(name)
    runners = {name: await stage.runner(agent, host="forge") for name, agent in agents.items()}
    await _history(stage, agents, runners)
    runs = await _present(stage, agents, runners)
    reviewed = await superuser.fetchval("SELECT attempt_id FROM kolony.attempts WHERE run_id = $1", runs["review"])
    ada = await database.connect("ada")
    await ada.execute("SELECT kolony.set_agent_desired($1, 'paused', 'rate limit')", agents["claude-2"].agent_id)
    for name, why, failed in (("gemini-1", "stopped by its owner", False), ("worker-7", "exit 137", True)):
        await runners[name].connection.execute(
            "SELECT kolony.close_session($1, $2, $3)", runners[name].session_id, why, failed
        )
    await _kept(stage)
    await leave(stage, agents, runners, reviewed, NOON)
    await _set_times(superuser, agents, runs)
    await _quiet(stage, superuser)
    return {"agents": {name: agent.agent_id for name, agent in agents.items()}, "runs": runs, "runners": runners}


async def _history(stage: Stage, agents: dict[str, Agent], runners: dict[str, Runner]) -> None:
    done = await stage.send("summarise what changed since v2.3", by="ada", to=agents["codex-2"])
    assert done is not None
    claim = await runners["codex-2"].take()
    await runners["codex-2"].write(claim, b"Three modules changed.\n")
    await runners["codex-2"].finish(claim, exit_code=0, chunks=1, bytes=23, lines=1)
    await stage.send("pytest -q tests/api", to=agents["codex-2"])
    claim = await runners["codex-2"].take()
    await runners["codex-2"].finish(claim, "failed", exit_code=1, error="the program exited with 1")


async def _present(stage: Stage, agents: dict[str, Agent], runners: dict[str, Runner]) -> dict[str, UUID]:
    runs = {"review": await stage.send("review src/auth for races", by="ada", to=agents["claude-1"], priority=90)}
    claim = await runners["claude-1"].take()
    lines = [line.encode() for line in REVIEW.splitlines(keepends=True)]
    await runners["claude-1"].write(claim, *lines, ("stderr", b"warning: 2 files were too large to read whole\n"))
    runs["tests"] = await stage.send("pytest -q", to=agents["codex-1"])
    claim = await runners["codex-1"].take()
    await runners["codex-1"].connection.execute(
        "SELECT kolony.ask($1, 'clean', 'permission', 'Remove the old builds?', $2, risk => 'high')",
        claim["attempt_id"], "rm -rf build/ dist/\n\n412 MB in 1,204 files, none of them under version control",
    )  # fmt: skip
    runs["changelog"] = await stage.send("update the changelog", to=agents["claude-2"], by="ada", priority=20)
    runs["docs"] = await stage.send("check the links in docs/", to=agents["claude-1"], priority=40)
    runs["bench"] = await stage.send(
        "run the benchmarks and compare with main", to=agents["claude-1"], by="ada", priority=30
    )
    runs["night"] = await stage.send("nightly audit of dependencies", to=agents["gemini-1"], priority=10)
    return runs


async def _kept(stage: Stage) -> None:
    """Presets of a team."""
    ada = await stage.workspace.database.connect("ada")
    make = "SELECT kolony.make_preset($1, $2, $3, $4, true)"
    variables = [{"name": "path", "type": "text", "required": True},
                 {"name": "depth", "type": "choice", "choices": ["quick", "deep"], "default": "deep"}]  # fmt: skip
    for name, text, details in (
        (
            "races",
            "review {{path}} for races, {{depth}}",
            {"description": "two writers, one row", "variables": variables},
        ),
        ("changelog", "update the changelog", {"description": "since the last tag", "priority": 20}),
        (
            "nightly",
            "nightly audit of dependencies",
            {"kind": "investigate", "description": "known holes and licences"},
        ),
    ):
        await ada.execute(make, stage.workspace.workspace_id, name, text, details)


async def _quiet(stage: Stage, superuser: Any) -> None:
    """Everything that was to be told was told and read; and what the database says of times stands still."""
    ada = await stage.workspace.database.connect("ada")
    await ada.execute("SELECT kolony.take_notice($1)", stage.workspace.workspace_id)
    await superuser.execute("UPDATE kolony.notifications SET read_at = now()")
    await superuser.execute(
        "CREATE OR REPLACE FUNCTION kolony.in_words(length interval) RETURNS text LANGUAGE sql IMMUTABLE"
        " SET search_path = pg_catalog, pg_temp AS $$ SELECT '3 min' $$"
    )


async def _set_times(superuser: Any, agents: dict[str, Agent], runs: dict[str, UUID]) -> None:
    ages = {"review": 192, "tests": 50, "changelog": 250, "docs": 62, "bench": 41, "night": 7200}
    await superuser.execute(
        "UPDATE kolony.runs SET created_at = $1, finished_at = CASE WHEN outcome IS NOT NULL THEN $2::timestamptz END",
        NOON - timedelta(minutes=20),
        NOON - timedelta(minutes=18),
    )
    await superuser.execute(
        "UPDATE kolony.attempts SET claimed_at = $1::timestamptz, started_at = $1::timestamptz,"
        " ended_at = CASE WHEN ended_at IS NOT NULL THEN $2::timestamptz END",
        NOON - timedelta(minutes=19),
        NOON - timedelta(minutes=18),
    )
    for name, run_id in runs.items():
        created = NOON - timedelta(seconds=ages[name])
        await superuser.execute("UPDATE kolony.runs SET created_at = $1 WHERE run_id = $2", created, run_id)
        await superuser.execute(
            "UPDATE kolony.attempts SET claimed_at = $1, started_at = $1 WHERE run_id = $2",
            created + timedelta(seconds=10),
            run_id,
        )
    health = {"uptime_seconds": 8040, "done": 41, "failed": 2, "mean_seconds": 38.2, "memory_bytes": 412 << 20}
    busy = {"claude-1": 31.0, "codex-1": 64.0}
    for name, agent in agents.items():
        await superuser.execute(
            "UPDATE kolony.agent_sessions SET started_at = $1, health = $3,"
            " ended_at = CASE WHEN ended_at IS NOT NULL THEN $2::timestamptz END WHERE agent_id = $4",
            NOON - timedelta(minutes=134),
            NOON - timedelta(hours=2),
            _json({**health, "cpu_percent": busy.get(name, 0.5)}),
            agent.agent_id,
        )
    await superuser.execute("UPDATE kolony.agents SET created_at = $1, desired_since = $1", NOON - timedelta(hours=3))
    hint = "UPDATE kolony.agent_tokens SET created_at = $1, last_used_at = $1, token_hint = 'kol_12ab'"
    await superuser.execute(hint, NOON - timedelta(hours=2))
    await superuser.execute("UPDATE kolony.memberships SET granted_at = $1", NOON - timedelta(days=40))
    await superuser.execute("UPDATE kolony.output_chunks SET at = $1", NOON - timedelta(seconds=60))
    await superuser.execute("UPDATE kolony.approvals SET created_at = $1", NOON - timedelta(seconds=25))
    await superuser.execute(
        "UPDATE kolony.presets SET created_at = $1, used_count = length(name) - 4, last_used_at = $1",
        NOON - timedelta(hours=5),
    )
    await superuser.execute("UPDATE kolony.preset_versions SET changed_at = $1", NOON - timedelta(hours=5))
    # Retention would remove entries of that time.
    await superuser.execute("UPDATE kolony.upkeep SET last_began = clock_timestamp()")


async def set_log(stage: Stage) -> None:
    """The entries of what people did, a minute apart; agents come and go at the same moment, in any order."""
    superuser = await stage.workspace.database.superuser()
    await superuser.execute("SELECT kolony.ensure_audit_partition($1)", NOON.date())
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")  # nobody else could change the log
        await superuser.execute("DELETE FROM kolony.audit_log WHERE login NOT IN ('ada', 'bob')")
        await superuser.execute(
            "UPDATE kolony.audit_log l SET at = $1::timestamptz - n.place * interval '1 minute',"
            " entry_id = 100 - n.place, details = l.details - 'preset_id',"
            " subject = CASE WHEN l.event = 'TOKEN_ISSUED' THEN 'kol_12ab' ELSE l.subject END"
            " FROM (SELECT entry_id, row_number() OVER (ORDER BY entry_id DESC) AS place FROM kolony.audit_log) n"
            " WHERE n.entry_id = l.entry_id",
            NOON,
        )


def _json(value: object) -> str:
    import json

    return json.dumps(value)
