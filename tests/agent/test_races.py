"""One run, one runner: racing, stopped, killed, paused, cut off (G1, G2, G3, G5)."""

from __future__ import annotations

import collections
import os
import signal
from pathlib import Path
from uuid import UUID

from tests.agent.colony import Colony, lives, until


async def _printed(colony: Colony, run_id: UUID, attempt: int = 1) -> bytes:
    async def some() -> bytes:
        return await colony.output(run_id, attempt=attempt)

    return await until(some, what="output")


async def _all_done(colony: Colony, runs: list[UUID], deadline: float) -> collections.Counter[str]:
    async def ended() -> bool:
        left = await colony.superuser.fetchval("SELECT count(*) FROM kolony.runs WHERE outcome IS NULL")
        return bool(left == 0)

    await until(ended, deadline=deadline, what="the end of every run")
    rows = await colony.superuser.fetch("SELECT outcome FROM kolony.runs WHERE run_id = ANY ($1)", runs)
    return collections.Counter(row["outcome"] for row in rows)


async def test_eight_racing_runners_execute_each_run_once(colony: Colony) -> None:
    ledger = colony.home / "ledger"
    runs = [await colony.send(f'echo "$KOLONY_RUN_ID" >> {ledger}') for _ in range(60)]
    for number in range(8):
        colony.runner("--concurrency", "2", token=await colony.another_token() if number else None)
    assert await _all_done(colony, runs, 60) == {"completed": 60}
    assert sorted(ledger.read_text().split()) == sorted(map(str, runs))
    assert await colony.superuser.fetchval("SELECT count(*) FROM kolony.attempts") == 60
    assert await colony.superuser.fetchval("SELECT count(DISTINCT session_id) FROM kolony.attempts") > 1


async def test_a_runner_stopped_past_its_lease_is_fenced_when_it_wakes(colony: Colony) -> None:
    await colony.quick()
    first = colony.runner()
    run_id = await colony.send("echo $$; n=0; while [ ! -e go ]; do sleep 0.05; done; echo done")
    pid = int(await _printed(colony, run_id))
    first.send(signal.SIGSTOP)

    async def program_gone() -> bool:
        return not lives(pid)

    # The guardian ends the program although the runner cannot, and before anybody else may begin it.
    await until(program_gone, deadline=10, what="the end of the program of a stopped runner")
    assert (await colony.run(run_id))["status"] in ("executing", "waiting")
    second = colony.runner(token=await colony.another_token())
    again = int(await _printed(colony, run_id, attempt=2))
    assert again != pid
    before = await colony.chunks(run_id, 1)
    first.send(signal.SIGCONT)
    await first.says("session was lost")
    folder = Path(f"/proc/{again}/cwd").readlink()
    (folder / "go").touch()
    assert (await colony.done(run_id))["status"] == "completed"
    assert [attempt["outcome"] for attempt in await colony.attempts(run_id)] == ["lost", "completed"]
    assert await colony.chunks(run_id, 1) == before
    assert await colony.output(run_id, attempt=2) == f"{again}\ndone\n".encode()
    # The fenced one serves on, under a new session.
    await first.says("under a new session")
    second.send(signal.SIGTERM)
    await second.ended()
    assert (await colony.done(await colony.send("true")))["status"] == "completed"


async def test_a_killed_runner_leaves_no_run_executing_though_nobody_looks_after_it(colony: Colony) -> None:
    await colony.quick()
    runner = colony.runner()
    run_id = await colony.send("echo $$; exec sleep 611")
    await _printed(colony, run_id)
    runner.process.kill()

    async def derived() -> bool:
        row = await colony.run(run_id)
        return bool(row["status"] == "waiting" and row["lost"])

    await until(derived, deadline=8, what="the derived end of the lease")
    agent = await colony.operator.fetchrow("SELECT status, activity FROM kolony.agent_overview")
    assert agent is not None
    assert (agent["status"], agent["activity"]) == ("offline", "idle")
    # Nothing was written to get there.
    assert await colony.superuser.fetchval("SELECT count(*) FROM kolony.leases") == 1
    assert [attempt["outcome"] for attempt in await colony.attempts(run_id)] == [None]


