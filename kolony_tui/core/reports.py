"""Reports of investigations: listing, searching, reading, judging."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID

from kolony_tui.core.session import PersonSession
from kolony_tui.core.work import find_run
from kolony_tui.db.rows import read
from kolony_tui.models.errors import NotFound
from kolony_tui.models.reports import Attachment, Finding, Recommendation, Report, ReportDetail, ReportStatus, Section
from kolony_tui.models.untrusted import Untrusted

LISTED = 500
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


async def reports(session: PersonSession, words: str = "", limit: int = LISTED) -> list[Report]:
    """The newest reports, or with ``words`` those in which they stand, the best first."""
    home = session.workspace.workspace_id
    if words.strip():
        return await session.db.rows(Report, "reports/found", home, words, limit)
    return await session.db.rows(Report, "reports/reports", home, limit)


async def find_report(session: PersonSession, reference: str) -> UUID:
    """The id of a report from its own id, or from its run's id or number. Raises UsageError, NotFound."""
    home = session.workspace.workspace_id
    if _UUID.fullmatch(reference):
        found: UUID | None = await session.db.value("reports/id", home, UUID(reference))
    else:
        found = await session.db.value("reports/id", home, await find_run(session, reference))
    if found is None:
        raise NotFound(f"there is no report {reference} in {session.workspace.slug}", "see kolony report list")
    return found


async def report_of(session: PersonSession, run_id: UUID) -> UUID | None:
    """The id of a run's report; None where it has none."""
    found: UUID | None = await session.db.value("reports/id", session.workspace.workspace_id, run_id)
    return found


async def report(session: PersonSession, report_id: UUID) -> ReportDetail:
    """A report with all that stands in it. Raises NotFound."""
    home = session.workspace.workspace_id
    found = await session.db.records("reports/report", home, report_id)
    if not found:
        raise NotFound("there is no such report here", "see kolony report list")
    row = found[0]
    findings = await session.db.rows(Finding, "reports/findings", home, report_id)
    names = list(dict.fromkeys(row["attachments"]))
    there = await session.db.records("reports/attached", home, row["run_id"], names) if names else []
    ids = {each["name"]: each["artifact_id"] for each in there}
    return ReportDetail(
        read(Report, row),
        tuple(Section(Untrusted(each["title"]), Untrusted(each["body"])) for each in _list(row["sections"])),
        tuple(findings),
        tuple(
            Recommendation(Untrusted(each["title"]), Untrusted(each["detail"]), Untrusted(each["priority"]))
            for each in _list(row["recommendations"])
        ),
        tuple(Attachment(Untrusted(name), ids.get(name)) for name in names),
    )


def _list(column: Any) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(column) if isinstance(column, str) else column
    return found


async def set_status(session: PersonSession, report_id: UUID, status: ReportStatus) -> None:
    """Says whether a report is a draft or complete. Raises NoRight, NotFound, WrongState."""
    await session.db.call("set_report_status", report_id, status.value)
