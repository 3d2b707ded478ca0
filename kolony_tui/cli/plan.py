"""``kolony command plan|accept|discard``: what became of a plan, and what is to become of its drafts."""

from __future__ import annotations

import argparse

from kolony_tui.cli.verbs import in_session, tell, verb

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any

    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.kinds import AcceptedItem, DiscardedItem, PlanItem

_WHICH = "the command that asked for the plan, or a run of it"


def add_plan_verbs(command_verbs: Any) -> None:
    """Declares them among the verbs of ``kolony command``."""
    verb(
        command_verbs, "plan", _plan, "the items of a plan, each a draft until somebody decides about it"
    ).add_argument("command", help=_WHICH)
    for name, func, does in (
        ("accept", _accept, "send the drafts that a plan proposes"),
        ("discard", _discard, "throw away the drafts that a plan proposes"),
    ):
        parser = verb(command_verbs, name, func, does)
        parser.add_argument("command", help=_WHICH)
        parser.add_argument("--only", metavar="ITEMS", help="only these items: 1,3 or 2-5 (all that are left)")


def _plan(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import print_json, print_table
    from kolony_tui.core import kinds

    async def work(session: PersonSession) -> list[PlanItem]:
        return await kinds.plan(session, await kinds.find_plan(session, args.command))

    items = in_session(args, work)
    if args.json:
        print_json(items)
        return 0
    print_table(
        ["ITEM", "DRAFT", "STATE", "FOR", "PRI", "AFTER", "COMMAND"],
        [
            (each.item, f"#{each.number}", each.state.value, each.agent, each.priority,
             ", ".join(map(str, each.after_items)) or "-", each.title)
            for each in items
        ],
    )  # fmt: skip
    return 0


def _items(args: argparse.Namespace) -> list[int] | None:
    from kolony_tui.core.kinds import items_named

    return None if args.only is None else items_named(args.only)


def _accept(args: argparse.Namespace) -> int:
    from kolony_tui.core import kinds

    only = _items(args)

    async def work(session: PersonSession) -> list[AcceptedItem]:
        return await kinds.accept(session, await kinds.find_plan(session, args.command), only)

    accepted = in_session(args, work)
    if args.json:
        from kolony_tui.cli.printing import print_json

        print_json(accepted)
        return 0
    for each in accepted:
        drafts = ", ".join(f"#{number}" for number in each.waits_for)
        tell(f"item {each.item} is sent as #{each.number}" + (f"; it waits for the draft {drafts}" if drafts else ""))
    return 0


def _discard(args: argparse.Namespace) -> int:
    from kolony_tui.core import kinds

    only = _items(args)

    async def work(session: PersonSession) -> list[DiscardedItem]:
        return await kinds.discard(session, await kinds.find_plan(session, args.command), only)

    discarded = in_session(args, work)
    if args.json:
        from kolony_tui.cli.printing import print_json

        print_json(discarded)
        return 0
    for each in discarded:
        tell(f"item {each.item} (#{each.number}) is discarded")
    return 0
