"""``kolony budget``: how many tokens and how much money work may take."""

from __future__ import annotations

import argparse

from kolony_tui.cli.listing import print_rows
from kolony_tui.cli.verbs import done, group, in_session, tell, verb
from kolony_tui.models.errors import UsageError
from kolony_tui.models.usage import LATE, PERIODS, counted, money, scope_written, tokens_written, usd_written

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any

    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.usage import Budget

_WHAT = "workspace, agent:NAME, person:LOGIN, team:NAME, preset:NAME or command:12"


def register_budget(verbs: Any) -> None:
    """Declares ``kolony budget`` and its verbs."""
    budgets = group(verbs, "budget", f"budgets of tokens and money. {LATE}")
    verb(budgets, "list", _list, "the budgets, what is used and what is left, the most used first")
    showing = verb(budgets, "show", _show, "the budgets of one thing")
    showing.add_argument("what", help=_WHAT)
    setting = verb(budgets, "set", _set, "set a budget; what was used in the period before counts", epilog=LATE)
    setting.add_argument("what", type=scope_written, help=_WHAT)
    setting.add_argument("--tokens", metavar="N", type=tokens_written, help="at most so many, as 250k or 1.5M")
    setting.add_argument("--usd", metavar="N", type=usd_written, help="at most so many US dollars")
    setting.add_argument("--period", choices=PERIODS, default="month",
                         help="in each day, week or month of the workspace's time zone, or in total")  # fmt: skip
    setting.add_argument("--warn", type=int, default=80, metavar="PERCENT", help="admins are told from there on (80)")
    setting.add_argument("--warn-only", action="store_true", help="it only warns: work goes on")
    removing = verb(budgets, "remove", _remove, "remove a budget")
    removing.add_argument("what", help=_WHAT)
    removing.add_argument("--period", choices=PERIODS, help="of this period only")
    zoning = verb(budgets, "zone", _zone, "by which time zone days, weeks and months are counted")
    zoning.add_argument("zone", nargs="?", help="such as Europe/Berlin; left out: show it")
    teams = group(budgets, "team", "people who share a budget")
    verb(teams, "list", _teams, "the teams and who is in them")
    joining = verb(teams, "set", _team, "make a team of these people, or change who is in it")
    joining.add_argument("name")
    joining.add_argument("logins", nargs="*", metavar="LOGIN")
    verb(teams, "remove", _no_team, "remove a team and its budgets").add_argument("name")


def _list(args: argparse.Namespace) -> int:
    if args.json:
        return print_rows(args, lambda reader: reader.rows("usage/budgets"))
    from kolony_tui.core.budgets import budgets

    _print(in_session(args, budgets))
    return 0


def _print(found: list[Budget]) -> None:
    from kolony_tui.cli.printing import print_table

    print_table(
        ["OF", "PERIOD", "USED", "LEFT", "", "AT THE END", "SET BY"],
        [
            (each.reference, each.period if each.period == "total" else f"a {each.period}", _used(each), _left(each),
             f"{100 * each.share:.0f}%", "work is ended" if each.hard else "people are warned", each.set_by_login)
            for each in found
        ],
    )  # fmt: skip


def _used(budget: Budget) -> str:
    parts = [f"{money(budget.cost_usd)} of {money(budget.usd_limit)}"] if budget.usd_limit is not None else []
    if budget.token_limit is not None:
        parts.append(f"{counted(budget.tokens)} of {counted(budget.token_limit)} tokens")
    return ", ".join(parts)


def _left(budget: Budget) -> str:
    parts = [money(budget.usd_left)] if budget.usd_left is not None else []
    if budget.tokens_left is not None:
        parts.append(f"{counted(budget.tokens_left)} tokens")
    return ", ".join(parts)


def _show(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import as_json, print_json
    from kolony_tui.core.budgets import budgets, budgets_named

    async def work(session: PersonSession) -> list[Budget]:
        return budgets_named(await budgets(session), _reference(args.what))

    found = in_session(args, work)
    if args.json:
        print_json([as_json(each) for each in found])
    else:
        _print(found)
        tell(LATE)
    return 0


def _reference(what: str) -> str:
    """As ``Budget.reference`` writes it; an id as it is."""
    if what.count("-") == 4 and len(what) == 36:
        return what
    scope, subject = scope_written(what)
    if scope == "command":
        subject = f"#{subject.removeprefix('#')}"
    return f"{'team' if scope == 'people' else scope}:{subject}" if subject else scope


def _set(args: argparse.Namespace) -> int:
    from kolony_tui.core.budgets import set_budget

    if args.tokens is None and args.usd is None:
        raise UsageError("a budget is --tokens or --usd, or both", "kolony budget set agent:NAME --usd 20 --period day")
    scope, subject = args.what

    async def work(session: PersonSession) -> Any:
        return await set_budget(session, scope, subject, args.period, tokens=args.tokens, usd=args.usd,
                                warn_percent=args.warn, hard=not args.warn_only)  # fmt: skip

    made = in_session(args, work)
    parts = [money(args.usd)] if args.usd is not None else []
    parts += [f"{counted(args.tokens)} tokens"] if args.tokens is not None else []
    period = "in total" if args.period == "total" else f"a {args.period}"
    about = f"{'team' if scope == 'people' else scope} {subject}".strip()
    if not args.json and not args.warn_only:
        tell(LATE)
    return done(args, f"budget of {about}: {' and '.join(parts)} {period}", budget_id=made, scope=scope,
                subject=subject or None, period=args.period, token_limit=args.tokens, usd_limit=args.usd)  # fmt: skip


def _remove(args: argparse.Namespace) -> int:
    from kolony_tui.core.budgets import budgets, budgets_named, remove_budget

    async def work(session: PersonSession) -> list[Budget]:
        found = budgets_named(await budgets(session), _reference(args.what), args.period)
        for each in found:
            await remove_budget(session, each.budget_id)
        return found

    found = in_session(args, work)
    return done(args, f"{len(found)} budget{'s' if len(found) > 1 else ''} of {found[0].reference} removed",
                removed=[each.budget_id for each in found])  # fmt: skip


def _zone(args: argparse.Namespace) -> int:
    from kolony_tui.core.usage import set_time_zone, today

    async def work(session: PersonSession) -> str:
        if args.zone is not None:
            await set_time_zone(session, args.zone)
        return (await today(session)).time_zone

    zone = in_session(args, work)
    return done(args, f"days are counted by {zone}", time_zone=zone)


def _teams(args: argparse.Namespace) -> int:
    if args.json:
        return print_rows(args, lambda reader: reader.rows("usage/people_groups"))
    from kolony_tui.cli.printing import print_table
    from kolony_tui.core.budgets import people_groups

    print_table(["TEAM", "PEOPLE"], [(each.name, ", ".join(each.people)) for each in in_session(args, people_groups)])
    return 0


def _team(args: argparse.Namespace) -> int:
    from kolony_tui.core.budgets import set_people_group

    made = in_session(args, lambda session: set_people_group(session, args.name, args.logins))
    people = ", ".join(args.logins) or "nobody"
    return done(args, f"team {args.name}: {people}", group_id=made, name=args.name, people=args.logins)


def _no_team(args: argparse.Namespace) -> int:
    from kolony_tui.core.budgets import remove_people_group

    in_session(args, lambda session: remove_people_group(session, args.name))
    return done(args, f"team {args.name} is removed, with its budgets", name=args.name)
