"""Each thing that is to be in the audit log gets there, with who, from where and about what; and no secret ever."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg

from kolony_tui.core import audit
from kolony_tui.core.fleet import issue_token, rotate_token, tokens
from kolony_tui.core.people import new_password
from kolony_tui.core.session import log_in
from kolony_tui.db.queries import sql_folder
from kolony_tui.models.audit import EVENTS, event_named
from kolony_tui.server import scram
from tests.audit.reading import events, last_entry, written
from tests.database import Agent, Workspace, refused, until_ended, verifier
from tests.work.calls import Runner, send

CLAIMED = "kolony tests"


def facts(row: asyncpg.Record) -> Any:
    """The details, as the driver of a superuser's connection gives them."""
    return json.loads(row["details"])


async def one(superuser: asyncpg.Connection, after: int, event: str) -> asyncpg.Record:
    """The one entry with this event since then."""
    [found] = [row for row in await written(superuser, after) if row["event"] == event]
    return found


async def test_a_change_of_rights_says_who_from_where_and_what_was_before(workspace: Workspace) -> None:
    database, home = workspace.database, workspace.workspace_id
    superuser, ada = await database.superuser(), await database.connect("ada")
    start = await last_entry(superuser)
    login = f"p{home.hex[-10:]}"
    await ada.execute("SELECT kolony.add_person($1, $2, $3, 'viewer', 'Pat')", home, login, verifier())
    added = await one(superuser, start, "USER_ADDED")
    expected = (home, database.cluster.login("ada"), CLAIMED, login, {"role": "viewer"})
    assert (added["workspace_id"], added["login"], added["application"], added["subject"], facts(added)) == expected
    assert added["client_address"] == await ada.fetchval("SELECT inet_client_addr()")
    assert added["profile_id"] == await ada.fetchval("SELECT kolony.my_profile_id()")
    await ada.execute("SELECT kolony.set_role($1, $2, 'operator')", home, login)
    changed = await one(superuser, start, "ROLE_CHANGED")
    assert (changed["subject"], facts(changed)) == (login, {"role": {"before": "viewer", "after": "operator"}})
    await ada.execute("SELECT kolony.set_role($1, $2, 'operator')", home, login)
    for step in ("disable_person", "enable_person"):
        await ada.execute(f"SELECT kolony.{step}($1, $2)", home, login)
    await superuser.execute("DELETE FROM kolony.memberships m USING kolony.profiles p"
                            " WHERE p.profile_id = m.profile_id AND p.login = $1", login)  # fmt: skip
    assert await events(superuser, start) == [
        "USER_ADDED", "ROLE_CHANGED", "USER_DISABLED", "USER_ENABLED", "USER_REMOVED"
    ]  # fmt: skip


async def test_steps_that_leave_no_row_of_their_own(workspace: Workspace) -> None:
    database, home = workspace.database, workspace.workspace_id
    superuser, ada = await database.superuser(), await database.connect("ada")
    login = await database.add_person("viewer")
    person = await database.connect(login)
    start = await last_entry(superuser)
    assert await ada.fetchval("SELECT kolony.force_out($1, $2)", home, login) == 1
    await until_ended(superuser, person)
    await ada.execute("SELECT kolony.reset_password($1, $2, $3)", home, login, verifier())
    rows = await written(superuser, start)
    assert [(row["event"], row["subject"], facts(row)) for row in rows] == [
        ("SESSIONS_ENDED", login, {"sessions": 1}), ("PASSWORD_RESET", login, {}),
    ]  # fmt: skip


async def test_what_was_refused_leaves_nothing(workspace: Workspace) -> None:
    superuser, bob = await workspace.database.superuser(), await workspace.database.connect("bob")
    start = await last_entry(superuser)
    with refused("42501"):
        await bob.execute("SELECT kolony.set_role($1, 'eve', 'admin')", workspace.workspace_id)
    assert await events(superuser, start) == []


