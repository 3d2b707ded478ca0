"""`OutputFeed`: carries a run's output from the database into a view: its end live, any part when it is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from kolony_tui.core import records
from kolony_tui.core.output_parts import Extent, Output
from kolony_tui.core.records import OutputEnd
from kolony_tui.core.session import PersonSession
from kolony_tui.models.errors import CannotConnect, KolonyError
from kolony_tui.models.records import OutputPiece, OutputStream
from kolony_tui.ui.beside import beside
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.widgets.output import OutputView
from kolony_tui.ui.widgets.output_window import OutputWindow

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

FIRST_BYTES = 128 * 1024
"""What is read of the end before the first screenful is shown."""
AROUND_BYTES = 768 * 1024
"""What is read on each side of a line that is wanted."""
STEP_BYTES = 512 * 1024
BEHIND_BYTES = 256 * 1024
"""Who follows the end and is further behind than this goes on at the end; what is between can be read any time."""
WINDOW_BYTES = 8 * 1024 * 1024
WINDOW_LINES = 250_000
ROOM_BYTES = 5 * 1024 * 1024
"""A reader who does not follow gets no more below than this at once."""
TURN_BYTES = 64 * 1024
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
        self.output: Output | None = None
        """What is shown, to read any part of it; None before there is anything."""
        self.extent = Extent(0, 0)
        self._wanted: int | None = None
        self._begun: int | None = None
        self._last = -1
        self._piece_size = 1
        self._at_end = False
        self._finished = False
        self._generation = 0
        self._turn = asyncio.Lock()
        self._line: int | None = None
        view.far = self.want
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

    def again(self) -> None:
        """Reads all of it anew: as of another moment it is another output."""
        self._generation += 1
        self._restart(None)
        self._app.live.look_again(self._view)

    def want(self, line: int) -> None:
        """Reads what is around the line with so many newlines before it, or the end where that is followed."""
        busy = self._line is not None
        self._line = line
        if not busy:
            beside(self._app, self._fetch, group=f"part {id(self)}")

    def _restart(self, end: OutputEnd | None) -> None:
        self._begun = end.attempt if end is not None else None
        self._finished, self._at_end, self.end, self.output = False, False, end, None
        self._last = -1
        self._view.clear()

    def _wants(self, kind: str, identity: str) -> bool:
        # After the end of one attempt another may follow, and print.
        if kind in ("output", "run") and identity == str(self.run_id):
            return True
        # A step on the run is announced as one of its agent; an attempt that ended says so too.
        return not self._finished and kind in ("agent", "agents", "run")

    async def _pull(self, _: PersonSession) -> None:
        session, run_id, generation = self._app.output_session, self.run_id, self._generation
        if session is None or run_id is None:
            return
        async with self._turn:
            end = await records.output_end(session, run_id, self._wanted)
            if self._over(generation) or end is None:
                return
            if end.attempt != self._begun:
                self._restart(end)
            self.end = end
            if not self._finished:
                await self._read(Output(session, run_id, end, self.stream), generation)
        if not self._over(generation):
            self._changed()

    def _over(self, generation: int) -> bool:
        """Whether something else is shown by now, or the view was left and has no screen any more."""
        return generation != self._generation or not self._view.is_attached

    async def _read(self, output: Output, generation: int) -> None:
        extent = await output.extent()
        if self._over(generation):
            return
        first = self.output is None
        self.output, self.extent = output, extent
        behind = (extent.pieces - self._last - 1) * self._piece_size if self.stream is None else 0
        if first or (self._view.follow and (not self._at_end or behind > BEHIND_BYTES)):
            await self._open_end(output, generation)
        elif self._at_end:
            await self._go_on(output, generation)
        else:
            self._view.window.go_on_below(extent.lines)
            self._view.lines_changed()
        if output.end.outcome is not None and not self._over(generation):
            self._finished = True
            if self._at_end:
                self._view.finish(self._total(output))

    async def _open_end(self, output: Output, generation: int) -> None:
        pieces = await output.before(_NO_SEQ, FIRST_BYTES)
        await self._put(output, pieces, whole=not pieces or pieces[0].seq == 0, at_end=True, generation=generation)

    async def _go_on(self, output: Output, generation: int) -> None:
        while pieces := await output.since(self._last + 1, STEP_BYTES):
            last, size = pieces[-1].seq, sum(len(piece.data) for piece in pieces)
            pieces = await output.counted(pieces)
            if self._over(generation):
                return
            self._last, self._piece_size = last, max(size // len(pieces), 1)
            self._view.feed(pieces)
            if not self._view.follow and self._view.window.cost > ROOM_BYTES:
                self._at_end = False
                self._view.window.go_on_below(max(self.extent.lines, self._view.window.end_number))
                self._view.lines_changed()
                return
            if size < STEP_BYTES:
                return

    async def _fetch(self) -> None:
        try:
            while self._line is not None:
                line = self._line
                async with self._turn:
                    await self._show_around(line)
                if self._line == line:
                    self._line = None
        except CannotConnect as error:
            self._app.live.lose(error)
        except KolonyError as error:
            self._app.tell(error)
        finally:
            self._line = None

    async def _show_around(self, line: int) -> None:
        output, generation = self.output, self._generation
        if output is None:
            return
        if self._view.follow:
            await self._open_end(output, generation)
            return
        seq = await output.seek(line, self.extent.pieces)
        before = await output.before(seq, AROUND_BYTES)
        since = await output.since(seq, AROUND_BYTES)
        behind = await output.since(since[-1].seq + 1, 1) if since else []
        whole = sum(len(piece.data) for piece in before) < AROUND_BYTES and (not before or before[0].seq == 0)
        await self._put(output, [*before, *since], whole=whole, at_end=not behind, generation=generation, line=line)

    async def _put(
        self,
        output: Output,
        pieces: Sequence[OutputPiece],
        *,
        whole: bool,
        at_end: bool,
        generation: int,
        line: int | None = None,
    ) -> None:
        """Shows these pieces; ``whole``: from the first on, ``at_end``: up to the last that there is."""
        counted = await output.counted(pieces)
        first = 0 if whole or not counted else counted[0].seq
        window = OutputWindow(first_seq=first, max_lines=WINDOW_LINES, max_bytes=WINDOW_BYTES, reachable=True)
        taken, size = 0, 0
        for at, piece in enumerate(counted):
            size += len(piece.data)
            if size >= TURN_BYTES or at == len(counted) - 1:
                window.feed(counted[taken : at + 1])
                taken, size = at + 1, 0
                await asyncio.sleep(0)  # keys come first
        if self._over(generation):
            return
        self._at_end = at_end
        if pieces:
            self._last = pieces[-1].seq
            self._piece_size = max(sum(len(piece.data) for piece in pieces) // len(pieces), 1)
        if not at_end:
            window.go_on_below(self.extent.lines)
        elif output.end.outcome is not None and self._finished:
            window.finish(self._total(output))
        self._view.put(window, line)

    def _total(self, output: Output) -> int:
        return self.extent.pieces if self.stream is not None else output.end.chunk_count or 0


_NO_SEQ = 2**31 - 1
