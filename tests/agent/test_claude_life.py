"""Claude Code's stand-in from a command to the rows that it leaves, with the runner as a process."""

from __future__ import annotations

import sys
from pathlib import Path
from uuid import UUID

from tests.agent.colony import Colony, until

FAKE = (sys.executable, str(Path(__file__).parent / "fakes" / "claude.py"))


async def _question(colony: Colony, run_id: UUID) -> UUID:
    async def asked() -> UUID | None:
        found: UUID | None = await colony.superuser.fetchval(
            "SELECT approval_id FROM kolony.approvals WHERE run_id = $1 AND answered_at IS NULL", run_id
        )
        return found

    return await until(asked, what="a question")


async def test_what_it_asks_does_and_takes_is_known_and_no_bad_end_is_a_good_one(colony: Colony) -> None:
    """One runner and many prompts: a database for each would take longer than all of them."""
    colony.runner("--adapter", "claude", "--concurrency", "8", program=FAKE, ANTHROPIC_API_KEY="k", CLAUDECODE="1",
                  CLAUDE_CODE_ENTRYPOINT="cli", PGPASSFILE="/nowhere", AWS_PROFILE="x")  # fmt: skip
    ends = ("die", "leave", "unauthorized", "env")
    allowed = await colony.send("ask echo $((6*7))", max_attempts=1)
    denied = await colony.send("ask rm nothing", max_attempts=1)
    ended = {what: await colony.send(what, max_attempts=1) for what in ends}
    stopped = await colony.send("wait", max_attempts=1)

    question = await _question(colony, allowed)
    command = await colony.superuser.fetchval("SELECT command FROM kolony.approvals WHERE approval_id = $1", question)
    assert command == "echo $((6*7))"
    await colony.operator.execute("SELECT kolony.answer_approval($1, true)", question)
    run = await colony.done(allowed)
    assert (run["status"], run["error"], run["reason"], run["warning"]) == ("completed", None, None, None)
    assert await colony.output(allowed) == b"I will look.\nIt is done.\n"
    assert "▸ Bash  echo $((6*7))\n42\n" in (await colony.output(allowed, "log")).decode()
    [tool] = await colony.superuser.fetch(
        "SELECT * FROM kolony.trace_entries WHERE run_id = $1 AND type = 'tool_call'", allowed
    )
    found = tool["name"], tool["parent_key"], tool["status"], tool["output"]
    assert found == ("Bash", "turn:1", "completed", "42\n")
    [used] = await colony.superuser.fetch(
        "SELECT sum(input_fresh), sum(input_cached), sum(output), sum(cost_usd) FROM kolony.usage_reports"
        " WHERE run_id = $1", allowed,
    )  # fmt: skip
    assert [float(figure) for figure in used] == [3000, 900, 126, 0.015]

    answer = "SELECT kolony.answer_approval($1, false, NULL, 'not here')"
    await colony.operator.execute(answer, await _question(colony, denied))
    run = await colony.done(denied)
    assert (run["status"], run["warning"]) == ("completed", "one of its tool calls was denied")
    assert "not here" in (await colony.output(denied, "log")).decode()

    runs = {what: await colony.done(run_id) for what, run_id in ended.items()}
    assert {what: (run["status"], run["reason"]) for what, run in runs.items()} == {
        "die": ("failed", "crashed"), "leave": ("failed", "no_answer"), "unauthorized": ("failed", "auth"),
        "env": ("completed", None),
    }  # fmt: skip
    assert runs["die"]["error"] == "it ended before it answered (exit 139 (SIGSEGV)): panic: out of luck"
    names = set((await colony.output(ended["env"])).decode().split())
    assert names >= {"ANTHROPIC_API_KEY", "KOLONY_RUN_ID", "HOME", "DISABLE_TELEMETRY"}
    assert not names & {"CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "KOLONY_AGENT_TOKEN", "KOLONY_DSN", "PGPASSFILE",
                        "AWS_PROFILE", "KOLONY_HOME"}  # fmt: skip

    assert await colony.cancel(stopped)
    run = await colony.done(stopped)
    steps = await colony.superuser.fetch(
        "SELECT step FROM kolony.attempt_steps s JOIN kolony.attempts a USING (workspace_id, attempt_id)"
        " WHERE a.run_id = $1 ORDER BY s.at", stopped,
    )  # fmt: skip
    assert run["status"] == "cancelled"
    assert [row["step"] for row in steps][:2] == ["heard", "protocol_cancel"]


async def test_a_conversation_goes_on_with_its_session_or_is_told_what_was_said(colony: Colony) -> None:
    colony.runner("--type", "claude", program=FAKE)
    start = "SELECT * FROM kolony.start_conversation($1, $2, $3)"
    first = await colony.operator.fetchrow(start, colony.workspace.workspace_id, colony.agent_id, "again one")
    assert first is not None
    conversation = first["conversation_id"]

    async def answer_to(run_id: UUID) -> str:
        run = await colony.done(run_id)
        assert run["status"] == "completed", run["error"]
        return (await colony.output(run_id)).decode().strip()

    async def follow(text: str) -> str:
        said = await colony.operator.fetchrow("SELECT * FROM kolony.send_message($1, $2)", conversation, text)
        assert said is not None
        return await answer_to(said["run_id"])

    assert await answer_to(first["run_id"]) == "New"
    assert await follow("again two") == "I know"
    await colony.superuser.execute("UPDATE kolony.conversation_sessions SET session_id = 'unknown-1'")
    assert await follow("again three") == "I was told"
    how = await colony.superuser.fetch("SELECT how, adapter, mode FROM kolony.conversation_sessions")
    assert [tuple(row) for row in how] == [("lost", "claude", "default")]
