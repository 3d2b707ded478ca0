"""A report as a page: its contents, and the part under the cursor, or all of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar
from uuid import UUID

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from kolony_tui.core import artifacts, reports
from kolony_tui.core.session import PersonSession
from kolony_tui.models.reports import Report, ReportDetail
from kolony_tui.ui.draw import Part, cell, content, part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.screens.reports.parts import ReportPart, parts_of
from kolony_tui.ui.widgets.panel import Panel
from kolony_tui.ui.widgets.report_list import counts_cell, status_cell
from kolony_tui.ui.widgets.rows import Column, RowList


class PartList(RowList[ReportPart]):
    """The contents of a report, by key."""

    place: ClassVar[Place] = "report"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("report")]

    def __init__(self, drawing: Callable[[], Drawing], *, id: str | None = None) -> None:
        columns: list[Column[ReportPart]] = [
            Column("kind", "PART", 8, lambda each, _: cell(each.kind, each.tone)),
            Column("title", "TITLE", 16, lambda each, _: cell(each.title, "plain"), flexible=True),
            Column("where", "WHERE", 22, lambda each, _: cell(each.where, "dim"), rank=1),
        ]
        super().__init__(columns, lambda each: each.key, drawing, header=False, id=id)


class ReportScreen(FramedScreen):
    """One report."""

    place: ClassVar[Place] = "report"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("report"),
        Binding("space", "read_on(1)", "Read on", show=False),
        Binding("minus", "read_on(-1)", "Read back", show=False),
    ]
    AUTO_FOCUS = "#report-parts"

    def __init__(self, report_id: UUID) -> None:
        super().__init__()
        self.report_id = report_id
        self.detail: ReportDetail | None = None
        self.parts = PartList(self.kolony.drawing, id="report-parts")
        self.text = Static("", id="report-text", markup=False)
        self._read_part: ReportPart | None = None

    def body(self) -> ComposeResult:
        """Contents and text."""
        with Container(id="report-panels"):
            yield Panel(self.parts, id="contents-panel")
            yield Panel(VerticalScroll(self.text, id="report-scroll"), id="report-panel")

    def crumbs(self) -> list[Part]:
        """Whose it is."""
        return [part(f"report of run {self.report.reference}" if self.report is not None else "report")]

    def subject(self) -> tuple[str, str]:
        """The report."""
        return "report", str(self.report_id)

    @property
    def report(self) -> Report | None:
        """What lists know of it."""
        return self.detail.report if self.detail is not None else None

    def on_mount(self) -> None:
        """Begins to read."""
        super().on_mount()
        self.kolony.live.watch(self, LiveQuery(f"report {self.report_id}", self._wants, self._read, self._show))

    @property
    def has_content(self) -> bool:
        """Whether it shows what it is for."""
        return self.detail is not None

    def _wants(self, kind: str, identity: str) -> bool:
        return kind == "report" and identity == str(self.report_id)

    async def _read(self, session: PersonSession) -> ReportDetail:
        return await reports.report(session, self.report_id)

    def _show(self, detail: ReportDetail) -> None:
        if detail != self.detail:
            self.detail = detail
            self.parts.show(parts_of(detail))
            self._draw()
            self.draw_frame()

    def _draw(self) -> None:
        report = self.report
        if report is None:
            return
        drawing = self.kolony.drawing()
        who = [part(f"  by {report.status_by_login}", "dim")] if report.status_by_login else []
        state = [*status_cell(report, drawing), *who, part(f"  {drawing.age(report.updated_at)} ago", "dim")]
        self.query_one("#contents-panel", Panel).title.say(
            [part(report.title, "strong"), part("  by "), part(report.agent, "accent")],
            [*counts_cell(report, drawing), part("  "), *state],
        )
        chosen = self.parts.pointed
        if chosen is not None and chosen != self._read_part:
            other = self._read_part is None or self._read_part.key != chosen.key
            self._read_part = chosen
            self.query_one("#report-panel", Panel).title.say([part(chosen.kind, chosen.tone), part("  "),
                                                              part(chosen.title)])  # fmt: skip
            self.text.update(Content("\n").join(content(*line) for line in chosen.lines))
            if other:
                self.query_one("#report-scroll", VerticalScroll).scroll_home(animate=False)

    def action_read_on(self, by: int) -> None:
        """A page of the text, without leaving the contents."""
        scroll = self.query_one("#report-scroll", VerticalScroll)
        scroll.scroll_relative(y=by * max(1, scroll.size.height - 1), animate=False)

    def on_row_list_pointed(self, event: RowList.Pointed) -> None:
        """The text follows."""
        event.stop()
        self._draw()

    def on_row_list_changed(self, event: RowList.Changed) -> None:
        """The text follows."""
        event.stop()
        self._draw()

    async def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Shows an attachment; goes into the text of anything else."""
        from kolony_tui.ui.screens.work.artifact import ArtifactScreen

        event.stop()
        chosen = self.parts.pointed
        if chosen is None or chosen.artifact_id is None:
            self.query_one("#report-scroll", VerticalScroll).focus()
            return
        assert self.kolony.session is not None
        self.app.push_screen(ArtifactScreen(await artifacts.artifact(self.kolony.session, chosen.artifact_id)))
