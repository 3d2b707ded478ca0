"""`ReportList`: reports as rows, and what a severity and a status look like."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType

from kolony_tui.models.reports import Report, ReportStatus, Severity
from kolony_tui.ui.draw import Cell, Tone, cell, part
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.widgets.rows import Column, RowList

SEVERITIES: dict[Severity, Tone] = {
    Severity.CRITICAL: "bad", Severity.HIGH: "bad", Severity.MEDIUM: "warn", Severity.LOW: "busy", Severity.INFO: "dim",
}  # fmt: skip

_STATUSES: dict[ReportStatus, tuple[str, Tone]] = {
    ReportStatus.DRAFT: ("◌", "warn"),
    ReportStatus.IN_PROGRESS: ("▶", "busy"),
    ReportStatus.COMPLETE: ("✔", "good"),
}


def status_cell(report: Report, drawing: Drawing) -> Cell:
    """The sign of its status and its word."""
    glyph, tone = _STATUSES[report.status]
    return cell(f"{drawing.glyph(glyph)} {report.status.words}", tone)


def counts_cell(report: Report, _: Drawing) -> Cell:
    """How many findings of each severity: ``1 critical 2 high``."""
    if not report.counts:
        return cell("none", "dim")
    return tuple(
        part(f"{many} {severity.value}{' ' if place < len(report.counts) - 1 else ''}", SEVERITIES[severity])
        for place, (severity, many) in enumerate(report.counts)
    )


def _worst(report: Report) -> tuple[int, ...]:
    return tuple(-getattr(report, severity.value) for severity in Severity)


class ReportList(RowList[Report]):
    """Reports, by id; without sorting as they were read: the newest first, or what fits the searched words best."""

    place: ClassVar[Place] = "reports"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list"), *bindings("reports")]

    def __init__(self, drawing: Callable[[], Drawing], *, id: str | None = None) -> None:
        columns: list[Column[Report]] = [
            Column("status", "STATUS", 13, status_cell, lambda each: each.status.value, groups=True),
            Column("run", "RUN", 7, lambda each, _: cell(each.reference, "dim"),
                   lambda each: (-each.command_number, each.ordinal), rank=3),
            Column("title", "REPORT", 20, lambda each, _: cell(each.title, "strong"), lambda each: each.title.raw,
                   flexible=True),
            Column("findings", "FINDINGS", 22, counts_cell, _worst, rank=1),
            Column("agent", "AGENT", 12, lambda each, _: cell(each.agent, "accent"), lambda each: each.agent.raw,
                   rank=2, groups=True),
            Column("age", "AGE", 6, lambda each, drawing: cell(drawing.age(each.updated_at), "dim"),
                   lambda each: -each.updated_at.timestamp(), right=True, rank=4),
        ]  # fmt: skip
        empty = "no reports; a run of the kind investigate leaves one"
        super().__init__(columns, lambda each: each.report_id, drawing, empty=empty, id=id)