async def test_agents_and_their_tokens(workspace: Workspace) -> None:
    database, home = workspace.database, workspace.workspace_id
    superuser, ada = await database.superuser(), await database.connect("ada")
    start = await last_entry(superuser)
    agent = await database.add_agent("a1", new_label="laptop")
    issued = await one(superuser, start, "TOKEN_ISSUED")
    assert issued["agent_id"] == agent.agent_id
    assert issued["subject"] == f"kol_{agent.login[3:7]}"
    assert facts(issued) == {"agent": "a1", "label": "laptop", "expires_at": None}
    await ada.execute("SELECT kolony.expire_token($1, now() + interval '1 day')", agent.token_id)
    await ada.execute("SELECT kolony.revoke_token($1)", agent.token_id)
    for desired in ("paused", "active", "retired"):
        await ada.execute("SELECT kolony.set_agent_desired($1, $2, 'because')", agent.agent_id, desired)
    await ada.execute("SELECT kolony.set_agent_desired($1, 'retired', 'again')", agent.agent_id)
    assert await events(superuser, start) == [
        "AGENT_CREATED", "TOKEN_ISSUED", "TOKEN_EXPIRY_CHANGED", "TOKEN_REVOKED", "AGENT_PAUSED", "AGENT_RESUMED",
        "AGENT_RETIRED",
    ]  # fmt: skip
    paused = await one(superuser, start, "AGENT_PAUSED")
    assert (paused["subject"], facts(paused)) == ("a1", {"before": "active", "reason": "because"})
    other = await database.add_agent("a2")
    change = "UPDATE kolony.agents SET config = '{\"password\": \"hush-hush\"}', category = 'c' WHERE agent_id = $1"
    await superuser.execute(change, other.agent_id)
    changed = await one(superuser, start, "AGENT_CHANGED")
    assert facts(changed) == {"category": {"before": "", "after": "c"}, "config": "changed"}
    assert changed["workspace_id"] == home


async def test_a_runner_that_comes_and_goes(workspace: Workspace, agent: Agent) -> None:
    superuser = await workspace.database.superuser()
    start = await last_entry(superuser)
    runner = await Runner.of(workspace.database, agent)
    await runner.beat()
    await runner.close()
    came, left = await written(superuser, start)
    assert (came["event"], came["login"], came["agent_id"], came["profile_id"], came["subject"]) == (
        "AGENT_CONNECT", agent.login, agent.agent_id, None, "worker",
    )  # fmt: skip
    assert facts(came) == {"host": "host-1", "pid": 42, "version": "0", "adapter": "process"}
    assert (left["event"], facts(left)["reason"], facts(left)["error"]) == ("AGENT_DISCONNECT", "done", False)


async def test_a_command_from_draft_to_end(workspace: Workspace, agent: Agent) -> None:
    superuser, bob = await workspace.database.superuser(), await workspace.database.connect("bob")
    runner = await Runner.of(workspace.database, agent)
    start = await last_entry(superuser)
    draft = await bob.fetchval(
        "SELECT command_id FROM kolony.send_command($1, $2, $3, as_draft => true)",
        workspace.workspace_id, [agent.agent_id], "a\x1b[31m" + "b" * 500,
    )  # fmt: skip
    await bob.execute("SELECT kolony.edit_command($1, 'better')", draft)
    await bob.execute("SELECT kolony.edit_command($1, 'better', 50)", draft)
    await bob.execute("SELECT kolony.submit_command($1)", draft)
    [held] = await runner.claim()
    await runner.start(held["attempt_id"])
    await runner.append(held["attempt_id"], [(0, b"done\n")])
    await runner.finish(held["attempt_id"], chunks=1)
    await send(bob, agent, "at once")
    assert await events(superuser, start) == [
        "COMMAND_DRAFTED", "COMMAND_EDITED", "COMMAND_SUBMITTED", "COMMAND_COMPLETED", "COMMAND_SENT"
    ]  # fmt: skip
    drafted, completed = await written(superuser, start), await one(superuser, start, "COMMAND_COMPLETED")
    assert len(facts(drafted[0])["text"]) == 200
    assert drafted[0]["command_id"] == draft
    assert (completed["login"], facts(completed)["outcome"]) == (agent.login, "completed")


