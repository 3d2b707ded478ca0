"""The panes of the Run screen that show its trace: as a tree, and as a map of thoughts."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.widget import Widget

from kolony_tui.models.errors import KolonyError, WrongState
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.models.work import Run
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.trace_feed import TraceFeed
from kolony_tui.ui.widgets.run_pane import RunPane
from kolony_tui.ui.widgets.thought_map import ThoughtMap
from kolony_tui.ui.widgets.trace_view import TraceView

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

_NO_TRACE = "no trace: its agent says nothing of what it does, or has not begun"


class TracePanel(RunPane):
    """The trace of a run's last attempt."""

    heading: ClassVar[str] = "Trace"
    kind: ClassVar[type[TraceView]] = TraceView

    def __init__(self, *, id: str | None = None) -> None:
        self.view = self.kind(
            lambda: self.kolony.drawing(), self._found_in, empty=_NO_TRACE, id=f"{self.heading.lower()}-view"
        )
        super().__init__(self.view, id=id)
        self.run: Run | None = None
        self.feed: TraceFeed | None = None

    @property
    def kolony(self) -> KolonyApp:
        """The app, as what it is."""
        return cast("KolonyApp", self.app)

    @property
    def front(self) -> Widget:
        """The view."""
        return self.view

    def on_mount(self) -> None:
        """Begins to read."""
        self.feed = TraceFeed(self.kolony, self.view, self.draw_title)
        if self.run is not None:
            self.feed.show(self.run.run_id)
        self.draw_title()

    def follow_run(self, run: Run | None) -> None:
        """Shows this run (the same one with news, or another)."""
        self.run = run
        if self.feed is not None:
            self.feed.show(run.run_id if run is not None else None)
        self.draw_title()

    def chosen_runs(self) -> list[Run]:
        """What a step is for: the run that is shown."""
        return [self.run] if self.run is not None else []

    async def _found_in(self, words: str) -> list[Untrusted]:
        return await self.feed.found_in(words) if self.feed is not None else []

    @on(TraceView.Moved)
    def draw_title(self) -> None:
        """How much there is, and whether its end is followed."""
        if not self.is_mounted:
            return
        lines = self.view.entries.lines.values()
        failed = sum(1 for line in lines if line.status == "failed")
        running = sum(1 for line in lines if line.status == "running")
        right: list[Part] = [part(f"{len(lines):,} entr{'y' if len(lines) == 1 else 'ies'}", "dim")] if lines else []
        right += [part(f"  {failed} failed", "bad")] if failed else []
        if self.feed is not None and self.feed.end is not None and self.feed.end.attempt > 1:
            right.append(part(f"  attempt {self.feed.end.attempt}", "warn"))
        if running:
            right.append(part(*(("  following", "good") if self.view.follow else ("  paused", "warn"))))
        self.title.say([part(self.heading, "strong")], right)

    @on(TraceView.Wanted)
    async def _bring(self, event: TraceView.Wanted) -> None:
        event.stop()
        try:
            await self._bring_entry(event)
        except KolonyError as error:
            self.kolony.tell(error)

    async def _bring_entry(self, event: TraceView.Wanted) -> None:
        from kolony_tui.ui.screens.work.run import RunScreen
        from kolony_tui.ui.screens.work.trace_entry import EntryScreen, entry_text

        if event.what == "output":
            if event.line.line_from is None or not isinstance(self.screen, RunScreen):
                raise WrongState("it is not known what it printed")
            self.screen.show_output_at(event.line.line_from, event.line.started_at)
            return
        feed, key = self.feed, event.line.key
        entry = await feed.entry(key) if feed is not None else None
        if feed is None or feed.run_id is None or entry is None:
            return
        if event.what == "open":
            await self.app.push_screen(EntryScreen(entry, feed.run_id, lambda: feed.entry(key)))
        else:
            self.app.copy_to_clipboard(entry_text(entry))
            self.kolony.say("the entry is copied")


class ThoughtsPanel(TracePanel):
    """The same as a map of thoughts."""

    heading = "Thoughts"
    kind = ThoughtMap
