"""``kolony constraint``: named limits of runs."""

from __future__ import annotations

import argparse

from kolony_tui.cli.listing import print_rows
from kolony_tui.cli.verbs import done, group, in_session, verb
from kolony_tui.models.constraints import MOST_TOKENS, Limits, limit_written, time_limit_written
from kolony_tui.models.errors import UsageError

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.constraints import ConstraintProfile

_LIMITS = ("time_limit_ms", "token_budget", "memory_limit_mb", "cpu_limit_percent")


def register_constraint(verbs: Any) -> None:
    """Declares ``kolony constraint`` and its verbs."""
    constraints = group(verbs, "constraint", "named limits of runs")
    making = verb(constraints, "create", _create, "make a constraint profile")
    making.add_argument("name", help="1 to 100 printable characters")
    _add_limits(making, "")
    making.add_argument("--default", action="store_true", help="for whatever is sent without naming a profile")
    verb(constraints, "list", _list, "the constraint profiles of the workspace")
    verb(constraints, "show", _show, "one constraint profile").add_argument("name")
    editing = verb(constraints, "edit", _edit, "change a constraint profile; what was sent with it keeps its limits")
    editing.add_argument("name")
    editing.add_argument("--name", dest="new_name", metavar="NAME", help="another name")
    _add_limits(editing, ", or none")
    choosing = verb(constraints, "default", _default, "say which profile is meant where none is named")
    choosing.add_argument("name", nargs="?")
    choosing.add_argument("--none", action="store_true", help="no profile: what names none has no limits")
    verb(constraints, "delete", _delete, "delete a constraint profile; kolony undo brings it back").add_argument("name")


def _add_limits(parser: Any, more: str) -> None:
    # An option's value is a tuple of one, so that ``none`` is told from an option that is not there.
    def number(what: str, *most: int) -> Callable[[str], tuple[int | None]]:
        return lambda text: (limit_written(text, what, *most),)

    parser.add_argument("--time-limit", metavar="S", type=lambda text: (time_limit_written(text),),
                        help=f"seconds that a run's program has{more}")  # fmt: skip
    parser.add_argument("--token-budget", metavar="N", type=number("a token budget", MOST_TOKENS),
                        help=f"tokens that it may report{more}")  # fmt: skip
    parser.add_argument("--memory-limit-mb", metavar="N", type=number("a memory limit"),
                        help=f"memory of all its processes{more}")  # fmt: skip
    parser.add_argument("--cpu-limit", metavar="PERCENT", type=number("a CPU limit"),
                        help=f"of one processor: 150 is one and a half{more}")  # fmt: skip
    parser.add_argument("--description", metavar="TEXT", help="what it is for")


def _given(args: argparse.Namespace) -> dict[str, int | None]:
    """The limits that the person named."""
    options = (args.time_limit, args.token_budget, args.memory_limit_mb, args.cpu_limit)
    return {name: value[0] for name, value in zip(_LIMITS, options, strict=True) if value is not None}


async def _meant(session: PersonSession, name: str) -> ConstraintProfile:
    from kolony_tui.core.constraints import constraint_named, constraints

    return constraint_named(await constraints(session), name)


def _create(args: argparse.Namespace) -> int:
    from kolony_tui.core.constraints import make_constraint

    limits = Limits(**_given(args))
    made = in_session(
        args,
        lambda session: make_constraint(
            session, args.name, limits, description=args.description or "", default=args.default
        ),
    )
    words = f"constraint profile {args.name} is there: {limits.words}" + ("; it is the default" if args.default else "")
    return done(args, words, constraint_id=made, name=args.name)


def _list(args: argparse.Namespace) -> int:
    if args.json:
        return print_rows(args, lambda reader: reader.rows("fleet/constraints"))
    from kolony_tui.cli.printing import print_table
    from kolony_tui.core.constraints import constraints

    print_table(
        ["NAME", "TIME", "TOKENS", "MEMORY", "CPU", "", "DESCRIPTION"],
        [
            (each.name, *_shown(each), "default" if each.is_default else "", each.description)
            for each in in_session(args, constraints)
        ],
    )
    return 0


def _shown(profile: ConstraintProfile) -> tuple[str, str, str, str]:
    def words(limits: Limits) -> str:
        return "" if limits == Limits() else limits.words

    return (
        words(Limits(time_limit_ms=profile.time_limit_ms)),
        words(Limits(token_budget=profile.token_budget)),
        words(Limits(memory_limit_mb=profile.memory_limit_mb)),
        words(Limits(cpu_limit_percent=profile.cpu_limit_percent)).removesuffix(" CPU"),
    )


def _show(args: argparse.Namespace) -> int:
    if args.json:
        return _show_json(args)
    from kolony_tui.cli.printing import print_table

    found = in_session(args, lambda session: _meant(session, args.name))
    time, tokens, memory, cpu = _shown(found)
    lines = [
        ("name", found.name), ("time limit", time), ("token budget", tokens), ("memory limit", memory),
        ("CPU limit", cpu), ("default", "yes" if found.is_default else "no"), ("description", found.description),
        ("made by", found.created_by_login),
    ]  # fmt: skip
    print_table(["", ""], [(name, value or "none") for name, value in lines])
    return 0


def _show_json(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import as_json, print_json

    found = in_session(args, lambda session: _meant(session, args.name))
    print_json(as_json(found))
    return 0


def _edit(args: argparse.Namespace) -> int:
    from dataclasses import replace

    from kolony_tui.core.constraints import change_constraint

    given = _given(args)
    if not given and args.new_name is None and args.description is None:
        raise UsageError("nothing to change was given", "see kolony constraint edit --help")

    async def work(session: PersonSession) -> tuple[ConstraintProfile, str]:
        found = await _meant(session, args.name)
        limits = replace(found.limits, **given)
        description = found.description.raw if args.description is None else args.description
        await change_constraint(session, found.constraint_id, args.new_name or found.name.raw, limits, description)
        return found, limits.words

    found, words = in_session(args, work)
    name = args.new_name or found.name.raw
    return done(args, f"constraint profile {name}: {words}", constraint_id=found.constraint_id, name=name)


def _default(args: argparse.Namespace) -> int:
    from kolony_tui.core.constraints import set_default

    if (args.name is None) == (not args.none):
        raise UsageError("no default was named", "name one profile, or say --none")

    async def work(session: PersonSession) -> ConstraintProfile | None:
        found = None if args.none else await _meant(session, args.name)
        await set_default(session, found.constraint_id if found else None)
        return found

    found = in_session(args, work)
    if found is None:
        return done(args, "there is no default constraint profile now", constraint_id=None, name=None)
    words = f"constraint profile {found.name.raw} is the default now"
    return done(args, words, constraint_id=found.constraint_id, name=found.name.raw)


def _delete(args: argparse.Namespace) -> int:
    from kolony_tui.core.constraints import delete_constraint

    async def work(session: PersonSession) -> ConstraintProfile:
        found = await _meant(session, args.name)
        await delete_constraint(session, found.constraint_id)
        return found

    found = in_session(args, work)
    words = f"constraint profile {found.name.raw} is deleted; kolony undo brings it back"
    return done(args, words, constraint_id=found.constraint_id, name=found.name.raw)
