"""What needs a person on every screen: the stops that are on, and what waits in the inbox."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from kolony_tui.core import inbox, stops
from kolony_tui.models.inbox import InboxItem
from kolony_tui.models.stops import Stop
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.looks import span

if TYPE_CHECKING:
    from uuid import UUID

    from kolony_tui.ui.app import KolonyApp

_STOP_GAP = 1.0
_INBOX_GAP = 1.0
LISTED_DETAIL = 4000
"""Characters of each detail that lists and previews have; who looks at one item reads all of it."""


class Needs:
    """Keeps stops and inbox up to date for header, banner and screens."""

    def __init__(self, app: KolonyApp) -> None:
        self._app = app
        self.stops: list[Stop] = []
        self.items: list[InboxItem] = []
        self.known = False

    def begin(self) -> None:
        """Reads from now on; the app has a session."""
        live = self._app.live
        reading = LiveQuery("stops", self._wants_stops, stops.open_stops, self._know_stops, _STOP_GAP, aside=True)
        live.watch(self._app, reading)
        read_items = lambda session: inbox.items(session, longest_detail=LISTED_DETAIL)  # noqa: E731
        listing = LiveQuery("inbox", self._wants_items, read_items, self._know_items, _INBOX_GAP, aside=True)
        live.watch(self._app, listing)

    def forget(self) -> None:
        """Another workspace was entered."""
        self.stops, self.items, self.known = [], [], False

    def _wants_stops(self, kind: str, identity: str) -> bool:
        return kind == "stop" or (bool(self.stops) and kind in ("agent", "agents", "run"))

    def _wants_items(self, kind: str, identity: str) -> bool:
        return kind in ("inbox", "stop", "agent", "agents", "run", "command")

    def _know_stops(self, found: list[Stop]) -> None:
        if found != self.stops:
            self.stops = found
            self._app.draw_frames()

    def _know_items(self, found: list[InboxItem]) -> None:
        self.items, self.known = found, True
        from kolony_tui.ui.screens.inbox.screen import InboxScreen

        for screen in self._app.screen_stack:
            if isinstance(screen, InboxScreen):
                screen.inbox_changed()
        self._app.draw_frames()

    # What the frame says

    def asked_by(self, agent_ids: set[UUID]) -> list[InboxItem]:
        """The questions of these agents, what is urgent first."""
        return [item for item in self.items if item.kind.asks and item.agent_id in agent_ids]

    def count(self, sign: str) -> list[Part]:
        """How much waits, for the header; nothing where nothing does."""
        if not self.items:
            return []
        many = len(self.items)
        shown = f"{many}+" if many >= inbox.LISTED else str(many)
        words = "to see" if self._app.read_only else "needs you" if many == 1 else "need you"
        return [part(f"   {sign} {shown} {words}", "warn")]

    def banner(self, now: datetime) -> tuple[list[Part], list[Part]] | None:
        """What the banner says while a stop is on: whom, by whom, since when, why; and who has confirmed."""
        if not self.stops:
            return None
        first = self.stops[0]
        agents = sum(stop.agents for stop in self.stops)
        confirmed = sum(stop.confirmed for stop in self.stops)
        missing = sum(stop.missing for stop in self.stops)
        whom = (
            "EVERYONE" if any(stop.everyone for stop in self.stops) else f"{agents} AGENT{'S' if agents != 1 else ''}"
        )
        ago = span((now - first.began_at).total_seconds())
        left = [part(f"{whom} STOPPED by {first.began_by_login or '?'} {ago} ago")]
        if first.why.raw:
            left += [part(": "), part(first.why, limit=200)]
        gone = f", {missing} NOT CONFIRMED" if missing else ""
        return left, [part(f"{confirmed} of {agents} confirmed{gone}")]
