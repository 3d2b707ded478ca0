"""G16: a live schema that is not the one of the repository is noticed, and said what about it."""

from __future__ import annotations

import pytest

from kolony_tui.server.schema import differences, render, schema_file
from tests.database import Database


async def test_the_schema_file_is_what_the_migrations_make(database: Database) -> None:
    for login in ("test_installer", "eve"):
        connection = await database.connect(login)
        assert await differences(connection) == []
    assert await render(await database.superuser()) == schema_file().read_text(), "generate sql/schema.sql again"


@pytest.mark.parametrize(
    ("change", "noticed"),
    [
        ("ALTER TABLE kolony.agents ADD COLUMN extra text", "table agents: not expected: COLUMN extra text"),
        ("ALTER TABLE kolony.runs ALTER COLUMN priority DROP NOT NULL", "table runs: missing: COLUMN priority smallint NOT NULL"),
        ("ALTER TABLE kolony.runs DROP CONSTRAINT finished_once", "table runs: missing: CONSTRAINT finished_once CHECK"),
        ("DROP INDEX kolony.ready_runs_queue", "table ready_runs: missing: CREATE INDEX ready_runs_queue"),
        ("DROP POLICY member ON kolony.runs", "table runs: missing: POLICY member FOR SELECT USING"),
        ("ALTER TABLE kolony.runs NO FORCE ROW LEVEL SECURITY", "table runs: not expected: ROW SECURITY ENABLED"),
        ("ALTER TABLE kolony.runs OWNER TO CURRENT_USER", "table runs: missing: OWNER kolony_owner"),
        ("ALTER TABLE kolony.agents DISABLE TRIGGER stamp_update", "table agents: not expected: CREATE TRIGGER stamp_update"),
        ("GRANT UPDATE (priority) ON kolony.runs TO kolony_user", "grants table runs (priority): not expected"),
        ("GRANT DELETE ON kolony.runs TO kolony_user", "grants table runs: not expected: GRANT DELETE, SELECT TO kolony_user"),
        ("REVOKE SELECT ON kolony.runs FROM kolony_user", "grants table runs: missing: GRANT SELECT TO kolony_user"),
        ("GRANT EXECUTE ON FUNCTION kolony.my_token() TO PUBLIC", "grants function my_token(): not expected"),
        ("GRANT TEMP ON DATABASE {name} TO PUBLIC", "grants database of kolony: not expected: GRANT TEMPORARY TO PUBLIC"),
        ("CREATE TABLE kolony.notes (words text)", "table notes: not expected"),
        ("DROP VIEW kolony.agent_overview", "view agent_overview: missing"),
        ("ALTER VIEW kolony.run_overview RESET (security_invoker)", "view run_overview: not expected: OWNER kolony_owner"),
        ("ALTER FUNCTION kolony.my_token() SECURITY INVOKER", "function my_token(): not expected: OWNER"),
        ("ALTER FUNCTION kolony.my_token() RESET search_path", "function my_token(): not expected: OWNER"),
        (
            "CREATE OR REPLACE FUNCTION kolony.my_workspace_ids() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE"
            " SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT array_agg(workspace_id) FROM kolony.workspaces'",
            "function my_workspace_ids(): not expected: AS SELECT array_agg(workspace_id)",
        ),
        ("COMMENT ON COLUMN kolony.workspaces.channel IS 'x'", "table workspaces: not expected: COMMENT ON channel x"),
    ],
)  # fmt: skip
async def test_a_change_by_hand_is_named(database: Database, change: str, noticed: str) -> None:
    superuser = await database.superuser()
    await superuser.execute(change.format(name=database.name))
    found = await differences(await database.connect("eve"))
    assert any(line.startswith(noticed) for line in found), found
