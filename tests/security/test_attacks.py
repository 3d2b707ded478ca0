"""What somebody with psql and a login of ours might try: refused, and nothing has changed."""

from __future__ import annotations

import hashlib

import asyncpg
import pytest

from tests.database import Agent, Workspace, refused
from tests.work.calls import Runner, send, state

EVERYBODY = ("eve", "bob", "ada")
ATTACKS = {
    "1 inserts a command": "INSERT INTO kolony.commands (content) VALUES ('x')",
    "4 forges who sent it": "UPDATE kolony.commands SET created_by = kolony.my_profile_id()",
    "5 writes an outcome": "UPDATE kolony.runs SET outcome = 'completed', finished_at = now()",
    "5 writes a command's outcome": "UPDATE kolony.commands SET outcome = 'completed'",
    "5 writes a session's health": "UPDATE kolony.agent_sessions SET ready = true",
    "5 writes a desired state": "UPDATE kolony.agents SET desired = 'active'",
    "6 deletes": "DELETE FROM kolony.commands",
    "6 truncates": "TRUNCATE kolony.output_chunks",
    "7 makes himself admin": "UPDATE kolony.memberships SET role = 'admin'",
    "7 enables himself": "UPDATE kolony.memberships SET disabled = false",
    "7 becomes another profile": "UPDATE kolony.profiles SET login = 'ada'",
    "11 reads a partition": "SELECT * FROM {partition}",
    "13 copies rows in": "COPY kolony.runs FROM STDIN",
    "14 writes a file": "COPY (SELECT 1) TO '/tmp/kolony_attack'",
    "14 runs a program": "COPY (SELECT 1) TO PROGRAM 'id'",
    "14 reads a file": "SELECT pg_read_file('/etc/passwd')",
    "14 imports a file": "SELECT lo_import('/etc/passwd')",
    "15 turns row security off": "SET row_security = off; SELECT * FROM kolony.runs",
    "16 turns triggers off": "SET session_replication_role = replica",
    "17 disables row security": "ALTER TABLE kolony.runs DISABLE ROW LEVEL SECURITY",
    "17 drops a policy": "DROP POLICY member ON kolony.runs",
    "17 adds a policy": "CREATE POLICY mine ON kolony.runs USING (true)",
    "18 becomes the owner": "SET ROLE kolony_owner",
    "18 becomes the API": "SET ROLE kolony_api",
    "18 becomes the role administrator": "SET ROLE kolony_roleadm",
    "18 becomes the backup": "SET ROLE kolony_backup",
    "18 becomes another person": "SET ROLE {olga}",
    "19 logs in as another": "SET SESSION AUTHORIZATION {olga}",
    "20 joins the owners": "GRANT kolony_owner TO {self}",
    "20 lets a friend in": "GRANT kolony_user TO {mallory}",
    "20 makes a role": "CREATE ROLE attacker",
    "20 raises himself": "ALTER ROLE {self} CREATEROLE",
    "20 resets another": "ALTER ROLE {olga} PASSWORD 'x'",
    "23 takes ownership over": "REASSIGN OWNED BY kolony_owner TO {self}",
    "24 shadows a table": "CREATE TEMP TABLE memberships (role text)",
    "26 makes a function": "CREATE FUNCTION kolony.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "26 makes a table in public": "CREATE TABLE public.mine (x int)",
    "26 makes a schema": "CREATE SCHEMA mine",
    "26 replaces a function": "ALTER FUNCTION kolony.my_workspace_ids() OWNER TO {self}",
    "30 refers to a table": "ALTER TABLE kolony.runs ADD FOREIGN KEY (run_id) REFERENCES kolony.agents",
    "33 locks a table": "BEGIN; LOCK TABLE kolony.profiles IN ACCESS EXCLUSIVE MODE",
    "33 locks a table a little": "BEGIN; LOCK TABLE kolony.profiles IN ROW EXCLUSIVE MODE",
    "34 locks a run": "SELECT * FROM kolony.runs FOR UPDATE",
    "35 locks a run to read": "SELECT * FROM kolony.leases FOR SHARE",
    "49 speaks as an agent": "SELECT * FROM kolony.claim_runs('{run}', 1)",
    "49 calls what is inside": "SELECT kolony.roll_up('{home}', '{run}')",
    "49 calls the role administrator's": "SELECT kolony.make_login('x', 'x', 1, 'kolony_user')",
    "49 makes himself a member": "SELECT kolony.change_membership('{home}', '{self}', 'admin')",
    "57 gives out the server": "GRANT pg_execute_server_program TO {self}",
}


