"""Settings > Maintenance: the jobs of upkeep, when each was done and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import BindingType

from kolony_tui.core import retention
from kolony_tui.core.session import PersonSession
from kolony_tui.models.people import Role
from kolony_tui.models.retention import Job
from kolony_tui.text import safe
from kolony_tui.ui.draw import Cell, Part, cell, part
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.screens.settings.section import Section
from kolony_tui.ui.widgets.rows import Column, RowList

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp


def _state(job: Job, drawing: Drawing) -> Cell:
    if job.running:
        return cell(f"{job.done} of {job.total}" if job.total else "at it", "accent")
    if job.failed:
        return cell("failed", "bad")
    if job.last_ended is None:
        return cell("not yet", "dim")
    return cell("due", "warn") if job.due else cell("done", "good")


def _when(job: Job, drawing: Drawing) -> Cell:
    return cell(f"{drawing.age(job.last_began)} ago" if job.last_began is not None else "")


COLUMNS: tuple[Column[Job], ...] = (
    Column("job", "JOB", 16, lambda job, _: cell(job.job, "strong")),
    Column("state", "STATE", 12, _state),
    Column("began", "WHEN", 9, _when, rank=1),
    Column("result", "RESULT", 24, lambda job, _: cell(safe(job.words, limit=300).plain), flexible=True),
)


class JobList(RowList[Job]):
    """Jobs, by name."""

    place: ClassVar[Place] = "list"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list")]

    def __init__(self, drawing: Callable[[], Drawing], *, id: str | None = None) -> None:
        super().__init__(COLUMNS, lambda job: job.job, drawing, id=id)

    def action_open(self) -> None:
        """Does the job under the cursor now."""
        if self.pointed is not None:
            cast("KolonyApp", self.app).do("maintenance.run")


class MaintenanceSection(Section):
    """Maintenance. Every member sees it; an admin has a job done at once."""

    slug: ClassVar[str] = "maintenance"

    def __init__(self) -> None:
        self._failed = 0
        super().__init__(JobList(self.kolony.drawing, id="maintenance"))

    def wants(self, kind: str, identity: str) -> bool:
        """Whether a hint makes it read again."""
        return kind == "upkeep"

    async def read(self, session: PersonSession) -> list[Job]:
        """The jobs."""
        return await retention.jobs(session)

    def show(self, found: list[Job]) -> None:
        """Shows them."""
        self._failed = sum(1 for job in found if job.failed)
        self.rows.show(found)

    def explanation(self) -> list[list[Part]]:
        """All of the result of the job under the cursor, and what enter does."""
        job: Job | None = self.rows.pointed
        admin = self.kolony.session is not None and self.kolony.session.role == Role.ADMIN
        words = "enter does the job under the cursor now" if admin else "an admin has a job done at once"
        lines = [[part(words, "dim")]]
        if job is not None and job.words:
            lines.insert(0, [part(safe(job.words, limit=1000).plain, "bad" if job.failed else "plain")])
        if job is not None and job.by is not None:
            who = f"by {safe(job.by).plain} on {safe(job.host or '?', limit=80).plain}"
            lines.insert(0, [part(who, "dim")])
        return lines

    def on_the_right(self) -> list[Part]:
        """How many failed."""
        return [part(f"{self._failed} failed", "bad")] if self._failed else [part(f"{self.rows.total}", "strong")]
