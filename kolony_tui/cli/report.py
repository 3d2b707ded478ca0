"""``kolony report``: what investigations found."""

from __future__ import annotations

import argparse
import sys

from kolony_tui.cli.listing import limit_of, print_rows
from kolony_tui.cli.verbs import done, group, in_session, verb

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any

    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.reports import Report, ReportDetail

_WHICH = "its id, or its run: 12 or 12.3"
_STATUSES = ("draft", "complete")


def register_report(verbs: Any) -> None:
    """Declares ``kolony report`` and its verbs."""
    reports = group(verbs, "report", "reports of investigations")
    listing = verb(reports, "list", _list, "reports, newest first")
    listing.add_argument("--search", metavar="WORDS", help='in which these stand: words, "a phrase", or, -without')
    listing.add_argument("--limit", type=int, default=200, metavar="N", help="at most so many (200)")
    verb(reports, "show", _show, "one report, to read").add_argument("report", help=_WHICH)
    exporting = verb(reports, "export", _export, "one report as a document")
    exporting.add_argument("report", help=_WHICH)
    exporting.add_argument("--format", choices=["md", "json"], default=None, help="md, or json as in report.json (md)")
    exporting.add_argument("-o", "--output", metavar="FILE", help="where to (standard output)")
    exporting.add_argument("--force", action="store_true", help="over a file that is there already")
    judging = verb(reports, "status", _status, "say whether a report is a draft or complete")
    judging.add_argument("report", help=_WHICH)
    judging.add_argument("status", choices=_STATUSES)


def _list(args: argparse.Namespace) -> int:
    limit = limit_of(args)
    words = (args.search or "").strip()
    if args.json:
        if words:
            return print_rows(args, lambda reader: reader.rows("reports/found", words, limit))
        return print_rows(args, lambda reader: reader.rows("reports/reports", limit))
    from kolony_tui.cli.printing import print_table
    from kolony_tui.core.reports import reports

    found = in_session(args, lambda session: reports(session, words, limit))
    print_table(
        ["REPORT", "RUN", "STATUS", "AGENT", "AGE", "FINDINGS", "TITLE", *(["WHERE"] if words else [])],
        [
            (each.report_id, each.reference, each.status.words, each.agent, each.created_at, counted(each),
             each.title, *([each.excerpt] if words else []))
            for each in found
        ],
    )  # fmt: skip
    return 0


def counted(report: Report) -> str:
    """How many findings it has: ``2 high, 1 low``."""
    return ", ".join(f"{many} {severity.value}" for severity, many in report.counts) or "-"


def _detail(args: argparse.Namespace) -> ReportDetail:
    from kolony_tui.core.reports import find_report, report

    async def work(session: PersonSession) -> ReportDetail:
        return await report(session, await find_report(session, args.report))

    return in_session(args, work)


def _show(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import print_json, print_line
    from kolony_tui.core.report_export import as_document, as_markdown

    detail = _detail(args)
    if args.json:
        report = detail.report
        print_json({
            **as_document(detail), "counts": {each.value: many for each, many in report.counts},
            "status_by": report.status_by_login,
            "attachments": [{"name": each.name, "artifact_id": each.artifact_id} for each in detail.attachments],
        })  # fmt: skip
        return 0
    for line in as_markdown(detail).splitlines():
        print_line(line)
    return 0


def _export(args: argparse.Namespace) -> int:
    import json
    from pathlib import Path

    from kolony_tui.core.exporting import put_text
    from kolony_tui.core.report_export import as_document, as_markdown

    detail = _detail(args)
    if (args.format or ("json" if args.json else "md")) == "json":
        text = json.dumps(as_document(detail), indent=2) + "\n"
    else:
        text = as_markdown(detail)
    if args.output in (None, "-"):
        sys.stdout.write(text)
        sys.stdout.flush()
        return 0
    target = Path(args.output).expanduser().absolute()
    put_text(target, text, overwrite=args.force)
    return done(args, f"written to {target}", report_id=detail.report.report_id, file=str(target))


def _status(args: argparse.Namespace) -> int:
    from kolony_tui.core.reports import find_report, set_status
    from kolony_tui.models.reports import ReportStatus

    async def work(session: PersonSession) -> object:
        report_id = await find_report(session, args.report)
        await set_status(session, report_id, ReportStatus(args.status))
        return report_id

    report_id = in_session(args, work)
    words = "a draft" if args.status == "draft" else "complete"
    return done(args, f"the report is {words} now", report_id=report_id, status=args.status)
