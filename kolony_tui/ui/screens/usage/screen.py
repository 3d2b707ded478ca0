"""`UsageScreen`: what was used and what it cost, by day and by agent, person, model, preset or run; and budgets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from kolony_tui.core import budgets, usage
from kolony_tui.core.session import PersonSession
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.models.usage import Budget, RunUsage, Today, UsageSum, counted, money
from kolony_tui.ui.draw import Part, content, part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.looks import exact_span
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.screens.listing import list_title, recall, remember
from kolony_tui.ui.widgets.bar_chart import Bar, BarChart
from kolony_tui.ui.widgets.panel import Panel
from kolony_tui.ui.widgets.rows import RowList
from kolony_tui.ui.widgets.usage_list import BudgetList, UsageList

PERIODS = {1: "today", 7: "7 days", 30: "30 days", 90: "90 days"}
GROUPINGS = ("agent", "person", "model", "preset", "run")
GAP = 1.0
_LEAST_DAYS = 7
"""A chart of one day would be one bar."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was read, for which period and grouping."""

    period: int
    grouping: str
    today: Today
    days: list[UsageSum]
    sums: list[UsageSum]
    runs: list[RunUsage]
    budgets: list[Budget]


class UsageScreen(FramedScreen):
    """Usage."""

    place: ClassVar[Place] = "usage"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("usage")]
    AUTO_FOCUS = "#usage-list"

    def __init__(self) -> None:
        super().__init__()
        kept = self.kolony.remembered.get("usage")
        kept = kept if isinstance(kept, dict) else {}
        self.period: int = kept["period"] if kept.get("period") in PERIODS else 7
        self.grouping: str = kept["by"] if kept.get("by") in GROUPINGS else "agent"
        self.counts_tokens = kept.get("tokens") is True
        self.found: Found | None = None
        self.facts = Static("", id="usage-facts", markup=False)
        self.chart = BarChart(id="usage-chart")
        self.list = UsageList(self.kolony.drawing, id="usage-list")
        self.budgets = BudgetList(self.kolony.drawing, id="budget-list")

    def body(self) -> ComposeResult:
        """Sums, bars, list, budgets."""
        with Vertical(id="usage"):
            yield self.facts
            yield Panel(self.chart, id="usage-chart-panel")
            yield Panel(self.list, id="usage-panel")
            yield Panel(self.budgets, id="budget-panel")

    def crumbs(self) -> list[Part]:
        """The screen."""
        return [part("Usage")]

    def on_mount(self) -> None:
        """Takes up what was left."""
        super().on_mount()
        kept = self.kolony.remembered.get("usage")
        recall(self.list, kept.get("list") if isinstance(kept, dict) else None)
        self.kolony.live.watch(self, LiveQuery("usage", self._wants, self._read, self._show, gap=GAP))
        self._draw()

    def _wants(self, kind: str, identity: str) -> bool:
        return kind in ("usage", "run", "people")

    @property
    def has_content(self) -> bool:
        """Whether it shows what it is for."""
        found = self.found
        return found is not None and (found.period, found.grouping) == (self.period, self.grouping)

    def memory(self) -> dict[str, Any]:
        """Period, grouping, measure, filter and order."""
        kept = {"period": self.period, "by": self.grouping, "tokens": self.counts_tokens}
        return {"usage": {**kept, "list": remember(self.list)}}

    def workspace_changed(self) -> None:
        """Nothing of the other workspace stays."""
        self.found = None
        self.list.show([])
        self.budgets.show([])
        self.kolony.live.look_again(self)

    # What one chooses

    def turn_period(self) -> None:
        """The next longer one, and from the longest to today."""
        every = list(PERIODS)
        self.period = every[(every.index(self.period) + 1) % len(every)]
        self._wanted()

    def turn_grouping(self, by: int) -> None:
        """The next grouping, or the one before."""
        self.grouping = GROUPINGS[(GROUPINGS.index(self.grouping) + by) % len(GROUPINGS)]
        self._wanted()

    def turn_measure(self) -> None:
        """The chart shows tokens, or money."""
        self.counts_tokens = not self.counts_tokens
        self._draw()

    def _wanted(self) -> None:
        self._draw()
        self.kolony.live.look_again(self)

    async def _read(self, session: PersonSession) -> Found:
        period, grouping = self.period, self.grouping
        since = f"-{period - 1}"
        today = await usage.today(session)
        days = await usage.usage_by(session, "day", f"-{max(period, _LEAST_DAYS) - 1}")
        runs = await usage.dearest_runs(session, since) if grouping == "run" else []
        sums = [] if grouping == "run" else await usage.usage_by(session, grouping, since)
        return Found(period, grouping, today, days, sums, runs, await budgets.budgets(session))

    def _show(self, found: Found) -> None:
        if (found.period, found.grouping) == (self.period, self.grouping):
            self.found = found
            self.list.show_sums(found.sums or [_of_run(each) for each in found.runs])
            self.budgets.show(found.budgets)
            self._draw()

    # Drawing

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        found = self.found
        if found is None:
            self._draw_titles()
            return
        first = found.today.today - timedelta(days=found.period - 1)
        within = [each for each in found.days if each.name.raw >= first.isoformat()]
        self.facts.update(Content("\n").join(content(*line) for line in _facts(within)))
        self.chart.say(self._bars(found))
        self._draw_titles()

    def _draw_titles(self) -> None:
        left = [part("Tokens by day" if self.counts_tokens else "Cost by day", "strong")]
        if self.chart.bars:
            top = max(bar.value for bar in self.chart.bars)
            left.append(part(f"  at most {counted(round(top)) if self.counts_tokens else money(top)}", "dim"))
        zone = self.found.today.time_zone if self.found is not None else ""
        self.query_one("#usage-chart-panel", Panel).title.say(left, [part(zone, "dim")])
        title = list_title(f"By {self.grouping}", self.list)
        self.query_one("#usage-panel", Panel).title.say(
            [*title, part(f"  {PERIODS[self.period]}", "warn")], [part(f"{self.list.total}", "strong")]
        )
        self.query_one("#budget-panel", Panel).title.say(
            list_title("Budgets", self.budgets), [part("many agents say only at the end of a turn what it took", "dim")]
        )

    def _bars(self, found: Found) -> list[Bar]:
        known = {each.name.raw: each for each in found.days}
        bars = []
        for ago in range(max(found.period, _LEAST_DAYS) - 1, -1, -1):
            day = found.today.today - timedelta(days=ago)
            each = known.get(day.isoformat())
            value = 0.0 if each is None else float(each.total_tokens if self.counts_tokens else each.cost_usd)
            label = f"{day:%a}" if found.period <= _LEAST_DAYS else f"{day:%d}"
            bars.append(Bar(label, max(value, 0.0), "accent" if ago < found.period else "dim"))
        return bars

    # What happens in the lists

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Shows the agent or the run; changes the budget."""
        event.stop()
        if event.rows is self.budgets:
            if self.budgets.pointed is not None:
                self.kolony.do("budgets.edit")
        elif self.list.pointed is not None and self.found is not None:
            name = self.list.pointed.name.raw
            if self.found.grouping == "agent":
                self.kolony.do("go.agent", name)
            elif self.found.grouping == "run" and (run_id := self._run_id(name)) is not None:
                self.kolony.open_run(run_id)

    def _run_id(self, name: str) -> UUID | None:
        runs = self.found.runs if self.found is not None else []
        return next((each.run_id for each in runs if each.name == name.partition(" ")[0]), None)

    def on_row_list_changed(self, event: RowList.Changed) -> None:
        """Filter or marks show in the title."""
        event.stop()
        self._draw_titles()
        self.draw_hints()

    def on_row_list_pointed(self, event: RowList.Pointed) -> None:
        """What can be done depends on the row."""
        event.stop()
        self.draw_hints()


def _facts(days: list[UsageSum]) -> list[list[Part]]:
    """The sums of the period, in two lines."""
    cost, guessed = sum(each.cost_usd for each in days), sum(each.estimated_usd for each in days)
    read, cached, output, calls, done, failed = (
        sum(getattr(each, name) for each in days)
        for name in ("input_tokens", "input_cached", "output_tokens", "calls", "completed", "failed")
    )
    first = [part(money(cost, guessed > 0), "accent")]
    if guessed > 0:
        first.append(part(f"  {money(guessed)} of it by the price list", "dim"))
    for label, value in (("in", read), ("cached", cached), ("out", output)):
        first += [part(f"   {label} ", "dim"), part(counted(value), "strong")]
    if calls:
        first += [part("   calls ", "dim"), part(str(calls))]
    second = [part(f"{done} done", "good"), part(f"  {failed} failed", "bad" if failed else "dim")]
    if done + failed:
        second.append(part(f"  {100 * done / (done + failed):.0f}% succeeded", "dim"))
    timed = [(each.mean_seconds, each.completed + each.failed) for each in days if each.mean_seconds is not None]
    if (many := sum(count for _, count in timed)) > 0:
        mean = sum(seconds * count for seconds, count in timed) / many
        second.append(part(f"   {exact_span(mean)} on average", "dim"))
    return [first, second]


def _of_run(each: RunUsage) -> UsageSum:
    """A run as a row like the others: its reference and what it was about."""
    return UsageSum(
        Untrusted(f"{each.name} {each.title.raw}"), each.input_tokens, 0, 0, 0, each.output_tokens, 0, 0,
        each.total_tokens, each.cost_usd, each.estimated_usd, int(each.outcome == "completed"),
        int(each.outcome == "failed"), 0, None,
    )  # fmt: skip