async def test_work_survives_runners_that_are_killed_under_load(colony: Colony) -> None:
    await colony.quick()
    ledger = colony.home / "ledger"
    text = f'sleep 0.05; echo "$KOLONY_RUN_ID $KOLONY_ATTEMPT" >> {ledger}; echo said'
    runs = [await colony.send(text, max_attempts=100) for _ in range(40)]
    tokens = [colony.token.secret.reveal(), await colony.another_token()]
    for number in range(4):
        runner = colony.runner("--concurrency", "3", token=tokens[number % 2])

        async def busy(runs: list[UUID] = runs, enough: int = 4 * (number + 1)) -> bool:
            done = await colony.superuser.fetchval("SELECT count(*) FROM kolony.runs WHERE outcome IS NOT NULL")
            return bool(done >= enough)

        await until(busy, what="some work")
        runner.process.kill()
    colony.runner("--concurrency", "4", token=tokens[0])
    assert await _all_done(colony, runs, 60) == {"completed": 40}
    written = [tuple(line.split()) for line in ledger.read_text().splitlines()]
    assert len(written) == len(set(written)), "an attempt ran twice"
    for run_id in runs:
        *lost, last = await colony.attempts(run_id)
        assert {attempt["outcome"] for attempt in lost} <= {"lost"}
        assert last["outcome"] == "completed"
        assert await colony.output(run_id, attempt=last["number"]) == b"said\n"


async def test_nothing_is_claimed_once_a_pause_has_returned(colony: Colony) -> None:
    runs = [await colony.send("true") for _ in range(100)]
    for number in range(3):
        colony.runner("--concurrency", "2", token=await colony.another_token() if number else None)

    async def some_claimed() -> bool:
        return bool(await colony.superuser.fetchval("SELECT count(*) >= 10 FROM kolony.attempts"))

    await until(some_claimed, what="a start")
    await colony.desire("paused")
    paused_at = await colony.superuser.fetchval("SELECT clock_timestamp()")
    for runner in colony.runners:
        await runner.says("paused")

    async def running_finished() -> bool:
        return bool(await colony.superuser.fetchval("SELECT count(*) = 0 FROM kolony.leases"))

    await until(running_finished, what="the end of what ran")
    late = await colony.superuser.fetchval("SELECT count(*) FROM kolony.attempts WHERE claimed_at > $1", paused_at)
    waiting = await colony.superuser.fetchval("SELECT count(*) FROM kolony.ready_runs")
    assert late == 0
    assert waiting > 0
    await colony.desire("active")
    assert await _all_done(colony, runs, 60) == {"completed": 100}


async def test_a_runner_cut_off_past_its_lease_ends_its_work_by_itself(colony: Colony) -> None:
    await colony.quick()
    runner = colony.runner()
    run_id = await colony.send("echo $$; [ $KOLONY_ATTEMPT = 2 ] || exec sleep 612")
    pid = int(await _printed(colony, run_id))
    await colony.superuser.execute(f"ALTER ROLE {colony.token.login} CONNECTION LIMIT 0")
    await colony.superuser.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", colony.token.login
    )
    await runner.says("could not be renewed in time")

    async def gone() -> bool:
        return not os.path.exists(f"/proc/{pid}")

    await until(gone, deadline=5, what="the end of work that nobody can stop")
    await colony.superuser.execute(f"ALTER ROLE {colony.token.login} CONNECTION LIMIT 4")
    assert (await colony.done(run_id))["status"] == "completed"
    assert [attempt["outcome"] for attempt in await colony.attempts(run_id)] == ["lost", "completed"]


async def test_a_cancel_that_no_runner_confirms_is_not_shown_as_done(colony: Colony) -> None:
    await colony.quick()
    runner = colony.runner()
    run_id = await colony.send("echo $$; exec sleep 613")
    await _printed(colony, run_id)
    runner.send(signal.SIGSTOP)
    assert await colony.cancel(run_id) == "requested"
    row = await colony.run(run_id)
    assert (row["status"], row["cancel_at"] is None, row["finished_at"]) == ("executing", False, None)

    async def decided() -> bool:
        return bool(await colony.operator.fetchval("SELECT kolony.settle($1)", colony.workspace.workspace_id))

    await until(decided, deadline=8, what="the end of the lease")
    row = await colony.run(run_id)
    assert row["status"] == "cancelled"
    assert row["error"].startswith("cancel not confirmed")


async def test_a_claim_whose_answer_was_lost_is_handed_back_and_done(colony: Colony) -> None:
    await colony.quick()
    await colony.desire("paused")
    runner = colony.runner("--concurrency", "2")
    await runner.says("paused")
    run_id = await colony.send("echo once")
    session_id = await colony.superuser.fetchval("SELECT session_id FROM kolony.agent_sessions")
    stranger = await colony.workspace.database.open(
        colony.workspace.database.target(colony.token.login, colony.token.secret)
    )
    async with stranger.transaction():
        # The runner's own session claims, and the runner never hears of it.
        await colony.desire("active")
        claimed = await stranger.fetch("SELECT * FROM kolony.claim_runs($1, 2)", session_id)
    assert len(claimed) <= 1
    row = await colony.done(run_id)
    assert row["status"] == "completed"
    outcomes = [attempt["outcome"] for attempt in await colony.attempts(run_id)]
    assert outcomes in (["released", "completed"], ["completed"])
    assert outcomes == ["released", "completed"] or not claimed
