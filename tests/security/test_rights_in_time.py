"""Attacks that hold on to a right that is gone: old snapshots, open cursors, sessions that were there before."""

from __future__ import annotations

import pytest

from kolony_tui.models.errors import LoginRefused
from kolony_tui.models.secret import Secret
from tests.database import Agent, Workspace, refused, until_ended
from tests.security.unchanged import unchanged
from tests.work.calls import Runner, send


async def _put(workspace: Workspace, login: str, role: str, *, disabled: bool = False) -> None:
    """Changes a membership as an admin's call does, but leaves the person's sessions alone: the worst case."""
    superuser = await workspace.database.superuser()
    await superuser.execute(
        """UPDATE kolony.memberships m SET role = $2, disabled = $3
           FROM kolony.profiles p WHERE p.profile_id = m.profile_id AND p.login = $1""",
        login, role, disabled,
    )  # fmt: skip


async def test_an_old_snapshot_gives_no_right_that_is_gone(workspace: Workspace, agent: Agent) -> None:
    """Attacks 37 and 38."""
    database = workspace.database
    superuser = await database.superuser()
    login = await database.add_person("admin")
    friend = database.cluster.login("eve")
    steps = {
        "SELECT kolony.send_command($1, $2, 'x')": (workspace.workspace_id, [agent.agent_id]),
        "SELECT kolony.set_role($1, $2, 'admin')": (workspace.workspace_id, friend),
        "SELECT kolony.revoke_token($1)": (agent.token_id,),
    }
    for isolation in ("read_committed", "repeatable_read", "serializable"):
        await _put(workspace, login, "admin")
        person = await database.connect(login)
        async with person.transaction(isolation=isolation):
            assert await person.fetchval("SELECT count(*) FROM kolony.agents") == 1
            await _put(workspace, login, "viewer")
            async with unchanged(superuser):
                for step, arguments in steps.items():
                    savepoint = person.transaction()
                    await savepoint.start()
                    with refused("42501"):
                        await person.execute(step, *arguments)
                    await savepoint.rollback()
        await person.close()
    await _put(workspace, login, "admin")
    person = await database.connect(login)
    for step, arguments in steps.items():
        await person.execute(step, *arguments)


async def test_the_isolation_level_cannot_be_changed_half_way(workspace: Workspace, agent: Agent) -> None:
    """Attack 40."""
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    for begin in ("", "SAVEPOINT a;"):
        for change in (
            "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
            "SELECT set_config('transaction_isolation', 'read committed', true)",
            "SET transaction_isolation = 'read committed'",
        ):
            async with unchanged(superuser):
                await bob.execute(f"BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM kolony.agents; {begin}")
                with refused("25001"):
                    await bob.execute(change)
                await bob.execute("ROLLBACK")
    await bob.execute("BEGIN ISOLATION LEVEL READ COMMITTED; SELECT count(*) FROM kolony.agents")
    assert len(await send(bob, agent)) == 1
    await bob.execute("COMMIT")


async def test_an_open_cursor_ends_with_its_session(workspace: Workspace, agent: Agent) -> None:
    """Attack 41: what was opened before shows what was there then, until the session is ended, which is at once."""
    database = workspace.database
    ada, superuser = await database.connect("ada"), await database.superuser()
    login = await database.add_person("operator")
    person = await database.connect(login)
    await send(ada, agent, "before")
    await person.execute("BEGIN; DECLARE old CURSOR FOR SELECT content FROM kolony.commands")
    await _put(workspace, login, "viewer", disabled=True)
    await send(ada, agent, "after")
    assert [row[0] for row in await person.fetch("FETCH ALL FROM old")] == ["before"]
    assert await person.fetch("SELECT content FROM kolony.commands") == []
    await _put(workspace, login, "operator")
    await ada.execute("SELECT kolony.disable_person($1, $2)", workspace.workspace_id, login)
    await until_ended(superuser, person)
    with pytest.raises(LoginRefused):
        await database.connect(login)


async def test_a_runner_with_a_revoked_token_has_nothing_left(workspace: Workspace, agent: Agent) -> None:
    """Attack 39: its snapshot is old and its session may even live on; its calls are refused."""
    database = workspace.database
    ada, superuser = await database.connect("ada"), await database.superuser()
    runner = await Runner.of(database, agent)
    # A right call only in READ COMMITTED, revoked or not: an old snapshot could not see the revocation.
    for isolation, revoked in (("REPEATABLE READ", False), ("READ COMMITTED", True), ("REPEATABLE READ", True)):
        await runner.connection.execute(f"BEGIN ISOLATION LEVEL {isolation}")
        await runner.connection.fetchval("SELECT kolony.schema_version()")
        if revoked:
            await superuser.execute("UPDATE kolony.agent_tokens SET token_active = false")
        async with unchanged(superuser):
            with refused("28000", "agent authentication failed"):
                await runner.beat()
        await runner.connection.execute("ROLLBACK")
    await superuser.execute("UPDATE kolony.agent_tokens SET token_active = true")
    assert await runner.beat() == []
    await ada.execute("SELECT kolony.revoke_token($1)", agent.token_id)
    await until_ended(superuser, runner.connection)


async def test_wrong_tokens_are_refused_with_the_same_words(workspace: Workspace, agent: Agent) -> None:
    """Attack 51: wrong, empty, unknown, revoked and expired."""
    database = workspace.database
    ada, superuser = await database.connect("ada"), await database.superuser()
    revoked, expired = [await database.issue_token(ada, agent.agent_id) for _ in range(2)]
    await ada.execute("SELECT kolony.revoke_token($1)", revoked.token_id)
    await ada.execute("SELECT kolony.expire_token($1, now() - interval '1 second')", expired.token_id)
    tried = {
        "wrong": agent.target.as_login(agent.login, Secret("guessed")),
        "another's": agent.target.as_login(agent.login, expired.secret),
        "unknown": agent.target.as_login("ka_0011223344556677", Secret("guessed")),
        "revoked": revoked.target,
        "expired": expired.target,
    }
    said = set()
    async with unchanged(superuser):
        for target in tried.values():
            with pytest.raises(LoginRefused) as caught:
                await database.open(target)
            said.add(caught.value.line.replace(str(target.login), "LOGIN"))
    assert len(said) == 1, said
    assert await (await Runner.of(database, agent)).beat() == []
