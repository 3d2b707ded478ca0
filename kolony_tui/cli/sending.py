"""The options of ``kolony send`` that say how and when a command is carried out, and what it may use."""

from __future__ import annotations

import argparse
from dataclasses import replace

from kolony_tui.models.errors import UsageError

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any

    from kolony_tui.core.session import PersonSession
    from kolony_tui.core.work import Sending

KINDS = ("natural", "investigate", "review", "plan", "synthesize")


def add_sending_options(parser: Any) -> None:
    """Adds what says how, when, after what and within which limits."""
    parser.add_argument("--kind", choices=KINDS, help="what is asked of the agent (natural)")
    parser.add_argument(
        "--about", action="append", default=[], metavar="RUN", help="the run that a review is about; again: several"
    )
    parser.add_argument("--priority", type=int, metavar="N", help="0 to 100, higher first (50)")
    parser.add_argument("--retries", type=int, metavar="N", help="further tries after a failure (default: none)")
    order = parser.add_argument_group("when")
    order.add_argument(
        "--after", action="append", default=[], metavar="COMMAND", help="wait until it is completed; again: for all"
    )
    order.add_argument(
        "--after-any-end", action="store_true", help="with --after: also when it failed or was cancelled"
    )
    order.add_argument(
        "--not-before", metavar="TIME", help="wait until 14:30 (the next one), +2h (s, m, h, d, w), or an RFC 3339 time"
    )
    order.add_argument("--at-a-time", type=int, metavar="N", help="let in only so many of its runs at once")
    order.add_argument("--stop-after", type=int, metavar="K", help="hold the rest when so many of its runs have failed")
    order.add_argument("--idempotency-key", metavar="KEY", help="the same key of yours again sends nothing")
    limits = parser.add_argument_group("limits of each try")
    limits.add_argument("--constraint", metavar="NAME", help="the limits of this profile (default: the default one's)")
    limits.add_argument("--time-limit", type=float, metavar="S", help="seconds")
    limits.add_argument("--token-budget", type=int, metavar="N", help="tokens that the agent reports")
    limits.add_argument("--memory-limit-mb", type=int, metavar="N", help="memory of all its processes together")
    limits.add_argument("--cpu-limit", type=int, metavar="PERCENT", help="of one processor; 150 is one and a half")


def sending_of(args: argparse.Namespace) -> Sending:
    """What the options say, without what only the database knows. Raises UsageError."""
    from kolony_tui.core.spans import moment_to_begin
    from kolony_tui.core.work import Sending

    if args.time_limit is not None and not 0.001 <= args.time_limit <= 31_536_000:
        raise UsageError("--time-limit is a number of seconds above 0")
    if args.retries is not None and not 0 <= args.retries <= 99:
        raise UsageError("--retries is 0 to 99")
    _check_positive(args.at_a_time, "--at-a-time", 100_000)
    _check_positive(args.stop_after, "--stop-after", 100_000)
    _check_positive(args.token_budget, "--token-budget", 10**12)
    _check_positive(args.memory_limit_mb, "--memory-limit-mb", 16_777_216)
    _check_positive(args.cpu_limit, "--cpu-limit", 100_000)
    if args.after_any_end and not args.after:
        raise UsageError("--after-any-end says nothing without --after COMMAND")
    if args.kind in ("review", "synthesize") and not args.about:
        raise UsageError(f"what is the {args.kind} about?", "name the run: --about RUN")
    if args.about and args.preset is None and args.kind not in ("review", "synthesize"):
        raise UsageError("--about is for --kind review and --kind synthesize")
    return Sending(
        priority=50 if args.priority is None else args.priority,
        draft=args.draft,
        retries=args.retries,
        time_limit_ms=None if args.time_limit is None else int(args.time_limit * 1000),
        kind=args.kind or "natural",
        after_any_end=args.after_any_end,
        not_before=None if args.not_before is None else moment_to_begin(args.not_before),
        at_a_time=args.at_a_time,
        stop_after=args.stop_after,
        idempotency_key=args.idempotency_key,
        token_budget=args.token_budget,
        memory_limit_mb=args.memory_limit_mb,
        cpu_limit_percent=args.cpu_limit,
    )


def _check_positive(value: int | None, option: str, most: int) -> None:
    if value is not None and not 1 <= value <= most:
        raise UsageError(f"{option} is a number from 1 to {most}, not {value}")


async def found_in(session: PersonSession, args: argparse.Namespace, how: Sending) -> Sending:
    """The same with the runs, commands and profile that the options name. Raises UsageError, NotFound."""
    from kolony_tui.core.constraints import constraint_named, constraints
    from kolony_tui.core.work import find_command, find_run

    about = [await find_run(session, reference) for reference in args.about]
    after = [await find_command(session, reference) for reference in args.after]
    profile = None
    if args.constraint is not None:
        profile = constraint_named(await constraints(session), args.constraint).constraint_id
    return replace(how, about=tuple(about), after=tuple(after), constraint_id=profile)
