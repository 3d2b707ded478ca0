"""Looking back: at a moment, stepping through what happened, and back to now."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from kolony_tui.core.spans import moment_past
from kolony_tui.models.errors import UsageError
from kolony_tui.ui.registry import Command

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp


def _present(app: KolonyApp) -> str | None:
    return None if app.replay.on else "that is for looking back; :at 14:02 begins"


def _no_server(app: KolonyApp) -> str | None:
    return "there is no connection to the server" if app.session is None or app.live.link.lost else None


def _no_way_back(app: KolonyApp) -> str | None:
    return "there is nothing but the past here" if app.replay.only else _present(app)


async def _at(app: KolonyApp, moment: str) -> None:
    if not moment.strip():
        raise UsageError("say when to look back to", "for example :at 14:02, :at yesterday 9:30 or :at 10m")
    now = app.present()
    await app.replay.look(min(moment_past(moment, now), now))


COMMANDS = (
    Command("replay.at", "Look back to a moment", "shows fleet, queue and runs as of then: 14:02, yesterday 9:30, 10m "
            "or a date", _at, (), (), "at", unavailable=_no_server, argument="a time or how long ago"),
    Command("replay.leave", "Back to now", "ends looking back", lambda app, _: app.replay.leave(), (), ("L",), "now",
            unavailable=_no_way_back),
    Command("replay.on", "The next event", "looking back: to the next thing that happened",
            lambda app, _: app.replay.step(forward=True), (), ("right_square_bracket",), unavailable=_present),
    Command("replay.back", "The event before", "looking back: to what happened before",
            lambda app, _: app.replay.step(forward=False), (), ("left_square_bracket",), unavailable=_present),
    Command("replay.minute_on", "A minute on", "looking back: a minute later",
            lambda app, _: app.replay.move(timedelta(minutes=1)), (), ("right_curly_bracket",), unavailable=_present),
    Command("replay.minute_back", "A minute back", "looking back: a minute earlier",
            lambda app, _: app.replay.move(timedelta(minutes=-1)), (), ("left_curly_bracket",), unavailable=_present),
    Command("replay.play", "Let time pass", "looking back: plays on as it was, then 8 and 60 times as fast, then stops",
            lambda app, _: app.replay.play(), (), ("space",), unavailable=_present),
)  # fmt: skip
