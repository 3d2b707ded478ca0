"""Reports in the database: what fits, what is wrong with what does not, who judges them, and how they are found."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.database import Agent, Workspace, refused
from tests.work.calls import Runner, send

PUT = "SELECT kolony.put_report($1, $2, $3, $4)"
WHOLE: dict[str, Any] = {
    "title": "Races in the session store",
    "summary": "Two writers pass the check.",
    "sections": [{"title": "How", "content": "Read it *twice*.", "type": "text", "order": 1}],
    "findings": [
        {"severity": "LOW", "description": "A comment lies.\nIt says never.", "evidence": ["line one", "line two"]},
        {"severity": "critical", "title": "Lost update", "file": "src/auth/session.py", "line": 88,
         "evidence": {"runs": 3}},
    ],
    "recommendations": ["Insert first", {"action": "Add a lock", "rationale": "cheap", "priority": "high"}],
    "attachments": ["artifacts/trace.txt", {"name": "./shot.png", "type": "image/png"}],
    "metadata": {"whatever": [1, 2]},
}  # fmt: skip

BAD: list[tuple[Any, str]] = [
    (None, "it is nothing, not an object"),
    ([], "it is array, not an object"),
    ("text", "it is string, not an object"),
    ({}, "neither title nor summary, sections, findings or recommendations"),
    ({"title": "  "}, "neither title nor summary"),
    ({"title": 3}, "title is number, not a text"),
    ({"title": "x" * 301}, "title has 301 characters; at most 300 are taken"),
    ({"summary": ["x"]}, "summary is array, not a text"),
    ({"title": "t", "status": "done"}, 'status is "done"; it has to be draft, in_progress or complete'),
    ({"sections": {"a": "b"}}, "sections is object, not a list"),
    ({"sections": ["a"]}, "sections[0] is string, not an object"),
    ({"sections": [{"title": "a"}, {"body": "b"}]}, "sections[1].title is missing"),
    ({"sections": [{"title": "a", "body": 1}]}, "sections[0].body is number, not a text"),
    ({"sections": [{"title": "a"}] * 501}, "sections has 501 items; at most 500 are taken"),
    ({"findings": "none"}, "findings is string, not a list"),
    ({"findings": [1]}, "findings[0] is number, not an object"),
    ({"findings": [{"title": "x"}]}, "findings[0].severity is missing"),
    ({"findings": [{"severity": 5, "title": "x"}]}, "findings[0].severity is number, not a text"),
    (
        {"findings": [{"severity": "low", "title": "x"}, {"severity": "info", "title": "y"}, {"severity": "urgent"}]},
        'findings[2].severity is "urgent"; it has to be critical, high, medium, low or info',
    ),
    ({"findings": [{"severity": "low"}]}, "findings[0].title is missing"),
    ({"findings": [{"severity": "low", "title": "x", "line": 0}]}, "findings[0].line is 0; lines are counted from 1"),
    ({"findings": [{"severity": "low", "title": "x", "line": 1.5}]}, "findings[0].line is 1.5"),
    ({"findings": [{"severity": "low", "title": "x", "line": [1]}]}, "findings[0].line is [1]"),
    ({"findings": [{"severity": "low", "title": "x", "file": 7}]}, "findings[0].file is number, not a text"),
    ({"findings": [{"severity": "low", "title": "x", "evidence": "y" * 1_000_001}]}, "findings[0].evidence has"),
    ({"recommendations": [None]}, "recommendations[0] is null, neither a text nor an object"),
    ({"recommendations": [{"detail": "x"}]}, "recommendations[0].title is missing"),
    ({"title": "t", "attachments": "a.png"}, "attachments is string, not a list"),
    ({"title": "t", "attachments": [3]}, "attachments[0] is number, no name"),
    ({"title": "t", "attachments": [""]}, "attachments[0].name is missing"),
]


@pytest.fixture
async def bob(workspace: Workspace) -> asyncpg.Connection:
    return await workspace.database.connect("bob")


async def _attempt(workspace: Workspace, agent: Agent, bob: asyncpg.Connection) -> tuple[Runner, UUID, UUID]:
    runner = await Runner.of(workspace.database, agent)
    [run_id] = await send(bob, agent, "look at the races\nand say", kind="investigate")
    [claimed] = await runner.claim()
    await runner.start(claimed["attempt_id"])
    return runner, run_id, claimed["attempt_id"]


async def _overview(bob: asyncpg.Connection, report_id: UUID) -> dict[str, Any]:
    row = await bob.fetchrow("SELECT * FROM kolony.report_overview WHERE report_id = $1", report_id)
    assert row is not None
    return dict(row)


async def test_a_report_as_agents_write_it(workspace: Workspace, agent: Agent, bob: asyncpg.Connection) -> None:
    runner, run_id, attempt = await _attempt(workspace, agent, bob)
    draft = {"summary": "so far", "findings": [{"severity": "info", "title": "a"}] * 3}
    report = await runner.connection.fetchval(PUT, attempt, draft, "in_progress", "report.json")
    seen = await _overview(bob, report)
    assert (seen["status"], seen["title"], seen["finding_count"]) == ("in_progress", "look at the races", 3)
    with refused("55000", "still writes it"):
        await bob.execute("SELECT kolony.set_report_status($1, 'complete')", report)
    assert await runner.connection.fetchval(PUT, attempt, WHOLE, "complete", "report.json") == report
    before = await bob.fetchval("SELECT xmin FROM kolony.reports")
    assert await runner.connection.fetchval(PUT, attempt, WHOLE, "complete", "report.json") == report
    assert await bob.fetchval("SELECT xmin FROM kolony.reports") == before, "saying it again writes nothing"
    await runner.finish(attempt)
    seen = await _overview(bob, report)
    assert (seen["run_id"], seen["status"], seen["source"], seen["agent"]) == (
        run_id, "complete", "report.json", "worker",
    )  # fmt: skip
    assert [seen[name] for name in ("finding_count", "critical", "high", "medium", "low", "info")] == [2, 1, 0, 0, 1, 0]
    findings = [tuple(row)[2:] for row in await bob.fetch("SELECT * FROM kolony.report_findings ORDER BY place")]
    assert findings == [
        (1, "low", "A comment lies.", "A comment lies.\nIt says never.", "line one\nline two", None, None),
        (2, "critical", "Lost update", "", '{\n    "runs": 3\n}', "src/auth/session.py", 88),
    ]
    row = await bob.fetchrow("SELECT sections, recommendations, attachments FROM kolony.reports")
    assert row is not None
    assert row["sections"] == [{"title": "How", "body": "Read it *twice*."}]
    assert [each["title"] for each in row["recommendations"]] == ["Insert first", "Add a lock"]
    assert row["recommendations"][1]["detail"] == "cheap"
    assert row["attachments"] == ["trace.txt", "shot.png"]


async def test_what_does_not_fit_is_named(workspace: Workspace, agent: Agent, bob: asyncpg.Connection) -> None:
    runner, _, attempt = await _attempt(workspace, agent, bob)
    for document, words in BAD:
        with refused("22023", words):
            await runner.connection.fetchval(PUT, attempt, document, "complete", "report.json")
    with refused("22023", "from report.json or answer"):
        await runner.connection.fetchval(PUT, attempt, WHOLE, "complete", "hearsay")
    assert await bob.fetch("SELECT FROM kolony.reports") == []
    # What is odd and fits all the same: the largest there is, of words of one letter, in letters of four bytes.
    large = {"title": "t", "sections": [{"title": "s", "body": "𐀀 " * 400_000}]}
    await runner.connection.fetchval(PUT, attempt, large, "complete", "report.json")


async def test_a_draft_by_its_own_word_and_by_a_persons(
    workspace: Workspace, agent: Agent, bob: asyncpg.Connection
) -> None:
    runner, _, attempt = await _attempt(workspace, agent, bob)
    report = await runner.connection.fetchval(PUT, attempt, {**WHOLE, "status": "DRAFT"}, "complete", "report.json")
    await runner.connection.fetchval(PUT, attempt, {**WHOLE, "title": "Again"}, "in_progress", "report.json")
    await runner.finish(attempt, "failed", error="x")
    assert (await _overview(bob, report))["status"] == "draft", "whoever wrote it has gone"
    eve, olga = await workspace.database.connect("eve"), await workspace.database.connect("olga")
    with refused("42501", "needs the role operator"):
        await eve.execute("SELECT kolony.set_report_status($1, 'complete')", report)
    with refused("P0002", "no such report"):
        await olga.execute("SELECT kolony.set_report_status($1, 'complete')", report)
    with refused("22023", "draft or complete, not in_progress"):
        await bob.execute("SELECT kolony.set_report_status($1, 'in_progress')", report)
    await bob.execute("SELECT kolony.set_report_status($1, 'complete')", report)
    await bob.execute("SELECT kolony.set_report_status($1, 'complete')", report)
    seen = await _overview(eve, report)
    assert (seen["status"], seen["status_by_login"]) == ("complete", workspace.database.cluster.login("bob"))
    assert seen["completed_at"] is not None
    admin = await workspace.database.connect("ada")
    said = await admin.fetch("SELECT details FROM kolony.audit_log WHERE event = 'REPORT_STATUS_CHANGED'")
    assert [row["details"]["status"] for row in said] == ["complete"]
    assert await olga.fetch("SELECT FROM kolony.reports") == []
    with refused("42501"):
        await bob.fetchval(PUT, attempt, WHOLE, "complete", "report.json")
    with refused("KO001"):
        await runner.connection.fetchval(PUT, attempt, WHOLE, "complete", "report.json")


async def test_found_by_words_by_the_index(workspace: Workspace, agent: Agent, bob: asyncpg.Connection) -> None:
    runner, _, attempt = await _attempt(workspace, agent, bob)
    report = await runner.connection.fetchval(PUT, attempt, WHOLE, "complete", "report.json")
    superuser = await workspace.database.superuser()
    await superuser.execute("SET session_replication_role = replica")
    await superuser.execute(
        """INSERT INTO kolony.reports (workspace_id, run_id, attempt_id, title, summary, status, source, sections,
               recommendations, attachments, body, digest)
           SELECT $1, gen_random_uuid(), $2, 'Report ' || n, '', 'draft', 'answer', '[]', '[]', '{}',
                  'word' || n || ' other' || n % 100, ''
           FROM generate_series(1, 3000) n""",
        workspace.workspace_id, attempt,
    )  # fmt: skip
    await superuser.execute("ANALYZE kolony.reports")
    eve = await workspace.database.connect("eve")
    search = "SELECT * FROM kolony.search_reports($1, $2)"
    uses = "SELECT idx_scan FROM pg_stat_all_indexes WHERE indexrelname = 'reports_by_words'"
    await superuser.execute("SELECT pg_stat_reset()")
    for words in ("races", '"lost update"', "cheap -nothing", "nothing or session.py"):
        found = await eve.fetch(search, workspace.workspace_id, words)
        assert [row["report_id"] for row in found] == [report], words
    assert "«Races»" in (await eve.fetch(search, workspace.workspace_id, "race"))[0]["excerpt"]
    assert await eve.fetch(search, workspace.workspace_id, "the") == []
    assert await eve.fetch(search, workspace.workspace_id, "'\" & ! :* (") == []
    await eve.execute("SELECT pg_stat_force_next_flush()")
    await eve.fetchval("SELECT 1")
    assert await superuser.fetchval(uses) >= 5
    with refused("42501", "not a member"):
        await eve.fetch(search, workspace.other_id, "races")