async def _fingerprint(superuser: asyncpg.Connection, people: list[str]) -> str:
    """Every row of the schema, its policies, grants and owners, and the roles."""
    tables = await superuser.fetch(
        """SELECT oid::regclass::text AS name FROM pg_class
           WHERE relnamespace = 'kolony'::regnamespace AND relkind IN ('r', 'p')"""
    )
    found = hashlib.sha256()
    for table in sorted(row["name"] for row in tables):
        found.update(repr(await superuser.fetch(f"SELECT t::text FROM {table} t ORDER BY 1")).encode())
    found.update(repr(await superuser.fetch("SELECT p::text FROM pg_policies p ORDER BY 1")).encode())
    # Other tests make roles on the same server at the same time.
    names = ["kolony_owner", "kolony_api", "kolony_roleadm", "kolony_user", "kolony_agents", "kolony_backup", *people]
    roles = "SELECT oid FROM pg_authid WHERE rolname = ANY ($1)"
    for kept in (
        f"SELECT a::text FROM pg_authid a WHERE oid IN ({roles}) ORDER BY 1",
        f"SELECT roleid, member FROM pg_auth_members WHERE member IN ({roles}) AND roleid IN ({roles}) ORDER BY 1, 2",
    ):
        found.update(repr(await superuser.fetch(kept, names)).encode())
    kept = """SELECT oid, relowner, relacl::text, relrowsecurity
              FROM pg_class WHERE relnamespace = 'kolony'::regnamespace ORDER BY 1"""
    found.update(repr(await superuser.fetch(kept)).encode())
    return found.hexdigest()


