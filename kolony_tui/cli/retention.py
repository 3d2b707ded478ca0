"""``kolony retention``: what is kept how long, legal holds, and the archive of output."""

from __future__ import annotations

import argparse

from kolony_tui.cli.listing import limit_of, print_rows
from kolony_tui.cli.verbs import done, group, in_session, tell, verb
from kolony_tui.models.errors import UsageError

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any
    from uuid import UUID

    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.retention import Archived, Hold


def register_retention(verbs: Any) -> None:
    """Declares ``kolony retention`` and its verbs."""
    keeping = group(verbs, "retention", "what is kept how long, legal holds, and the archive of output")
    verb(keeping, "show", _show, "for how long everything is kept, and where output is archived")
    setting = verb(keeping, "set", _set, "say for how many days something is kept (admins)")
    setting.add_argument("kind", help="as kolony retention show lists it: archive, output, traces, ...")
    setting.add_argument("days", help="so many days, or forever")
    placing = verb(keeping, "archive", _archive, "where output is archived; with a place: from now on there (admins)",
                   epilog="A bucket, which is there already: s3://bucket/prefix; of another store than AWS:"
                   " 's3://bucket/prefix?endpoint=https://host:9000&region=name' (hosted=1: the bucket is part of the"
                   " host's name). Without region=: AWS_REGION, else us-east-1. Credentials are AWS_ACCESS_KEY_ID,"
                   " AWS_SECRET_ACCESS_KEY and, if there is one, AWS_SESSION_TOKEN; where those are not set, what"
                   " --access-key kept in this machine's keyring. They are never in the database: whoever archives,"
                   " restores or runs kolony maintain needs them on their machine.")  # fmt: skip
    placing.add_argument("place", nargs="?", help="a folder, or s3://bucket/prefix")
    placing.add_argument("--off", action="store_true", help="archive nothing any more; what is there stays there")
    placing.add_argument("--access-key", metavar="ID",
                         help="keep the bucket's credentials in the keyring; the secret key is asked for, or read from"
                         " standard input")  # fmt: skip
    listing = verb(keeping, "archived", _archived, "what is in the archive, newest end first")
    listing.add_argument("--limit", type=int, default=200, metavar="N", help="so many at most (200)")
    bringing = verb(keeping, "restore", _restore, "bring a run's output back out of the archive (operators)")
    bringing.add_argument("run", help="its id or number, for example 12 or 12.3")
    searching = verb(keeping, "search", _search, "archived runs whose output has all of these words, or begins of them")
    searching.add_argument("words", nargs="+", metavar="WORD")
    searching.add_argument("--limit", type=int, default=200, metavar="N", help="so many at most (200)")
    holding = verb(keeping, "hold", _hold, "keep something whatever retention says (admins)")
    holding.add_argument("what", help="workspace, agent:NAME, command:12 or run:12.3")
    holding.add_argument("--reason", required=True, help="why; it is in the audit log")
    verb(keeping, "release", _release, "lift a hold (admins)").add_argument("hold", help="its id, or what it holds")
    showing = verb(keeping, "holds", _holds, "the legal holds, newest first")
    showing.add_argument("--all", action="store_true", help="also those that were lifted")


def _show(args: argparse.Namespace) -> int:
    if args.json:
        return print_rows(args, lambda reader: reader.rows("retention/kept"))
    from kolony_tui.cli.printing import print_table
    from kolony_tui.core.retention import archive_location, kept

    async def work(session: PersonSession) -> tuple[Any, str | None]:
        return await kept(session), await archive_location(session)

    found, place = in_session(args, work)
    print_table(["KIND", "WHAT", "DAYS", "SET BY", ""],
                [(each.kind, each.title, each.words, each.set_by, each.about) for each in found])  # fmt: skip
    tell(f"output is archived to {place}" if place else "there is no archive: kolony retention archive PLACE sets one")
    return 0


def _set(args: argparse.Namespace) -> int:
    from kolony_tui.core.retention import keep_for
    from kolony_tui.models.retention import days_written

    days = days_written(args.days)
    in_session(args, lambda session: keep_for(session, args.kind, days))
    return done(args, f"{args.kind}: {'without end' if days is None else f'{days} days'}", kind=args.kind, days=days)


def _archive(args: argparse.Namespace) -> int:
    from kolony_tui.core.archive_stores import keep_credentials, location_written
    from kolony_tui.core.archiving import set_archive
    from kolony_tui.core.retention import archive_location

    if args.place is None and not args.off:
        place = in_session(args, archive_location)
        return done(args, f"output is archived to {place}" if place else "output is not archived", location=place)
    if args.off and args.place is not None:
        raise UsageError("--off and a place", "say one of them")
    if args.access_key is not None and args.place is not None:
        if not args.place.startswith("s3://"):
            raise UsageError("a folder needs no credentials", "leave out --access-key")
        tell(keep_credentials(location_written(args.place), args.access_key, _secret_key()))
    location = in_session(args, lambda session: set_archive(session, args.place))
    words = f"output is archived to {location} from now on" if location else "output is not archived any more"
    return done(args, words, location=location)


