"""``kolony run search``: the lines of a run's output in which something stands."""

from __future__ import annotations

import argparse

from kolony_tui.cli.verbs import in_session, tell, verb

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any

    from kolony_tui.core.searching import Hit
    from kolony_tui.core.session import PersonSession

_SHOWN, _GIVEN = 500, 10_000


def register_search(verbs: Any) -> None:
    """Declares the verb."""
    parser = verb(
        verbs, "search", _search, "lines of a run's output in which something stands",
        epilog="Small letters stand for capitals too. The server searches; ctrl+c ends it at once.",
    )  # fmt: skip
    parser.add_argument("run", help="its id or number, for example 12 or 12.3")
    parser.add_argument("text", help="what stands in a line, beside its colours")
    parser.add_argument("--regex", action="store_true", help="TEXT is a regular expression (as PostgreSQL has them)")
    parser.add_argument("--stream", choices=["stdout", "stderr", "log"], help="only in this stream")
    parser.add_argument("--attempt", type=int, metavar="N", help="of this try (default: the last one)")
    parser.add_argument("--limit", type=int, metavar="N", help="at most so many lines")


def _search(args: argparse.Namespace) -> int:
    from kolony_tui.core import records
    from kolony_tui.core.output_parts import Output
    from kolony_tui.core.searching import search, wanted_by
    from kolony_tui.core.work import find_run
    from kolony_tui.models.errors import UsageError

    if args.limit is not None and args.limit < 1:
        raise UsageError("--limit is 1 or more")
    wanted = wanted_by(args.text, pattern=args.regex)
    width = _GIVEN if args.json else _SHOWN

    async def work(session: PersonSession) -> int:
        run_id = await find_run(session, args.run)
        end = await records.output_end(session, run_id, args.attempt)
        found = 0
        if end is None:
            return found
        output = Output(session, run_id, end, args.stream)
        async for part in search(output, wanted, start=0, upwards=False, width=width):
            for hit in part.hits:
                _print(args, hit)
                found += 1
                if found == args.limit:
                    return found
        return found

    found = in_session(args, work)
    if not args.json:
        tell(f"{found:,} line{'s' * (found != 1)}")
    return 0


def _print(args: argparse.Namespace, hit: Hit) -> None:
    from kolony_tui.cli.printing import print_json, print_line
    from kolony_tui.models.untrusted import Untrusted

    if args.json:
        print_json({"line": hit.line + 1, "stream": hit.stream, "seq": hit.seq, "text": hit.words})
    else:
        print_line(Untrusted(f"{hit.line + 1}: {hit.words.raw}"))
