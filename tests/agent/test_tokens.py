"""Who may run an agent: the right token, the right name; everything else is one line and an exit code."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from kolony_tui.core.tokens import new_token
from kolony_tui.db.target import SHARED_AGENT_LOGIN
from kolony_tui.server.embedded import EmbeddedServer
from tests.agent.colony import Colony, RunnerProcess, issue, until
from tests.database import PASSWORD, verifier


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


async def test_under_the_shared_login_the_token_is_shown_and_stands_in_no_log(
    colony: Colony, embedded: EmbeddedServer
) -> None:
    """G11, attacks 51 and 64: a server that lets Kolony make no logins, and that logs every statement."""
    superuser = colony.superuser
    await superuser.execute("ALTER ROLE kolony_roleadm NOCREATEROLE")
    try:
        await superuser.execute(f"CREATE ROLE {SHARED_AGENT_LOGIN} LOGIN PASSWORD '{verifier()}' IN ROLE kolony_agents")
        for setting in ("log_statement = 'all'", "log_min_duration_statement = 0", "log_parameter_max_length = -1"):
            await superuser.execute(f"ALTER ROLE {SHARED_AGENT_LOGIN} SET {setting}")
        token = (await issue(colony.workspace, colony.agent_id)).secret.reveal()
        dsn = urlsplit(colony.dsn)._replace(netloc=f"{SHARED_AGENT_LOGIN}@").geturl()

        def started(shown: str, password: str = PASSWORD.reveal()) -> RunnerProcess:
            return colony.runner(token=shown, KOLONY_DSN=dsn, PGPASSWORD=password)

        runner = started(token)
        run_id = await colony.send("env; echo done")
        assert (await colony.done(run_id))["status"] == "completed"
        printed = await colony.output(run_id)
        assert b"done" in printed
        assert not [secret for secret in (token, PASSWORD.reveal()) if secret.encode() in printed]
        await _refused(started(new_token().secret.reveal()), 3, "token was refused")
        await _refused(started(token, "wrong"), 3, "password")
        token_id = await superuser.fetchval("SELECT token_id FROM kolony.agent_tokens ORDER BY created_at DESC LIMIT 1")
        admin = await colony.workspace.database.connect("ada")
        await admin.execute("SELECT kolony.revoke_token($1)", token_id)
        assert await runner.ended() == 3

        async def logged() -> str:
            lines = "".join(file.read_text() for file in embedded.home.log.glob("*.log"))
            return lines if "kolony.close_session" in lines or "kolony.beat" in lines else ""

        assert token not in await until(logged, what="the statements in the log")
        assert token not in runner.lines
    finally:
        await superuser.execute("ALTER ROLE kolony_roleadm CREATEROLE")
        await superuser.execute(f"DROP ROLE IF EXISTS {SHARED_AGENT_LOGIN}")
