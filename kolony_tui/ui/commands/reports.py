"""Reports: searching, exporting, judging, and going to their runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kolony_tui.core import reports
from kolony_tui.core.exporting import put_text
from kolony_tui.core.report_export import as_document, as_markdown
from kolony_tui.models.errors import NotFound
from kolony_tui.models.people import Role
from kolony_tui.models.reports import Report, ReportStatus
from kolony_tui.text import safe
from kolony_tui.ui.commands.work import needs_run, session_of
from kolony_tui.ui.registry import Command, Place
from kolony_tui.ui.subject import chosen_runs, nearest

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp


def chosen_report(app: KolonyApp) -> Report | None:
    """The one under the cursor, or that is shown."""
    from kolony_tui.ui.screens.reports.page import ReportScreen
    from kolony_tui.ui.widgets.report_list import ReportList

    if isinstance(app.ground, ReportScreen):
        return app.ground.report
    rows = nearest(app, ReportList)
    return rows.pointed if rows is not None else None


def _none(app: KolonyApp) -> str | None:
    return None if chosen_report(app) is not None else "no report is chosen here (7 shows them)"


def _not_to_judge(app: KolonyApp) -> str | None:
    report = chosen_report(app)
    if report is not None and report.status == ReportStatus.IN_PROGRESS:
        return "its run still writes it"
    return _none(app)


async def _search(app: KolonyApp, words: str) -> None:
    from kolony_tui.ui.screens.form import Field, Form
    from kolony_tui.ui.screens.reports.screen import ReportsScreen

    if not words:
        before = app.ground.words if isinstance(app.ground, ReportsScreen) else ""
        field = Field("words", "Words", before, hint='races "lost update" or -draft')
        said = "In all that reports say: title, summary, findings, sections. Empty: all of them."
        typed = ""

        async def deliver(values: Mapping[str, str]) -> None:
            nonlocal typed
            typed = values["words"]

        if not await app.push_screen_wait(Form("Search reports", [field], deliver, said=said, yes="Search")):
            return
        words = typed.strip()
    if not isinstance(app.ground, ReportsScreen):
        app.go_to("reports")
    if isinstance(app.ground, ReportsScreen):
        app.ground.search(words)


async def _export(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.form import Field, Form

    report = chosen_report(app)
    if report is None:
        return

    async def deliver(values: Mapping[str, str]) -> None:
        detail = await reports.report(session_of(app), report.report_id)
        ending = values["format"]
        text = as_markdown(detail) if ending == "md" else json.dumps(as_document(detail), indent=2) + "\n"
        named = values["file"].strip() or f"report-{report.reference[1:]}.{ending}"
        target = await asyncio.to_thread(lambda: Path(named).expanduser().absolute())
        await asyncio.to_thread(put_text, target, text, overwrite=values["over"] == "yes")
        app.say(f"written to {target}")

    fields = [
        Field("format", "Format", "md", "choice", ("md", "json")),
        Field("file", "File", "", hint=f"report-{report.reference[1:]}.md or .json, here"),
        Field("over", "Over another file", "no", "choice", ("no", "yes")),
    ]
    title = safe(report.title, limit=100).plain
    await app.push_screen_wait(Form("Export a report", fields, deliver, said=title, yes="Export"))


async def _judge(app: KolonyApp, _: str) -> None:
    report = chosen_report(app)
    if report is None:
        return
    became = ReportStatus.DRAFT if report.status == ReportStatus.COMPLETE else ReportStatus.COMPLETE
    await reports.set_status(session_of(app), report.report_id, became)
    app.say(f"the report of {report.reference} is {'a draft' if became == ReportStatus.DRAFT else 'complete'} now")
    app.live.look_again()


def _run(app: KolonyApp, _: str) -> None:
    report = chosen_report(app)
    if report is not None:
        app.open_run(report.run_id)


async def _of_run(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.reports.page import ReportScreen

    run = chosen_runs(app)[0]
    report_id = await reports.report_of(session_of(app), run.run_id)
    if report_id is None:
        raise NotFound(f"run {run.reference} has no report", "a run of the kind investigate leaves one")
    app.push_screen(ReportScreen(report_id))


_BOTH: tuple[Place, ...] = ("reports", "report")

COMMANDS: tuple[Command, ...] = (
    Command("run.report", "Its report", "opens the report that the run has left", _of_run, ("runs", "run"), ("F",),
            unavailable=needs_run(lambda run: True, "")),
    Command("report.search", "Search reports", "in all that they say; without words shows all", _search,
            ("reports",), ("f",), "search", argument="WORDS", short="search"),
    Command("report.export", "Export a report", "writes it to a file, as Markdown or JSON", _export,
            _BOTH, ("e",), unavailable=_none, short="export"),
    Command("report.status", "Complete, or a draft", "says whether the report is complete or a draft", _judge,
            _BOTH, ("d",), role=Role.OPERATOR, unavailable=_not_to_judge, short="draft or not"),
    Command("report.run", "Its run", "opens the run that the report is of", _run, _BOTH, ("o",), unavailable=_none,
            short="its run"),
)  # fmt: skip
