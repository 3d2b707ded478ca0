"""The list of rights says what is true: it is read from the rules themselves."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from tests.database import Workspace

MATRIX = Path(__file__).resolve().parents[1] / "security" / "matrix.tsv"
"""What each principal was found to be able to do, by trying."""


async def rights(connection: asyncpg.Connection, workspace_id: object) -> dict[str, asyncpg.Record]:
    """By rule."""
    rows = await connection.fetch("SELECT * FROM kolony.my_rights($1)", workspace_id)
    assert len({row["rule"] for row in rows}) == len(rows)
    return {row["rule"]: row for row in rows}


async def test_every_function_that_people_may_call_says_who_may_and_what_for(workspace: Workspace) -> None:
    superuser = await workspace.database.superuser()
    rows = await superuser.fetch(
        """SELECT p.oid::regprocedure::text AS rule, obj_description(p.oid, 'pg_proc') AS words FROM pg_proc p
           WHERE p.pronamespace = 'kolony'::regnamespace AND has_function_privilege('kolony_user', p.oid, 'EXECUTE')"""
    )
    assert len(rows) > 30
    listed = await rights(await workspace.database.connect("eve"), workspace.workspace_id)
    assert [row["rule"] for row in rows if row["rule"] not in listed] == []


@pytest.mark.parametrize(("nickname", "role"), [("eve", "viewer"), ("bob", "operator"), ("ada", "admin")])
async def test_what_is_listed_as_allowed_is_what_the_matrix_found(
    workspace: Workspace, nickname: str, role: str
) -> None:
    lines = [line.split("\t") for line in MATRIX.read_text().splitlines() if not line.startswith("#")]
    column = lines[0].index(role)
    found = {f"kolony.{line[0].removesuffix(')')}": line[column] for line in lines if line[1] in ("main", "both")}
    listed = await rights(await workspace.database.connect(nickname), workspace.workspace_id)
    ended = {rule: found.get(rule.partition("(")[0] + "(") for rule in listed if not rule.startswith("policy ")}
    assert {rule: end for rule, end in ended.items() if listed[rule]["allowed"] is (end in ("42501", "-", None))} == {}


async def test_rights_end_with_the_role_and_the_workspace(workspace: Workspace) -> None:
    database = workspace.database
    rule = "kolony.set_role(uuid,text,text)"
    ada = await database.connect("ada")
    here, there = await rights(ada, workspace.workspace_id), await rights(ada, workspace.other_id)
    assert tuple(here[rule]) == ("give a person another role", "admin", True, rule)
    assert tuple(there[rule]) == ("give a person another role", "admin", False, rule)
    # An admin of one workspace may make another one, wherever they stand now.
    assert there["kolony.create_workspace(text,text)"]["allowed"]
    for nickname in ("dan", "sam"):
        theirs = await rights(await database.connect(nickname), workspace.workspace_id)
        assert {row["needs"] for row in theirs.values() if row["allowed"]} == {"anyone"}


async def test_policies_are_rules_too(workspace: Workspace) -> None:
    eve = await rights(await workspace.database.connect("eve"), workspace.workspace_id)
    assert tuple(eve["policy member on kolony.runs"])[:3] == ("see runs", "viewer", True)
    assert eve["policy myself on kolony.profiles"]["action"] == "change your own name and initials"
    assert not [rule for rule in eve if "agent_tokens" in rule or "policy api" in rule or "policy backup" in rule]
