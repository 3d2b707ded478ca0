"""What somebody with psql and a login of ours might type: refused with 42501, and nothing has changed."""

from __future__ import annotations

import asyncpg

from tests.database import Agent, Workspace
from tests.security.unchanged import changed, fingerprint, unchanged
from tests.work.calls import send, state

PEOPLE = ("eve", "bob", "ada", "dan", "sam")
STATEMENTS = {
    "1 inserts a command": "INSERT INTO kolony.commands (content) VALUES ('x')",
    "1 inserts a run": "INSERT INTO kolony.ready_runs SELECT * FROM kolony.ready_runs",
    "4 forges who sent it": "UPDATE kolony.commands SET created_by = kolony.my_profile_id()",
    "5 writes an outcome": "UPDATE kolony.runs SET outcome = 'completed', finished_at = now()",
    "5 writes a command's outcome": "UPDATE kolony.commands SET outcome = 'completed'",
    "5 writes a session's health": "UPDATE kolony.agent_sessions SET ready = true",
    "5 writes a desired state": "UPDATE kolony.agents SET desired = 'active'",
    "6 deletes": "DELETE FROM kolony.commands",
    "6 truncates": "TRUNCATE kolony.output_chunks",
    "7 makes himself admin": "UPDATE kolony.memberships SET role = 'admin'",
    "7 joins by hand": "INSERT INTO kolony.memberships (role) VALUES ('admin')",
    "7 enables himself": "UPDATE kolony.memberships SET disabled = false",
    "7 becomes another profile": "UPDATE kolony.profiles SET login = 'ada'",
    "7 takes another's oid": "UPDATE kolony.profiles SET role_oid = 10",
    "10 reads the tokens": "SELECT * FROM kolony.agent_tokens",
    "10 reads one column of the tokens": "SELECT token_hash FROM kolony.agent_tokens",
    "10 counts the tokens": "SELECT count(*) FROM kolony.agent_tokens",
    "10 asks which token it is": "SELECT kolony.my_token()",
    "11 reads a partition": "SELECT * FROM {partition}",
    "11 reads an audit partition": "SELECT * FROM {audit_partition}",
    "13 copies rows in": "COPY kolony.runs FROM STDIN",
    "14 writes a file": "COPY (SELECT 1) TO '/tmp/kolony_attack'",
    "14 runs a program": "COPY (SELECT 1) TO PROGRAM 'id'",
    "14 reads a file": "SELECT pg_read_file('/etc/passwd')",
    "14 lists a folder": "SELECT pg_ls_dir('/')",
    "14 imports a file": "SELECT lo_import('/etc/passwd')",
    "15 turns row security off": "SET row_security = off; SELECT * FROM kolony.runs",
    "16 turns triggers off": "SET session_replication_role = replica",
    "17 disables row security": "ALTER TABLE kolony.runs DISABLE ROW LEVEL SECURITY",
    "17 unforces row security": "ALTER TABLE kolony.runs NO FORCE ROW LEVEL SECURITY",
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
    "20 drops another": "DROP ROLE {olga}",
    "23 takes ownership over": "REASSIGN OWNED BY kolony_owner TO {self}",
    "24 shadows a table": "CREATE TEMP TABLE memberships (role text)",
    "25 lays a trap for a definer's write":
        "CREATE TEMP TABLE profiles (login text); CREATE TRIGGER t BEFORE INSERT ON profiles EXECUTE FUNCTION x()",
    "26 makes a function": "CREATE FUNCTION kolony.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "26 makes a table": "CREATE TABLE kolony.mine (x int)",
    "26 makes a table in public": "CREATE TABLE public.mine (x int)",
    "26 makes a schema": "CREATE SCHEMA mine",
    "26 takes a function over": "ALTER FUNCTION kolony.my_workspace_ids() OWNER TO {self}",
    "30 refers to a table": "ALTER TABLE kolony.runs ADD FOREIGN KEY (run_id) REFERENCES kolony.agents",
    "33 locks a table": "BEGIN; LOCK TABLE kolony.profiles IN ACCESS EXCLUSIVE MODE",
    "33 locks a table a little": "BEGIN; LOCK TABLE kolony.profiles IN ROW EXCLUSIVE MODE",
    "34 locks a run": "SELECT * FROM kolony.runs FOR UPDATE",
    "35 locks a lease to read": "SELECT * FROM kolony.leases FOR SHARE",
    "35 locks his own membership": "SELECT * FROM kolony.memberships FOR KEY SHARE",
    "49 calls what is inside": "SELECT kolony.roll_up('{home}', '{run}')",
    "49 calls the role administrator's": "SELECT kolony.make_login('x', 'x', 1, 'kolony_user')",
    "49 makes himself a member": "SELECT kolony.change_membership('{home}', '{self}', 'admin')",
    "49 founds": "SELECT kolony.found('x', 'X', '{self}', '')",
    "57 gives out the server": "GRANT pg_execute_server_program TO {self}",
    "57 reads the server's files": "GRANT pg_read_all_data TO {self}",
    "59 adds an entry": "INSERT INTO kolony.audit_log (event) VALUES ('X')",
    "59 changes an entry": "UPDATE kolony.audit_log SET login = 'ada'",
    "59 removes an entry": "DELETE FROM kolony.audit_log",
    "59 empties the log": "TRUNCATE kolony.audit_log",
    "59 removes an entry of a month": "DELETE FROM {audit_partition}",
    "59 empties a month": "TRUNCATE {audit_partition}",
    "59 drops a month": "DROP TABLE {audit_partition}",
    "59 detaches a month": "ALTER TABLE kolony.audit_log DETACH PARTITION {audit_partition}",
    "59 rewrites a seal": "UPDATE kolony.audit_seals SET digest = sha256('')",
    "59 removes a seal": "DELETE FROM kolony.audit_seals",
    "59 calls the writer": "SELECT kolony.record_audit('{home}', 'ROLE_CHANGED')",
}  # fmt: skip
ONLY_PEOPLE = {
    "49 speaks as an agent": "SELECT * FROM kolony.claim_runs('{run}', 1)",
    "49 beats as an agent": "SELECT * FROM kolony.beat('{run}', '{{}}', '{{}}')",
}
ONLY_AGENTS = {
    "49 reads a table": "SELECT * FROM kolony.commands",
    "49 reads a view": "SELECT * FROM kolony.run_overview",
    "49 reads the log": "SELECT * FROM kolony.audit_log",
    "49 calls a person's function": "SELECT kolony.ensure_profile()",
    "49 sends a command": "SELECT kolony.send_command('{home}', ARRAY['{agent}']::uuid[], 'x')",
    "49 issues a token": "SELECT kolony.issue_token('{agent}', 'ka_00112233445566ff', 'x', '', 'kol_0011')",
    "49 lists tokens": "SELECT kolony.list_tokens('{home}')",
}


