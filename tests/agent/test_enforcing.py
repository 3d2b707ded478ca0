"""Limits, interrupts and stops as runs see them: a real runner, real programs, and what the rows say afterwards."""

from __future__ import annotations

import signal
import sys
from typing import Any
from uuid import UUID

import pytest

from tests.agent.colony import Colony, lives, until

HOG = f"exec {sys.executable} -c 'import time; held = b\"x\" * 150_000_000; time.sleep(651)'"
BURNER = "echo $$; (while :; do :; done) & while :; do :; done"
WAITS = "trap 'echo heard; exit {code}' INT; echo $$; while :; do sleep 0.05; done"


async def _steps(colony: Colony, run_id: UUID) -> list[str]:
    rows = await colony.operator.fetch(
        "SELECT s.step FROM kolony.attempt_steps s JOIN kolony.attempts t USING (workspace_id, attempt_id)"
        " WHERE t.run_id = $1 ORDER BY t.number, s.number", run_id,
    )  # fmt: skip
    return [row["step"] for row in rows]


async def _printed(colony: Colony, run_id: UUID, attempt: int = 1) -> int:
    async def some() -> bytes:
        return await colony.output(run_id, attempt=attempt)

    return int((await until(some, what="output")).split()[0])


async def _interrupt(colony: Colony, run_id: UUID, why: str = "") -> None:
    await colony.operator.execute("SELECT kolony.interrupt_run($1, $2)", run_id, why)


@pytest.mark.parametrize(
    ("text", "limit", "name", "words", "event"),
    [
        (HOG, {"memory_limit_mb": 100}, "memory_limit", "memory limit of 100 MB reached (peak ", "MEMORY"),
        (BURNER, {"cpu_limit_percent": 5}, "cpu_limit", "CPU limit of 5% reached (", "CPU"),
        ("exec sleep 652", {"time_limit_ms": 300}, "time_limit", "time limit of 300 ms reached", "TIME"),
        ("echo '{\"total_tokens\": 70}' > u; mv u $KOLONY_RUN_DIR/usage.json; exec sleep 653", {"token_budget": 50},
         "token_budget", "token budget of 50 used up (70 tokens)", "TOKEN"),
        ("echo '{\"total_tokens\": 70}' > $KOLONY_RUN_DIR/usage.json", {"token_budget": 50},
         "token_budget", "token budget of 50 used up (70 tokens)", "TOKEN"),
    ],
)  # fmt: skip
async def test_a_run_that_goes_beyond_its_limit_is_ended_and_has_failed(
    colony: Colony, text: str, limit: dict[str, int], name: str, words: str, event: str
) -> None:
    await colony.superuser.execute("UPDATE kolony.agents SET config = $1", {"cpu_window_seconds": 1})
    runner = colony.runner("--json", "--grace", "0.5")
    row = await colony.done(await colony.send(text, **limit))
    assert (row["status"], row["limit_hit"]) == ("failed", name), row
    assert row["error"].startswith(words)
    await runner.says(f'"limit_hit": "{name}"')
    about = await colony.superuser.fetchval("SELECT event FROM kolony.audit_log WHERE event LIKE '%LIMIT_EXCEEDED'")
    assert about == f"{event}_LIMIT_EXCEEDED"


async def test_what_stays_within_its_limits_completes(colony: Colony) -> None:
    colony.runner()
    text = 'echo "{\\"total_tokens\\": 50}" > $KOLONY_RUN_DIR/usage.json; echo done'
    limits = {"memory_limit_mb": 500, "cpu_limit_percent": 400, "time_limit_ms": 60_000, "token_budget": 50}
    row = await colony.done(await colony.send(text, **limits))
    assert (row["status"], row["limit_hit"], row["error"]) == ("completed", None, None)


@pytest.mark.parametrize(("code", "status"), [(0, "completed"), (3, "cancelled")])
async def test_an_interrupted_program_decides_how_it_ends(colony: Colony, code: int, status: str) -> None:
    runner = colony.runner()
    run_id = await colony.send(WAITS.format(code=code), max_attempts=3, retry_on="failure")
    await _printed(colony, run_id)
    await _interrupt(colony, run_id, "look again")
    row = await colony.done(run_id)
    assert (row["status"], row["exit_code"]) == (status, code)
    if code:
        assert row["error"] == "interrupted: look again; exit 3"
    assert (await colony.output(run_id)).endswith(b"heard\n")
    assert await _steps(colony, run_id) == ["heard", "sigint", "ended", "gone"]
    assert "#1: SIGINT sent" in runner.lines
    assert [attempt["outcome"] for attempt in await colony.attempts(run_id)] == [status]


