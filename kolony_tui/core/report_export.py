"""A report as a document: Markdown for people, JSON in the form of ``report.json``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from kolony_tui.models.reports import Finding, ReportDetail
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.text import safe

_LONGEST = 4_000_000


def as_document(detail: ReportDetail) -> dict[str, Any]:
    """What ``report.json`` would have to say for this report, and whose it is."""
    report = detail.report
    return {
        "title": report.title.raw,
        "summary": report.summary.raw,
        "status": report.status.value,
        "sections": [{"title": each.title.raw, "body": each.body.raw} for each in detail.sections],
        "findings": [_finding(each) for each in sorted(detail.findings, key=lambda each: each.place)],
        "recommendations": [
            {"title": each.title.raw, "detail": each.detail.raw, "priority": each.priority.raw}
            for each in detail.recommendations
        ],
        "attachments": [each.name.raw for each in detail.attachments],
        "report_id": str(report.report_id),
        "run_id": str(report.run_id),
        "run": report.reference,
        "agent": report.agent.raw,
        "source": report.source,
        "created_at": report.created_at.isoformat(),
        "updated_at": report.updated_at.isoformat(),
        "completed_at": report.completed_at.isoformat() if report.completed_at is not None else None,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "severity": finding.severity.value,
        "title": finding.title.raw,
        "detail": finding.detail.raw,
        "evidence": finding.evidence.raw,
        "file": finding.file.raw if finding.file is not None else None,
        "line": finding.line,
    }


def as_markdown(detail: ReportDetail) -> str:
    """The report as a Markdown document; what a terminal could obey is taken out of it."""
    return "\n".join(_lines(detail)).rstrip() + "\n"


def _lines(detail: ReportDetail) -> Iterator[str]:
    report = detail.report
    yield f"# {_line(report.title)}"
    yield ""
    yield f"{report.status.words.capitalize()}, by {_line(report.agent)} in run {report.reference}, " + (
        f"{report.updated_at:%Y-%m-%d %H:%M} UTC."
    )
    if report.summary.raw.strip():
        yield from ("", "## Summary", "", _text(report.summary))
    if detail.findings:
        yield from ("", "## Findings")
        for number, finding in enumerate(detail.findings, 1):
            yield from _finding_lines(number, finding)
    for section in detail.sections:
        yield from ("", f"## {_line(section.title)}", "", _text(section.body))
    if detail.recommendations:
        yield from ("", "## Recommendations", "")
        for number, asked in enumerate(detail.recommendations, 1):
            urgent = f" ({_line(asked.priority)})" if asked.priority.raw.strip() else ""
            yield f"{number}. {_line(asked.title)}{urgent}"
            if asked.detail.raw.strip():
                yield from (f"   {line}".rstrip() for line in _text(asked.detail).splitlines())
    if detail.attachments:
        yield from ("", "## Attachments", "")
        yield from (f"- {_line(each.name)}" for each in detail.attachments)


def _finding_lines(number: int, finding: Finding) -> Iterator[str]:
    yield from ("", f"### {number}. [{finding.severity.value.upper()}] {_line(finding.title)}")
    if finding.where is not None:
        yield from ("", f"Where: `{_line(finding.where).replace('`', '')}`")
    if finding.detail.raw.strip():
        yield from ("", _text(finding.detail))
    if finding.evidence.raw.strip():
        text = _text(finding.evidence)
        fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", text)), default=0))
        yield from ("", "Evidence:", "", fence, text, fence)


def _line(text: Untrusted) -> str:
    return safe(text, limit=1000).plain.strip()


def _text(text: Untrusted) -> str:
    return safe(text, limit=_LONGEST, newline="\n").plain.strip("\n")
