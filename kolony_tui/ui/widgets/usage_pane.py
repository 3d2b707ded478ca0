"""`UsagePane`: what a run has used, report by report, and all of it together."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from kolony_tui.core import usage
from kolony_tui.core.session import PersonSession
from kolony_tui.models.usage import UsageReport, counted, money
from kolony_tui.models.work import Run
from kolony_tui.text import safe
from kolony_tui.ui.draw import Part, content, part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.widgets.run_pane import RunPane

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

_SHOWN = 500
_GAP = 1.0


class UsagePane(RunPane):
    """The newest reports last. It scrolls."""

    DEFAULT_CSS = "UsagePane > VerticalScroll { padding: 0 1; }"

    def __init__(self, *, id: str | None = None) -> None:
        self.words = Static("", markup=False)
        self.scroll = VerticalScroll(self.words)
        super().__init__(self.scroll, id=id)
        self._run: Run | None = None
        self._shown: list[UsageReport] | None = None

    @property
    def front(self) -> Widget:
        """The list, which scrolls by keys."""
        return self.scroll

    def on_mount(self) -> None:
        """Reads as long as it is in sight."""
        kolony = cast("KolonyApp", self.app)
        kolony.live.watch(self, LiveQuery("usage of the run", self._wants, self._read, self._show, gap=_GAP))

    def follow_run(self, run: Run | None) -> None:
        """Shows this run."""
        self._run = run

    def _wants(self, kind: str, identity: str) -> bool:
        return kind == "usage" or (kind == "run" and self._run is not None and identity == str(self._run.run_id))

    async def _read(self, session: PersonSession) -> list[UsageReport]:
        return [] if self._run is None else await usage.usage_of_run(session, self._run.run_id, _SHOWN)

    def _show(self, found: list[UsageReport]) -> None:
        if found == self._shown:
            return
        self._shown = found
        cost, guessed = sum(each.cost_usd for each in found), any(each.estimated for each in found)
        tokens = sum(each.input_tokens + each.output_tokens for each in found)
        newest = f"newest {_SHOWN} reports: " if len(found) >= _SHOWN else ""
        right = f"{newest}{counted(tokens)} tokens, {money(cost, guessed)}" if found else ""
        self.title.say([part("Usage", "strong")], [part(right, "strong")])
        lines = [_HEAD, *map(_line, found)] if found else [[part("its agent has not said what it used", "dim")]]
        self.words.update(Content("\n").join(content(*line) for line in lines))


_HEAD: list[Part] = [
    part(f"{'AT':<9} {'TRY':>3} {'IN':>8} {'CACHED':>8} {'OUT':>8} {'COST':>10}  {'MODEL':<24} SAID BY", "dim")
]


def _line(each: UsageReport) -> list[Part]:
    return [
        part(f"{each.at.astimezone():%H:%M:%S}  {each.attempt:>3} ", "dim"),
        part(f"{counted(each.input_tokens):>8} {counted(each.input_cached):>8} {counted(each.output_tokens):>8} "),
        part(f"{money(each.cost_usd, each.estimated):>10}  "),
        (safe(each.model, limit=60).fit(24), "plain"),
        part(" "),
        (safe(each.source, limit=40), "dim"),
        part(f", a {each.scope}", "dim"),
    ]
