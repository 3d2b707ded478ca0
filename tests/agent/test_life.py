"""A run from its claim to its end, by a real runner and real programs."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

from tests.agent.colony import Colony, until


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
    assert f"#{row['command_number']} failed in" in runner.lines
    [session] = await colony.superuser.fetch("SELECT * FROM kolony.agent_sessions")
    assert (session["end_reason"], session["end_error"]) == ("stopped", False)
    assert (session["adapter"], session["pid"]) == ("process", runner.process.pid)


async def test_a_program_gets_its_run_and_no_secret(colony: Colony) -> None:
    asked = ("--env", "EXTRA", "--env", "PG*", "--env", "KOLONY_*")
    colony.runner(*asked, EXTRA="handed on", OTHER="kept back", PGPASSWORD="x")
    run_id = await colony.send("pwd; env; stat -c %a .; cat")
    row = await colony.done(run_id)
    assert row["status"] == "completed", row
    folder, *lines = (await colony.output(run_id)).decode().splitlines()
    variables = dict(line.split("=", 1) for line in lines if "=" in line)
    assert lines[-1] == "700"
    assert variables["EXTRA"] == "handed on"
    assert {"PATH", "HOME"} & set(variables) == {"PATH", "HOME"} & set(os.environ)
    ours = {name: value for name, value in variables.items() if name.startswith(("KOLONY", "PG", "OTHER"))}
    assert ours == {
        "KOLONY_RUN_ID": str(run_id),
        "KOLONY_RUN": f"#{row['command_number']}",
        "KOLONY_ATTEMPT": "1",
        "KOLONY_AGENT": "worker",
        "KOLONY_COMMAND": f"#{row['command_number']}",
        "KOLONY_KIND": "natural",
        "KOLONY_WORK_DIR": folder,
        "KOLONY_RUN_DIR": ours["KOLONY_RUN_DIR"],
        "KOLONY_RUNNER": ours["KOLONY_RUNNER"],
    }
    assert Path(ours["KOLONY_RUNNER"]).is_relative_to(colony.home), "by which a later runner knows what is left of it"
    assert Path(folder).is_relative_to(colony.home / "work" / "worker")


async def test_an_empty_working_folder_is_removed_and_a_used_one_stays(colony: Colony) -> None:
    runner = colony.runner()
    empty, used = await colony.send("pwd"), await colony.send("pwd; echo kept > file")
    await colony.done(empty)
    await colony.done(used)
    runner.send(signal.SIGTERM)
    await runner.ended()
    empty_folder, used_folder = [Path((await colony.output(run)).decode().strip()) for run in (empty, used)]
    assert not empty_folder.exists()
    assert (used_folder / "file").read_text() == "kept\n"


async def test_a_program_reads_the_text_from_its_standard_input(colony: Colony) -> None:
    colony.runner(program=("tr", "a-z", "A-Z"))
    run_id = await colony.send("shout it $HOME")
    await colony.done(run_id)
    assert await colony.output(run_id) == b"SHOUT IT $HOME"


async def test_a_program_gets_the_text_as_an_argument(colony: Colony) -> None:
    colony.runner(program=("sh", "-c", 'printf "<%s>" "$@"; cat', "sh", "{}", "say {text}!", "{nothing}"))
    run_id = await colony.send("a 'b'\n$(c)")
    await colony.done(run_id)
    assert await colony.output(run_id) == b"<a 'b'\n$(c)><say a 'b'\n$(c)!><{nothing}>"


async def test_text_of_four_mebibytes_is_a_script_and_an_input(colony: Colony) -> None:
    filler = "# " + "x" * (4 * 1024 * 1024 - 20) + "\n"
    shell = colony.runner()
    run_id = await colony.send(filler + "echo at the end")
    row = await colony.done(run_id)
    assert (row["status"], await colony.output(run_id)) == ("completed", b"at the end\n")
    shell.send(signal.SIGTERM)
    await shell.ended()
    colony.runner(program=("wc", "-c"))
    run_id = await colony.send(filler)
    await colony.done(run_id)
    assert int(await colony.output(run_id)) == len(filler)


async def test_a_text_too_long_for_an_argument_fails_in_words(colony: Colony) -> None:
    colony.runner(program=("echo", "{}"))
    row = await colony.done(await colony.send("x" * 200_000))
    assert (row["status"], row["exit_code"]) == ("failed", None)
    assert "too long for an argument" in row["error"]


async def test_a_program_that_cannot_be_started_fails_the_run_and_not_the_runner(colony: Colony) -> None:
    plain = colony.home / "plain"
    plain.write_text("no program")
    for program, words in (("no-such-program", "there is no program"), (str(plain), "may not be run")):
        runner = colony.runner(program=(program,))
        row = await colony.done(await colony.send("anything"))
        assert row["status"] == "failed"
        assert words in row["error"]
        assert runner.process.poll() is None
        runner.send(signal.SIGTERM)
        assert await runner.ended() == 0


async def test_a_working_folder_that_cannot_be_made_fails_the_run(colony: Colony) -> None:
    (colony.home / "file").write_text("")
    colony.runner("--workdir", str(colony.home / "file"))
    row = await colony.done(await colony.send("echo hi"))
    assert row["status"] == "failed"
    assert "cannot be made" in row["error"]


async def test_no_more_runs_at_once_than_allowed(colony: Colony) -> None:
    ledger = colony.home / "ledger"
    text = f"echo + >> {ledger}; while [ ! -e {colony.home}/go ]; do sleep 0.02; done; echo - >> {ledger}"
    runs = [await colony.send(text) for _ in range(5)]
    colony.runner("--concurrency", "2")

    async def two() -> bool:
        return ledger.exists() and ledger.read_text().count("+") == 2

    await until(two, what="two at work")
    running = [(await colony.run(run))["status"] for run in runs]
    assert running == ["executing", "executing", "waiting", "waiting", "waiting"]
    (colony.home / "go").touch()
    for run in runs:
        assert (await colony.done(run))["status"] == "completed"
    at_once = most = 0
    for line in ledger.read_text().splitlines():
        at_once += 1 if line == "+" else -1
        most = max(most, at_once)
    assert most == 2


async def test_a_time_limit_ends_the_work(colony: Colony) -> None:
    colony.runner("--grace", "0.2")
    run_id = await colony.send("trap '' INT; echo begun; sleep 60", time_limit_ms=400)
    row = await colony.done(run_id)
    assert (row["status"], row["error"]) == ("failed", "time limit of 400 ms reached")
    assert await colony.output(run_id) == b"begun\n"


async def test_health_comes_with_the_heartbeat(colony: Colony) -> None:
    await colony.quick()
    colony.runner()
    await colony.done(await colony.send("true"))
    await colony.done(await colony.send("false"))

    async def told() -> dict[str, Any] | None:
        found = await colony.superuser.fetchval("SELECT health FROM kolony.agent_sessions")
        return found if found and found.get("failed") == 1 else None

    health = await until(told, what="a beat with both runs")
    assert (health["done"], health["failed"], health["running"]) == (1, 1, 0)
    assert health["memory_bytes"] > 10_000_000
    assert health["uptime_seconds"] > 0
    assert 0 < health["mean_seconds"] < 30
    assert 0 <= health["cpu_percent"] < 1000
    assert health["limits"] in ("measured", "kernel", "kernel-memory")


async def test_a_script_gets_json_lines(colony: Colony) -> None:
    runner = colony.runner("--json")
    await colony.done(await colony.send("exit 1"))
    runner.send(signal.SIGTERM)
    assert await runner.ended() == 0
    events = [json.loads(line) for line in runner.lines.splitlines()]
    assert [event["event"] for event in events] == ["ready", "started", "failed", "stopping"]
    assert events[2]["exit_code"] == 1


async def test_hostile_text_reaches_no_terminal(colony: Colony) -> None:
    runner = colony.runner(program=("no\x1b]0;owned\x07such",))
    row = await colony.done(await colony.send("x"))
    await runner.says("failed")
    assert "\x1b" not in runner.lines
    assert "\x07" not in runner.lines
    assert row["status"] == "failed"
