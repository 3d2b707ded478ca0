"""How a verb is declared, and how it gets its logged-in session."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable

from kolony_tui.cli.main import add_connection_options

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any, TypeVar

    from kolony_tui.core.connection import Choice
    from kolony_tui.core.session import PersonSession

    _Answer = TypeVar("_Answer")

APPLICATION = "kolony cli"

Verbs = argparse._SubParsersAction


def group(verbs: Any, name: str, help: str) -> Any:
    """A verb that has verbs of its own (``kolony agent ...``)."""
    parser = verbs.add_parser(name, help=help, description=help, allow_abbrev=False)
    add_connection_options(parser)
    return parser.add_subparsers(
        title="verbs", metavar="VERB", required=True, parser_class=type(parser), prog=parser.prog
    )


def verb(verbs: Any, name: str, func: Callable[[argparse.Namespace], int], help: str, **extra: Any) -> Any:
    """A verb that does something; ``func`` gets the parsed arguments and returns an exit code."""
    parser = verbs.add_parser(name, help=help, description=help, allow_abbrev=False, **extra)
    add_connection_options(parser)
    parser.set_defaults(func=func)
    return parser


def choice(args: argparse.Namespace) -> Choice:
    """What the connection options say."""
    from kolony_tui.cli.login import ask_password
    from kolony_tui.core.connection import Choice

    ask = ask_password if sys.stdin.isatty() and sys.stderr.isatty() else None
    return Choice(args.dsn, args.profile, args.workspace, tell, args.pin, args.insecure_tls, ask)


def tell(message: str) -> None:
    """A message for the person, beside the answer."""
    from kolony_tui.text import safe

    print(safe(message).plain, file=sys.stderr)


def in_session(args: argparse.Namespace, work: Callable[[PersonSession], Awaitable[_Answer]]) -> _Answer:
    """Connects as the command line says, logs in, and runs ``work`` with the session."""
    import asyncio

    from kolony_tui.core.connection import find_destination
    from kolony_tui.core.session import log_in

    destination = find_destination(choice(args))

    async def logged_in() -> _Answer:
        session = await log_in(destination.target, APPLICATION, destination.workspace)
        try:
            return await work(session)
        finally:
            await session.db.close()

    return asyncio.run(logged_in())


def done(args: argparse.Namespace, message: str, **facts: object) -> int:
    """The answer of a verb that changed something: the facts as JSON, or a message for a person. Exit code 0."""
    if args.json:
        from kolony_tui.cli.printing import print_json

        print_json(facts)
    else:
        tell(message)
    return 0
