"""What many runs print, merged: those that were marked, those of a filter, or all that run."""

from __future__ import annotations

import time
from typing import Any, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from kolony_tui.core.merging import Chosen, MergedLine, Merging
from kolony_tui.core.session import PersonSession
from kolony_tui.models.work import Run
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.widgets.merged import MergedView
from kolony_tui.ui.widgets.panel import Panel

GAP = 1 / 15
_CHOOSING = 2.0


class MergedScreen(FramedScreen):
    """One reading for all runs; what nobody could read is left out, and counted."""

    place: ClassVar[Place] = "merged"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("merged")]
    AUTO_FOCUS = "#merged"

    def __init__(self, chosen: Chosen, what: str) -> None:
        super().__init__()
        self._chosen = chosen
        self._what = what
        self._merging: Merging | None = None
        self._chose = 0.0
        self._read_once = False
        self.view = MergedView(self._draw_title, id="merged")
        self.panel = Panel(self.view, id="merged-panel")

    def body(self) -> ComposeResult:
        """The lines."""
        yield self.panel

    def crumbs(self) -> list[Part]:
        """What it is."""
        return [part("Merged output")]

    def on_mount(self) -> None:
        """Begins to read."""
        super().on_mount()
        self.kolony.live.watch(self.view, LiveQuery(f"merged {id(self)}", self._wants, self._read, self._show, GAP))
        self._draw_title()

    @property
    def has_content(self) -> bool:
        """Whether it was read."""
        return self._read_once

    def chosen_runs(self) -> list[Run]:
        """What is followed."""
        return self._merging.runs if self._merging is not None else []

    def _wants(self, kind: str, identity: str) -> bool:
        return not self.view.paused and kind in ("agent", "agents", "run", "output")

    async def _read(self, _: PersonSession) -> list[MergedLine]:
        session, now = self.kolony.output_session, time.monotonic()
        if session is None or self.view.paused:
            return []
        if self._merging is None:
            self._merging = Merging(session, self._chosen, whole=False)
        if now - self._chose >= _CHOOSING or self._merging.behind:
            await self._merging.choose()
            self._chose = now
        return await self._merging.read()

    def _show(self, lines: list[MergedLine]) -> None:
        self._read_once = True
        if lines:
            self.view.feed(lines)
            if self._merging is not None and self._merging.behind:
                self.kolony.live.look_again(self.view)
        else:
            self._draw_title()

    def _draw_title(self) -> None:
        if not self.is_mounted or not self.panel.is_mounted:
            return
        view, merging = self.view, self._merging
        count = len(merging.runs) if merging is not None else 0
        left = [part("Merged output", "strong"), part(f"  {self._what}  ", "dim"), part(f"{count} runs", "accent")]
        right: list[Part] = []
        if view.filter:
            right.append(part(f"{view.passed:,} of {view.total:,} lines", "accent"))
        missing = view.dropped + (merging.left_out if merging is not None else 0)
        if missing:
            right.append(part(f"  {missing:,} lines not shown", "warn"))
        state = ("paused", "warn") if view.paused else ("following", "good") if view.follow else ("reading", "warn")
        right.append(part(f"  {state[0]}", cast("Any", state[1])))
        self.panel.title.say(left, right)

    @on(MergedView.FilterWanted)
    def _filter(self, event: MergedView.FilterWanted) -> None:
        from kolony_tui.ui.screens.line import FilterLine

        event.stop()
        self.app.push_screen(FilterLine(cast("Any", self.view)))

    @on(MergedView.Paused)
    def _go_on(self, event: MergedView.Paused) -> None:
        event.stop()
        self.kolony.live.look_again(self.view)

    @on(MergedView.Opened)
    def _open(self, event: MergedView.Opened) -> None:
        from kolony_tui.ui.screens.work.run import RunScreen

        event.stop()
        screen = RunScreen(event.line.run.run_id)
        self.app.push_screen(screen)
        screen.call_after_refresh(screen.show_output_at, event.line.line, event.line.at)
