"""Reports of investigations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from kolony_tui.models.untrusted import Untrusted


class Severity(StrEnum):
    """How bad a finding is, the worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"


class ReportStatus(StrEnum):
    """Where a report stands."""

    DRAFT = "draft"
    IN_PROGRESS = "in_progress"
    COMPLETE = "complete"

    @property
    def words(self) -> str:
        """For people."""
        return self.value.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Report:
    """A report as lists show it, with how many findings of each severity it has.

    ``source``: report.json or answer. ``status_by_login``: the person who set its status; None: its agent.
    ``excerpt``: where searched words stand, between « and »; None without a search.
    """

    report_id: UUID
    run_id: UUID
    command_number: int
    ordinal: int
    target_count: int
    agent_id: UUID
    agent: Untrusted
    title: Untrusted
    summary: Untrusted
    status: ReportStatus
    source: str
    finding_count: int
    critical: int
    high: int
    medium: int
    low: int
    info: int
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    status_by_login: str | None
    excerpt: Untrusted | None

    @property
    def reference(self) -> str:
        """Its run, as people call it."""
        return f"#{self.command_number}" + (f".{self.ordinal}" if self.target_count > 1 else "")

    @property
    def counts(self) -> list[tuple[Severity, int]]:
        """How many findings of each severity, the worst first; only those that there are."""
        return [(each, many) for each in Severity if (many := getattr(self, each.value))]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was found; ``place`` counts from 1. ``file`` and ``line``: where it is."""

    place: int
    severity: Severity
    title: Untrusted
    detail: Untrusted
    evidence: Untrusted
    file: Untrusted | None
    line: int | None

    @property
    def where(self) -> Untrusted | None:
        """``file:line``."""
        if self.file is None:
            return None
        return Untrusted(self.file.raw + (f":{self.line}" if self.line is not None else ""))


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report; ``body`` is Markdown."""

    title: Untrusted
    body: Untrusted


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Something that the report asks for."""

    title: Untrusted
    detail: Untrusted
    priority: Untrusted


@dataclass(frozen=True, slots=True)
class Attachment:
    """A name that the report goes with; ``artifact_id``: the file of its run that it is, None: there is none."""

    name: Untrusted
    artifact_id: UUID | None


@dataclass(frozen=True, slots=True)
class ReportDetail:
    """A report with all that stands in it."""

    report: Report
    sections: tuple[Section, ...]
    findings: tuple[Finding, ...]
    recommendations: tuple[Recommendation, ...]
    attachments: tuple[Attachment, ...]
