"""``kolony tail`` of several runs: one stream of lines, each with the agent that printed it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from zlib import crc32

from kolony_tui.cli.printing import print_json
from kolony_tui.cli.verbs import in_session
from kolony_tui.models.errors import UsageError
from kolony_tui.text import safe
from kolony_tui.text.sgr import without_colours

if TYPE_CHECKING:
    from kolony_tui.core.merging import Chosen, MergedLine
    from kolony_tui.core.session import PersonSession

_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
_NAME = 14
_FRAME = 1 / 30
_CHOOSING = 1.0


def add_choices(parser: Any) -> None:
    """The options of ``kolony tail`` that name several runs."""
    parser.add_argument("--all-running", action="store_true", help="every run that is going on, new ones too")
    parser.add_argument("--where", metavar="FILTER", help='runs that a filter lets pass, as "agent=web and age<1h"')


def are_several(args: argparse.Namespace) -> bool:
    """Whether more than one run may be meant. Raises UsageError for none, and for what does not go together."""
    ways = bool(args.run) + bool(args.all_running) + (args.where is not None)
    if ways != 1:
        raise UsageError("name runs, or give one of --all-running and --where", "kolony run list shows the runs")
    if len(args.run) != 1 and args.attempt is not None:
        raise UsageError("--attempt is of one run")
    return len(args.run) != 1


def follow_several(args: argparse.Namespace) -> int:
    """Prints what the runs print, by time as far as it is there at the same moment. Exit code 0."""
    from kolony_tui.core.merging import Chosen
    from kolony_tui.core.work import find_run

    async def work(session: PersonSession) -> None:
        if args.run:
            chosen = Chosen(tuple([await find_run(session, name) for name in args.run]))
        else:
            chosen = Chosen(filter="status=executing" if args.all_running else args.where)
        await _follow(session, chosen, args)

    in_session(args, work)
    return 0


async def _follow(session: PersonSession, chosen: Chosen, args: argparse.Namespace) -> None:
    import asyncio
    import time

    from kolony_tui.core import work
    from kolony_tui.core.merging import Merging
    from kolony_tui.core.waiting import look_again

    merging = Merging(session, chosen, whole=bool(args.run) or not args.follow, stream=args.stream)
    write = _json_line if args.json else _line_writer()
    async with look_again(session) as hints:
        chose = 0.0
        while True:
            if time.monotonic() - chose >= _CHOOSING or not args.follow:
                await work.settle(session)
                await merging.choose()
                chose = time.monotonic()
            lines = await merging.read()
            for line in lines:
                write(line)
            sys.stdout.flush()
            if merging.over or (not lines and not args.follow):
                return
            if not lines:
                await hints.next()
                await asyncio.sleep(_FRAME)  # what comes together is read together


def _json_line(line: MergedLine) -> None:
    print_json({
        "run_id": line.run.run_id, "reference": line.run.reference, "agent": line.agent, "attempt": line.attempt,
        "stream": line.stream, "at": line.at, "line": line.line + 1, "text": without_colours(line.text),
    })  # fmt: skip


def _line_writer() -> Callable[[MergedLine], None]:
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    def write(line: MergedLine) -> None:
        agent, reference = safe(line.agent).fit(_NAME).plain, line.run.reference
        if not coloured:
            sys.stdout.write(f"{agent} {reference:<6} {without_colours(line.text)}\n")
            return
        colour = _COLOURS[crc32(line.agent.raw.encode("utf-8", "replace")) % len(_COLOURS)]
        sys.stdout.write(f"\x1b[{colour}m{agent} {reference:<6}\x1b[0m {line.text}\x1b[0m\n")

    return write
