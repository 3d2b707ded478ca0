"""G16: a live schema that is not the one of the repository is noticed, and said what about it."""

from __future__ import annotations

from kolony_tui.server.schema import differences, render, schema_file
from tests.database import Database

CHANGES = {
    "ALTER TABLE kolony.agents ADD COLUMN extra text": "table agents: not expected: COLUMN extra text",
    "ALTER TABLE kolony.runs ALTER priority DROP NOT NULL": "table runs: missing: COLUMN priority smallint NOT NULL",
    "ALTER TABLE kolony.runs DROP CONSTRAINT finished_once": "table runs: missing: CONSTRAINT finished_once CHECK",
    "DROP INDEX kolony.ready_runs_queue": "table ready_runs: missing: CREATE INDEX ready_runs_queue",
    "DROP POLICY member ON kolony.runs": "table runs: missing: POLICY member FOR SELECT USING",
    "ALTER TABLE kolony.runs NO FORCE ROW LEVEL SECURITY": "table runs: not expected: ROW SECURITY ENABLED",
    "ALTER TABLE kolony.runs OWNER TO CURRENT_USER": "table runs: missing: OWNER kolony_owner",
    "ALTER TABLE kolony.agents DISABLE TRIGGER stamp_update": "table agents: not expected: CREATE TRIGGER stamp_update",
    "GRANT UPDATE (priority) ON kolony.runs TO kolony_user": "grants table runs (priority): not expected",
    "GRANT DELETE ON kolony.runs TO kolony_user": "grants table runs: not expected: GRANT DELETE, SELECT",
    "REVOKE SELECT ON kolony.runs FROM kolony_user": "grants table runs: missing: GRANT SELECT TO kolony_user",
    "GRANT EXECUTE ON FUNCTION kolony.my_token() TO PUBLIC": "grants function my_token(): not expected",
    "GRANT TEMP ON DATABASE {name} TO PUBLIC": "grants database of kolony: not expected: GRANT TEMPORARY TO PUBLIC",
    "CREATE TABLE kolony.notes (words text)": "table notes: not expected",
    "CREATE TYPE kolony.mood AS ENUM ('fine')": "type mood: not expected",
    "DROP VIEW kolony.agent_overview": "view agent_overview: missing",
    "ALTER VIEW kolony.run_overview RESET (security_invoker)": "view run_overview: not expected: OWNER kolony_owner",
    "ALTER FUNCTION kolony.my_token() SECURITY INVOKER": "function my_token(): not expected: OWNER",
    "ALTER FUNCTION kolony.my_token() RESET search_path": "function my_token(): not expected: OWNER",
    "ALTER ROLE kolony_api CREATEDB": "role kolony_api: not expected: NOLOGIN CREATEDB",
    "COMMENT ON COLUMN kolony.workspaces.channel IS 'x'": "table workspaces: not expected: COMMENT ON channel x",
    """CREATE OR REPLACE FUNCTION kolony.my_workspace_ids() RETURNS uuid[]
       LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
       AS 'SELECT array_agg(workspace_id) FROM kolony.workspaces'""": "function my_workspace_ids(): not expected: AS",
}
"""What somebody does by hand, and how the line begins that says so."""


async def test_the_schema_file_is_what_the_migrations_make(database: Database) -> None:
    for login in ("test_installer", "eve"):
        assert await differences(await database.connect(login)) == []
    rendered = await render(await database.superuser())
    assert rendered == schema_file().read_text(), "generate sql/schema.sql anew (see kolony_tui/server/schema.py)"


async def test_a_change_by_hand_is_named(database: Database) -> None:
    superuser = await database.superuser()
    for change, noticed in CHANGES.items():
        transaction = superuser.transaction()
        await transaction.start()
        await superuser.execute(change.format(name=database.name))
        found = await differences(superuser)
        await transaction.rollback()
        assert any(line.startswith(noticed) for line in found), (change, found)
    assert await differences(superuser) == []


async def test_a_viewer_sees_the_differences_too(database: Database) -> None:
    await (await database.superuser()).execute("ALTER TABLE kolony.agents ADD COLUMN extra text")
    found = await differences(await database.connect("eve"))
    assert found == ["table agents: not expected: COLUMN extra text"]
