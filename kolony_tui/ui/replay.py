"""`Replay`: the app at a moment of the past: what is in sight is asked as of then, nothing can be done, keys step."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from textual import events
from textual.timer import Timer

from kolony_tui.core.events import step
from kolony_tui.core.replay import PastDatabase, looking_back
from kolony_tui.core.session import PersonSession
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.registry import key_words

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

SPEEDS = (1, 8, 60)
"""How many seconds of the past pass in one, by turns."""
TICK = 0.5
KEYS = ("replay.back", "replay.on", "replay.minute_back", "replay.minute_on", "replay.play", "replay.leave")
"""Commands whose keys are theirs alone while one looks back."""


class Replay:
    """Looks back for one app. ``moment``: as of when; None: one is in the present."""

    def __init__(self, app: KolonyApp) -> None:
        self._app = app
        self.moment: datetime | None = None
        self.only = False
        """There is no present to go back to: what is shown was exported."""
        self.session: PersonSession | None = None
        """For what is in view while one looks back."""
        self._output: PersonSession | None = None
        self._present_output: PersonSession | None = None
        self._speed: int | None = None
        self._timer: Timer | None = None

    @property
    def on(self) -> bool:
        """Whether one looks back."""
        return self.moment is not None

    @property
    def why_not(self) -> str | None:
        """Why nothing can be done now, in words; None in the present."""
        if self.moment is None:
            return None
        back = "" if self.only else f"; {self._key('replay.leave')} goes back to now"
        return f"this is the past, {self._clock}{back}"

    @property
    def badge(self) -> str:
        """What stands for it in the header."""
        return f"REPLAY {self._clock}" if self.on else ""

    @property
    def _clock(self) -> str:
        assert self.moment is not None
        here, today = self.moment.astimezone(), datetime.now().astimezone().date()
        return here.strftime("%H:%M:%S" if here.date() == today else "%Y-%m-%d %H:%M:%S")

    def banner(self) -> tuple[list[Part], list[Part]]:
        """What it says above every screen: as of when, and its keys."""
        key = self._key
        playing = f"playing {self._speed}x  " if self._speed else ""
        left = [part(f"REPLAY {self._clock}  {playing}".rstrip())]
        said = [f"{key('replay.back')} {key('replay.on')} step", f"{key('replay.minute_back')} "
                f"{key('replay.minute_on')} minute", f"{key('replay.play')} play"]  # fmt: skip
        if not self.only:
            said.append(f"{key('replay.leave')} now")
        return left, [part("  ".join(said))]

    def _key(self, command: str) -> str:
        keys = self._app.keys[command]
        return key_words(keys[0]) if keys else command

    def take(self, event: events.Key) -> bool:
        """Does what a key means while one looks back; answers whether it meant something."""
        if not self.on or self._app.ground is not self._app.screen:
            return False
        command = next((name for name in KEYS if event.key in self._app.keys[name]), None)
        if command is None:
            return False
        self._app.do(command)
        return True

    # Going

    async def begin(self) -> None:
        """Looks at what was exported, where the app was opened for that."""
        if self._app.opening.replay is not None:
            self.only = True
            await self.look(self._app.opening.replay)

    async def look(self, moment: datetime) -> None:
        """Shows everything as of a moment."""
        app = self._app
        present = app.session
        if present is None:
            return
        if not self.on:
            self._present_output = app.output_session
            self.session = looking_back(present, moment, "kolony app replay")
            self._output = looking_back(present, moment, "kolony app replay output")
            app.output_session = self._output
            app.doing = {}
        for each in (self.session, self._output):
            if each is not None and isinstance(each.db, PastDatabase):
                each.db.moment = moment
        self.moment = moment
        self._show()

    async def leave(self) -> None:
        """Back to the present."""
        if not self.on or self.only:
            return
        self._stop()
        gone = (self.session, self._output)
        self.moment, self.session, self._output = None, None, None
        self._app.output_session, self._present_output = self._present_output, None
        self._show()
        for each in gone:
            if each is not None:
                await each.db.close()

    async def close(self) -> None:
        """Ends its connections, and with them that of the present's output, which nobody else knows now."""
        self._stop()
        for each in (self.session, self._present_output):
            if each is not None:
                await each.db.close()

    def _show(self) -> None:
        from kolony_tui.ui.widgets.output_panel import OutputPanel
        from kolony_tui.ui.widgets.trace_panel import TracePanel

        app = self._app
        for screen in app.screen_stack:
            for panel in (*screen.query(OutputPanel), *screen.query(TracePanel)):
                if panel.feed is not None:
                    panel.feed.again()
        app.live.look_again()
        app.draw_frames()

    async def step(self, *, forward: bool) -> None:
        """To the next event, or the one before."""
        if self.moment is None or self.session is None:
            return
        found = await step(self.session, self.moment, forward=forward)
        if found is None:
            self._app.say("there is no later event" if forward else "there is no earlier event")
        else:
            await self.look(found)

    async def move(self, by: timedelta) -> None:
        """Further on or back by the clock; never past the present."""
        if self.moment is None:
            return
        await self.look(min(self.moment + by, self._app.opening.replay or self._app.present()))

    def play(self) -> None:
        """Lets time pass: as it did, then faster and faster, then not at all."""
        if not self.on:
            return
        turns: tuple[int | None, ...] = (None, *SPEEDS)
        self._speed = turns[(turns.index(self._speed) + 1) % len(turns)]
        if self._speed is None:
            self._stop()
        elif self._timer is None:
            self._timer = self._app.set_interval(TICK, self._tick)
        self._app.draw_frames()

    async def _tick(self) -> None:
        if self._speed is not None and self.moment is not None:
            if self.moment >= self._app.present():
                self._stop()
            await self.move(timedelta(seconds=self._speed * TICK))

    def _stop(self) -> None:
        self._speed = None
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    # What is read

    def asks(self, owner: Any, name: str, session: PersonSession) -> PersonSession:
        """Whom a part of the screen asks: the past for what is in view, the present for what concerns oneself."""
        if self.session is None or (owner is self._app and name != "pulse"):
            return session
        return self.session
