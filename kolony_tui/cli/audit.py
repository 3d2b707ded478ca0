"""``kolony audit``: the log of who did what, its seals, and how long it is kept."""

from __future__ import annotations

import argparse
import json

from kolony_tui.cli.listing import print_rows
from kolony_tui.cli.verbs import done, in_session, tell, verb
from kolony_tui.models.errors import ExitCode, UsageError

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.audit import AuditEntry, Verification


def register_audit(verbs: Any) -> None:
    """Declares ``kolony audit`` and its verbs; without one of them it lists."""
    line = "who did what from where: the log, newest last"
    parser = verb(
        verbs, "audit", _list, line,
        epilog="An admin sees the whole log of the workspace, everybody else what they did themselves.",
    )  # fmt: skip
    parser.add_argument("--event", action="append", type=_event, metavar="E", help="of this kind; may be repeated")
    parser.add_argument("--login", metavar="L", help="of this person or agent's login")
    parser.add_argument("--agent", metavar="A", help="about this agent")
    moment = "2026-03-01, 2026-03-01T12:00 (local time unless it says otherwise) or 90m, 24h, 7d ago"
    parser.add_argument("--since", metavar="T", type=_moment, help=f"from then on: {moment}")
    parser.add_argument("--until", metavar="T", type=_moment, help="before then, written in the same way")
    parser.add_argument("--limit", metavar="N", type=_count, default=200, help="the newest so many (200)")
    more = parser.add_subparsers(title="verbs", metavar="VERB", parser_class=type(parser), prog=parser.prog)
    verifying = verb(more, "verify", _verify, "compute every seal again and name the first difference")
    verifying.add_argument("--seals", metavar="FILE", help="compare with seals that were exported before as well")
    verb(more, "seals", _seals, "the chain of seals; keep its --json off the server, to compare with later")
    verb(more, "seal", _seal, "seal what is in no seal yet, now")
    keeping = verb(more, "retention", _retention, "for how many days the log is kept")
    keeping.add_argument("days", nargs="?", type=int, metavar="DAYS", help="keep it for so many (30 or more)")


def _moment(text: str) -> datetime:
    from kolony_tui.models.audit import moment_written

    return moment_written(text)


def _event(text: str) -> str:
    from kolony_tui.models.audit import event_named

    return event_named(text)


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError("it is a number from 1 to 1000000")
    return int(text)


def _list(args: argparse.Namespace) -> int:
    if args.json:
        since, until = (None if each is None else each.isoformat() for each in (args.since, args.until))
        return print_rows(
            args, lambda reader: reader.rows("audit/log", args.event, args.login, args.agent, since, until, args.limit)
        )
    from kolony_tui.cli.printing import print_table
    from kolony_tui.core.audit import entries

    async def work(session: PersonSession) -> list[AuditEntry]:
        from kolony_tui.models.people import Role

        if session.role != Role.ADMIN:
            tell("you see what you did yourself; an admin sees everything")
        return await entries(session, events=args.event, login=args.login, agent=args.agent, since=args.since,
                             until=args.until, limit=args.limit)  # fmt: skip

    print_table(
        ["ENTRY", "AT", "EVENT", "LOGIN", "FROM", "SUBJECT", "AGENT", "DETAILS"],
        [
            (each.entry_id, each.at.astimezone().isoformat(" ", "seconds"), each.event, each.login,
             each.client_address or "local", each.subject, each.agent, json.dumps(each.details, ensure_ascii=False))
            for each in in_session(args, work)
        ],
    )  # fmt: skip
    return 0


def _verify(args: argparse.Namespace) -> int:
    from kolony_tui.core.audit import verify

    exported = None
    if args.seals is not None:
        try:
            with open(args.seals, encoding="utf-8") as file:
                exported = file.read()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{args.seals} cannot be read ({error})") from error
    found = in_session(args, lambda session: verify(session, exported))
    _say_verified(args, found)
    return ExitCode.DONE if found.ok else ExitCode.WORK_FAILED


def _say_verified(args: argparse.Namespace, found: Verification) -> None:
    if args.json:
        from kolony_tui.cli.printing import print_json

        print_json({"ok": found.ok, "seals": found.seals, "sealed": found.sealed, "removed": found.removed,
                    "unsealed": found.unsealed, "first_difference": found.difference})  # fmt: skip
    elif found.difference is not None:
        tell(f"the audit log is not as it was sealed: {found.difference.words}")
    else:
        removed = f", {found.removed} were removed by retention" if found.removed else ""
        tell(f"every seal holds: {found.sealed} entries are as they were sealed, {found.unsealed} wait for a seal"
             + removed)  # fmt: skip


def _seals(args: argparse.Namespace) -> int:
    if args.json:
        return print_rows(args, lambda reader: reader.rows("audit/seals"))
    from kolony_tui.cli.printing import print_table
    from kolony_tui.core.audit import seals

    print_table(
        ["SEAL", "ENTRIES", "FROM", "TO", "SEALED", "BY", "DIGEST"],
        [
            (each.number, "removed" if each.removed_at else each.entry_count, each.from_entry, each.to_entry,
             each.sealed_at, each.sealed_by, each.digest)
            for each in in_session(args, seals)
        ],
    )  # fmt: skip
    return 0


def _seal(args: argparse.Namespace) -> int:
    from kolony_tui.core.audit import seal

    sealed = in_session(args, seal)
    return done(args, f"{sealed} entries are sealed" if sealed else "everything is sealed already", sealed=sealed)


def _retention(args: argparse.Namespace) -> int:
    from kolony_tui.core.audit import keep_for, kept_days

    async def work(session: PersonSession) -> int:
        if args.days is not None:
            await keep_for(session, args.days)
        return await kept_days(session)

    days = in_session(args, work)
    return done(args, f"the audit log is kept for {days} days", days=days)
