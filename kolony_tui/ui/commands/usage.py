"""Usage: periods and groupings; budgets and prices: set, change, remove."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from kolony_tui.core import budgets, usage
from kolony_tui.models.errors import UsageError
from kolony_tui.models.people import Role
from kolony_tui.models.usage import LATE, PERIODS, Budget, Price, scope_written, tokens_written, usd_written
from kolony_tui.text import safe
from kolony_tui.ui.commands.each import for_each
from kolony_tui.ui.commands.work import session_of
from kolony_tui.ui.registry import Command
from kolony_tui.ui.subject import nearest

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp
    from kolony_tui.ui.screens.form import Field
    from kolony_tui.ui.screens.usage.screen import UsageScreen


def _screen(app: KolonyApp) -> UsageScreen | None:
    from kolony_tui.ui.screens.usage.screen import UsageScreen

    return app.ground if isinstance(app.ground, UsageScreen) else None


def _elsewhere(app: KolonyApp) -> str | None:
    return None if _screen(app) is not None else "that is for the screen Usage (9)"


def _on_screen(step: Callable[[UsageScreen], None]) -> Callable[[KolonyApp, str], None]:
    def handler(app: KolonyApp, _: str) -> None:
        if (screen := _screen(app)) is not None:
            step(screen)

    return handler


# Budgets


def _chosen_budgets(app: KolonyApp) -> list[Budget]:
    from kolony_tui.ui.widgets.usage_list import BudgetList

    rows = nearest(app, BudgetList)
    return rows.chosen if rows is not None else []


def _no_budget(app: KolonyApp) -> str | None:
    return None if _chosen_budgets(app) else "no budget is chosen here (0, then Budgets; or 9)"


def _called(budget: Budget) -> str:
    return f"{safe(budget.reference, limit=60).plain} ({budget.period})"


def _budget_fields(budget: Budget | None, about: str) -> list[Field]:
    from kolony_tui.ui.screens.form import Field

    usd = "" if budget is None or budget.usd_limit is None else f"{budget.usd_limit:g}"
    tokens = "" if budget is None or budget.token_limit is None else str(budget.token_limit)
    fields = [] if budget is not None else [
        Field("what", "Of", about or "workspace", hint="workspace, agent:NAME, person:LOGIN, team:NAME, ..."),
        Field("period", "In a", "month", "choice", PERIODS),
    ]  # fmt: skip
    return [
        *fields,
        Field("usd", "US dollars", usd, hint="20, 12.50, or none"),
        Field("tokens", "Tokens", tokens, hint="250k, 1.5M, or none"),
        Field("warn", "Warn at %", str(budget.warn_percent if budget is not None else 80)),
        Field("then", "When empty", "end work" if budget is None or budget.hard else "only warn", "choice",
              ("end work", "only warn")),
    ]  # fmt: skip


async def _deliver_budget(app: KolonyApp, scope: str, subject: str, period: str, values: Mapping[str, str]) -> None:
    warn = values["warn"].removesuffix("%")
    if not (warn.isascii() and warn.isdecimal()):
        raise UsageError(f"a warning comes at 1 to 100 percent, not {warn!r}")
    await budgets.set_budget(
        session_of(app), scope, subject, period, tokens=tokens_written(values["tokens"]),
        usd=usd_written(values["usd"]), warn_percent=min(int(warn), 10_000), hard=values["then"] == "end work",
    )  # fmt: skip


async def _set_budget(app: KolonyApp, about: str) -> None:
    from kolony_tui.ui.screens.form import Form

    async def deliver(values: Mapping[str, str]) -> None:
        scope, subject = scope_written(values["what"])
        await _deliver_budget(app, scope, subject, values["period"], values)
        app.say(f"the budget of {values['what']} is set")

    await app.push_screen_wait(Form("Set a budget", _budget_fields(None, about), deliver, said=LATE, yes="Set"))


async def _edit_budget(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.form import Form

    budget = _chosen_budgets(app)[0]
    # By its id: another one of that name may have come meanwhile.
    subject = "" if budget.subject_id is None else str(budget.subject_id)

    async def deliver(values: Mapping[str, str]) -> None:
        await _deliver_budget(app, budget.scope, subject, budget.period, values)

    fields = _budget_fields(budget, "")
    await app.push_screen_wait(
        Form(f"Change the budget of {_called(budget)}", fields, deliver, said=LATE, yes="Change")
    )


async def _remove_budgets(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.asking import Question

    session, chosen = session_of(app), _chosen_budgets(app)
    what = f"the budget of {_called(chosen[0])}" if len(chosen) == 1 else f"{len(chosen)} budgets"
    said = "Work may use what it likes then, as far as no other budget holds it."
    if await app.push_screen_wait(Question(f"Remove {what}?", said, [*map(_called, chosen)], yes="Remove")) is None:
        return
    await for_each(app, chosen, _called, lambda each: budgets.remove_budget(session, each.budget_id), "removed")


# Prices


def _chosen_prices(app: KolonyApp) -> list[Price]:
    from kolony_tui.ui.widgets.usage_list import PriceList

    rows = nearest(app, PriceList)
    return rows.chosen if rows is not None else []


def _no_price(app: KolonyApp) -> str | None:
    return None if _chosen_prices(app) else "no price is chosen here (0, then Prices)"


def _no_own_price(app: KolonyApp) -> str | None:
    chosen = _chosen_prices(app)
    if chosen and all(each.shipped for each in chosen):
        return "it comes with Kolony: change it, or set it to none"
    return _no_price(app)


async def _ask_price(app: KolonyApp, title: str, price: Price | None, pattern: str) -> None:
    from kolony_tui.ui.screens.form import Field, Form

    def shown(amount: float | None) -> str:
        return "" if amount is None else f"{amount:g}"

    async def deliver(values: Mapping[str, str]) -> None:
        read, output, cached, written = (usd_written(values[name]) for name in ("input", "output", "cached", "write"))
        models = price.pattern.raw if price is not None else values["models"]
        await usage.set_price(session_of(app), models, read, output, cached_usd=cached, cache_write_usd=written)

    fields = [Field("models", "Models", pattern, hint="a name; * stands for anything")] if price is None else []
    fields += [
        Field("input", "Input", shown(price.input_usd if price else None), hint="US dollars for a million tokens"),
        Field("output", "Output", shown(price.output_usd if price else None), hint="none, as the input: no price"),
        Field("cached", "Cached", shown(price.cached_usd if price else None), hint="out of a cache (optional)"),
        Field("write", "Cache write", shown(price.cache_write_usd if price else None), hint="into one (optional)"),
    ]
    said = "For what is used from now on, where an agent does not name its cost itself."
    await app.push_screen_wait(Form(title, fields, deliver, said=said, yes="Set"))


async def _set_price(app: KolonyApp, pattern: str) -> None:
    await _ask_price(app, "Set a price", None, pattern)


async def _edit_price(app: KolonyApp, _: str) -> None:
    price = _chosen_prices(app)[0]
    await _ask_price(app, f"Change the price of {safe(price.pattern, limit=60).plain}", price, "")


async def _remove_prices(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.asking import Question

    session, chosen = session_of(app), [each for each in _chosen_prices(app) if not each.shipped]
    names = [safe(each.pattern, limit=60).plain for each in chosen]
    said = "Where Kolony comes with a price for it, that one counts again."
    if await app.push_screen_wait(Question(f"Take back {', '.join(names[:3])}?", said, names, yes="Take back")) is None:
        return
    await for_each(app, chosen, lambda each: safe(each.pattern, limit=60).plain,
                   lambda each: usage.remove_price(session, each.pattern.raw), "taken back")  # fmt: skip


COMMANDS: tuple[Command, ...] = (
    Command("usage.period", "Another period", "today, 7, 30 or 90 days", _on_screen(lambda it: it.turn_period()),
            ("usage",), ("p",), unavailable=_elsewhere, short="period"),
    Command("usage.next", "By something else", "by agent, person, model, preset or run",
            _on_screen(lambda it: it.turn_grouping(1)), ("usage",), ("right_square_bracket",), unavailable=_elsewhere,
            short="by"),
    Command("usage.previous", "By what was before", "by agent, person, model, preset or run",
            _on_screen(lambda it: it.turn_grouping(-1)), ("usage",), ("left_square_bracket",), unavailable=_elsewhere),
    Command("usage.measure", "Tokens or money", "what the bars show", _on_screen(lambda it: it.turn_measure()),
            ("usage",), ("t",), unavailable=_elsewhere, short="tokens"),
    Command("budgets.set", "Set a budget", "tokens or money for a day, a week, a month or in total", _set_budget,
            ("budgets",), ("a",), "budget", Role.ADMIN, argument="WHAT", short="set"),
    Command("budgets.edit", "Change a budget", "its limits, and what happens at the end; enter does the same",
            _edit_budget, ("budgets",), ("e",), role=Role.ADMIN, unavailable=_no_budget, short="change"),
    Command("budgets.remove", "Remove budgets", "for all that are marked", _remove_budgets, ("budgets",), ("x",),
            role=Role.ADMIN, destructive=True, unavailable=_no_budget, short="remove"),
    Command("prices.set", "Set a price", "what tokens of a model cost", _set_price, ("prices",), ("a",), "price",
            Role.ADMIN, argument="MODELS", short="set"),
    Command("prices.edit", "Change a price", "enter does the same", _edit_price, ("prices",), ("e",), role=Role.ADMIN,
            unavailable=_no_price, short="change"),
    Command("prices.remove", "Take prices back", "those that were set here", _remove_prices, ("prices",), ("x",),
            role=Role.ADMIN, destructive=True, unavailable=_no_own_price, short="take back"),
)  # fmt: skip
