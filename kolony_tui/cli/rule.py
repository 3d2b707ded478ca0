"""``kolony rule``: rules that answer what agents ask to be allowed."""

from __future__ import annotations

import argparse

from kolony_tui.cli.listing import print_rows
from kolony_tui.cli.verbs import done, group, in_session, tell, verb
from kolony_tui.models.errors import UsageError

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any
    from uuid import UUID

    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.approval_rules import ApprovalRule

_NOTE = (
    "A rule fits a command that begins with its words and in which a shell finds nothing but words: no ; & | < > $ ` "
    "and the like, no second line. Words that hold such things themselves fit exactly that command. A rejecting rule "
    "goes before an allowing one."
)


def register_rule(verbs: Any) -> None:
    """Declares ``kolony rule`` and its verbs."""
    rules = group(verbs, "rule", "rules that answer what agents ask to be allowed")
    listing = verb(rules, "list", _list, "the rules in force, with how often each has answered")
    listing.add_argument("--all", action="store_true", help="also those that are over or revoked")
    adding = verb(rules, "add", _add, "make a rule", epilog=_NOTE)
    adding.add_argument("--agent", metavar="NAME", help="for this agent")
    adding.add_argument("--any-agent", action="store_true", help="for every agent of the workspace")
    adding.add_argument("--prefix", metavar="WORDS", help="what commands begin with, such as 'git status'")
    adding.add_argument("--tool", metavar="KIND", help="only for this kind of tool: execute, edit, delete, fetch, ...")
    adding.add_argument("--reject", action="store_true", help="reject it (default: allow it)")
    adding.add_argument("--until", metavar="WHEN", help="when it ends: friday, 2d, 8h, 2026-12-31 (default: never)")
    adding.add_argument("--note", metavar="TEXT", help="why; shown with the rule")
    verb(rules, "revoke", _revoke, "take a rule out of force").add_argument(
        "id", help="a rule's id, or how it begins or ends"
    )


def _list(args: argparse.Namespace) -> int:
    if args.json:
        return print_rows(args, lambda reader: reader.rows("approvals/rules", bool(args.all)))
    from kolony_tui.cli.printing import ago, print_table
    from kolony_tui.core.approval_rules import rules

    found = in_session(args, lambda session: rules(session, over=args.all))
    if not found:
        tell("there are no rules: people answer everything")
        return 0
    print_table(
        ["ID", "ANSWER", "AGENT", "TOOL", "WHAT BEGINS WITH", "UNTIL", "HITS", "LAST HIT", "BY", "STATE"],
        [
            (each.id.hex[-8:], each.decision, each.agent or "any", each.tool or "any", each.prefix or "anything",
             ago(each.until) if each.until else "revoked", each.hits, each.last_hit_at, each.created_by, each.state)
            for each in found
        ],
    )  # fmt: skip
    return 0


def _add(args: argparse.Namespace) -> int:
    from kolony_tui.core.approval_rules import add_rule, until_written
    from kolony_tui.core.fleet import agent_ids

    if (args.agent is None) == (not args.any_agent):
        raise UsageError("for which agent?", "say --agent NAME, or --any-agent")
    until = until_written(args.until or "")

    async def add(session: PersonSession) -> UUID:
        agent = None if args.agent is None else (await agent_ids(session, [args.agent]))[0]
        decision = "reject" if args.reject else "allow"
        return await add_rule(
            session, decision, agent_id=agent, tool=args.tool, prefix=args.prefix, until=until, note=args.note
        )

    made = in_session(args, add)
    return done(args, f"the rule {made.hex[-8:]} is in force", rule_id=made)


def _revoke(args: argparse.Namespace) -> int:
    from kolony_tui.core.approval_rules import revoke_rule, rule_meant

    async def revoke(session: PersonSession) -> ApprovalRule:
        found = await rule_meant(session, args.id)
        await revoke_rule(session, found.id)
        return found

    found = in_session(args, revoke)
    return done(args, f"the rule {found.id.hex[-8:]} answers nothing any more", rule_id=found.id)