async def test_what_people_do_about_runs(workspace: Workspace, agent: Agent) -> None:
    superuser, bob = await workspace.database.superuser(), await workspace.database.connect("bob")
    [run_id] = await send(bob, agent)
    start = await last_entry(superuser)
    await bob.execute("SELECT kolony.set_run_priority($1, 70)", run_id)
    await bob.execute("SELECT kolony.cancel_run($1, 'no need')", run_id)
    await bob.execute("SELECT kolony.retry_run($1)", run_id)
    rows = await written(superuser, start)
    assert [row["event"] for row in rows] == [
        "RUN_PRIORITY_CHANGED", "RUN_CANCELLED", "COMMAND_COMPLETED", "RUN_RETRIED"
    ]  # fmt: skip
    assert {row["login"] for row in rows} == {workspace.database.cluster.login("bob")}
    assert facts(rows[0]) == {"priority": {"before": 50, "after": 70}}
    assert facts(rows[1]) == {"reason": "no need", "at_once": True}
    command_id = await superuser.fetchval("SELECT command_id FROM kolony.runs WHERE run_id = $1", run_id)
    assert {(row["run_id"], row["command_id"], row["agent_id"]) for row in (rows[0], rows[1], rows[3])} == {
        (run_id, command_id, agent.agent_id)
    }
    await bob.execute("SELECT * FROM kolony.cancel_command($1, 'all of it')", command_id)
    cancelled = await one(superuser, start, "COMMAND_CANCELLED")
    assert facts(cancelled) == {"reason": "all of it", "runs": 1}


async def test_what_machines_do_in_volume_is_not_recorded(workspace: Workspace, agent: Agent) -> None:
    superuser, bob = await workspace.database.superuser(), await workspace.database.connect("bob")
    runner = await Runner.of(workspace.database, agent)
    await send(bob, agent)
    start = await last_entry(superuser)
    [held] = await runner.claim()
    await runner.start(held["attempt_id"])
    await runner.append(held["attempt_id"], [(0, b"x\n")])
    await runner.beat(held["attempt_id"])
    await runner.finish(held["attempt_id"], "failed", chunks=1, error="the program exited with 1")
    assert await events(superuser, start) == ["COMMAND_COMPLETED"]


async def test_limits_that_were_hit(workspace: Workspace, agent: Agent) -> None:
    superuser, bob = await workspace.database.superuser(), await workspace.database.connect("bob")
    runner = await Runner.of(workspace.database, agent)
    limits: dict[str, Any] = {"time_limit": 1000, "token_budget": 200, "memory_limit": 64, "cpu_limit": 50}
    names = {"time_limit": "time_limit_ms", "memory_limit": "memory_limit_mb", "cpu_limit": "cpu_limit_percent"}
    events_of = {"time_limit": "TIME_LIMIT_EXCEEDED", "token_budget": "TOKEN_LIMIT_EXCEEDED",
                 "memory_limit": "MEMORY_LIMIT_EXCEEDED", "cpu_limit": "CPU_LIMIT_EXCEEDED"}  # fmt: skip
    for limit, bound in limits.items():
        name = names.get(limit, limit)
        [limited] = await send(bob, agent, **{name: bound})
        [failed] = await send(bob, agent, **{name: bound})
        start = await last_entry(superuser)
        hit, other = await runner.claim(2)
        await runner.finish(hit["attempt_id"], "failed", limit_hit=limit)
        await runner.finish(other["attempt_id"], "failed", error=f"{limit} of {bound} reached")
        assert hit["run_id"] == limited != failed
        exceeded = await one(superuser, start, events_of[limit])
        assert (exceeded["run_id"], facts(exceeded)) == (limited, {"attempt": 1, name: bound})


