"""To whom on the command line: names, ``--all`` or ``--where``, and what is asked before it goes to many."""

from __future__ import annotations

import argparse
import sys

from kolony_tui.cli.verbs import tell
from kolony_tui.models.errors import NotFound, UsageError

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any

    from kolony_tui.core.session import PersonSession
    from kolony_tui.core.targeting import Aim

ASKED_ABOVE = 10
"""More agents than this, and a person at a terminal is asked once."""
_NAMED = 5
FILTER_HELP = 'such as "type=claude and host~build and status=online" or "@prod !web"'


def add_target_options(parser: Any, all_of_them: str = "every agent that is not retired") -> None:
    """Adds AGENT..., --all and --where."""
    parser.add_argument("agents", metavar="AGENT", nargs="*", help="the agents' names")
    parser.add_argument("--all", action="store_true", help=all_of_them)
    parser.add_argument("--where", metavar="FILTER", help=f"the agents that a filter lets pass, {FILTER_HELP}")


def check_target(args: argparse.Namespace) -> None:
    """Refuses a target that is missing or said in two ways (UsageError); a wrong filter too (FilterError)."""
    said = [bool(args.agents), args.all, args.where is not None]
    if sum(said) != 1:
        raise UsageError("name the agents, or say --all, or --where FILTER", "one of the three; see kolony agent list")
    if args.where is not None:
        from kolony_tui.core.selecting import AGENT_FIELDS, parse

        if not args.where.strip():
            raise UsageError("the filter is empty", "--all means every agent")
        parse(args.where, AGENT_FIELDS)


async def aimed(session: PersonSession, args: argparse.Namespace) -> Aim:
    """Whom the options mean. Raises NotFound where that is nobody."""
    from kolony_tui.core import targeting

    if args.where is not None:
        aim = await targeting.aim_by_filter(session, args.where)
        if not aim.targets:
            raise NotFound(f"no agent passes the filter {args.where!r}", "nothing was done; see kolony agent list")
        return aim
    if not args.all:
        return await targeting.aim_at_names(session, args.agents)
    aim = await targeting.aim_at_everyone(session)
    if not aim.targets:
        raise NotFound("there is no agent here", "make one: kolony agent create NAME")
    return aim


def aim_words(aim: Aim) -> str:
    """Whom it is, for a person: the number, and the first names."""
    names = ", ".join(target.name.raw for target in aim.targets[:_NAMED])
    more = f" and {len(aim) - _NAMED} more" if len(aim) > _NAMED else ""
    return f"{len(aim)} agent{'s' if len(aim) != 1 else ''}: {names}{more}"


def confirm(aim: Aim, question: str, *, asked: bool) -> None:
    """Asks a person at a terminal whether it may go to so many; a script is not asked. Raises UsageError at a no."""
    if not asked or len(aim) <= ASKED_ABOVE or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    tell(f"{question} {aim_words(aim)}")
    print("go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("nothing was done", "--yes goes on without asking")
