"""What an agent asks to be allowed, from its line to its answer: by people, by rules, by nobody; and its secrets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from tests.agent.colony import Colony, until

FAKE = (sys.executable, str(Path(__file__).with_name("fakes") / "asks_acp.py"))


async def _open(colony: Colony, command: str) -> asyncpg.Record:
    async def asked() -> asyncpg.Record | None:
        found: asyncpg.Record | None = await colony.operator.fetchrow(
            "SELECT * FROM kolony.inbox($1) WHERE detail = $2", colony.workspace.workspace_id, command
        )
        return found

    try:
        return await until(asked, what=f"the question about {command!r}")
    except AssertionError:
        raise AssertionError([runner.lines for runner in colony.runners]) from None


async def _approvals(colony: Colony, run_id: UUID) -> list[tuple[Any, ...]]:
    rows = await colony.operator.fetch(
        "SELECT command, state, note FROM kolony.approval_overview WHERE run_id = $1 ORDER BY created_at", run_id
    )
    return [(row["command"], row["state"], row["note"]) for row in rows]


async def test_people_and_rules_answer_and_time_stands_still_meanwhile(colony: Colony) -> None:
    secret = "hunter2-of-the-agent"
    operator, home, agent = colony.operator, colony.workspace.workspace_id, colony.agent_id
    await operator.execute("SELECT kolony.set_variable($1, 'KEY', $2, true)", agent, secret)
    await operator.execute("SELECT kolony.add_rule($1, $2, 'execute', 'git status', 'allow')", home, agent)
    colony.runner("--adapter", "acp", program=FAKE)
    run_id = await colony.send("ASK git status -s\nASK git status; x\nASK curl $KEY\nASK make\n", time_limit_ms=2500)
    answer = "SELECT kolony.answer_approval($1, $2, NULL, $3)"
    item = await _open(colony, "git status; x")
    assert (item["kind"], item["tool"], item["exact"], item["agent"]) == ("permission", "execute", True, "worker")
    # Held: what is left of 2.5 s does not run out while nobody answers.
    await operator.fetchval("SELECT pg_sleep(3)")
    await operator.execute(answer, item["item_id"], False, "no semicolons")
    item = await _open(colony, "curl ***")
    await operator.execute(answer, item["item_id"], True, None)
    # One that runs out is rejected, and is nobody's answer.
    item = await _open(colony, "make")
    expire = "UPDATE kolony.approvals SET expires_at = clock_timestamp() WHERE approval_id = $1"
    await colony.superuser.execute(expire, item["item_id"])
    await operator.execute("SELECT kolony.set_agent_desired($1, 'active', 'a hint to its runner')", agent)
    await colony.done(run_id)
    assert (await colony.output(run_id)).decode().split() == ["yes", "no", "yes", "no"]
    assert await _approvals(colony, run_id) == [
        ("git status -s", "allowed", None), ("git status; x", "denied", "no semicolons"), ("curl ***", "allowed", None),
        ("make", "expired", None),
    ]  # fmt: skip
    # The secret is nowhere in the database but where it was put.
    tables = await colony.superuser.fetch(
        "SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'kolony' AND c.relkind = 'r'"
    )
    holds = []
    for table in tables:
        name = table["name"]
        rows = await colony.superuser.fetchval(f"SELECT count(*) FROM {name} t WHERE strpos(t::text, $1) > 0", secret)
        holds += [name] if rows else []
    assert sorted(holds) == ["kolony.agent_variables"]


async def test_a_run_that_is_cancelled_asks_no_more(colony: Colony) -> None:
    colony.runner("--adapter", "acp", program=FAKE)
    run_id = await colony.send("ASK one\nASK two\n")
    await _open(colony, "one")
    await colony.cancel(run_id, "not today")
    assert (await colony.done(run_id))["status"] == "cancelled"
    [(command, state, _)] = (await _approvals(colony, run_id))[:1]
    assert (command, state) == ("one", "cancelled")
    assert await colony.operator.fetch("SELECT FROM kolony.inbox($1)", colony.workspace.workspace_id) == []


async def test_variables_and_notes_of_a_program(colony: Colony) -> None:
    secret = "hunter2-of-the-program"
    await colony.operator.execute("SELECT kolony.set_variable($1, 'KEY', $2, true)", colony.agent_id, secret)
    await colony.operator.execute("SELECT kolony.set_note($1, 'todo', 'buy milk')", colony.agent_id)
    colony.runner()
    run_id = await colony.send(
        'cd "$KOLONY_RUN_DIR/memory"; cat todo.md; rm todo.md; echo "learned $KEY" > done.md; '
        'printf "\\n%s" "$(echo "$KEY" | cut -c1-9)"; sleep 0.7; echo "$KEY" | cut -c10-; echo "$KEY" >&2'
    )
    assert (await colony.done(run_id))["status"] == "completed"
    assert await colony.output(run_id) == b"buy milk\n***\n"
    assert await colony.output(run_id, "stderr") == b"***\n"
    notes = await colony.operator.fetch("SELECT name, content, updated_run FROM kolony.agent_notes")
    assert [tuple(note) for note in notes] == [("done", "learned ***\n", run_id)]
    [attempt] = await colony.attempts(run_id)
    assert attempt["usage"]["masked"] == 3
