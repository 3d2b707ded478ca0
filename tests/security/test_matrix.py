"""The policy matrix: every principal, relation, function, verb and workspace, compared with a table."""

from __future__ import annotations

import re
from pathlib import Path

import asyncpg
import pytest

from kolony_tui.models.errors import KolonyError, LoginRefused
from kolony_tui.models.secret import Secret
from tests.database import Agent, Database, Workspace
from tests.security.furnishing import Furnisher
from tests.security.probes import Line, function_cell, functions, relation_lines, relations

TABLE = Path(__file__).with_name("matrix.tsv")
HEADING = """\
# Who may do what: found by trying, with real logins. tests/security/test_matrix.py compares it with the live schema
# and says where it differs; a new relation or function belongs in here.
#
# Relations: "-" is refused; "none" passes and finds no row; "main", "other": the workspaces whose rows are seen.
# Functions, called for things of the workspace "main" and of "other": "-" may not be executed, "ok" is done, and
# 42501 no right, P0002 unknown here, 28000 no agent, KO001 fenced, 55000 not in this state; "refused": of many things
# at once, each one was.
# viewer, operator and admin belong to main, as do the agent and the disabled operator; "other's admin" to other.
# The removed person was an admin of main; their login was opened again by hand.
# A stranger is let in and belongs nowhere. The installer has made all this, and inherits nothing from it.
"""
PRINCIPALS = {"viewer": "eve", "operator": "bob", "admin": "ada", "agent": "", "disabled": "dan", "removed": "",
              "stranger": "sam", "other's admin": "olga", "installer": "test_installer"}  # fmt: skip
"""Nicknames; the agent's and the removed person's logins are made by the test."""
DESCRIBED = re.compile(r"(anyone|member|viewer|operator|admin)( anywhere)?: \S.*")


async def _removed(database: Database, superuser: asyncpg.Connection) -> asyncpg.Connection:
    """Somebody who was an admin of main, and gets in because somebody with more power wants it."""
    login = await database.add_person("admin")
    ada = await database.connect("ada")
    await ada.execute("SELECT kolony.remove_person(workspace_id, $1) FROM kolony.workspaces", login)
    await superuser.execute(f"ALTER ROLE {login} LOGIN")
    return await database.connect(login)


async def _owners(superuser: asyncpg.Connection) -> dict[object, str]:
    """Workspaces and profiles by id, and to which workspace they belong."""
    rows = await superuser.fetch(
        """SELECT workspace_id AS id, slug FROM kolony.workspaces
           UNION SELECT m.profile_id, w.slug FROM kolony.memberships m JOIN kolony.workspaces w USING (workspace_id)"""
    )
    return {row["id"]: row["slug"] for row in rows}


async def _found(workspace: Workspace, agent: Agent) -> list[Line]:
    database = workspace.database
    superuser = await database.superuser()
    foreign = await database.add_agent("theirs", workspace="other")
    places = [await Furnisher(database, superuser, agent, "main").furnish(),
              await Furnisher(database, superuser, foreign, "other").furnish()]  # fmt: skip
    made = {"agent": await database.open(agent.target), "removed": await _removed(database, superuser)}
    connections = [
        made[principal] if principal in made else await database.connect(nickname)
        for principal, nickname in PRINCIPALS.items()
        if superuser.get_server_version().major >= 16 or principal != "installer"
    ]
    owners = await _owners(superuser)
    lines: list[Line] = []
    for name, (kind, columns) in (await relations(superuser)).items():
        [control, *_] = await relation_lines([superuser], name, kind, columns, owners)
        assert control[2][0] in ("main+other", "main+of nobody+other", "rows") or "YYYY" in control[0], (
            f"no rows to tell by in {control}"
        )
        for line in await relation_lines(connections, name, kind, columns, owners):
            if line not in lines:
                lines.append(line)
    for name, types in (await functions(superuser)).items():
        for place in places:
            cells = tuple([await function_cell(each, name, types, place) for each in connections])
            if lines[-1][0] == f"{name}()" and lines[-1][2] == cells:
                lines[-1] = (f"{name}()", "both", cells)
            else:
                lines.append((f"{name}()", place.slug, cells))
    return lines


def _printed(lines: list[Line]) -> list[str]:
    shown = ["\t".join(("what", "how", *PRINCIPALS))]
    return shown + ["\t".join((what, how, *cells)) for what, how, cells in lines]


async def test_everybody_may_do_what_the_table_says(workspace: Workspace, agent: Agent, tmp_path: Path) -> None:
    lines = await _found(workspace, agent)
    for what, how, cells in lines:
        if what.endswith("()") and set(cells) != {"-"} and how != "other":
            assert "ok" in cells, f"nobody succeeds with {what}: a refusal there proves nothing ({cells})"
    found = _printed(lines)
    listed = [line for line in TABLE.read_text().splitlines() if not line.startswith("#")] if TABLE.exists() else []
    old_server = (await workspace.database.superuser()).get_server_version().major < 16
    if old_server:
        # Before 16 a member always inherits, so there the installer may at once what it could do by SET ROLE anyway.
        found[0], listed = found[0].rpartition("\t")[0], [line.rpartition("\t")[0] for line in listed]
    if found != listed:
        actual = tmp_path / "matrix.tsv"
        actual.write_text(HEADING + "\n".join(found) + "\n")
        new, gone = [line for line in found if line not in listed], [line for line in listed if line not in found]
        raise AssertionError(f"found but not listed: {new}; listed but not found: {gone}; see {actual}")


async def test_g10_what_a_function_says_it_needs_is_what_it_needs(workspace: Workspace, agent: Agent) -> None:
    """The comments that the settings show as rights ("admin: ..."), against what happened to real logins."""
    lines = [line.split("\t") for line in TABLE.read_text().splitlines() if not line.startswith(("#", "what\t"))]
    superuser = await workspace.database.superuser()
    words = await superuser.fetch(
        """SELECT proname, obj_description(oid, 'pg_proc') AS said FROM pg_proc
           WHERE pronamespace = 'kolony'::regnamespace AND has_function_privilege('kolony_user', oid, 'EXECUTE')"""
    )
    wrong = []
    for row in words:
        found = DESCRIBED.fullmatch(row["said"] or "")
        [cells] = [line[2:] for line in lines if line[0] == f"{row['proname']}()" and line[1] != "other"]
        may = {principal: cell == "ok" for principal, cell in zip(PRINCIPALS, cells, strict=True)}
        least = "anyone" if may["stranger"] else next(
            (role for role in ("viewer", "operator", "admin") if may[role]), "nobody")  # fmt: skip
        said = found[1].replace("member", "viewer") if found else "nothing"
        if said != least:
            wrong.append((row["proname"], said, least))
    assert wrong == []
    assert len(words) > 30


async def test_who_belongs_nowhere_does_not_get_in(database: Database) -> None:
    await database.connect("eve")
    with pytest.raises(KolonyError, match="permission denied for database"):
        await database.connect("mallory")
    with pytest.raises(LoginRefused, match="password authentication failed"):
        await database.connect("eve", Secret("guessed"))
