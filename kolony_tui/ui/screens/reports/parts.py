"""The parts of a report, as its table of contents names them and as they are read."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from kolony_tui.models.reports import Attachment, Finding, Recommendation, ReportDetail
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.ui.draw import Part, Tone, part
from kolony_tui.ui.markdown import Lines, markdown_lines
from kolony_tui.ui.widgets.report_list import SEVERITIES

_WHOLE = 150_000


@dataclass(frozen=True, slots=True)
class ReportPart:
    """A part: its ``key``, the word for what it is, its title, where it points to, and what it says.

    ``artifact_id``: the artifact that enter opens.
    """

    key: str
    kind: str
    tone: Tone
    title: Untrusted
    where: Untrusted | None
    lines: Lines
    artifact_id: UUID | None = None


def parts_of(detail: ReportDetail) -> list[ReportPart]:
    """The whole first, then each part in the order in which it is read."""
    report = detail.report
    parts: list[ReportPart] = []
    if report.summary.raw.strip():
        summary = [_heading("Summary"), *markdown_lines(report.summary, limit=_WHOLE)]
        parts.append(ReportPart("summary", "summary", "accent", Untrusted("Summary"), None, summary))
    for finding in detail.findings:
        parts.append(
            ReportPart(f"finding {finding.place}", finding.severity.value, SEVERITIES[finding.severity], finding.title,
                       finding.where, _finding(finding))
        )  # fmt: skip
    for place, section in enumerate(detail.sections):
        lines = [[part(section.title, "accent")], *markdown_lines(section.body, limit=_WHOLE)]
        parts.append(ReportPart(f"section {place}", "section", "dim", section.title, None, lines))
    for place, asked in enumerate(detail.recommendations):
        parts.append(ReportPart(f"advice {place}", "advice", "good", asked.title, None, _recommendation(asked, place)))
    for place, attached in enumerate(detail.attachments):
        parts.append(
            ReportPart(f"file {place}", "file", "busy", attached.name, None, _attachment(attached),
                       attached.artifact_id)
        )  # fmt: skip
    whole: Lines = []
    for each in parts:
        whole += [*each.lines, []]
    return [ReportPart("whole", "report", "strong", report.title, None, whole), *parts]


def _heading(words: str) -> list[Part]:
    return [part(words, "accent")]


def _finding(finding: Finding) -> Lines:
    tone = SEVERITIES[finding.severity]
    lines: Lines = [[part(finding.severity.value.upper(), tone), part("  "), part(finding.title, "strong")]]
    if finding.where is not None:
        lines.append([part("at ", "dim"), part(finding.where, "busy")])
    if finding.detail.raw.strip():
        lines += markdown_lines(finding.detail, limit=_WHOLE)
    if finding.evidence.raw.strip():
        lines.append([part("evidence", "dim")])
        fenced = Untrusted(f"{_fence(finding.evidence)}\n{finding.evidence.raw}\n{_fence(finding.evidence)}")
        lines += markdown_lines(fenced, limit=_WHOLE)
    return lines


def _fence(text: Untrusted) -> str:
    mark = "```"
    while mark in text.raw:
        mark += "`"
    return mark


def _recommendation(asked: Recommendation, place: int) -> Lines:
    urgent = [part(f"  {asked.priority.raw}", "warn", limit=40)] if asked.priority.raw.strip() else []
    lines: Lines = [[part(f"{place + 1}. ", "dim"), part(asked.title, "strong", limit=2000), *urgent]]
    if asked.detail.raw.strip():
        lines += markdown_lines(asked.detail, limit=_WHOLE)
    return lines


def _attachment(attached: Attachment) -> Lines:
    how = "enter shows it" if attached.artifact_id is not None else "its run left nothing of that name"
    return [[part("file  ", "busy"), part(attached.name), part(f"  {how}", "dim")]]