async def _partition(superuser: asyncpg.Connection, parent: str) -> str:
    """The partition of this month: it has rows."""
    return str(
        await superuser.fetchval(
            """SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = $1::text::regclass
               AND inhrelid::regclass::text LIKE '%' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')""",
            parent,
        )
    )


async def _tried(person: asyncpg.Connection, statement: str) -> str | None:
    """How it ended; None where it was refused for want of a right."""
    try:
        await person.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return None
    except asyncpg.PostgresError as error:
        return str(error.sqlstate)
    else:
        return "done"
    finally:
        await person.execute("ROLLBACK")
        await person.execute("RESET ALL")


async def test_statements_are_refused_and_change_nothing(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    superuser = await database.superuser()
    bob = await database.connect("bob")
    [run] = await send(bob, agent)
    words = {nick: database.cluster.login(nick) for nick in ("olga", "mallory")}
    words |= {"run": str(run), "home": str(workspace.workspace_id), "agent": str(agent.agent_id)}
    words["partition"] = await _partition(superuser, "kolony.output_chunks")
    words["audit_partition"] = await _partition(superuser, "kolony.audit_log")
    people = {nickname: await database.connect(nickname) for nickname in PEOPLE}
    attackers = {database.cluster.login(nick): (person, STATEMENTS | ONLY_PEOPLE) for nick, person in people.items()}
    attackers[agent.login] = (await database.open(agent.target), STATEMENTS | ONLY_AGENTS)
    wrong = []
    async with unchanged(superuser):
        for login, (person, statements) in attackers.items():
            for name, statement in statements.items():
                ended = await _tried(person, statement.format(**words, self=login))
                if ended is not None:
                    wrong.append((login, name, ended))
    assert wrong == []
    # The control: the same people do what they may, and it shows.
    before = await fingerprint(superuser)
    assert [await state(people[nick], run) for nick in ("eve", "bob", "ada")] == ["waiting"] * 3
    assert await people["bob"].fetchval("SELECT kolony.cancel_run($1)", run) == "cancelled"
    assert {"kolony.runs", "kolony.commands", "kolony.ready_runs"} <= changed(before, await fingerprint(superuser))


async def test_the_installer_could_do_most_of_it(workspace: Workspace, agent: Agent) -> None:
    """Another control: statements are refused for want of a right, not because they are wrong."""
    database = workspace.database
    superuser, installer = await database.superuser(), await database.connect("test_installer")
    [run] = await send(await database.connect("bob"), agent)
    await installer.execute("SET ROLE kolony_api")
    assert await installer.execute("UPDATE kolony.memberships SET role = 'admin'") == "UPDATE 6"
    assert await installer.execute("DELETE FROM kolony.ready_runs") == "DELETE 1"
    assert await installer.fetchval("SELECT count(*) FROM kolony.agent_tokens") == 1
    await installer.execute("SET ROLE kolony_owner")
    await installer.execute("ALTER TABLE kolony.runs DISABLE ROW LEVEL SECURITY; CREATE TABLE kolony.mine (x int)")
    assert await superuser.fetchval("SELECT count(*) FROM kolony.runs WHERE run_id = $1", run) == 1
