"""Attacks on functions that run with more rights than their caller: shadowed names, hostile names, CREATEROLE."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import asyncpg

from tests.database import Agent, Database, Workspace, refused, verifier
from tests.security.unchanged import unchanged

UNPINNED = """
CREATE FUNCTION kolony.careless() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS
$$ BEGIN RETURN (SELECT count(*) FROM memberships); END $$;
CREATE FUNCTION kolony.careless_write() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS
$$ BEGIN INSERT INTO profiles (login) VALUES (session_user); END $$;
GRANT EXECUTE ON FUNCTION kolony.careless(), kolony.careless_write() TO kolony_user;
"""
"""What our functions would be if their search path were not pinned."""


async def _with_temp(database: Database, nickname: str) -> asyncpg.Connection:
    """Somebody to whom TEMP was given by mistake: the second line of defence is to hold by itself."""
    superuser = await database.superuser()
    await superuser.execute(f"GRANT TEMP ON DATABASE {database.name} TO kolony_user; {UNPINNED}")
    return await database.connect(nickname)


async def test_a_temporary_table_does_not_come_before_ours(workspace: Workspace, agent: Agent) -> None:
    """Attack 24: without TEMP it is refused (see the statements); with it, nothing is shadowed."""
    database = workspace.database
    eve, superuser = await _with_temp(database, "eve"), await database.superuser()
    home = workspace.workspace_id
    await eve.execute(
        f"""SET search_path = pg_temp, public;
            CREATE TEMP TABLE memberships AS SELECT workspace_id, profile_id, 'admin' AS role, false AS disabled,
                n FROM kolony.memberships, generate_series(1, 100) n;
            CREATE TEMP TABLE profiles AS SELECT * FROM kolony.profiles;
            CREATE FUNCTION pg_temp.require_role(uuid, text) RETURNS void LANGUAGE sql AS 'SELECT';
            CREATE FUNCTION pg_temp.my_profile_id() RETURNS uuid LANGUAGE sql AS $$SELECT '{home}'::uuid$$;
            GRANT ALL ON memberships, profiles TO PUBLIC"""
    )
    async with unchanged(superuser):
        assert not await eve.fetchval("SELECT kolony.holds_role($1, 'operator')", home)
        with refused("42501", "you are a viewer"):
            await eve.execute("SELECT kolony.send_command($1, $2, 'x')", home, [agent.agent_id])
        with refused("42501"):
            await eve.execute("SELECT kolony.set_role($1, $2, 'admin')", home, database.cluster.login("eve"))
    assert await eve.fetchval("SELECT kolony.careless()") >= 300, "the trap is one: a function without pin falls in"


async def test_a_trap_below_a_definers_write_does_not_spring(workspace: Workspace) -> None:
    """Attack 25."""
    database = workspace.database
    sam, superuser = await _with_temp(database, "sam"), await database.superuser()
    await sam.execute(
        """SET search_path = pg_temp, public;
           CREATE TEMP TABLE profiles (login text, role_oid oid, display_name text);
           CREATE TEMP TABLE sprung (by text); GRANT ALL ON profiles, sprung TO PUBLIC;
           CREATE FUNCTION pg_temp.spring() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN INSERT INTO pg_temp.sprung VALUES (current_user); RETURN NEW; END $$;
           CREATE TRIGGER trap BEFORE INSERT ON profiles FOR EACH ROW EXECUTE FUNCTION pg_temp.spring()"""
    )
    assert await sam.fetchval("SELECT kolony.ensure_profile()") is not None
    assert await sam.fetchval("SELECT count(*) FROM sprung") == 0
    login = database.cluster.login("sam")
    assert await superuser.fetchval("SELECT count(*) FROM kolony.profiles WHERE login = $1", login) == 1
    await sam.execute("SELECT kolony.careless_write()")
    assert await sam.fetchval("SELECT by FROM sprung") != login, "a trap that can spring does so as the definer"


HOSTILE = (
    "pg_execute_server_program", "kolony_roleadm", "postgres", "eve SUPERUSER", 'eve" SUPERUSER --',
    "x' SUPERUSER --", "x', pg_execute_server_program", "eve, pg_read_all_data", "eve; GRANT pg_monitor TO eve",
)  # fmt: skip
_POWER = """SELECT r.rolname, r.rolsuper, r.rolcreaterole, r.rolbypassrls, r.rolcreatedb, r.rolreplication,
                   array(SELECT m.roleid FROM pg_auth_members m WHERE m.member = r.oid AND m.roleid < 16384)
            FROM pg_roles r WHERE r.rolcanlogin ORDER BY 1"""


async def _ended(person: asyncpg.Connection, call: str, values: list[Any]) -> str:
    """The SQLSTATE of a call, and of a second look whether anybody is mightier now; all of it undone."""
    transaction = person.transaction()
    await transaction.start()
    before = {row["rolname"]: row for row in await person.fetch(_POWER)}
    try:
        await person.execute(call, *values)
        after = {row["rolname"]: row for row in await person.fetch(_POWER)}
        return "done" if {name: after[name] for name in before} == before else "somebody is mightier"
    except asyncpg.PostgresError as error:
        return str(error.sqlstate)
    finally:
        await transaction.rollback()


async def test_no_function_gives_the_server_away(workspace: Workspace, agent: Agent) -> None:
    """Attacks 53, 54 and 57: an admin puts hostile text into every argument of everything that can change roles."""
    database = workspace.database
    ada, superuser = await database.connect("ada"), await database.superuser()
    functions = await superuser.fetch(
        """SELECT proname, array(SELECT format_type(t, NULL) FROM unnest(proargtypes) t) AS types, proargnames AS names
           FROM pg_proc
           WHERE pronamespace = 'kolony'::regnamespace AND proowner = 'kolony_roleadm'::regrole
             AND has_function_privilege('kolony_user', oid, 'EXECUTE')"""
    )
    assert {"add_person", "reset_password", "issue_token", "set_role"} <= {row["proname"] for row in functions}
    usual = {"in_workspace": workspace.workspace_id, "of_agent": agent.agent_id, "the_token": agent.token_id,
             "who": database.cluster.login("eve"), "verifier": verifier(), "as_role": "viewer", "called": "",
             "new_login": "ka_00112233445566ff", "new_hash": b"\x07" * 32, "new_hint": "kol_0011", "new_label": "",
             "overlap": timedelta(hours=1)}  # fmt: skip
    before = await superuser.fetch(_POWER)
    ends: Counter[str] = Counter()
    for row in functions:
        marks = ", ".join(f"${number}::{kind}" for number, kind in enumerate(row["types"], 1))
        values = [usual.get(name) for name in (row["names"] or [])[: len(row["types"])]]
        for place, kind in enumerate(row["types"]):
            for hostile in HOSTILE if kind == "text" else ():
                tried = [hostile if at == place else value for at, value in enumerate(values)]
                ends[await _ended(ada, f"SELECT FROM kolony.{row['proname']}({marks})", tried)] += 1
    assert ends["22023"] + ends["P0002"] > 50, ends
    # A label or a person's name may be anything; a login, a role or a verifier may not.
    assert set(ends) <= {"done", "22023", "42501", "P0002", "23505", "23514"}, ends
    assert await superuser.fetch(_POWER) == before


async def test_createrole_reaches_as_far_as_the_version_lets_it(database: Database) -> None:
    """Attack 57: what a hole in one of those functions would be worth. It is why 15 needs a switch to have them."""
    superuser, installer = await database.superuser(), await database.connect("test_installer")
    eve = database.cluster.login("eve")
    await installer.execute("SET ROLE kolony_roleadm")
    transaction = installer.transaction()
    await transaction.start()
    grant = f"GRANT pg_execute_server_program TO {eve}"
    if superuser.get_server_version().major >= 16:
        with refused("42501"):
            await installer.execute(grant)
    else:
        await installer.execute(grant)
    await transaction.rollback()
    for beyond in ("ALTER ROLE postgres PASSWORD NULL", "GRANT postgres TO kolony_user",
                   f"ALTER ROLE {eve} SUPERUSER", f"ALTER ROLE {eve} BYPASSRLS"):  # fmt: skip
        with refused("42501"):
            await installer.execute(beyond)
    transaction = installer.transaction()
    await transaction.start()
    await installer.execute("CREATE ROLE made_by_roleadm")
    await transaction.rollback()
