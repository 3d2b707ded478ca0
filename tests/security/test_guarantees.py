"""G10 and G15, as whoever has psql would try to break them. (G11: test_secrets.py; G12: ui/test_hostile.py.)"""

from __future__ import annotations

import asyncio
import os

from kolony_tui.server.binaries import installed
from tests.database import PASSWORD, Agent, Workspace, refused
from tests.security.unchanged import unchanged
from tests.work.calls import Runner, send


async def _psql(workspace: Workspace, login: str, statement: str) -> tuple[int, str]:
    """Exit code and what psql printed, as that person."""
    database = workspace.database
    words = [installed().program("psql"), "-X", "-A", "-t", "-v", "VERBOSITY=verbose", "-v", "ON_ERROR_STOP=1",
             "-d", database.dsn(login), "-c", statement]  # fmt: skip
    environment = {**os.environ, "PGPASSWORD": PASSWORD.reveal(), "PGCLIENTENCODING": "UTF8"}
    started = await asyncio.create_subprocess_exec(
        *words, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await asyncio.wait_for(started.communicate(), 30)
    assert started.returncode is not None
    return started.returncode, said.decode()


async def test_g10_a_viewer_that_writes_an_operator_that_reads_a_token_a_person_elsewhere(
    workspace: Workspace, agent: Agent
) -> None:
    """In psql; every table, function and role stands in the matrix."""
    superuser, otto = await workspace.database.superuser(), await workspace.database.connect("otto")
    theirs = await workspace.database.add_agent("theirs", workspace="other")
    await send(otto, theirs, "their secret")
    await send(await workspace.database.connect("bob"), agent, "our own")
    home = workspace.workspace_id
    async with unchanged(superuser):
        for login, statement in (
            ("eve", f"SELECT kolony.send_command('{home}', ARRAY['{agent.agent_id}']::uuid[], 'x')"),
            ("eve", "UPDATE kolony.agents SET desired = 'paused'"),
            ("bob", "SELECT token_hash FROM kolony.agent_tokens"),
            ("bob", f"SELECT * FROM kolony.list_tokens('{home}')"),
            ("bob", f"SELECT * FROM kolony.list_tokens('{workspace.other_id}')"),
        ):
            code, said = await _psql(workspace, login, statement)
            assert (code, "42501" in said) == (1, True), said
        for login, own in (("bob", "our own\n"), ("otto", "their secret\n")):
            assert await _psql(workspace, login, "SELECT content FROM kolony.commands") == (0, own)
    code, said = await _psql(
        workspace, "bob", f"SELECT count(*) FROM kolony.send_command('{home}', ARRAY['{agent.agent_id}']::uuid[], 'x')"
    )
    assert (code, said) == (0, "1\n")


async def test_g15_an_admin_in_psql_changes_no_entry(workspace: Workspace, agent: Agent) -> None:
    superuser, ada = await workspace.database.superuser(), await workspace.database.connect("ada")
    home = workspace.workspace_id
    await (await Runner.of(workspace.database, agent)).close()
    assert await ada.fetchval("SELECT kolony.seal_audit_now($1)", home) > 0
    month = await superuser.fetchval("SELECT tableoid::regclass::text FROM kolony.audit_log LIMIT 1")
    async with unchanged(superuser):
        for verb in ("UPDATE {0} SET workspace_id = NULL", "DELETE FROM {0}", "TRUNCATE {0}", "DROP TABLE {0}",
                     "INSERT INTO {0} SELECT * FROM {0}", "ALTER TABLE {0} DISABLE TRIGGER ALL"):  # fmt: skip
            for table in ("kolony.audit_log", month, "kolony.audit_seals"):
                code, said = await _psql(workspace, "ada", verb.format(table))
                assert (code, "42501" in said) == (1, True), (verb, table, said)
    verify = "SELECT ok FROM kolony.verify_audit($1)"
    assert await ada.fetchval(verify, home)
    # Retention may, and only with what is old; whoever owns the server may, and it shows.
    await superuser.execute("SELECT kolony.retain_audit()")
    assert await ada.fetchval(verify, home)
    await superuser.execute("SET session_replication_role = replica; UPDATE kolony.audit_log SET login = 'bob'")
    assert not await ada.fetchval(verify, home)
    with refused("42501"):
        await ada.execute("SELECT kolony.retain_audit()")
