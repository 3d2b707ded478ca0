"""Who may run an agent: the right token, the right name; everything else is one line and an exit code."""

from __future__ import annotations

import os

from kolony_tui.core.tokens import new_token
from tests.agent.colony import Colony, RunnerProcess, until


async def _refused(runner: RunnerProcess, code: int, words: str) -> None:
    assert await runner.ended() == code, runner.lines
    assert runner.lines.count("\n") == 1, runner.lines
    assert words in runner.lines


async def test_a_wrong_token_is_one_line_and_exit_3(colony: Colony) -> None:
    await _refused(colony.runner(token=new_token().secret.reveal()), 3, "token was refused")


async def test_a_mistyped_token_is_refused_and_a_missing_one_is_wrong_usage(colony: Colony) -> None:
    right = colony.token.secret.reveal()
    mistyped = right[:-1] + ("1" if right.endswith("0") else "0")
    await _refused(colony.runner(token=mistyped), 3, "typing error")
    await _refused(colony.runner(token=""), 2, "KOLONY_AGENT_TOKEN")


async def test_another_agents_name_is_exit_4(colony: Colony) -> None:
    await _refused(colony.runner(name="somebody"), 4, "belongs to the agent 'worker'")
    sessions = await colony.superuser.fetchval("SELECT count(*) FROM kolony.agent_sessions WHERE ended_at IS NULL")
    assert sessions == 0


async def test_a_token_file_that_others_can_read_is_told(colony: Colony) -> None:
    file = colony.home / "token"
    file.write_text(colony.token.secret.reveal() + "\n")
    file.chmod(0o644)
    loose = colony.runner("--token-file", str(file), token="")
    await loose.says("chmod 600")
    await loose.says("ready")
    await _refused(colony.runner("--token-file", str(colony.home / "none"), token=""), 2, "cannot be read")


async def test_a_revoked_token_ends_runner_and_programs(colony: Colony) -> None:
    runner = colony.runner()
    run_id = await colony.send("echo $$; exec sleep 600")

    async def printed() -> bytes:
        return await colony.output(run_id)

    pid = int(await until(printed, what="the program's pid"))
    admin = await colony.workspace.database.connect("ada")
    token_id = await colony.superuser.fetchval("SELECT token_id FROM kolony.agent_tokens")
    await admin.execute("SELECT kolony.revoke_token($1)", token_id)
    assert await runner.ended() == 3
    assert "token was refused" in runner.lines.splitlines()[-1]
    assert not os.path.exists(f"/proc/{pid}")


async def test_a_retired_agent_finishes_its_work_and_exits_0(colony: Colony) -> None:
    runner = colony.runner()
    run_id = await colony.send(f"while [ ! -e {colony.home}/go ]; do sleep 0.02; done")
    await colony.status(run_id, "executing")
    await colony.desire("retired")
    await runner.says("retired")
    assert (await colony.run(run_id))["status"] == "executing"
    (colony.home / "go").touch()
    assert await runner.ended() == 0
    assert (await colony.run(run_id))["status"] == "completed"
    await _refused(colony.runner(), 4, "is retired")