async def test_workspaces_and_profiles(workspace: Workspace) -> None:
    superuser, ada = await workspace.database.superuser(), await workspace.database.connect("ada")
    start = await last_entry(superuser)
    made: UUID = await ada.fetchval("SELECT kolony.create_workspace('third', 'Third')")
    assert [(row["event"], row["workspace_id"]) for row in await written(superuser, start)] == [
        ("WORKSPACE_CREATED", made), ("USER_ADDED", made),
    ]  # fmt: skip
    start = await last_entry(superuser)
    await ada.execute("UPDATE kolony.profiles SET display_name = 'Ada L.' WHERE profile_id = kolony.my_profile_id()")
    rows = await written(superuser, start)
    assert {row["workspace_id"] for row in rows} == {made, workspace.workspace_id}
    assert [facts(row) for row in rows] == [{"display_name": {"before": "Ada", "after": "Ada L."}}] * 2
    start = await last_entry(superuser)
    await ada.execute("SELECT kolony.set_audit_retention($1, 90)", made)
    await ada.execute("SELECT kolony.set_audit_retention($1, 90)", made)
    [changed] = await written(superuser, start)
    assert (changed["event"], facts(changed)) == ("WORKSPACE_CHANGED", {"audit_days": {"before": 30, "after": 90}})


async def test_login_and_logout_are_noted_where_one_is_a_member(workspace: Workspace) -> None:
    superuser = await workspace.database.superuser()
    session = await log_in(workspace.database.target("eve"), "kolony app", "main")
    start = await last_entry(superuser)
    await audit.note_login(session)
    await audit.note_logout(session)
    rows = await written(superuser, start)
    assert [(row["event"], row["application"], row["workspace_id"]) for row in rows] == [
        ("USER_LOGIN", "kolony app", workspace.workspace_id), ("USER_LOGOUT", "kolony app", workspace.workspace_id),
    ]  # fmt: skip
    eve = await workspace.database.connect("eve")
    with refused("42501", "not a member"):
        await eve.execute("SELECT kolony.note_login($1)", workspace.other_id)
    await session.db.close()
    await audit.note_logout(session)
    assert len(await written(superuser, start)) == 2


async def test_no_secret_reaches_the_log(workspace: Workspace, agent: Agent) -> None:
    """G11: tokens, their hashes, passwords and verifiers, after issuing, rotating, resetting."""
    database, home = workspace.database, workspace.workspace_id
    superuser = await database.superuser()
    ada = await log_in(database.target("ada"), "kolony tests", "main")
    start = await last_entry(superuser)
    issued = await issue_token(ada, agent.agent_id, label="x")
    old = [each for each in await tokens(ada) if each.token_id == issued.token_id]
    rotated = await rotate_token(ada, old, overlap=timedelta(hours=1))
    login = await database.add_person("viewer")
    password = new_password()
    known = scram.verifier(password)
    await ada.db.call("reset_password", home, login, known)
    channel = await superuser.fetchval("SELECT channel FROM kolony.workspaces WHERE workspace_id = $1", home)
    await superuser.execute("UPDATE kolony.workspaces SET name = 'renamed' WHERE workspace_id = $1", home)
    await ada.db.close()
    whole = [str(tuple(row.values())) for row in await written(superuser, start)]
    assert len(whole) >= 5
    roles = await superuser.fetch("SELECT rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL")
    secrets = {each.token.secret.reveal() for each in (issued, rotated)} | {password.reveal(), known, channel}
    secrets |= {each.token.digest.hex() for each in (issued, rotated)} | {row["rolpassword"] for row in roles}
    secrets |= {each.token.secret.reveal().split("_")[2] for each in (issued, rotated)}
    assert [(secret, line) for secret in secrets for line in whole if secret in line] == []


def test_every_event_of_the_migrations_has_its_name_in_the_program() -> None:
    written_by_sql = set()
    for file in (sql_folder() / "migrations").glob("*.sql"):
        written_by_sql |= set(re.findall(r"'([A-Z]+(?:_[A-Z]+)+)'", file.read_text(encoding="utf-8")))
    assert written_by_sql - {"YYYY_MM"} == set(EVENTS)
    assert event_named("user-login") == "USER_LOGIN"
