"""`OutputSearch`: one search in all of a run's output, on the server, while one goes on reading."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kolony_tui.core.output_parts import Output
from kolony_tui.core.searching import Searched, Wanted, search, wanted_by
from kolony_tui.models.errors import CannotConnect, KolonyError
from kolony_tui.ui.output_feed import OutputFeed
from kolony_tui.ui.widgets.output import OutputView

if TYPE_CHECKING:
    from textual.worker import Worker

    from kolony_tui.ui.app import KolonyApp

MOST_HITS = 1_000_000
"""Lines that are kept to go to; beyond it they are counted."""


class OutputSearch:
    """Finds lines from where one is on, and then all others; what is known can be gone through meanwhile."""

    def __init__(self, app: KolonyApp, view: OutputView, feed: OutputFeed, changed: Callable[[], None]) -> None:
        self._app = app
        self._view = view
        self._feed = feed
        self._changed = changed
        self._worker: Worker[Any] | None = None
        self._wanted: Wanted | None = None
        self._lines, self._seqs = array("q"), array("q")
        self._current: int | None = None
        self._step: int | None = None
        self._searched = 0
        self._until = 0
        self._shown: tuple[object, ...] = ()
        self.count = 0
        self.busy = False

    @property
    def active(self) -> bool:
        """Whether something is searched for."""
        return self._wanted is not None

    @property
    def ready(self) -> bool:
        """Whether there is an output to search."""
        return self._feed.output is not None

    @property
    def words(self) -> str:
        """How many lines were found, and how much of the output was looked through."""
        found = f"{self.count:,} found"
        if not self.busy:
            return found
        return f"{found}, {min(self._searched * 100 // max(self._until, 1), 99)}% searched"

    def begin(self, typed: str) -> Wanted:
        """Searches for what was typed. Raises UsageError for what stands in no line."""
        wanted = wanted_by(typed)
        self.leave()
        output = self._feed.output
        assert output is not None
        self._wanted, self._shown = wanted, self._subject
        self._step = -1 if self._view.follow else 1
        self._start(self._everything(output, wanted, self._view.line_numbers[0], end=self._view.follow))
        return wanted

    def leave(self) -> None:
        """Stops, and forgets what was found."""
        if self._worker is not None:
            self._worker.cancel()
        self._worker, self._wanted, self._current, self._step = None, None, None, None
        self._lines, self._seqs = array("q"), array("q")
        self.count = self._searched = self._until = 0
        self.busy = False

    def news(self) -> None:
        """More was printed, or something else is shown."""
        if self._wanted is None or self.busy or self._feed.output is None:
            return
        if self._subject != self._shown:
            self._view.mark_nothing()
        elif self._feed.stream is None and self._feed.extent.pieces > self._until:
            self._start(self._rest(self._feed.output, self._wanted, self._until))

    def go(self, direction: int) -> bool:
        """To the next (1) or previous (-1) line in which it stands; one that is not found yet is gone to then.

        False when there is none at all.
        """
        lines = self._lines
        here = self._current if self._current is not None else self._here(direction)
        at = bisect_right(lines, here) if direction > 0 else bisect_left(lines, here) - 1
        if not 0 <= at < len(lines):
            if self.busy:
                self._step = direction
                return True
            if not lines:
                return False
            at = 0 if direction > 0 else len(lines) - 1
        self._step, self._current = None, lines[at]
        if self._feed.stream is None:
            self._view.show_found(lines[at])
        else:
            self._app.run_worker(self._go_in_stream(self._seqs[at], lines[at]), exit_on_error=False)
        return True

    @property
    def _subject(self) -> tuple[object, ...]:
        feed = self._feed
        return feed.run_id, feed.stream, feed.end.attempt if feed.end is not None else None

    def _here(self, direction: int) -> int:
        line, lines = self._view.line_numbers
        if self._feed.stream is not None:
            return -1 if direction > 0 else 2**62
        return (lines + 1 if self._view.follow else line + 1) if direction < 0 else line - 1

    def _start(self, work: Any) -> None:
        self.busy = True
        self._worker = self._app.run_worker(work, name="search", group=f"search {id(self)}", exit_on_error=False)

    async def _everything(self, output: Output, wanted: Wanted, line: int, *, end: bool) -> None:
        output = self._aside(output)

        async def look() -> None:
            self._until = await output.extent_of_all()
            if end:
                await self._look(output, wanted, self._until, upwards=True)
                return
            seq = await output.seek(line, self._until)
            await self._look(output, wanted, seq, upwards=False)
            await self._look(output, wanted, seq, upwards=True)

        await self._told(look)

    async def _rest(self, output: Output, wanted: Wanted, since: int) -> None:
        output = self._aside(output)

        async def look() -> None:
            self._until = await output.extent_of_all()
            await self._look(output, wanted, since, upwards=False)

        await self._told(look)

    async def _told(self, look: Callable[[], Any]) -> None:
        try:
            await look()
        except CannotConnect as error:
            self._app.live.lose(error)
        except KolonyError as error:
            self._view.mark_nothing()
            self._app.tell(error)
        self.busy = False
        if self._step is not None and self._wanted is not None:
            step, self._step = self._step, None
            if not self.go(step):
                self._app.say("not found")
        self._changed()

    def _aside(self, output: Output) -> Output:
        # A connection of its own: what is in view never waits for a search.
        return replace(output, session=self._app.aside_session or output.session)

    async def _look(self, output: Output, wanted: Wanted, start: int, *, upwards: bool) -> None:
        async for part in search(output, wanted, start=start, upwards=upwards):
            self._take(part)
            if self._step is not None and self._found_there(upwards):
                self.go(self._step)
            self._changed()

    def _found_there(self, upwards: bool) -> bool:
        """Whether what was found so far tells the nearest line in the direction in which one wants to go."""
        assert self._step is not None
        here = self._current if self._current is not None else self._here(self._step)
        if self._step > 0:
            return not upwards and bisect_right(self._lines, here) < len(self._lines)
        return upwards and bisect_left(self._lines, here) > 0

    def _take(self, part: Searched) -> None:
        self._searched += part.last - part.first + 1
        self.count += len(part.hits)
        if not part.hits or len(self._lines) >= MOST_HITS:
            return
        at = bisect_left(self._seqs, part.first)
        self._seqs[at:at] = array("q", [hit.seq for hit in part.hits])
        self._lines[at:at] = array("q", [hit.line for hit in part.hits])

    async def _go_in_stream(self, seq: int, line: int) -> None:
        """One stream is counted on its own; a search counts all of them."""
        output = self._feed.output
        if output is None:
            return
        try:
            before = await output.extent(seq)
            pieces = await output.since(seq, 1)
        except KolonyError as error:
            self._app.tell(error)
            return
        if pieces and self._view.is_attached:
            self._view.show_found(before.lines + line - pieces[0].first_line)
