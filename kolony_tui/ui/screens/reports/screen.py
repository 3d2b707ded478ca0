"""Reports: the newest or those that were searched, and the summary of the one under the cursor."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from kolony_tui.core import reports
from kolony_tui.core.session import PersonSession
from kolony_tui.models.reports import Report
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.ui.draw import Part, content, part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.markdown import markdown_lines
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.screens.listing import list_title, recall, remember
from kolony_tui.ui.widgets.panel import Panel
from kolony_tui.ui.widgets.report_list import ReportList, counts_cell, status_cell
from kolony_tui.ui.widgets.rows import RowList

_SUMMARY = 8000


class ReportsScreen(FramedScreen):
    """The reports of the workspace."""

    AUTO_FOCUS = "#reports"

    def __init__(self) -> None:
        super().__init__()
        self.list = ReportList(self.kolony.drawing, id="reports")
        self.text = Static("", id="report-summary", markup=False)
        self.words = ""
        """What is searched; empty: all of them are shown."""
        self._read_for: str | None = None

    def body(self) -> ComposeResult:
        """The list, and below it what the report under the cursor says in short."""
        yield Panel(self.list, id="reports-panel")
        yield Panel(VerticalScroll(self.text, id="summary-scroll"), id="summary-panel")

    def crumbs(self) -> list[Part]:
        """Reports."""
        return [part("Reports")]

    def on_mount(self) -> None:
        """Takes up what was left."""
        super().on_mount()
        kept = self.kolony.remembered.get("reports")
        recall(self.list, kept)
        if isinstance(kept, dict):
            self.words = str(kept.get("words") or "")[:200]
        self.kolony.live.watch(self, LiveQuery("reports", lambda kind, _: kind == "report", self._read, self._show))
        self._draw()

    @property
    def has_content(self) -> bool:
        """Whether it shows what it is for."""
        return self._read_for == self.words

    def memory(self) -> dict[str, Any]:
        """Filter, order, and what is searched."""
        return {"reports": {**remember(self.list), "words": self.words}}

    def workspace_changed(self) -> None:
        """Nothing of the other workspace stays."""
        self.list.unmark()
        self.list.show([])
        self.search("")

    def step_back(self) -> None:
        """Shows all of them again."""
        self.search("")

    def search(self, words: str) -> None:
        """Shows the reports in which these words stand; all of them without any."""
        if words != self.words:
            self.words = words
            self.kolony.live.look_again(self)
        self._draw()

    async def _read(self, session: PersonSession) -> tuple[str, list[Report]]:
        words = self.words
        return words, await reports.reports(session, words)

    def _show(self, found: tuple[str, list[Report]]) -> None:
        words, rows = found
        if words == self.words:
            self._read_for = words
            self.list.show(rows)
            self._draw()

    def _draw(self) -> None:
        title = list_title("Reports", self.list)
        if self.words:
            title += [part("  with ", "dim"), part(Untrusted(self.words), "warn", limit=60)]
        self.query_one("#reports-panel", Panel).title.say(title, [part(f"{self.list.total}", "strong")])
        report = self.list.pointed
        below = self.query_one("#summary-panel", Panel)
        below.display = report is not None
        if report is not None:
            drawing = self.kolony.drawing()
            right = [*counts_cell(report, drawing), part("  "), *status_cell(report, drawing)]
            below.title.say([part(report.title, "strong")], right)
            lines = markdown_lines(report.summary, limit=_SUMMARY)
            if report.excerpt is not None and report.excerpt.raw:
                lines = [[part("… ", "dim"), part(report.excerpt, "warn", limit=600)], [], *lines]
            self.text.update(Content("\n").join(content(*line) for line in lines))
        self.draw_hints()

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Shows it whole."""
        from kolony_tui.ui.screens.reports.page import ReportScreen

        event.stop()
        if self.list.pointed is not None:
            self.app.push_screen(ReportScreen(self.list.pointed.report_id))

    def on_row_list_changed(self, event: RowList.Changed) -> None:
        """Filter or marks show in the title."""
        event.stop()
        self._draw()

    def on_row_list_pointed(self, event: RowList.Pointed) -> None:
        """The panel below follows."""
        event.stop()
        self._draw()