def _secret_key() -> Any:
    import getpass
    import sys

    from kolony_tui.models.secret import Secret

    clear = getpass.getpass("secret key: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if not clear:
        raise UsageError("no secret key came", "type it, or pipe one line in")
    return Secret(clear)


def _archived(args: argparse.Namespace) -> int:
    limit = limit_of(args)
    if args.json:
        return print_rows(args, lambda reader: reader.rows("retention/archived", None, None, limit))
    from kolony_tui.core.retention import archived

    _print_archived(in_session(args, lambda session: archived(session, limit)))
    return 0


def _search(args: argparse.Namespace) -> int:
    from kolony_tui.core.retention import as_query, search

    limit = limit_of(args)
    wanted = as_query(args.words)
    if args.json:
        return print_rows(args, lambda reader: reader.rows("retention/archived", None, wanted, limit))
    found = in_session(args, lambda session: search(session, args.words, limit))
    _print_archived(found)
    if not found:
        tell("no archived output has all of these words")
    return 0


def _print_archived(found: list[Archived]) -> None:
    from kolony_tui.cli.printing import print_table

    print_table(
        ["RUN", "TRY", "AGENT", "STATE", "ENDED", "ARCHIVED", "LINES", "BYTES", "STORED", "RUN ID"],
        [
            (each.reference, each.attempt, each.agent, each.state, each.finished_at, each.archived_at, each.line_count,
             each.byte_count, each.object_bytes, each.run_id)
            for each in found
        ],
    )  # fmt: skip


def _restore(args: argparse.Namespace) -> int:
    from kolony_tui.core.archiving import restore
    from kolony_tui.core.work import find_run

    async def work(session: PersonSession) -> tuple[UUID, list[Archived]]:
        run_id = await find_run(session, args.run)
        return run_id, await restore(session, run_id)

    run_id, found = in_session(args, work)
    size = sum(each.byte_count or 0 for each in found)
    return done(args, f"{found[0].reference}: {size} bytes are back; kolony tail {args.run} shows them", run_id=run_id,
                attempts=[each.attempt for each in found], bytes=size)  # fmt: skip


def _hold(args: argparse.Namespace) -> int:
    from kolony_tui.core.retention import hold

    scope, _, subject = args.what.partition(":")
    if scope not in ("workspace", "agent", "command", "run") or (scope == "workspace") == bool(subject):
        raise UsageError(f"{args.what!r} is nothing that can be held", "workspace, agent:NAME, command:12 or run:12.3")

    async def work(session: PersonSession) -> tuple[UUID, UUID | None]:
        subject_id = await _subject_id(session, scope, subject)
        return await hold(session, scope, subject_id, args.reason), subject_id

    made, subject_id = in_session(args, work)
    return done(args, f"{args.what} is held: nothing of it is archived away or removed (hold {made})", hold_id=made,
                scope=scope, subject_id=subject_id)  # fmt: skip


async def _subject_id(session: PersonSession, scope: str, subject: str) -> UUID | None:
    from kolony_tui.core.fleet import agent_ids
    from kolony_tui.core.work import find_command, find_run

    if scope == "agent":
        return (await agent_ids(session, [subject]))[0]
    if scope == "command":
        return await find_command(session, subject)
    return await find_run(session, subject) if scope == "run" else None


def _release(args: argparse.Namespace) -> int:
    from kolony_tui.core.retention import hold_named, holds, lift

    async def work(session: PersonSession) -> Hold:
        found = hold_named(await holds(session), args.hold)
        await lift(session, found.hold_id)
        return found

    found = in_session(args, work)
    return done(args, f"the hold {found.hold_id} is lifted", hold_id=found.hold_id, scope=found.scope)


def _holds(args: argparse.Namespace) -> int:
    if args.json:
        return print_rows(args, lambda reader: reader.rows("retention/holds", args.all))
    from kolony_tui.cli.printing import print_table
    from kolony_tui.core.retention import holds

    print_table(
        ["HOLD", "OF", "SUBJECT", "REASON", "BY", "SINCE", "LIFTED"],
        [
            (each.hold_id, each.scope, each.subject, each.reason, each.placed_by, each.placed_at, each.lifted_at)
            for each in in_session(args, lambda session: holds(session, lifted=args.all))
        ],
    )
    return 0
