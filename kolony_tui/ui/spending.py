"""What today has cost, for the header of every screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kolony_tui.core import usage
from kolony_tui.models.usage import Today, counted, money
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.live import LiveQuery

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

_GAP = 1.0


class Spending:
    """Keeps the day's cost up to date."""

    def __init__(self, app: KolonyApp) -> None:
        self._app = app
        self.today: Today | None = None

    def begin(self) -> None:
        """Reads from now on; the app has a session."""
        reading = LiveQuery("spending", lambda kind, _: kind == "usage", usage.today, self._know, _GAP, aside=True)
        self._app.live.watch(self._app, reading)

    def forget(self) -> None:
        """Another workspace was entered."""
        self.today = None

    def _know(self, today: Today) -> None:
        if today != self.today:
            self.today = today
            self._app.draw_frames()

    def said(self) -> list[Part]:
        """For the header: nothing before anything was used."""
        today = self.today
        if today is None or not (today.cost_usd or today.tokens):
            return []
        if not today.cost_usd:
            return [part(f"   {counted(today.tokens)} tokens today", "dim")]
        return [part(f"   {money(today.cost_usd, today.estimated_usd > 0)} today", "dim")]
