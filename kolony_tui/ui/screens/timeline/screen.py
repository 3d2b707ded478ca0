"""The timeline: what happened to agents, commands and runs, newest first, as it comes; replay begins here."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from textual.app import ComposeResult

from kolony_tui.core import events
from kolony_tui.core.events import Wanted
from kolony_tui.core.session import PersonSession
from kolony_tui.models.events import KINDS, Event
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.screens.listing import list_title, recall, remember
from kolony_tui.ui.widgets.event_list import EventList
from kolony_tui.ui.widgets.panel import Panel
from kolony_tui.ui.widgets.rows import RowList

LISTED = 1000
GAP = 0.5
"""Seconds between two readings: any hint may mean new events."""
AREAS: tuple[str, ...] = ("", *dict.fromkeys(kind.partition(".")[0] for kind in KINDS))
"""What events can be about, as kinds begin; first all of them."""
_BARS = 20


class TimelineScreen(FramedScreen):
    """Events of one area, or of all; of one agent or run, or of all."""

    AUTO_FOCUS = "#timeline"

    def __init__(self) -> None:
        super().__init__()
        self.wanted = Wanted()
        self._about = ""
        self._read_for: Wanted | None = None
        self.list = EventList(self.kolony.drawing, id="timeline")

    def body(self) -> ComposeResult:
        """The list."""
        yield Panel(self.list, id="timeline-panel")

    def crumbs(self) -> list[Part]:
        """The timeline."""
        return [part("Timeline")]

    def on_mount(self) -> None:
        """Takes up what was left."""
        super().on_mount()
        kept = self.kolony.remembered.get("timeline")
        recall(self.list, kept)
        if isinstance(kept, dict) and kept.get("area") in AREAS[1:]:
            self.wanted = Wanted(kinds=(str(kept["area"]),))
        self._draw_title()
        query = LiveQuery("timeline", lambda kind, identity: True, self._read, self._show, gap=GAP)
        self.kolony.live.watch(self.list, query)

    @property
    def has_content(self) -> bool:
        """Whether it shows what it is for."""
        return self._read_for == self.wanted

    def memory(self) -> dict[str, Any]:
        """The area, filter and order."""
        return {"timeline": {**remember(self.list), "area": self.area}}

    def workspace_changed(self) -> None:
        """Nothing of the other workspace stays."""
        self.list.show([])
        self.step_back()

    def step_back(self) -> None:
        """Shows every event again."""
        self.want(Wanted())

    @property
    def area(self) -> str:
        """How the kinds begin that are shown; empty: all of them."""
        return self.wanted.kinds[0] if self.wanted.kinds else ""

    @property
    def about(self) -> str:
        """What the events are narrowed to, in words; empty: nothing."""
        return self._about

    def turn_area(self) -> None:
        """Goes on to the next area."""
        area = AREAS[(AREAS.index(self.area) + 1) % len(AREAS)]
        self.want(replace(self.wanted, kinds=(area,) if area else ()), self._about)

    def turn_subject(self) -> None:
        """Narrows to the run or agent of the event under the cursor, or no more."""
        event = self.list.pointed
        if self.wanted.agent_id or self.wanted.run_id:
            self.want(Wanted(kinds=self.wanted.kinds))
        elif event is not None and event.run_id is not None:
            self.want(replace(self.wanted, run_id=event.run_id), f"run {event.reference}")
        elif event is not None and event.agent_id is not None:
            self.want(replace(self.wanted, agent_id=event.agent_id), "one agent")

    def want(self, wanted: Wanted, about: str = "") -> None:
        """Reads other events from now on."""
        self._about = about
        if wanted != self.wanted:
            self.wanted = wanted
            self._draw_title()
            self.kolony.live.look_again(self.list)

    async def _read(self, session: PersonSession) -> tuple[Wanted, list[Event]]:
        wanted, moment = self.wanted, self.kolony.replay.moment
        until = None if moment is None else moment + timedelta(microseconds=1)
        return wanted, (await events.events(session, wanted, until=until, limit=LISTED))[::-1]

    def _show(self, found: tuple[Wanted, list[Event]]) -> None:
        wanted, listed = found
        if wanted == self.wanted:
            self._read_for = wanted
            self.list.show(listed)
            self._draw_title()
            self.draw_hints()

    def _draw_title(self) -> None:
        left = list_title("Timeline", self.list)
        if self.area:
            left += [part("  only ", "dim"), part(self.area, "warn")]
        if self._about:
            left += [part("  of ", "dim"), part(self._about, "warn")]
        right = [part(f"{self._density()}  ", "busy")]
        if self.list.total >= LISTED:
            right.append(part("newest  ", "warn"))
        self.query_one("#timeline-panel", Panel).title.say(left, [*right, part(f"{self.list.total}", "strong")])

    def _density(self) -> str:
        """How close together the listed events are, oldest first."""
        times = [event.at.timestamp() for event in self.list.rows]
        if len(times) < 2 or times[0] <= times[-1]:
            return ""
        width = (times[0] - times[-1]) / _BARS
        counts = [0.0] * _BARS
        for at in times:
            counts[min(int((at - times[-1]) / width), _BARS - 1)] += 1
        return self.kolony.drawing().spark(counts, _BARS)

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Goes to what the event is about."""
        event.stop()
        pointed = self.list.pointed
        if pointed is None:
            return
        if pointed.run_id is not None:
            self.kolony.open_run(pointed.run_id)
        elif pointed.agent_id is not None:
            self.kolony.open_agent(pointed.agent_id)
        elif pointed.command_id is not None:
            from kolony_tui.ui.screens.work.command import CommandScreen

            self.app.push_screen(CommandScreen(pointed.command_id))

    def on_row_list_changed(self, event: RowList.Changed) -> None:
        """Filter or marks show in the title."""
        event.stop()
        self._draw_title()
        self.draw_hints()

    def on_row_list_pointed(self, event: RowList.Pointed) -> None:
        """What can be done depends on the event."""
        event.stop()
        self.draw_hints()
