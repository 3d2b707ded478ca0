"""``kolony usage``: tokens, cost and success."""

from __future__ import annotations

import argparse

from kolony_tui.cli.listing import limit_of, print_rows
from kolony_tui.cli.verbs import in_session, verb
from kolony_tui.models.usage import GROUPINGS, counted, day_written, money

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any

    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.usage import RunUsage, UsageSum


def register_usage(verbs: Any) -> None:
    """Declares the verb."""
    showing = verb(verbs, "usage", _usage, "tokens, cost and success of what agents did")
    showing.add_argument("--by", choices=GROUPINGS, default="agent", help="what sums are made by (agent)")
    showing.add_argument("--since", metavar="DAY", type=day_written,
                         help="a date, today, yesterday, or 7d for the last seven days (30d)")  # fmt: skip
    showing.add_argument("--until", metavar="DAY", type=day_written, help="the last day (today)")
    showing.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many runs (100)")


def _usage(args: argparse.Namespace) -> int:
    limit = limit_of(args)
    if args.by == "run":
        return _runs(args, limit)
    if args.json:
        return print_rows(args, lambda reader: reader.rows("usage/sums", args.since, args.until, args.by))
    from kolony_tui.core.usage import usage_by

    async def work(session: PersonSession) -> list[UsageSum]:
        return await usage_by(session, args.by, args.since, args.until)

    _print(args.by, in_session(args, work))
    return 0


def _print(by: str, found: list[UsageSum]) -> None:
    from kolony_tui.cli.printing import print_table

    headings = [by.upper(), "INPUT", "CACHED", "OUTPUT", "CALLS", "COST"]
    if by != "model":
        headings += ["DONE", "FAILED", "SUCCESS", "MEAN TIME"]
    rows: list[tuple[object, ...]] = []
    for each in found:
        row = (
            each.name if each.name.raw else "(unknown)" if by == "model" else "(none)",
            counted(each.input_tokens), counted(each.input_cached), counted(each.output_tokens), each.calls,
            money(each.cost_usd, each.estimated_usd > 0),
        )  # fmt: skip
        rows.append(row if by == "model" else (*row, *_ended(each)))
    if len(found) > 1:
        cost, guessed = sum(each.cost_usd for each in found), sum(each.estimated_usd for each in found)
        sums = [sum(values) for values in zip(*(
            (each.input_tokens, each.input_cached, each.output_tokens, each.calls) for each in found
        ), strict=True)]  # fmt: skip
        rows.append(("TOTAL", *(counted(number) for number in sums[:3]), sums[3], money(cost, guessed > 0),
                     *[""] * (len(headings) - 6)))  # fmt: skip
    print_table(headings, rows)


def _ended(each: UsageSum) -> tuple[object, ...]:
    success = "-" if each.success is None else f"{100 * each.success:.0f}%"
    return each.completed, each.failed, success, "-" if each.mean_seconds is None else f"{each.mean_seconds:.1f} s"


def _runs(args: argparse.Namespace, limit: int) -> int:
    if args.json:
        return print_rows(args, lambda reader: reader.rows("usage/runs", args.since, args.until, limit))
    from kolony_tui.cli.printing import print_table
    from kolony_tui.core.usage import dearest_runs

    async def work(session: PersonSession) -> list[RunUsage]:
        return await dearest_runs(session, args.since, args.until, limit)

    print_table(
        ["RUN", "AGENT", "BY", "INPUT", "OUTPUT", "COST", "ENDED AS", "COMMAND"],
        [
            (each.name, each.agent, each.person, counted(each.input_tokens), counted(each.output_tokens),
             money(each.cost_usd, each.estimated_usd > 0), each.outcome, each.title)
            for each in in_session(args, work)
        ],
    )  # fmt: skip
    return 0
