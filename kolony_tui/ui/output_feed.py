"""`OutputFeed`: carries a run's output from the database into a view, piece by piece, live."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from kolony_tui.core import records
from kolony_tui.core.records import OutputEnd
from kolony_tui.core.session import PersonSession
from kolony_tui.models.records import OutputStream
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.widgets.output import OutputView

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

BATCH = 64
"""Pieces read at once; a piece has at most 1 MiB, as a runner cuts them 32 KiB."""
SHOWN_PIECES = 4096
"""Of an output that has ended, at most the last so many pieces are read."""
GAP = 1 / 15


class OutputFeed:
    """Fills one view. ``changed`` is called after each reading."""

    def __init__(self, app: KolonyApp, view: OutputView, changed: Callable[[], None]) -> None:
        self._app = app
        self._view = view
        self._changed = changed
        self.run_id: UUID | None = None
        self.stream: OutputStream | None = None
        self.end: OutputEnd | None = None
        self._wanted: int | None = None
        self._after = -1
        self._fed = 0
        self._begun: int | None = None
        self._finished = False
        self._generation = 0
        app.live.watch(view, LiveQuery(f"output {id(view)}", self._wants, self._pull, lambda _: None, GAP))

    def show(self, run_id: UUID | None, *, stream: OutputStream | None = None, attempt: int | None = None) -> None:
        """Shows another run, one of its streams (None: all), or one of its attempts (None: the last)."""
        if (run_id, stream, attempt) == (self.run_id, self.stream, self._wanted):
            return
        self.run_id, self.stream, self._wanted = run_id, stream, attempt
        self._generation += 1
        self._restart(None)
        self._changed()
        self._app.live.look_again(self._view)

    def _restart(self, end: OutputEnd | None) -> None:
        self._begun = end.attempt if end is not None else None
        self._fed, self._finished, self.end = 0, False, end
        total = end.chunk_count if end is not None else None
        whole = self.stream is not None or total is None or total <= SHOWN_PIECES
        self._after = -1 if whole or total is None else total - SHOWN_PIECES - 1
        self._view.clear(first_seq=self._after + 1)

    def _wants(self, kind: str, identity: str) -> bool:
        # A step on the run is announced as one of its agent; an attempt that ended says so too.
        return not self._finished and (
            kind in ("agent", "agents", "run") or (kind == "output" and identity == str(self.run_id))
        )

    async def _pull(self, _: PersonSession) -> None:
        session, run_id, generation = self._app.output_session, self.run_id, self._generation
        if session is None or run_id is None:
            return
        end = await records.output_end(session, run_id, self._wanted)
        if generation != self._generation or end is None:
            return
        if end.attempt != self._begun:
            self._restart(end)
        self.end = end
        while not self._finished:
            pieces = await records.output(session, run_id, end, self._after, self.stream, BATCH)
            if generation != self._generation:
                return
            if pieces:
                self._after = pieces[-1].seq
                if self.stream is not None:
                    # Of one stream alone every piece is there; the others' numbers are no holes.
                    pieces = [replace(piece, seq=self._fed + at) for at, piece in enumerate(pieces)]
                self._fed += len(pieces)
                self._view.feed(pieces)
            if len(pieces) < BATCH:
                break
        if end.outcome is not None and not self._finished:
            self._finished = True
            self._view.finish(self._fed if self.stream is not None else end.chunk_count or 0)
        self._changed()
