"""Lists of what was used, of budgets and of prices."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType

from kolony_tui.models.usage import Budget, Price, UsageSum, counted, money
from kolony_tui.ui.draw import Cell, Tone, cell
from kolony_tui.ui.looks import Drawing, exact_span
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.widgets.bar_chart import share_bar
from kolony_tui.ui.widgets.rows import Column, RowList

_BAR = 12


def _tokens(number: int) -> Cell:
    return cell(counted(number) if number else "", "plain")


def _success(each: UsageSum) -> Cell:
    if each.success is None:
        return ()
    return cell(
        f"{100 * each.success:.0f}%", "good" if each.success >= 0.9 else "warn" if each.success >= 0.5 else "bad"
    )


def _worth(each: UsageSum) -> float:
    return each.cost_usd or each.total_tokens / 10**12


class UsageList(RowList[UsageSum]):
    """Sums by name, each with its share of the greatest."""

    place: ClassVar[Place] = "usage"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list")]

    def __init__(self, drawing: Callable[[], Drawing], *, id: str | None = None) -> None:
        self._top = 0.0
        columns: tuple[Column[UsageSum], ...] = (
            Column("name", "NAME", 16, lambda each, _: cell(each.name if each.name.raw else "(none)", "strong"),
                   lambda each: each.name.raw, flexible=True),
            Column("bar", "", _BAR, self._bar, rank=3),
            Column("cost", "COST", 10, lambda each, _: cell(money(each.cost_usd, each.estimated_usd > 0)),
                   lambda each: -each.cost_usd, right=True),
            Column("input", "IN", 7, lambda each, _: _tokens(each.input_tokens), lambda each: -each.input_tokens,
                   right=True),
            Column("cached", "CACHED", 7, lambda each, _: _tokens(each.input_cached), lambda each: -each.input_cached,
                   right=True, rank=2),
            Column("output", "OUT", 7, lambda each, _: _tokens(each.output_tokens), lambda each: -each.output_tokens,
                   right=True),
            Column("calls", "CALLS", 6, lambda each, _: _tokens(each.calls), lambda each: -each.calls, right=True,
                   rank=4),
            Column("done", "DONE", 5, lambda each, _: _tokens(each.completed), lambda each: -each.completed,
                   right=True),
            Column("failed", "FAIL", 5, lambda each, _: cell(str(each.failed) if each.failed else "", "bad"),
                   lambda each: -each.failed, right=True),
            Column("success", "OK", 5, lambda each, _: _success(each),
                   lambda each: 2 if each.success is None else each.success, right=True, rank=1),
            Column("time", "TIME", 7,
                   lambda each, _: cell("" if each.mean_seconds is None else exact_span(each.mean_seconds), "dim"),
                   lambda each: -(each.mean_seconds or 0), right=True, rank=1),
        )  # fmt: skip
        super().__init__(columns, lambda each: each.name.raw, drawing, empty="nothing was used in this time", id=id)

    def show_sums(self, found: list[UsageSum]) -> None:
        """Shows these."""
        self._top = max((_worth(each) for each in found), default=0.0)
        self.show(found)

    def _bar(self, each: UsageSum, drawing: Drawing) -> Cell:
        return cell(share_bar(_worth(each) / (self._top or 1), _BAR, plain=drawing.ascii_only), "busy")


def budget_tone(budget: Budget) -> Tone:
    """How near a budget is to its end."""
    if budget.share >= 1:
        return "bad"
    return "warn" if 100 * budget.share >= budget.warn_percent else "good"


def budget_used(budget: Budget) -> str:
    """What is used, of what."""
    parts = [f"{money(budget.cost_usd)} of {money(budget.usd_limit)}"] if budget.usd_limit is not None else []
    if budget.token_limit is not None:
        parts.append(f"{counted(budget.tokens)} of {counted(budget.token_limit)} tokens")
    return ", ".join(parts)


def budget_left(budget: Budget) -> str:
    """What is left."""
    parts = [money(budget.usd_left)] if budget.usd_left is not None else []
    if budget.tokens_left is not None:
        parts.append(f"{counted(budget.tokens_left)} tokens")
    return ", ".join(parts)


def _percent(budget: Budget, drawing: Drawing) -> Cell:
    # A word beside the colour for what is used up.
    said = f"{100 * budget.share:.0f}%" if budget.share < 1 else f"{drawing.glyph('✖')} empty"
    return cell(said, budget_tone(budget))


BUDGETS: tuple[Column[Budget], ...] = (
    Column("of", "BUDGET OF", 18,
           lambda each, _: cell(each.subject if each.subject is not None else "workspace", "strong"),
           lambda each: each.reference, flexible=True),
    Column("scope", "WHAT", 9, lambda each, _: cell("team" if each.scope == "people" else each.scope, "dim"),
           lambda each: each.scope, rank=2),
    Column("period", "IN A", 6, lambda each, _: cell(each.period), lambda each: each.period),
    Column("bar", "", _BAR,
           lambda each, drawing: cell(share_bar(each.share, _BAR, plain=drawing.ascii_only), budget_tone(each)),
           rank=3),
    Column("share", "USED", 7, _percent, lambda each: -each.share, right=True),
    Column("used", "", 20, lambda each, _: cell(budget_used(each)), flexible=True),
    Column("left", "LEFT", 14, lambda each, _: cell(budget_left(each)), right=True, rank=1),
    Column("then", "THEN", 10, lambda each, _: cell("work ends" if each.hard else "warns", "dim"),
           lambda each: not each.hard, rank=4),
)  # fmt: skip


class BudgetList(RowList[Budget]):
    """Budgets, by id."""

    place: ClassVar[Place] = "budgets"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list"), *bindings("budgets")]

    def __init__(self, drawing: Callable[[], Drawing], *, id: str | None = None) -> None:
        super().__init__(BUDGETS, lambda each: each.budget_id, drawing, empty="none: work may use what it likes", id=id)


def _usd(amount: float | None) -> Cell:
    return cell("" if amount is None else f"{amount:g}")


PRICES: tuple[Column[Price], ...] = (
    Column("models", "MODELS", 20, lambda each, _: cell(each.pattern, "strong"), lambda each: each.pattern.raw,
           flexible=True),
    Column("input", "INPUT", 8, lambda each, _: _usd(each.input_usd), lambda each: -(each.input_usd or 0), right=True),
    Column("cached", "CACHED", 8, lambda each, _: _usd(each.cached_usd), lambda each: -(each.cached_usd or 0),
           right=True, rank=1),
    Column("write", "WRITE", 8, lambda each, _: _usd(each.cache_write_usd),
           lambda each: -(each.cache_write_usd or 0), right=True, rank=2),
    Column("output", "OUTPUT", 8, lambda each, _: _usd(each.output_usd), lambda each: -(each.output_usd or 0),
           right=True),
    Column("from", "FROM", 10, lambda each, _: cell(each.valid_from.isoformat(), "dim"), lambda each: each.valid_from,
           rank=1),
    Column("by", "SET BY", 10, lambda each, _: cell("Kolony" if each.shipped else each.set_by_login or "", "dim"),
           lambda each: each.shipped),
)  # fmt: skip


class PriceList(RowList[Price]):
    """Prices, by pattern and day."""

    place: ClassVar[Place] = "prices"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list"), *bindings("prices")]

    def __init__(self, drawing: Callable[[], Drawing], *, id: str | None = None) -> None:
        super().__init__(
            PRICES, lambda each: (each.pattern.raw, each.valid_from), drawing, empty="none: no cost is estimated", id=id
        )
