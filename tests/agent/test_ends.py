"""How work ends that does not end by itself: cancelled, killed, left behind; and that nothing of it lives on."""

from __future__ import annotations

import asyncio
import signal
import time
from uuid import UUID

from tests.agent.colony import Colony, lives, until


async def _pids(colony: Colony, run_id: UUID, count: int) -> list[int]:
    """The ids that a run printed, once there are so many."""

    async def printed() -> list[int] | None:
        found = [int(word) for word in (await colony.output(run_id)).split()]
        return found if len(found) == count else None

    return await until(printed, what=f"{count} pids")


async def test_a_waiting_run_is_cancelled_at_once(colony: Colony) -> None:
    run_id = await colony.send("true")
    assert await colony.cancel(run_id, "not needed") == "cancelled"
    later = await colony.send("true")
    colony.runner()
    await colony.done(later)
    assert (await colony.run(run_id))["status"] == "cancelled"
    assert await colony.attempts(run_id) == []


async def test_a_program_that_ends_on_sigint_is_cancelled_softly(colony: Colony) -> None:
    colony.runner()
    run_id = await colony.send("trap 'echo bye; exit 7' INT; echo $$; while :; do sleep 0.05; done")
    await _pids(colony, run_id, 1)
    assert await colony.cancel(run_id) == "requested"
    row = await colony.done(run_id, deadline=4)
    assert (row["status"], row["exit_code"], row["error"]) == ("cancelled", 7, None)
    assert (await colony.output(run_id)).endswith(b"bye\n")


async def test_a_runner_in_the_background_of_a_script_can_interrupt_its_programs(colony: Colony) -> None:
    # A shell without job control starts what has an & with SIGINT ignored, which exec hands on.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        colony.runner()
    finally:
        signal.signal(signal.SIGINT, before)
    run_id = await colony.send("trap 'exit 7' INT; echo $$; while :; do sleep 0.05; done")
    await _pids(colony, run_id, 1)
    await colony.cancel(run_id)
    assert (await colony.done(run_id, deadline=4))["exit_code"] == 7


async def test_a_program_that_ignores_everything_is_killed_with_its_children(colony: Colony) -> None:
    colony.runner("--grace", "0.2")
    run_id = await colony.send("trap '' INT TERM; echo $$; sh -c 'echo $$; sleep 601' & wait; sleep 602")
    pids = await _pids(colony, run_id, 2)
    await colony.cancel(run_id, "enough")
    row = await colony.done(run_id)
    # The end was written only when nothing lived any more, so this needs no waiting.
    assert not any(lives(pid) for pid in pids)
    assert (row["status"], row["exit_code"], row["cancel_why"]) == ("cancelled", 137, "enough")
    [attempt] = await colony.attempts(run_id)
    assert attempt["signal"] == signal.SIGKILL


async def test_a_stopped_program_is_ended_too(colony: Colony) -> None:
    colony.runner("--grace", "0.3")
    run_id = await colony.send("echo $$; kill -STOP $$")
    [pid] = await _pids(colony, run_id, 1)
    await colony.cancel(run_id)
    assert (await colony.done(run_id))["status"] == "cancelled"
    assert not lives(pid)


async def test_death_by_a_signal_is_told_as_shells_do(colony: Colony) -> None:
    colony.runner()
    run_id = await colony.send("kill -SEGV $$")
    row = await colony.done(run_id)
    assert (row["status"], row["exit_code"], row["error"]) == ("failed", 139, "exit 139 (SIGSEGV)")
    [attempt] = await colony.attempts(run_id)
    assert attempt["signal"] == signal.SIGSEGV


async def test_what_a_program_leaves_behind_is_ended_and_holds_nothing_up(colony: Colony) -> None:
    colony.runner()
    began = time.monotonic()
    run_id = await colony.send("sleep 603 & echo $!; set -m; sleep 604 & echo $!")
    row = await colony.done(run_id, deadline=15)
    assert row["status"] == "completed"
    assert not any(lives(pid) for pid in await _pids(colony, run_id, 2))
    assert time.monotonic() - began < 12


async def test_a_process_that_left_the_session_with_our_pipe_ends_with_it_and_holds_nothing_up(colony: Colony) -> None:
    colony.runner()
    run_id = await colony.send("setsid sh -c 'echo $$; exec sleep 605' & sleep 0.3; echo last >&2")
    row = await colony.done(run_id, deadline=10)
    assert row["status"] == "completed"
    [pid] = await _pids(colony, run_id, 1)
    assert not lives(pid)
    assert await colony.output(run_id, "stderr") == b"last\n"


async def test_a_killed_runner_leaves_nothing_running(colony: Colony) -> None:
    runner = colony.runner()
    run_id = await colony.send("trap '' INT TERM HUP; echo $$; sh -c 'echo $$; sleep 606'; :")
    pids = await _pids(colony, run_id, 2)
    runner.process.kill()

    async def gone() -> bool:
        return not any(lives(pid) for pid in pids)

    await until(gone, deadline=5, what="the end of its programs")


async def test_sigterm_finishes_what_runs_and_takes_no_more(colony: Colony) -> None:
    runner = colony.runner()
    run_id = await colony.send(f"echo $$; while [ ! -e {colony.home}/go ]; do sleep 0.02; done; echo end")
    waiting = await colony.send("true")
    await _pids(colony, run_id, 1)
    runner.send(signal.SIGTERM)
    await runner.says("finishing 1 running")
    (colony.home / "go").touch()
    assert await runner.ended() == 0
    assert (await colony.run(run_id))["status"] == "completed"
    assert (await colony.output(run_id)).endswith(b"end\n")
    assert (await colony.run(waiting))["status"] == "waiting"


async def test_a_stop_can_hand_work_back_and_another_runner_does_it(colony: Colony) -> None:
    first = colony.runner("--on-stop", "release", "--grace", "0.3")
    run_id = await colony.send(f"echo $$; [ -e {colony.home}/go ] || exec sleep 607")
    [pid] = await _pids(colony, run_id, 1)
    first.send(signal.SIGHUP)
    assert await first.ended() == 0
    assert not lives(pid)
    row = await colony.run(run_id)
    assert (row["status"], row["lost"]) == ("waiting", False)
    (colony.home / "go").touch()
    colony.runner()
    assert (await colony.done(run_id))["status"] == "completed"
    assert [attempt["outcome"] for attempt in await colony.attempts(run_id)] == ["released", "completed"]


async def test_a_second_signal_hands_back_at_once(colony: Colony) -> None:
    runner = colony.runner("--grace", "0.3")
    run_id = await colony.send("echo $$; exec sleep 608")
    [pid] = await _pids(colony, run_id, 1)
    runner.send(signal.SIGINT)
    await runner.says("finishing 1 running")
    runner.send(signal.SIGINT)
    assert await runner.ended() == 0
    assert not lives(pid)
    assert (await colony.run(run_id))["status"] == "waiting"


async def test_an_idle_runner_without_a_server_stops_at_once(colony: Colony) -> None:
    runner = colony.runner(KOLONY_DSN=f"postgresql:///none?host={colony.home}")
    await runner.says("trying again")
    runner.send(signal.SIGTERM)
    assert await asyncio.wait_for(runner.ended(), 5) == 0
