"""The catalog lint finds nothing in what the migrations make, and finds each mistake that is put in."""

from __future__ import annotations

from kolony_tui.server.lint import REMEDIES, lint
from tests.database import Database

MISTAKES = {
    "row security is not forced": [
        "ALTER TABLE kolony.runs NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE kolony.runs DISABLE ROW LEVEL SECURITY",
        "CREATE TABLE kolony.notes (words text)",
        "CREATE TABLE kolony.output_chunks_2001_01 PARTITION OF kolony.output_chunks"
        " FOR VALUES FROM ('2001-01-01') TO ('2001-02-01')",
    ],
    "row security cannot hold": ["CREATE MATERIALIZED VIEW kolony.all_runs AS SELECT * FROM kolony.runs"],
    "a view reads as its owner": [
        "ALTER VIEW kolony.run_overview RESET (security_invoker)",
        "ALTER VIEW kolony.run_overview SET (security_invoker = false)",
    ],
    "a policy names a group": [
        "CREATE POLICY more ON kolony.runs FOR SELECT TO kolony_user USING (workspace_id IS NULL)",
        "CREATE POLICY more ON kolony.runs AS RESTRICTIVE TO {person} USING (workspace_id IS NULL)",
    ],
    "a policy lets everybody in": [
        "CREATE POLICY more ON kolony.runs FOR SELECT USING (true)",
        "CREATE POLICY more ON kolony.runs FOR INSERT WITH CHECK (true)",
    ],
    "a policy calls a function for each row": [
        "CREATE POLICY more ON kolony.runs FOR SELECT USING (kolony.holds_role(workspace_id, 'viewer'))",
        "CREATE POLICY more ON kolony.runs FOR SELECT USING (workspace_id = ANY (kolony.my_workspace_ids()))",
    ],
    "a client may write a whole table": [
        "GRANT DELETE ON kolony.runs TO kolony_user",
        "GRANT TRIGGER ON kolony.runs TO PUBLIC",
        "GRANT UPDATE ON SEQUENCE kolony.commands_number_seq TO kolony_user",
    ],
    "a client may refer to a table": ["GRANT REFERENCES (run_id) ON kolony.runs TO kolony_user"],
    "a grant to a stranger": [
        "GRANT SELECT ON kolony.runs TO {person}",
        "GRANT SELECT (run_id) ON kolony.runs TO {person}",
        "GRANT EXECUTE ON FUNCTION kolony.settle(uuid) TO {person}",
    ],
    "an agent may read a table": ["GRANT SELECT ON kolony.runs TO kolony_agents"],
    "the backup role may do more than read": ["GRANT UPDATE ON kolony.runs TO kolony_backup"],
    "secrets can be read": [
        "GRANT SELECT ON kolony.agent_tokens TO kolony_user",
        "GRANT SELECT (token_hint) ON kolony.agent_tokens TO kolony_user",
    ],
    "a partition can be reached directly": ["GRANT SELECT ON ALL TABLES IN SCHEMA kolony TO kolony_user"],
    "everybody may execute a function": ["GRANT EXECUTE ON FUNCTION kolony.settle(uuid) TO PUBLIC"],
    "a function looks names up where its caller says": [
        "ALTER FUNCTION kolony.settle(uuid) RESET search_path",
        "ALTER FUNCTION kolony.settle(uuid) SET search_path = kolony",
        "ALTER FUNCTION kolony.settle(uuid) SET search_path = pg_catalog",
    ],
    "the wrong owner": [
        "ALTER TABLE kolony.runs OWNER TO CURRENT_USER",
        "ALTER VIEW kolony.run_overview OWNER TO CURRENT_USER",
        "ALTER FUNCTION kolony.settle(uuid) OWNER TO CURRENT_USER",
        "ALTER SCHEMA kolony OWNER TO CURRENT_USER",
    ],
    "the schemas are open": [
        "GRANT CREATE ON SCHEMA public TO PUBLIC",
        "GRANT USAGE ON SCHEMA kolony TO PUBLIC",
        "GRANT CREATE ON SCHEMA kolony TO kolony_user",
    ],
    "the database is open": [
        "GRANT CONNECT ON DATABASE {database} TO PUBLIC",
        "GRANT TEMP ON DATABASE {database} TO kolony_agents",
        "GRANT CREATE ON DATABASE {database} TO kolony_user",
    ],
    "new functions would be open to everybody": [
        "ALTER DEFAULT PRIVILEGES FOR ROLE kolony_api GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
    ],
    "somebody may become what only the installer may": [
        "GRANT kolony_api TO {person}",
        "GRANT kolony_backup TO kolony_user",
    ],
    "a role of Kolony can do too much": ["ALTER ROLE kolony_user LOGIN", "ALTER ROLE kolony_api BYPASSRLS"],
    "a person or an agent stands above the rules": ["ALTER ROLE {person} BYPASSRLS", "ALTER ROLE {person} CREATEROLE"],
    "a login is person and agent at once": ["GRANT kolony_agents TO {person}"],
    "a trigger is switched off": [
        "ALTER TABLE kolony.agents DISABLE TRIGGER stamp_update",
        "ALTER TABLE kolony.runs DISABLE TRIGGER ALL",
    ],
    "a statement is rewritten": ["CREATE RULE quiet AS ON DELETE TO kolony.runs DO INSTEAD NOTHING"],
    "a foreign key has no index": ["DROP INDEX kolony.artifacts_by_content"],
}


async def test_the_migrations_leave_nothing_to_find(database: Database) -> None:
    await database.add_agent()
    for connection in (await database.connect("test_installer"), await database.connect("eve")):
        assert await lint(connection) == []


async def test_each_mistake_is_found_and_has_a_remedy(database: Database) -> None:
    assert set(MISTAKES) == set(REMEDIES)
    superuser = await database.superuser()
    names = {"person": database.cluster.login("eve"), "database": database.name}
    missed = []
    for rule, mistakes in MISTAKES.items():
        for mistake in mistakes:
            # Roles are the whole server's: nothing of this is ever committed.
            transaction = superuser.transaction()
            await transaction.start()
            await superuser.execute(mistake.format(**names))
            found = await lint(superuser)
            await transaction.rollback()
            if rule not in [finding.rule for finding in found]:
                missed.append((rule, mistake))
            assert all(finding.remedy for finding in found)
    assert missed == []
    assert await lint(superuser) == []


async def test_a_finding_names_what_is_wrong_and_what_to_do(database: Database) -> None:
    await (await database.superuser()).execute("ALTER TABLE kolony.runs NO FORCE ROW LEVEL SECURITY")
    [finding] = await lint(await database.connect("eve"))
    assert (finding.rule, finding.subject) == ("row security is not forced", "kolony.runs")
    assert "FORCE ROW LEVEL SECURITY" in finding.remedy
