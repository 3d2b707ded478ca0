"""`TraceFeed`: carries a run's trace from the database into a view, news by news, live."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from kolony_tui.core import records, trace
from kolony_tui.core.records import OutputEnd
from kolony_tui.core.session import PersonSession
from kolony_tui.models.trace import TraceEntry, TraceLine
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.ui.live import FRAME, LiveQuery
from kolony_tui.ui.widgets.trace_view import TraceView

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp


@dataclass(frozen=True, slots=True)
class _Read:
    """One reading: ``end`` of the attempt that is shown, and what is new of it."""

    run_id: UUID
    end: OutputEnd | None
    news: list[TraceLine]


class TraceFeed:
    """Fills one view. ``changed`` is called after each reading."""

    def __init__(self, app: KolonyApp, view: TraceView, changed: Callable[[], None]) -> None:
        self._app = app
        self._view = view
        self._changed = changed
        self.run_id: UUID | None = None
        self.end: OutputEnd | None = None
        self._after = 0
        query = LiveQuery(f"trace {id(view)}", self._wants, self._read, self._show, FRAME, aside=True)
        app.live.watch(view, query)

    def show(self, run_id: UUID | None) -> None:
        """Shows the last attempt of another run."""
        if run_id != self.run_id:
            self.run_id, self.end, self._after = run_id, None, 0
            self._view.clear()
            self._app.live.look_again(self._view)

    def again(self) -> None:
        """Reads all of it anew: as of another moment it is another trace."""
        self.end, self._after = None, 0
        self._view.clear()
        self._app.live.look_again(self._view)

    def _wants(self, kind: str, identity: str) -> bool:
        return kind in ("agent", "agents") or (kind in ("run", "trace") and identity == str(self.run_id))

    async def _read(self, session: PersonSession) -> _Read | None:
        run_id = self.run_id
        if run_id is None:
            return None
        end = await records.output_end(session, run_id)
        if end is None:
            return _Read(run_id, None, [])
        after = self._after if self.end is not None and self.end.attempt == end.attempt else 0
        news = await trace.lines(session, run_id, end, after)
        while news and len(news) % trace.LINES == 0:
            more = await trace.lines(session, run_id, end, news[-1].revision)
            if not more:
                break
            news += more
        return _Read(run_id, end, news)

    def _show(self, found: _Read | None) -> None:
        if found is None or found.run_id != self.run_id:
            return
        if found.end is not None and self.end is not None and found.end.attempt != self.end.attempt:
            self._after = 0
            self._view.clear()
        ended_now = found.end is not None and found.end.outcome is not None
        self.end = found.end
        if found.news:
            self._after = found.news[-1].revision
        if found.end is not None:
            left = [line for line in self._view.entries.lines.values() if line.status == "running"] if ended_now else []
            closed = [trace.settled(line, found.end) for line in left]
            self._view.take([*closed, *found.news], live=not ended_now)
        self._changed()

    async def entry(self, key: Untrusted) -> TraceEntry | None:
        """An entry, whole."""
        session = self._app.output_session
        if session is None or self.run_id is None or self.end is None:
            return None
        return await trace.entry(session, self.run_id, self.end, key)

    async def found_in(self, words: str) -> list[Untrusted]:
        """The keys of entries with these words, in order."""
        session = self._app.output_session
        if session is None or self.run_id is None or self.end is None:
            return []
        return await trace.found_in(session, self.run_id, self.end, words)
