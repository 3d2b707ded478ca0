"""``kolony inbox``, ``approve``, ``deny`` and ``answer``: what waits for a person."""

from __future__ import annotations

import argparse

from kolony_tui.cli.listing import print_rows
from kolony_tui.cli.verbs import done, in_session, tell, verb
from kolony_tui.models.errors import ExitCode, UsageError

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any
    from uuid import UUID

    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.inbox import Answered, InboxItem

_MARKED = {"snooze": "put off until", "wake": "back in the inbox", "done": "done"}
_IDS = "an item's id, or how it begins or ends"


def register_inbox(verbs: Any) -> None:
    """Declares ``kolony inbox``."""
    listing = verb(
        verbs, "inbox", _inbox, "what waits for you; snooze, wake and done take items out or bring them back",
        epilog="What is urgent comes first, then what blocks others, what is of high risk, and the rest by age.",
    )  # fmt: skip
    listing.add_argument("step", nargs="?", choices=tuple(_MARKED), help="what to do with items (default: list them)")
    listing.add_argument("ids", nargs="*", metavar="ID", help=_IDS)
    listing.add_argument("--for", dest="length", metavar="T", help="snooze for so long, for example 2h (default: 1h)")
    listing.add_argument("--all", action="store_true", help="list also what is put off or done")


def register_approve(verbs: Any) -> None:
    """Declares ``kolony approve``."""
    parser = _answering(verbs, "approve", _approve, "allow what agents ask for")
    parser.add_argument("--option", metavar="ID", help="one of the options, where there are some")
    parser.add_argument("--always", action="store_true", help="and by a rule from now on: for exactly this command")
    parser.add_argument("--prefix", metavar="WORDS", help="the rule is for what begins with these words")
    parser.add_argument("--until", metavar="WHEN", help="when the rule ends: friday, 2d, 8h, 2026-12-31")
    parser.add_argument("--any-agent", action="store_true", help="the rule is for every agent, not this one alone")


def register_deny(verbs: Any) -> None:
    """Declares ``kolony deny``."""
    _answering(verbs, "deny", _deny, "deny what agents ask for")


def register_answer(verbs: Any) -> None:
    """Declares ``kolony answer``."""
    parser = _answering(verbs, "answer", _answer, "answer what agents ask", epilog="The answer comes after --.")
    parser.set_defaults(takes_rest=True)


def _answering(verbs: Any, name: str, func: Any, line: str, **extra: Any) -> Any:
    parser = verb(verbs, name, func, line, **extra)
    parser.add_argument("ids", nargs="+", metavar="ID", help=_IDS)
    parser.add_argument("--note", metavar="TEXT", help="something for the agent's side to read beside the answer")
    return parser


def _inbox(args: argparse.Namespace) -> int:
    if args.step is not None:
        return _mark(args)
    if args.ids or args.length is not None:
        raise UsageError("what is to be done with them?", "say snooze, wake or done first")
    if args.json:
        from kolony_tui.core.inbox import LONGEST_DETAIL

        return print_rows(args, lambda reader: reader.rows("inbox/items", bool(args.all), LONGEST_DETAIL))
    from kolony_tui.cli.printing import print_table
    from kolony_tui.core.inbox import items

    found = in_session(args, lambda session: items(session, hidden=args.all, longest_detail=0))
    if not found:
        tell("nothing waits for you")
        return ExitCode.DONE
    rows = [(each.id.hex[-8:], each.kind.value, each.agent, each.reference, each.title, _why(each)) for each in found]
    print_table(["ID", "KIND", "AGENT", "RUN", "WHAT", "WHY HERE"], rows)
    return ExitCode.DONE


def _why(item: InboxItem) -> str:
    from kolony_tui.cli.printing import ago

    if item.done_at is not None:
        return "done"
    if item.snoozed_until is not None and ago(item.snoozed_until).startswith("in "):
        return f"put off, back {ago(item.snoozed_until)}"
    return f"{item.tier}: {item.why}"


def _mark(args: argparse.Namespace) -> int:
    from kolony_tui.core import inbox
    from kolony_tui.core.spans import span

    if not args.ids:
        raise UsageError("which items?", "see kolony inbox for their ids")
    if args.length is not None and args.step != "snooze":
        raise UsageError("--for goes with snooze")
    length = span(args.length or "1h")

    async def mark(session: PersonSession) -> str:
        wanted = [await inbox.find(session, each) for each in args.ids]
        if args.step == "snooze":
            until = await inbox.put_off(session, wanted, length)
            return f"{_MARKED['snooze']} {until.astimezone():%Y-%m-%d %H:%M}"
        await (inbox.bring_back if args.step == "wake" else inbox.be_done)(session, wanted)
        return _MARKED[args.step]

    return done(args, in_session(args, mark), items=len(args.ids), step=args.step)


def _approve(args: argparse.Namespace) -> int:
    if args.always:
        return _always(args)
    if args.prefix is not None or args.until is not None or args.any_agent:
        raise UsageError("--prefix, --until and --any-agent go with --always")
    return _give(args, True, args.option)


def _always(args: argparse.Namespace) -> int:
    from kolony_tui.core import approval_rules, inbox

    if len(args.ids) != 1 or args.option is not None:
        raise UsageError("--always answers one question, without an option")
    until = approval_rules.until_written(args.until or "")

    async def give(session: PersonSession) -> tuple[UUID, UUID]:
        wanted = await inbox.find(session, args.ids[0])
        rule = await approval_rules.answer_always(
            session, wanted, True, prefix=args.prefix, until=until, any_agent=args.any_agent, note=args.note
        )
        return wanted, rule

    wanted, rule = in_session(args, give)
    words = f"it is allowed, and by the rule {rule.hex[-8:]} from now on (kolony rule revoke takes it back)"
    return done(args, words, id=wanted, state="allowed", rule_id=rule)


def _deny(args: argparse.Namespace) -> int:
    return _give(args, False, None)


def _answer(args: argparse.Namespace) -> int:
    text = " ".join(args.rest or [])
    if not text.strip():
        raise UsageError("the answer is empty", "say it after --")
    return _give(args, None, text)


def _give(args: argparse.Namespace, allow: bool | None, text: str | None) -> int:
    from kolony_tui.core import inbox

    async def give(session: PersonSession) -> tuple[list[UUID], list[Answered] | str]:
        wanted = [await inbox.find(session, each) for each in args.ids]
        if len(wanted) == 1:
            return wanted, await inbox.answer(session, wanted[0], allow, text, args.note)
        return wanted, await inbox.answer_all(session, wanted, allow, text, args.note)

    wanted, became = in_session(args, give)
    if isinstance(became, str):
        return done(args, f"it is {became}", id=wanted[0], state=became)
    return _print_all(args, became)


def _print_all(args: argparse.Namespace, answered: Sequence[Answered]) -> int:
    from kolony_tui.cli.printing import print_json

    if args.json:
        print_json([{"id": each.approval_id, "state": each.became, "refused": each.refused} for each in answered])
    for each in answered:
        if each.refused is not None:
            tell(f"{each.approval_id}: {each.refused.raw}")
    given = [each for each in answered if each.became is not None]
    if given and not args.json:
        tell(f"{len(given)} are {given[0].became}")
    return ExitCode.DONE if len(given) == len(answered) else ExitCode.REFUSED
