"""The timeline: narrowing it, looking back from one of its events, and a bundle of what it lists."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from kolony_tui.ui.commands.work import session_of
from kolony_tui.ui.looks import size
from kolony_tui.ui.registry import Command

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp
    from kolony_tui.ui.screens.timeline.screen import TimelineScreen

_ENDING = ".kolony"


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


def _nothing(app: KolonyApp) -> str | None:
    screen = _screen(app)
    if screen is None:
        return _elsewhere(app)
    if app.session is None or app.live.link.lost:
        return "there is no connection to the server"
    return None if screen.list.rows else "no event is listed"


async def _bundle(app: KolonyApp, _: str) -> None:
    from kolony_tui.core.bundle import export
    from kolony_tui.ui.screens.form import Field, Form

    screen = _screen(app)
    if screen is None or not screen.list.rows:
        return
    times = [event.at for event in screen.list.rows]
    since, until = min(times), max(times) + timedelta(microseconds=1)
    wanted, usual = screen.wanted, f"kolony-{since.astimezone():%Y-%m-%d-%H%M}{_ENDING}"

    async def deliver(values: Mapping[str, str]) -> None:
        target = await asyncio.to_thread(_target, values["file"].strip() or usual, usual)
        made = await export(
            session_of(app), target, since, until, agents=[wanted.agent_id] if wanted.agent_id else None,
            run=wanted.run_id, kinds=wanted.every_kind, output=values["output"] == "with",
            overwrite=values["over"] == "yes",
            progress=lambda table, rows: form.tell(f"writing {table.replace('_', ' ')}: {rows:,}; esc stops"),
        )  # fmt: skip
        written = await asyncio.to_thread(target.stat)
        app.say(f"{made.parts['events'].rows:,} events, {size(written.st_size)}, written to {target}")

    fields = [
        Field("file", "File", usual, hint="where to; kolony bundle open looks at it"),
        Field("output", "Output", "with", "choice", ("with", "without")),
        Field("over", "Over another file", "no", "choice", ("no", "yes")),
    ]
    form = Form("Export a bundle", fields, deliver, said=_said(screen, since, until), yes="Export")
    await app.push_screen_wait(form)


def _said(screen: TimelineScreen, since: datetime, until: datetime) -> str:
    first, last = (each.astimezone().strftime("%Y-%m-%d %H:%M:%S") for each in (since, until))
    narrowed = f", only of {screen.about}" if screen.about else ""
    narrowed += f", events of {screen.area}" if screen.area else ""
    return (
        f"From {first} to {last}{narrowed}: agents, runs and events as of then. People are numbered, secrets masked; "
        "instructions, config and variables are in none."
    )


def _target(named: str, usual: str) -> Path:
    target = Path(named).expanduser().absolute()
    return target / usual if target.is_dir() else target


def _audit(app: KolonyApp, _: str) -> None:
    app.go_to("audit")


COMMANDS = (
    Command("timeline.replay", "Look back from here", "shows fleet, queue and runs as of this event", _replay,
            ("timeline",), ("r",), unavailable=_no_event, short="replay"),
    Command("timeline.area", "Events of another area", "agents, runs, approvals and so on, by turns", _area,
            ("timeline",), ("e",), unavailable=_elsewhere, short="area"),
    Command("timeline.subject", "Events of this run or agent", "or of all again", _subject, ("timeline",), ("a",),
            unavailable=_elsewhere, short="only this"),
    Command("timeline.bundle", "Export a bundle", "writes the time and the runs of what is listed to a file, redacted",
            _bundle, ("timeline",), ("w",), "bundle", unavailable=_nothing, short="export"),
    Command("timeline.audit", "The audit log", "who did what from where", _audit, ("timeline",), ("l",),
            unavailable=_elsewhere, short="audit log"),
)  # fmt: skip
