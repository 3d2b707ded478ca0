"""``kolony price``: what tokens of models cost, where agents do not say it themselves."""

from __future__ import annotations

import argparse

from kolony_tui.cli.listing import print_rows
from kolony_tui.cli.verbs import done, group, in_session, verb
from kolony_tui.models.errors import UsageError
from kolony_tui.models.usage import usd_written

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from datetime import date
    from typing import Any


def register_price(verbs: Any) -> None:
    """Declares ``kolony price`` and its verbs."""
    prices = group(verbs, "price", "what a million tokens of models cost, in US dollars")
    verb(prices, "list", _list, "the price list; what comes with Kolony has the day on which somebody looked it up")
    setting = verb(prices, "set", _set, "set a price; what was used before keeps the cost that it has")
    setting.add_argument("pattern", help="a model's name; * stands for anything: '*sonnet-4*'")
    for option, what, needed in (
        ("--input", "for input", False), ("--output", "for output", False),
        ("--cached", "for input out of a cache; as input where left out", False),
        ("--cache-write", "for input into a cache; as input where left out", False),
    ):  # fmt: skip
        setting.add_argument(option, metavar="USD", type=usd_written, required=needed, help=what)
    setting.add_argument("--none", action="store_true", help="no price: nothing is estimated for these models")
    setting.add_argument("--from", dest="valid_from", metavar="DATE", type=_date, help="from this day on")
    removing = verb(
        prices, "remove", _remove, "take back a price that was set; one that comes with Kolony counts again"
    )
    removing.add_argument("pattern")


def _date(text: str) -> date:
    from datetime import date

    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no date", "write 2026-03-01") from error


def _list(args: argparse.Namespace) -> int:
    if args.json:
        return print_rows(args, lambda reader: reader.rows("usage/prices"))
    from kolony_tui.cli.printing import print_table
    from kolony_tui.core.usage import prices

    def shown(usd: float | None) -> str:
        return "-" if usd is None else f"{usd:g}"

    print_table(
        ["MODELS", "INPUT", "CACHED", "CACHE WRITE", "OUTPUT", "FROM", "SET BY"],
        [
            (each.pattern, shown(each.input_usd), shown(each.cached_usd), shown(each.cache_write_usd),
             shown(each.output_usd),
             f"as of {each.valid_from}" if each.shipped else each.valid_from.isoformat(),
             "comes with Kolony" if each.shipped else each.set_by_login)
            for each in in_session(args, prices)
        ],
    )  # fmt: skip
    return 0


def _set(args: argparse.Namespace) -> int:
    from kolony_tui.core.usage import set_price

    if args.none == (args.input is not None or args.output is not None):
        raise UsageError(
            "a price is --input and --output, or --none", "kolony price set '*sonnet-4*' --input 3 --output 15"
        )
    in_session(
        args,
        lambda session: set_price(
            session, args.pattern, args.input, args.output, cached_usd=args.cached, cache_write_usd=args.cache_write,
            valid_from=args.valid_from,
        ),
    )  # fmt: skip
    words = "nothing is estimated" if args.none else f"${args.input:g} for input, ${args.output:g} for output"
    return done(args, f"{args.pattern}: {words}", pattern=args.pattern, input_usd=args.input, output_usd=args.output,
                cached_usd=args.cached, cache_write_usd=args.cache_write)  # fmt: skip


def _remove(args: argparse.Namespace) -> int:
    from kolony_tui.core.usage import remove_price

    in_session(args, lambda session: remove_price(session, args.pattern))
    return done(args, f"the price of {args.pattern} is taken back", pattern=args.pattern)