async def test_attacks_are_refused_and_change_nothing(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    superuser = await database.superuser()
    bob = await database.connect("bob")
    [run] = await send(bob, agent)
    partition = await superuser.fetchval(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'kolony.output_chunks'::regclass"
    )
    logins = [database.cluster.login(nick) for nick in (*EVERYBODY, "olga", "mallory")]
    before = await _fingerprint(superuser, logins)
    people = {nickname: await database.connect(nickname) for nickname in EVERYBODY}
    wrong = []
    for name, statement in ATTACKS.items():
        for nickname, person in people.items():
            words = {nick: database.cluster.login(nick) for nick in ("olga", "mallory")}
            words |= {"self": database.cluster.login(nickname), "partition": partition}
            words |= {"run": str(run), "home": str(workspace.workspace_id)}
            try:
                await person.execute(statement.format(**words))
            except asyncpg.InsufficientPrivilegeError:
                pass
            except asyncpg.PostgresError as error:
                wrong.append((nickname, name, error.sqlstate))
            else:
                wrong.append((nickname, name, "done"))
            await person.execute("ROLLBACK")
            await person.execute("RESET ALL")
    assert wrong == []
    assert await _fingerprint(superuser, logins) == before
    # The control: the same people do what they may, and it shows.
    assert [await state(person, run) for person in people.values()] == ["waiting"] * 3
    assert await people["bob"].fetchval("SELECT kolony.cancel_run($1)", run) == "cancelled"
    assert await _fingerprint(superuser, logins) != before


async def test_dropping_what_a_group_owns_drops_nothing(workspace: Workspace, agent: Agent) -> None:
    """Attack 21."""
    database = workspace.database
    superuser = await database.superuser()
    policies = await superuser.fetch("SELECT * FROM pg_policies ORDER BY 1, 2, 3")
    eve = await database.connect("eve")
    await eve.execute("DROP OWNED BY kolony_user")
    await eve.execute("REASSIGN OWNED BY kolony_user TO CURRENT_USER")
    assert await superuser.fetch("SELECT * FROM pg_policies ORDER BY 1, 2, 3") == policies
    assert len(await eve.fetch("SELECT * FROM kolony.agents")) == 1


async def test_a_person_sees_one_workspace_in_every_way_of_asking(workspace: Workspace, agent: Agent) -> None:
    """Attacks 12 and 27."""
    database = workspace.database
    theirs = await database.add_agent("theirs", workspace="other")
    otto = await database.connect("otto")
    await otto.execute("SELECT kolony.send_command($1, $2, 'their secret')", workspace.other_id, [theirs.agent_id])
    bob = await database.connect("bob")
    await send(bob, agent, "our own")
    for statement in (
        "SELECT content FROM kolony.commands",
        "SELECT title FROM kolony.run_overview",
        "SELECT content FROM kolony.commands WHERE length(content) / (length(content) - 7 + 1) >= 0 OR true",
        "SELECT c.content FROM kolony.commands c LEFT JOIN kolony.agents a USING (workspace_id)",
        "SELECT (SELECT content FROM kolony.commands c2 WHERE c2.command_id = c.command_id) FROM kolony.commands c",
    ):
        assert [row[0] for row in await bob.fetch(statement)] == ["our own"], statement
    copied = bytearray()

    async def keep(data: bytes) -> None:
        copied.extend(data)

    await bob.copy_from_query("SELECT content FROM kolony.commands", output=keep)
    assert copied == b"our own\n"
    copied.clear()
    await bob.copy_from_table("commands", schema_name="kolony", columns=["content"], output=keep)
    assert copied == b"our own\n"
    assert await bob.fetchval("SELECT count(*) FROM kolony.commands WHERE content::bytea IS NOT NULL") == 1


async def test_a_cast_that_fails_on_hidden_rows_does_not_fail(workspace: Workspace, agent: Agent) -> None:
    """Attack 27: a condition that is not leakproof meets visible rows only."""
    database = workspace.database
    theirs = await database.add_agent("theirs", workspace="other")
    otto, bob = await database.connect("otto"), await database.connect("bob")
    await otto.execute("SELECT kolony.send_command($1, $2, 'no number')", workspace.other_id, [theirs.agent_id])
    await send(bob, agent, "12")
    assert await bob.fetchval("SELECT sum(content::int) FROM kolony.commands") == 12
    with refused("22P02", "no number"):
        await otto.fetchval("SELECT sum(content::int) FROM kolony.commands")


async def test_names_and_ids_of_another_workspace_are_not_told(workspace: Workspace, agent: Agent) -> None:
    """Attacks 28 and 29."""
    database = workspace.database
    theirs = await database.add_agent("theirs", workspace="other")
    bob = await database.connect("bob")
    assert await bob.fetchval("SELECT kolony.create_agent($1, 'theirs')", workspace.workspace_id) is not None
    said = []
    for target in (theirs.agent_id, workspace.workspace_id):
        with pytest.raises(asyncpg.NoDataFoundError) as caught:
            await send(bob, [target])
        said.append((str(caught.value).replace(str(target), "ID"), caught.value.detail))
    assert said[0] == said[1]


async def test_settings_of_ones_own_claim_nothing(workspace: Workspace, agent: Agent) -> None:
    """Attack 44."""
    eve = await workspace.database.connect("eve")
    ada = workspace.database.cluster.login("ada")
    await eve.execute(f"SET kolony.login = '{ada}'; SET kolony.role = 'admin'; SET application_name = '{ada}'")
    with refused("42501", "you are a viewer"):
        await send(eve, agent)


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
    superuser = await database.superuser()
    bodies = await superuser.fetchval(
        "SELECT string_agg(prosrc, ' ') FROM pg_proc WHERE pronamespace = 'kolony'::regnamespace"
    )
    assert "advisory" not in bodies


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
    with refused("55P03"):
        await runner.finish(held["attempt_id"], "failed")
    await bob.execute("ROLLBACK")
    await runner.finish(held["attempt_id"], "failed")
    assert await state(bob, run) == "failed"


async def test_text_that_no_database_takes_is_refused(workspace: Workspace, agent: Agent) -> None:
    """Attack 72."""
    bob = await workspace.database.connect("bob")
    with refused("22021"):
        await send(bob, agent, "a\0b")
    with refused("22P05"):
        await bob.execute("SELECT kolony.create_agent($1, 'x', new_config => $2)", workspace.workspace_id, {"a": "\0"})
    assert await bob.fetchval("SELECT count(*) FROM kolony.agents") == 1
