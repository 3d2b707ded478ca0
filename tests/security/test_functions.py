"""Attacks through the functions that people may call: other people's workspaces, settings, locks, odd text."""

from __future__ import annotations

import asyncpg
import pytest

from tests.database import Agent, Workspace, refused, verifier
from tests.security.unchanged import changed, fingerprint, unchanged
from tests.work.calls import Runner, send, state


async def test_an_operator_stays_in_the_own_workspace(workspace: Workspace, agent: Agent) -> None:
    """Attacks 2 and 3."""
    database = workspace.database
    theirs = await database.add_agent("theirs", workspace="other")
    bob, superuser = await database.connect("bob"), await database.superuser()
    call = "SELECT kolony.send_command($1, $2, 'x')"
    async with unchanged(superuser):
        for home, target, ends in (
            (workspace.other_id, theirs.agent_id, "42501"),
            (workspace.other_id, agent.agent_id, "42501"),
            (workspace.workspace_id, theirs.agent_id, "P0002"),
        ):
            with refused(ends):
                await bob.execute(call, home, [target])
        with refused("P0002"):
            await bob.execute(call, workspace.workspace_id, [agent.agent_id, theirs.agent_id])
    before = await fingerprint(superuser)
    await bob.execute(call, workspace.workspace_id, [agent.agent_id])
    assert "kolony.runs" in changed(before, await fingerprint(superuser))


async def test_no_row_can_point_into_another_workspace(workspace: Workspace, agent: Agent) -> None:
    """Attack 3, below the functions: every foreign key between rows of workspaces has the workspace in it."""
    database = workspace.database
    theirs = await database.add_agent("theirs", workspace="other")
    bob, superuser = await database.connect("bob"), await database.superuser()
    [run] = await send(bob, agent)
    with refused("23503"):
        await superuser.execute("UPDATE kolony.runs SET agent_id = $1 WHERE run_id = $2", theirs.agent_id, run)
    loose = await superuser.fetch(
        """SELECT c.conrelid::regclass::text AS of, c.conname FROM pg_constraint c
           WHERE c.contype = 'f' AND c.connamespace = 'kolony'::regnamespace AND c.conparentid = 0
             AND c.confrelid NOT IN ('kolony.workspaces'::regclass, 'kolony.profiles'::regclass)
             AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.confrelid AND a.attname = 'workspace_id')
             AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
                             AND a.attname = 'workspace_id')"""
    )
    assert loose == []


async def test_a_viewer_and_an_operator_do_nothing_of_an_admins(workspace: Workspace, agent: Agent) -> None:
    """Attacks 1 and 8."""
    database = workspace.database
    home, eve_login = workspace.workspace_id, database.cluster.login("eve")
    superuser = await database.superuser()
    calls = {
        "set_role($1, $2, 'admin')": (home, eve_login),
        "add_person($1, 'newcomer', $2, 'admin')": (home, verifier()),
        "disable_person($1, $2)": (home, database.cluster.login("ada")),
        "reset_password($1, $2, $3)": (home, database.cluster.login("ada"), verifier()),
        "issue_token($1, 'ka_00112233445566ff', $2, $3, 'kol_0011')": (agent.agent_id, verifier(), b"\x07" * 32),
        "revoke_token($1)": (agent.token_id,),
        "list_tokens($1)": (home,),
        "create_workspace('mine', 'Mine')": (),
    }
    viewer_calls = {
        "send_command($1, $2, 'x')": (home, [agent.agent_id]),
        "create_agent($1, 'mine')": (home,),
        "set_agent_desired($1, 'paused', '')": (agent.agent_id,),
    }
    # Somebody else for the control: the last admin stays whoever asks.
    people = {"eve": await database.connect("eve"), "bob": await database.connect("bob")}
    admin = await database.connect(await database.add_person("admin"))
    for nick, tried in (("eve", calls | viewer_calls), ("bob", calls)):
        async with unchanged(superuser):
            for call, arguments in tried.items():
                with refused("42501"):
                    await people[nick].execute(f"SELECT kolony.{call}", *arguments)
    for call, arguments in calls.items():
        transaction = admin.transaction()
        await transaction.start()
        await admin.execute(f"SELECT * FROM kolony.{call}", *arguments)
        await transaction.rollback()