async def test_an_interrupt_comes_once_however_late_the_database_hears_of_it(colony: Colony) -> None:
    await colony.quick(lease=20)
    await colony.superuser.execute("ALTER FUNCTION kolony.note_step(uuid, text, text) SET lock_timeout = '200ms'")
    colony.runner("--grace", "0.2")
    run_id = await colony.send("trap 'echo hit' INT; echo $$; while :; do sleep 0.05; done")
    await _printed(colony, run_id)

    async def beaten() -> bool:
        last = await colony.superuser.fetchval("SELECT last_seen FROM kolony.agent_sessions")
        return bool((last - asked).total_seconds() > 2)

    async with colony.superuser.transaction():
        await colony.superuser.execute("SELECT FROM kolony.attempts FOR NO KEY UPDATE")
        asked = await colony.operator.fetchval("SELECT clock_timestamp()")
        await _interrupt(colony, run_id)
        await until(beaten, what="heartbeats that order it again")
        assert (await colony.run(run_id))["status"] == "executing", "asked, and not known to be heard"
    await colony.status(run_id, "interrupted")
    assert (await colony.output(run_id)).count(b"hit") == 1
    assert "heard" in await _steps(colony, run_id)


async def test_an_interrupt_that_is_ignored_is_heard_once_and_a_cancel_ends_it(colony: Colony) -> None:
    await colony.quick()
    colony.runner("--grace", "0.2")
    run_id = await colony.send("trap '' INT TERM; echo $$; while :; do sleep 0.05; done")
    pid = await _printed(colony, run_id)
    await _interrupt(colony, run_id)
    await colony.status(run_id, "interrupted")
    seen = await colony.superuser.fetchval("SELECT last_seen FROM kolony.agent_sessions")

    async def beaten() -> bool:
        return bool(await colony.superuser.fetchval("SELECT last_seen > $1::timestamptz + interval '2 s'"
                                                    " FROM kolony.agent_sessions", seen))  # fmt: skip

    await until(beaten, what="two more heartbeats")
    assert lives(pid)
    assert await _steps(colony, run_id) == ["heard", "sigint"]
    await colony.cancel(run_id)
    row = await colony.done(run_id)
    assert not lives(pid)
    assert row["status"] == "cancelled"
    assert (await _steps(colony, run_id))[2:] == ["heard", "sigint", "sigterm", "sigkill", "ended", "gone"]


async def test_an_emergency_stop_ends_work_is_heard_and_takes_no_more(colony: Colony) -> None:
    await colony.superuser.execute("UPDATE kolony.agents SET config = $1", {"emergency_grace_seconds": 0.5})
    runner = colony.runner("--grace", "60")
    run_id = await colony.send("trap '' INT TERM; echo $$; while :; do sleep 0.05; done")
    waiting = await colony.send("true")
    pid = await _printed(colony, run_id)
    await colony.operator.execute("SELECT kolony.stop_agents($1, NULL, 'a test')", colony.workspace.workspace_id)
    # Though it would have two minutes after a cancel.
    row = await colony.done(run_id, deadline=15)
    assert not lives(pid)
    assert row["status"] == "cancelled"

    async def confirmed() -> bool:
        return bool(await colony.operator.fetchval("SELECT state = 'ended' FROM kolony.stop_acknowledgements"))

    await until(confirmed, what="the confirmation")
    await runner.says("emergency stop")
    assert (await colony.run(waiting))["status"] == "waiting"
    await colony.operator.execute("SELECT kolony.lift_stop($1, NULL)", colony.workspace.workspace_id)
    assert (await colony.done(waiting))["status"] == "completed"


async def test_a_runner_killed_on_the_ladder_leaves_no_confirmation_behind(colony: Colony) -> None:
    await colony.quick()
    runner = colony.runner("--grace", "60")
    run_id = await colony.send("trap '' INT TERM; echo $$; while :; do sleep 0.05; done")
    pid = await _printed(colony, run_id)
    await colony.cancel(run_id)

    async def on_the_way() -> bool:
        return "sigint" in await _steps(colony, run_id)

    await until(on_the_way, what="the first rung")
    runner.send(signal.SIGKILL)

    async def gone() -> bool:
        return not lives(pid)

    await until(gone, deadline=5, what="the end of its program")
    row = await colony.run(run_id)
    assert (row["status"], row["finished_at"]) != ("cancelled", None)

    async def decided() -> Any:
        return await colony.operator.fetchval("SELECT kolony.settle($1)", colony.workspace.workspace_id)

    await until(decided, deadline=8, what="the end of the lease")
    row = await colony.run(run_id)
    assert row["status"] == "cancelled"
    assert row["error"].startswith("cancel not confirmed")
    assert await _steps(colony, run_id) == ["heard", "sigint"], "not gone, as far as anybody knows"
