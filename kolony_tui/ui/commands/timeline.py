"""The timeline: narrowing it, and looking back from one of its events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kolony_tui.ui.registry import Command

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp
    from kolony_tui.ui.screens.timeline.screen import TimelineScreen


def _screen(app: KolonyApp) -> TimelineScreen | None:
    from kolony_tui.ui.screens.timeline.screen import TimelineScreen

    return app.ground if isinstance(app.ground, TimelineScreen) else None


def _elsewhere(app: KolonyApp) -> str | None:
    return None if _screen(app) is not None else "that is for the screen Timeline (8)"


def _no_event(app: KolonyApp) -> str | None:
    screen = _screen(app)
    if screen is None:
        return _elsewhere(app)
    return None if screen.list.pointed is not None else "no event is under the cursor"


def _area(app: KolonyApp, _: str) -> None:
    screen = _screen(app)
    if screen is not None:
        screen.turn_area()


def _subject(app: KolonyApp, _: str) -> None:
    screen = _screen(app)
    if screen is not None:
        screen.turn_subject()


async def _replay(app: KolonyApp, _: str) -> None:
    screen = _screen(app)
    if screen is not None and screen.list.pointed is not None:
        await app.replay.look(screen.list.pointed.at)


def _audit(app: KolonyApp, _: str) -> None:
    app.go_to("audit")


COMMANDS = (
    Command("timeline.replay", "Look back from here", "shows fleet, queue and runs as of this event", _replay,
            ("timeline",), ("r",), unavailable=_no_event, short="replay"),
    Command("timeline.area", "Events of another area", "agents, runs, approvals and so on, by turns", _area,
            ("timeline",), ("e",), unavailable=_elsewhere, short="area"),
    Command("timeline.subject", "Events of this run or agent", "or of all again", _subject, ("timeline",), ("a",),
            unavailable=_elsewhere, short="only this"),
    Command("timeline.audit", "The audit log", "who did what from where", _audit, ("timeline",), ("l",),
            unavailable=_elsewhere, short="audit log"),
)  # fmt: skip
