"""What needs a person on every screen: the stops that are on, and what waits in the inbox."""

from __future__ import annotations

import time
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

    from kolony_tui.core.session import PersonSession
    from kolony_tui.ui.app import KolonyApp

_STOP_GAP = 1.0
_INBOX_GAP = 1.0
_ASKED_GAP = 0.05
"""What an agent asks is on the screen at once; what else waits may take a second."""
LISTED_DETAIL = 4000
"""Characters of each detail that lists and previews have; who looks at one item reads all of it."""


class Needs:
    """Keeps stops and inbox up to date for header, banner and screens."""

    def __init__(self, app: KolonyApp) -> None:
        self._app = app
        self.stops: list[Stop] = []
        self.items: list[InboxItem] = []
        self.known = False
        self.questions: list[InboxItem] = []
        """Those of the items that ask: what is looked through with each key is not all that ever failed."""
        self.asking: dict[UUID, InboxItem] = {}
        """What each agent asks, what is urgent first."""
        self._read_at = 0.0

    def begin(self) -> None:
        """Reads from now on; the app has a session."""
        live = self._app.live
        reading = LiveQuery("stops", self._wants_stops, stops.open_stops, self._know_stops, _STOP_GAP, aside=True)
        live.watch(self._app, reading)
        for name, wants, gap, polled in (
            ("inbox", self._wants_items, _INBOX_GAP, True),
            ("asked", lambda kind, _: kind == "inbox", _ASKED_GAP, False),  # what the other reads is the same
        ):
            reads = LiveQuery(name, wants, self._read_items, self._know_items, gap, aside=True, polled=polled)
            live.watch(self._app, reads)

    def forget(self) -> None:
        """Another workspace was entered."""
        self.stops, self.items, self.questions, self.known, self.asking = [], [], [], False, {}

    def _wants_stops(self, kind: str, identity: str) -> bool:
        return kind == "stop" or (bool(self.stops) and kind in ("agent", "agents", "run"))

    def _wants_items(self, kind: str, identity: str) -> bool:
        return kind in ("stop", "agent", "agents", "run", "command")

    def _know_stops(self, found: list[Stop]) -> None:
        if found != self.stops:
            self.stops = found
            self._app.draw_frames()

    async def _read_items(self, session: PersonSession) -> tuple[float, list[InboxItem]]:
        began = time.monotonic()
        return began, await inbox.items(session, longest_detail=LISTED_DETAIL)

    def _know_items(self, read: tuple[float, list[InboxItem]]) -> None:
        began, found = read
        if began < self._read_at:
            return  # the other reading was later and is shown already
        self._read_at, self.items, self.known = began, found, True
        self.questions = [item for item in found if item.kind.asks]
        self.asking = {item.agent_id: item for item in reversed(self.questions)}
        from kolony_tui.ui.screens.inbox.screen import InboxScreen

        for screen in self._app.screen_stack:
            if isinstance(screen, InboxScreen):
                screen.inbox_changed()
        self._app.draw_frames()

    # What the frame says

    def asked_by(self, agent_ids: set[UUID]) -> list[InboxItem]:
        """The questions of these agents, what is urgent first."""
        return [item for item in self.questions if item.agent_id in agent_ids]

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
