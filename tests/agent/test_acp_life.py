"""An agent over the Agent Client Protocol from its command to the rows that it leaves, with the runner as a process."""

from __future__ import annotations

import sys
from pathlib import Path
from uuid import UUID

from tests.agent.colony import Colony, until

FAKE = str(Path(__file__).parent / "fakes" / "acp.py")


async def test_an_agent_asks_works_and_leaves_what_it_did(colony: Colony) -> None:
    colony.runner("--adapter", "acp", program=(sys.executable, FAKE, "happy"))
    run_id = await colony.send("make a file")

    async def open_question() -> UUID | None:
        found: UUID | None = await colony.superuser.fetchval(
            "SELECT approval_id FROM kolony.approvals WHERE run_id = $1 AND answered_at IS NULL", run_id
        )
        return found

    approval = await until(open_question, what="a question")
    command = await colony.superuser.fetchval("SELECT command FROM kolony.approvals WHERE approval_id = $1", approval)
    assert command.startswith("touch /")
    await colony.operator.execute("SELECT kolony.answer_approval($1, true, NULL, 'fine')", approval)
    run = await colony.done(run_id)
    assert (run["status"], run["error"], run["reason"]) == ("completed", None, None)
    assert await colony.output(run_id) == b"Done: there is a file.\n"
    log = (await colony.output(run_id, "log")).decode()
    assert log.startswith("I look around.\n[~] look\n")
    assert log.endswith("made it\n")
    kinds = await colony.superuser.fetch("SELECT type, status FROM kolony.trace_entries WHERE run_id = $1", run_id)
    assert sorted(tuple(row) for row in kinds) == [
        ("llm_prompt", "completed"), ("plan", "completed"), ("response", "completed"), ("thought", "completed"),
        ("tool_call", "completed"),
    ]  # fmt: skip
    [used] = await colony.superuser.fetch(
        "SELECT sum(input_fresh), sum(output), sum(cost_usd) FROM kolony.usage_reports WHERE run_id = $1", run_id
    )
    assert [float(figure) for figure in used] == [100, 20, 0.25]


async def test_a_conversation_goes_on_in_the_agents_own_session(colony: Colony) -> None:
    colony.runner("--adapter", "acp", program=(sys.executable, FAKE, "resume"))
    start = "SELECT * FROM kolony.start_conversation($1, $2, 'look')"
    [first] = await colony.operator.fetch(start, colony.workspace.workspace_id, colony.agent_id)
    assert (await colony.done(first["run_id"]))["status"] == "completed"
    sessions = "SELECT session_id, how FROM kolony.conversation_sessions"
    assert [tuple(row) for row in await colony.superuser.fetch(sessions)] == [("fake-session", "new")]
    [second] = await colony.operator.fetch("SELECT * FROM kolony.send_message($1, 'and now')", first["conversation_id"])
    run = await colony.done(second["run_id"])
    assert (run["status"], await colony.output(second["run_id"])) == ("completed", b"and now\n")
    assert [tuple(row) for row in await colony.superuser.fetch(sessions)] == [("fake-session", "resumed")]


async def test_an_agent_that_dies_is_a_run_that_failed_for_a_reason(colony: Colony) -> None:
    colony.runner("--adapter", "acp", program=(sys.executable, FAKE, "dies"))
    run = await colony.done(await colony.send("die", max_attempts=1))
    assert (run["status"], run["reason"]) == ("failed", "crashed")
    assert run["error"] == "fake died in the middle of its turn: exit 139 (SIGSEGV): out of luck"
