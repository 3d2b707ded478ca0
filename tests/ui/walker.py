"""Within the app's own process: goes to every screen, section and dialog that the registry leads to, pressing no key.

``python -m tests.ui.walker ARGUMENTS`` is ``kolony`` that walks by itself, writes what it saw to ``$WALK_REPORT`` (a
JSON document a line: where, which screen, its text, what a click would do) and quits.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from textual import events
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, TextArea

from kolony_tui.models.errors import WorkFailed
from kolony_tui.ui.app import KolonyApp
from kolony_tui.ui.registry import SCREENS, commands
from kolony_tui.ui.screens.asking import Question
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.screens.work.runs import STATUSES, RunsScreen
from kolony_tui.ui.widgets.rows import RowList
from tests.text.hostile import everything

LEFT_OUT = ("go.quit", "go.back", "go.run", "go.agent", "go.login", "go.dashboard", "view.theme")
"""They lead away, or need an argument; every screen is gone to anyway."""
DEADLINE = 20.0


class Walk:
    """One walk through the app."""

    def __init__(self, app: KolonyApp, report: Path) -> None:
        self.app = app
        self.report = report
        self.keys: list[str] = []
        self.toured: set[type] = set()
        self.done: set[tuple[str, str]] = set()

    async def go(self) -> None:
        """All of it; the app ends with it."""
        try:
            await self._go()
        except BaseException as error:
            self.write(where="the walk itself", screen=type(error).__name__, text=str(error), clicks=[])
            raise
        finally:
            self.write(where="keys", screen="", text=" ".join(self.keys), clicks=[])
            self.app.exit(0)

    async def _go(self) -> None:
        app = self.app
        await self.until(lambda: app.session is not None and app.live.link.state == "live" and app.queue_known, "live")
        await self.until(lambda: app.pulse is not None, "the numbers")
        for entry in SCREENS:
            for part in ("", *entry.parts()):
                app.go_to(entry.name, part)
                await self.settle()
                where = f"{entry.name} {part}".strip()
                self.look(where)
                await self.tour(where)
                # The lists of the queue, drafts among them, come one after the other.
                for _ in range(len(STATUSES) if isinstance(app.ground, RunsScreen) else 0):
                    app.do("list.next_status")
                    await self.settle()
                    self.look(f"{where} turned")
                    await self.tour(where)
        app.tell(WorkFailed(everything(), everything()))
        app.say(everything(), severity="warning")
        await self.settle()
        self.look("toasts")

    async def tour(self, where: str) -> None:
        """Each place of the screen: every command of it, and what opens a row."""
        ground = self.app.ground
        assert ground is not None
        self.toured.add(type(ground))
        for number in range(len(ground.focus_chain)):
            chain = ground.focus_chain
            if number >= len(chain):
                break
            widget = chain[number]
            ground.set_focus(widget)
            await self.settle()
            here = ground.places()
            for command in commands().values():
                place = next((place for place in here if place in command.places), None)
                if place is None or command.id in LEFT_OUT or (command.id, place) in self.done:
                    continue
                self.done.add((command.id, place))
                ground.set_focus(widget)
                await self.one(partial(self.app.do, command.id), f"{where}: {command.id}")
            if isinstance(widget, RowList) and widget.pointed is not None:
                await self.one(partial(widget.post_message, widget.Opened(widget)), f"{where}: opened")

    async def one(self, step: Callable[[], object], where: str) -> None:
        """A step, a look at where it leads, and the way back."""
        app = self.app
        mode, ground = app.current_mode, app.ground
        depth = len(app.screen_stack)
        step()
        await self.settle()
        if app.current_mode != mode:
            self.look(where)
            app.go_to(mode)
            await self.settle()
        yes = "agent.retire" not in where  # later screens need it
        while len(app.screen_stack) > depth:
            screen = app.screen
            self.look(where)
            if isinstance(screen, FramedScreen):
                if type(screen) not in self.toured:
                    await self.tour(where)
                app.pop_screen()
            else:
                assert isinstance(screen, ModalScreen)
                for widget in screen.focus_chain:
                    screen.set_focus(widget)
                    await self.painted()
                    self.look(where)
                # Yes once, so that what comes of it is seen too; then no.
                screen.dismiss("" if yes and isinstance(screen, Question) else None)
                yes = False
            await self.until(partial(_gone, app, screen), f"{where} is left")
            await self.settle()
        assert app.ground is ground, where
        self.look(f"{where}: after")

    async def settle(self) -> None:
        """Until what is in front was read and drawn."""
        app = self.app
        await self.painted()
        await self.until(lambda: app.ground is not None and app.ground.filled, "its content")
        await self.until(lambda: isinstance(app.screen, ModalScreen) or not self.busy, "its steps")
        await self.painted()

    @property
    def busy(self) -> bool:
        """Whether a step is under way that waits for no dialog."""
        return any(worker.group == "steps" and worker.is_running for worker in self.app.workers)

    async def painted(self) -> None:
        """Until the screen in front was drawn once more, and what it shows sent to the terminal."""
        drawn = asyncio.Event()
        self.app.screen.refresh()
        if self.app.screen.call_after_refresh(drawn.set):
            async with asyncio.timeout(DEADLINE):
                await drawn.wait()

    async def until(self, true: Callable[[], bool], what: str) -> None:
        """Waits for a condition."""
        end = time.monotonic() + DEADLINE
        while not true():
            if time.monotonic() > end:
                raise TimeoutError(f"not in {DEADLINE} s: {what}; {type(self.app.screen).__name__}")
            await asyncio.sleep(0.01)

    def look(self, where: str) -> None:
        """Notes what is on the screen, and every action or address that a click on it would find."""
        lines, clicks = [], []
        for strip in self.app.screen._compositor.render_strips():
            lines.append("".join(segment.text for segment in strip))
            for segment in strip:
                if segment.style is not None:
                    meta: dict[str, Any] = segment.style.meta
                    clicks += [str(value) for name, value in meta.items() if name.startswith("@")]
                    clicks += [segment.style.link] if segment.style.link else []
        # Also what of a field is out of sight now.
        lines += [each.value for each in self.app.screen.query(Input)]
        lines += [each.text for each in self.app.screen.query(TextArea)]
        self.write(where=where, screen=type(self.app.screen).__name__, text="\n".join(lines), clicks=clicks)

    def write(self, **seen: Any) -> None:
        """A line of the report."""
        with self.report.open("a", encoding="utf-8") as file:
            file.write(json.dumps(seen) + "\n")


def _gone(app: KolonyApp, screen: Screen[Any]) -> bool:
    return screen not in app.screen_stack


def main() -> int:
    """``kolony``, walking."""
    walks: list[Walk] = []
    before = KolonyApp.on_event

    def on_ready(self: KolonyApp) -> None:
        walks.append(Walk(self, Path(os.environ["WALK_REPORT"])))
        self.run_worker(walks[0].go(), name="walk", group="walk")

    async def on_event(self: KolonyApp, event: events.Event) -> None:
        if isinstance(event, events.Key) and walks:
            walks[0].keys.append(event.key)
        await before(self, event)

    os.chdir(Path(os.environ["WALK_REPORT"]).parent)  # it saves what can be saved, where it stands
    KolonyApp.on_ready = on_ready  # type: ignore[attr-defined]
    KolonyApp.on_event = on_event  # type: ignore[method-assign]
    from kolony_tui.cli.main import main as kolony

    return kolony()


if __name__ == "__main__":
    sys.exit(main())
