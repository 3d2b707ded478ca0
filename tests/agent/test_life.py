"""A run from its claim to its end, by a real runner and real programs."""

from __future__ import annotations

import signal

from tests.agent.colony import Colony


async def test_a_command_runs_and_its_output_and_end_are_stored(colony: Colony) -> None:
    runner = colony.runner()
    run_id = await colony.send("echo out; echo err >&2; exit 3")
    row = await colony.done(run_id)
    assert (row["status"], row["exit_code"], row["error"]) == ("failed", 3, "exit 3")
    assert await colony.output(run_id) == b"out\n"
    assert await colony.output(run_id, "stderr") == b"err\n"
    [attempt] = await colony.attempts(run_id)
    assert attempt["started_at"] is not None
    assert (attempt["outcome"], attempt["byte_count"], attempt["line_count"]) == ("failed", 8, 2)
    assert set(attempt["usage"]) == {"user_seconds", "system_seconds", "wall_seconds", "max_rss_bytes"}
    runner.send(signal.SIGTERM)
    assert await runner.ended() == 0
    assert "#" in runner.lines
    session = await colony.superuser.fetchrow("SELECT * FROM kolony.agent_sessions")
    assert (session["end_reason"], session["end_error"]) == ("stopped", False)
