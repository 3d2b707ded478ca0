"""``kolony events``: what happened to agents, commands and runs, in order, and as it happens."""

from __future__ import annotations

import argparse

from kolony_tui.cli.verbs import in_session, verb
from kolony_tui.models.errors import UsageError

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from kolony_tui.core.events import Wanted
    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.events import Event


def register_events(verbs: Any) -> None:
    """Declares the verb."""
    parser = verb(
        verbs, "events", _events, "what happened to agents, commands and runs, oldest first",
        epilog="Times: 2026-03-01T12:00 (this machine's unless it says otherwise), 14:02, \"yesterday 14:02\", or 10m, "
        "2h, 3d ago. With --follow and --json each event is a line of its own.",
    )  # fmt: skip
    parser.add_argument("--follow", action="store_true", help="go on with those that come, until interrupted")
    parser.add_argument("--since", metavar="T", help="from then on")
    parser.add_argument("--until", metavar="T", help="before then")
    parser.add_argument("--agent", metavar="A", help="about this agent and its runs")
    parser.add_argument("--command", metavar="N", help="about this command and its runs, by number or id")
    parser.add_argument("--run", metavar="N", help="about this run: 12, 12.3 or its id")
    parser.add_argument("--kind", metavar="PREFIX", action="append", default=[],
                        help="of this kind: run, run.failed, approval ...; may be repeated")  # fmt: skip
    parser.add_argument("--limit", metavar="N", type=int, default=200, help="the newest so many (200)")


def _events(args: argparse.Namespace) -> int:
    from kolony_tui.cli.listing import limit_of
    from kolony_tui.core.events import events, kind_named

    limit = limit_of(args)
    kinds = tuple(kind_named(each) for each in args.kind)
    if args.follow and args.until is not None:
        raise UsageError("--follow has no end: --until does not go with it")

    async def work(session: PersonSession) -> None:
        wanted = await _wanted(session, args, kinds)
        since, until = await _moment(session, args.since), await _moment(session, args.until)
        if args.follow:
            await _follow(session, args, wanted, since, limit)
        else:
            _print(args, await events(session, wanted, since=since, until=until, limit=limit))

    in_session(args, work)
    return 0


async def _wanted(session: PersonSession, args: argparse.Namespace, kinds: tuple[str, ...]) -> Wanted:
    from kolony_tui.core.events import Wanted
    from kolony_tui.core.fleet import agent_ids
    from kolony_tui.core.work import find_command, find_run

    agent = None if args.agent is None else (await agent_ids(session, [args.agent]))[0]
    command = None if args.command is None else await find_command(session, args.command)
    run = None if args.run is None else await find_run(session, args.run)
    return Wanted(agent, command, run, kinds)


async def _moment(session: PersonSession, text: str | None) -> datetime | None:
    from kolony_tui.core.session import clock
    from kolony_tui.core.spans import moment_past

    return None if text is None else moment_past(text, await clock(session))


async def _follow(
    session: PersonSession, args: argparse.Namespace, wanted: Wanted, since: datetime | None, limit: int
) -> None:
    from kolony_tui.core.events import Follower, follow
    from kolony_tui.core.waiting import look_again

    follower = Follower(session, wanted)
    async with look_again(session) as hints:
        _print_each(args, await follower.begin(since, limit))
        async for news in follow(follower, hints):
            _print_each(args, news)


def _print(args: argparse.Namespace, found: list[Event]) -> None:
    if args.json:
        from kolony_tui.cli.printing import print_json

        print_json([_document(event) for event in found])
    else:
        _print_each(args, found)


def _print_each(args: argparse.Namespace, found: list[Event]) -> None:
    from kolony_tui.cli.printing import print_json, print_line

    for event in found:
        if args.json:
            print_json(_document(event))
        else:
            print_line(line_of(event))


def _document(event: Event) -> dict[str, object]:
    return {
        "event_id": event.event_id, "at": event.at, "kind": event.kind, "agent_id": event.agent_id,
        "agent": event.agent, "command_id": event.command_id, "command": event.command_number, "run_id": event.run_id,
        "run": event.reference if event.run_id is not None else None, "by": event.login, "facts": event.facts,
    }  # fmt: skip


def line_of(event: Event) -> str:
    """An event for a person: when, about what, what happened, and whose step it was."""
    from kolony_tui.text import safe

    about = [event.reference or "", "" if event.agent is None else safe(event.agent, limit=40).plain]
    by = f"  by {event.login}" if event.login else ""
    when = event.at.astimezone().isoformat(" ", "milliseconds")[:23]
    return f"{when}  {event.kind:<20}  {' '.join(filter(None, about)) or '-'}  {event.words}{by}"