async def test_settings_of_ones_own_claim_nothing(workspace: Workspace, agent: Agent) -> None:
    """Attack 44."""
    database = workspace.database
    eve, superuser = await database.connect("eve"), await database.superuser()
    ada = database.cluster.login("ada")
    for name in ("login", "role", "agent_id", "agent_token", "profile_id", "workspace_id"):
        await eve.execute(f"SET kolony.{name} = '{ada}'")
    await eve.execute(f"SET application_name = '{ada}'; SET ROLE NONE")
    async with unchanged(superuser):
        with refused("42501", "you are a viewer"):
            await send(eve, agent)
    ours = await database.open(agent.target)
    await ours.execute("SELECT set_config('kolony.agent_token', $1, false)", "kol_of_somebody_else")
    session = await ours.fetchrow("SELECT * FROM kolony.open_session('h', 1, '0', 'process', 1)")
    assert session is not None
    assert await superuser.fetchval("SELECT token_id FROM kolony.agent_sessions") == agent.token_id


async def test_a_callers_settings_do_not_bend_what_functions_do(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob = await database.connect("bob")
    await bob.execute(
        "SET search_path = pg_temp, public; SET DateStyle = 'German'; SET standard_conforming_strings = on"
    )
    await bob.execute("SET quote_all_identifiers = on; SET TimeZone = 'Pacific/Kiritimati'; SET lock_timeout = '1ms'")
    [run] = await send(bob, agent)
    runner = await Runner.of(database, agent)
    await runner.connection.execute("SET search_path = ''; SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Pacific/Niue'")
    [held] = await runner.claim()
    await runner.append(held["attempt_id"], [(0, b"x")])
    await runner.finish(held["attempt_id"], chunks=1)
    assert await state(bob, run) == "completed"


async def test_no_function_waits_for_an_advisory_lock(workspace: Workspace, agent: Agent) -> None:
    """Attack 36."""
    database = workspace.database
    superuser, eve, bob = await database.superuser(), await database.connect("eve"), await database.connect("bob")
    bodies = await superuser.fetchval(
        "SELECT string_agg(prosrc, ' ') FROM pg_proc WHERE pronamespace = 'kolony'::regnamespace"
    )
    assert "for update" in bodies.lower()
    assert "advisory" not in bodies.lower()
    await eve.execute("SELECT pg_advisory_lock(n) FROM generate_series(-50, 50) n")
    await bob.execute("SET lock_timeout = '2s'")
    assert len(await send(bob, agent)) == 1


async def test_a_person_in_the_database_cannot_hold_up_a_runner(workspace: Workspace, agent: Agent) -> None:
    """Attack 34: a runner's call that an operator's open step blocks fails soon, and its next try succeeds."""
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    patient = await superuser.fetch(
        """SELECT proname FROM pg_proc WHERE pronamespace = 'kolony'::regnamespace
           AND has_function_privilege('kolony_agents', oid, 'EXECUTE')
           AND NOT coalesce('lock_timeout=5s' = ANY (proconfig), false) ORDER BY 1"""
    )
    assert [row["proname"] for row in patient] == ["announce", "schema_version"]
    await superuser.execute("ALTER FUNCTION kolony.finish_attempt SET lock_timeout = '50ms'")
    [run] = await send(bob, agent)
    runner = await Runner.of(database, agent)
    [held] = await runner.claim()
    await bob.execute("SET idle_in_transaction_session_timeout = 0; BEGIN")
    await bob.execute("SELECT kolony.cancel_run($1)", run)
    async with unchanged(superuser):
        with refused("55P03"):
            await runner.finish(held["attempt_id"], "failed")
    await bob.execute("ROLLBACK")
    await runner.finish(held["attempt_id"], "failed")
    assert await state(bob, run) == "failed"


async def test_text_that_no_database_takes_is_refused(workspace: Workspace, agent: Agent) -> None:
    """Attack 72."""
    bob, superuser = await workspace.database.connect("bob"), await workspace.database.superuser()
    async with unchanged(superuser):
        with refused("22021"):
            await send(bob, agent, "a\0b")
        with refused("22P05"):
            await bob.execute(
                "SELECT kolony.create_agent($1, 'x', new_config => $2)", workspace.workspace_id, {"a": "\0"}
            )
        with pytest.raises(asyncpg.DataError, match="surrogates"):
            await send(bob, agent, "a\ud800b")
    assert len(await send(bob, agent, "a\u2400b")) == 1
