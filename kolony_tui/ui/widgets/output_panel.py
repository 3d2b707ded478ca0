"""`OutputPanel`: what a run prints, with a title that says whose it is and whether it is followed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import BindingType
from textual.widget import Widget

from kolony_tui.models.records import OutputStream
from kolony_tui.models.work import Run, RunStatus
from kolony_tui.text import safe
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.looks import run_state
from kolony_tui.ui.output_feed import OutputFeed
from kolony_tui.ui.output_search import OutputSearch
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.widgets.output import OutputView
from kolony_tui.ui.widgets.run_pane import RunPane

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp


_ROOM_FOR_STREAMS = 90


class RunOutput(OutputView):
    """The view; ``n`` begins a command where there is nothing to search for, ``w`` asks why while nothing can print."""

    @property
    def _searching(self) -> OutputSearch | None:
        """The search in all of the output, where it is one from the database."""
        panel = self.parent
        return panel.searching if isinstance(panel, OutputPanel) else None

    def search(self, text: str) -> bool:
        """Searches all of it on the server, from here on; what is here is marked at once."""
        searching = self._searching
        if searching is None or not searching.ready:
            return super().search(text)
        if not text:
            searching.leave()
            self.mark("")
            return False
        wanted = searching.begin(text)
        self.mark("" if wanted.pattern else text)
        return True

    def action_find(self, direction: int) -> None:
        """Goes to the next or previous match; without a search ``n`` is what it is elsewhere."""
        if self._searching is not None and self._searching.active:
            if not self._searching.go(direction):
                self.app.bell()
        elif self._pattern or direction < 0:
            super().action_find(direction)
        else:
            cast("KolonyApp", self.app).do("work.new")

    def action_toggle_wrap(self) -> None:
        """Wraps or cuts long lines; of a run that waits for its first try it says why."""
        panel = self.parent
        run = panel.run if isinstance(panel, OutputPanel) else None
        if run is not None and run.status == RunStatus.WAITING and run.attempt == 0:
            cast("KolonyApp", self.app).do("run.why")
        else:
            super().action_toggle_wrap()


class OutputPanel(RunPane):
    """The output of one run. ``follow_run`` puts another one in."""

    place: ClassVar[Place] = "output"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("output")]

    def __init__(self, *, id: str | None = None, named: bool = True) -> None:
        self.view = RunOutput(id="output-view")
        super().__init__(self.view, id=id)
        self.named = named
        self.run: Run | None = None
        self.feed: OutputFeed | None = None
        self.searching: OutputSearch | None = None

    @property
    def kolony(self) -> KolonyApp:
        """The app, as what it is."""
        return cast("KolonyApp", self.app)

    def on_mount(self) -> None:
        """Begins to read."""
        self.feed = OutputFeed(self.kolony, self.view, self._fed)
        self.searching = OutputSearch(self.kolony, self.view, self.feed, self.draw_title)
        self.watch(self.view, "follow", self.draw_title)
        self.watch(self.view, "new_lines", self.draw_title)
        self.watch(self.view, "scroll_y", self._moved)
        self.set_interval(1, self.draw_title)  # it says for how long the run has been going on
        if self.run is not None:
            self.feed.show(self.run.run_id)
        self.draw_title()

    def on_unmount(self) -> None:
        """A search of hours of output ends with whoever wanted it."""
        if self.searching is not None:
            self.searching.leave()

    def _fed(self) -> None:
        if self.searching is not None:
            self.searching.news()
        self.draw_title()

    def leave_search(self) -> bool:
        """Ends a search, marks nothing any more; False when there is none."""
        if self.searching is None or not self.searching.active:
            return False
        self.view.mark_nothing()
        self.draw_title()
        return True

    def _moved(self) -> None:
        if not self.view.follow:
            self.draw_title()

    def follow_run(self, run: Run | None) -> None:
        """Shows this run (the same one with news, or another)."""
        other = (run.run_id if run else None) != (self.run.run_id if self.run else None)
        self.run = run
        if self.feed is not None and other:
            self.feed.show(run.run_id if run is not None else None)
            # What is known of it was read a while ago, and hints about it since were about none that is shown.
            self.kolony.live.look_soon(self)
        self.draw_title()

    @property
    def front(self) -> Widget:
        """The view."""
        return self.view

    def show_stream(self, stream: OutputStream) -> None:
        """Shows one stream alone; asked again, all."""
        if self.feed is not None and self.run is not None:
            wanted = None if self.feed.stream == stream else stream
            self.feed.show(self.run.run_id, stream=wanted)
            self.draw_title()

    def show_attempt(self, attempt: int | None) -> None:
        """Shows one attempt; None is the last."""
        if self.feed is not None and self.run is not None:
            self.feed.show(self.run.run_id, stream=self.feed.stream, attempt=attempt)

    def on_resize(self) -> None:
        """The title says more where there is room."""
        self.draw_title()

    def chosen_runs(self) -> list[Run]:
        """What a step is for: the run that is shown."""
        return [self.run] if self.run is not None else []

    def draw_title(self) -> None:
        """Whose output it is, which streams, and whether its end is followed."""
        if not self.is_mounted:
            return
        run, feed = self.run, self.feed
        if run is None or feed is None:
            self.title.say([part("Output", "strong")])
            return
        drawing = self.kolony.drawing()
        left: list[Part] = [part("Output", "strong")]
        if self.named:
            left += [
                part("  "),
                part(run.agent, "accent"),
                part(f"  {run.reference}  ", "dim"),
                (safe(run.title, limit=120), "plain"),
            ]
        right: list[Part] = [*run_state(run, drawing), part("  ")] if self.named else []
        if feed.end is not None and feed.end.attempt > 1:
            right.append(part(f"attempt {feed.end.attempt}  ", "warn"))
        if feed.stream is not None:
            right.append(part(f"{feed.stream} only", "warn"))
        elif self.size.width >= _ROOM_FOR_STREAMS:
            right.append(part("stdout+stderr", "dim"))
        if self.searching is not None and self.searching.active:
            right.append(part(f"  {self.searching.words}", "accent"))
        if self.view.follow:
            right.append(part("  following", "good"))
        else:
            news = f", {self.view.new_lines} new" if self.view.new_lines else ""
            right += [*self._position(), part(f"  paused{news}", "warn")]
        self.title.say(left, right)

    def _position(self) -> list[Part]:
        """Where one is in it."""
        line, lines = self.view.line_numbers
        if not lines:
            return []
        percent = f"{min((line + 1) * 100 // lines, 100)}%"
        if self.size.width < _ROOM_FOR_STREAMS:
            return [part(f"  {percent}", "dim")]
        return [part(f"  line {line + 1:,} of {lines:,}  {percent}", "dim")]
