"""`KolonyApp`: the session, what every screen shares, and how commands are carried out."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from rich.text import Text
from textual import events
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.driver import Driver
from textual.filter import Monochrome, NoColor
from textual.notifications import Notify
from textual.screen import Screen
from textual.scrollbar import ScrollBar
from textual.worker import Worker, WorkerError, WorkerState

from kolony_tui.core import audit, lists
from kolony_tui.core.connection import Destination, unverified
from kolony_tui.core.session import PersonSession, refreshed
from kolony_tui.db.connect import Database
from kolony_tui.models.errors import CannotConnect, ExitCode, KolonyError, WrongState
from kolony_tui.models.fleet import Agent
from kolony_tui.models.lists import Page, Pulse, Wish
from kolony_tui.models.people import Role
from kolony_tui.models.secret import Secret
from kolony_tui.models.work import Run
from kolony_tui.text import safe
from kolony_tui.ui.beside import beside
from kolony_tui.ui.companion import Companion
from kolony_tui.ui.driver import KolonyDriver
from kolony_tui.ui.early_keys import EarlyKeys
from kolony_tui.ui.entering import Door
from kolony_tui.ui.live import Live, LiveQuery
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.needs import Needs
from kolony_tui.ui.notice import Notice
from kolony_tui.ui.notifying import Notifier
from kolony_tui.ui.opening import Opening, wall_clock
from kolony_tui.ui.palette import AgentHits, CommandHits, RunHits
from kolony_tui.ui.registry import SCREENS, bindings, commands, keys_after
from kolony_tui.ui.reopening import open_subjects, reopen
from kolony_tui.ui.replay import Replay
from kolony_tui.ui.samples import Samples
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.spending import Spending
from kolony_tui.ui.themes import PlainScrollBar, begin_with
from kolony_tui.ui.undoing import Undoing
from kolony_tui.ui.widgets.agent_list import AgentList
from kolony_tui.ui.windows import wants_work

PULSE_GAP = 1.0
"""Seconds between two looks at the numbers in the header."""
LATELY = timedelta(hours=1)
"""What ended since then is shown below the queue,"""
RECENT_RUNS = 50
"""and at most so many of it."""


class KolonyApp(App[int]):
    """The command center."""

    TITLE = "kolony"
    CSS_PATH = "styles/app.tcss"
    MODES: ClassVar[dict[str, Callable[[], Screen[None]]]] = {entry.name: entry.make for entry in SCREENS}  # type: ignore[assignment]
    DEFAULT_MODE = "dashboard"
    ENABLE_COMMAND_PALETTE = False  # its own key would beat ours; the palette is a command like any other
    COMMANDS: ClassVar[set[Any]] = {CommandHits, AgentHits, RunHits}
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("app")]
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012  (Textual declares it otherwise)
        (0, "-narrow"),
        (100, "-wide"),
        (180, "-vast"),
    ]
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-low"),
        (18, "-high"),
    ]

    def __init__(self, opening: Opening, driver: type[Driver] | None = None) -> None:
        super().__init__(driver_class=driver)
        if self.no_color:
            # Textual turns colours into greys, which are colours to a terminal.
            self._filters = [NoColor() if isinstance(each, Monochrome) else each for each in self._filters]
        self.keys = keys_after(opening.keymap)
        self.opening = opening
        self.remembered: dict[str, Any] = dict(opening.remembered)
        begin_with(self, self.remembered.get("theme"), opening.theme)
        self.session: PersonSession | None = None
        self.output_session: PersonSession | None = None
        self.aside_session: PersonSession | None = None
        """For what nobody waits for: what is in view does not stand behind it."""
        self.destination: Destination | None = None
        self.live = Live(self)
        self.samples = Samples()
        self.pulse: Pulse | None = None
        self.agents: list[Agent] = []
        """Those in sight, or last seen: never to be taken for all of them."""
        self.queue: list[Run] = []
        self.recent: list[Run] = []
        self.queue_known = False
        self.doing: dict[UUID, Run] = {}
        self.failure: KolonyError | None = None
        self.companion = Companion(self)
        self.early_keys = EarlyKeys(self)
        self.notifier = Notifier(self)
        self.door = Door(self)
        self.undoing = Undoing(self)
        self.needs = Needs(self)
        self.spending = Spending(self)
        self.replay: Replay = Replay(self)
        self.unverified = ""
        self.saying = "connecting"
        self._interrupted = 0.0
        self._told: tuple[str, float] = ("", 0.0)

    def now(self) -> datetime:
        """The server's time, or that which one looks back to."""
        return self.replay.moment or self.present()

    def present(self) -> datetime:
        """The server's time, whatever one looks back to."""
        return self.opening.frozen or wall_clock() + self.live.ahead

    def drawing(self) -> Drawing:
        """What lists draw with."""
        return Drawing(self.now(), self.opening.ascii_only, self.doing, self.needs.asking)

    def on_mount(self) -> None:
        """Connects; the dashboard is there meanwhile."""
        if self.opening.ascii_only:
            self.add_class("-ascii")
            ScrollBar.renderer = PlainScrollBar
        self.set_keymap({name: ",".join(self.keys[name]) for name in self.opening.keymap})
        # Not on every platform, and in the main thread only.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, partial(self.exit, return_code=128 + number))
        screen = self.remembered.get("screen")
        if screen in self.MODES and screen != self.DEFAULT_MODE:
            self.switch_mode(screen)
        beside(self, self._open, group="open")

    async def _open(self) -> None:
        try:
            destination = await asyncio.to_thread(self.opening.find, partial(self.call_from_thread, self._say_opening))
            self._say_opening("logging in")
            destination, session = await self.door.enter(destination)
        except KolonyError as error:
            self.failure = error
            self.exit(return_code=int(error.exit_code))
            return
        self.destination = destination
        self.enter(session)
        self.live.watch(self, LiveQuery("pulse", wants_work, self._read_pulse, self._know_pulse, PULSE_GAP, aside=True))
        self.needs.begin()
        self.spending.begin()
        self.live.start()
        await reopen(self, session, self.remembered.get("open"))
        self.notifier.begin()
        await audit.note_login(session)
        for words in self.opening.told:
            self.say(words)
        await self.companion.begin()
        await self.replay.begin()
        self.opening.begun()

    def enter(self, session: PersonSession) -> None:
        """Works in a workspace from now on."""
        self.session = session
        self.output_session = replace(session, db=Database(session.db.target, "kolony app output"))
        self.aside_session = replace(session, db=Database(session.db.target, "kolony app aside"))
        self.samples = Samples()
        self.unverified = unverified(session.db.target)

    def know_password(self, password: Secret) -> Destination:
        """The person has another password: what is opened from now on uses it. Answers with where that is."""
        assert self.session is not None
        assert self.destination is not None
        before = self.session.db.target
        target = before.as_login(self.session.me.login, password, before.source)
        for session in (self.session, self.output_session, self.aside_session):
            if session is not None:
                session.db.target = target  # what is open stays open
        self.destination = replace(self.destination, target=target)
        self.live.listen()
        return self.destination

    async def change_workspace(self, slug: str) -> None:
        """Goes to another workspace of this person. Raises NotFound, CannotConnect."""
        from kolony_tui.core.connection import remember_workspace

        assert self.session is not None
        session = await refreshed(self.session.db, slug)
        before, old = self.session, (self.output_session, self.aside_session)
        self.enter(session)
        self.pulse = None
        self.needs.forget()
        self.spending.forget()
        self.notifier.forget()
        self.agents, self.queue, self.recent, self.doing = [], [], [], {}
        self.queue_known = False
        await self._leave_screens()
        if before.workspace != session.workspace:
            await audit.note_logout(before)
            await audit.note_login(session)
            if self.destination is not None:
                await asyncio.to_thread(remember_workspace, self.destination, slug)
        for each in old:
            if each is not None:
                await each.db.close()
        self.live.listen()
        self.live.look_again()

    async def _leave_screens(self) -> None:
        """Nothing of the former workspace stays: neither in sight, nor on a screen that one comes back to."""
        for screen in reversed(self.screen_stack):
            if isinstance(screen, FramedScreen):
                screen.workspace_changed()
        for name in [name for name in self._screen_stacks if name in self.MODES and name != self.current_mode]:
            self.remembered.update(self._memory_of(name))
            await self.remove_mode(name)
            self.add_mode(name, self.MODES[name])

    def _say_opening(self, words: str) -> None:
        self.saying = words
        self.draw_frames()

    async def on_unmount(self) -> None:
        """Ends what was begun: first whoever might open a connection once more, then the connections."""
        workers = list(self.workers)
        for worker in workers:
            worker.cancel()
        for worker in workers:
            with contextlib.suppress(WorkerError):
                await worker.wait()
        await self.companion.end()
        if self.session is not None:
            await audit.note_logout(self.session)
        await self.replay.close()
        for session in (self.session, self.output_session, self.aside_session):
            if session is not None:
                await session.db.close()

    def exit(self, result: int | None = None, return_code: int = 0, message: Any = None) -> None:
        """Ends the app; what its screens would be remembered by is noted now, while they are there."""
        if isinstance(self._driver, KolonyDriver):
            self._driver.end_surely(return_code)
        try:
            self.remembered = self.memory()
        finally:
            super().exit(result, return_code, message)

    async def action_quit(self) -> None:
        """Quits; asks first where the local agent works on something."""
        beside(self, self._quit, group="quit", exclusive=True)

    async def _quit(self) -> None:
        if await self.companion.may_quit():
            self.exit(return_code=int(ExitCode.DONE))

    def action_help_quit(self) -> None:
        """Ctrl+c: once says how to quit, twice within two seconds quits."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._interrupted < 2:
            self.exit(return_code=int(ExitCode.DONE))
            return
        self._interrupted = loop.time()
        self.say("ctrl+c once more quits (ctrl+q does at once)", severity="warning")

    def _fatal_error(self) -> None:
        from kolony_tui.core.fault import record_fault, traceback_of

        error = sys.exc_info()[1]
        # Not Textual's own, which shows local variables.
        told = traceback_of(error) if self.opening.debug and error is not None else record_fault()
        self._exit_renderables.append(Text(told))
        self._close_messages_no_wait()

    # What is known

    def know_me(self, session: PersonSession) -> None:
        """The person's rights were read again."""
        if self.session is not None and session.me.login == self.session.me.login:
            changed = session.workspace != self.session.workspace or session.me != self.session.me
            self.session = session
            if self.output_session is not None:
                self.output_session = replace(session, db=self.output_session.db)
            if self.aside_session is not None:
                self.aside_session = replace(session, db=self.aside_session.db)
            if changed:
                self.draw_frames()

    async def _read_pulse(self, session: PersonSession) -> Pulse:
        return await lists.pulse(session, self.samples.counted_from(self.now()))

    def _know_pulse(self, pulse: Pulse) -> None:
        self.pulse = pulse
        self.samples.count(pulse.ended, self.now())
        self._show_everywhere()

    async def read_agents(self, session: PersonSession, wish: Wish) -> Page[Agent]:
        """A window of the agents, for any screen; what they do is read after it."""
        page = await lists.agents(session, wish)
        if session is (self.replay.session or self.session):
            self.agents = list(page.rows)
            self.samples.take(page.rows)
            working = [agent.agent_id for agent in page.rows if agent.running]
            beside(self, self._read_doing, working, group="doing", exclusive=True)
        return page

    async def _read_doing(self, working: list[UUID]) -> None:
        session = self.replay.session or self.aside_session
        if session is None:
            return
        with contextlib.suppress(KolonyError):  # whoever reads what is in view tells of it
            self.doing = await lists.doing(session, working) if working else {}
            for rows in self.screen.query(AgentList):
                rows.refresh()

    async def read_queue(self, session: PersonSession, wish: Wish) -> Page[Run]:
        """A window of what goes on and waits, and below it of what ended lately."""
        known = self.pulse.open_runs if self.pulse is not None else 0
        page = await lists.open_runs(session, wish, self.now() - LATELY, RECENT_RUNS, known)
        if session is (self.replay.session or self.session):
            self.queue = [run for run in page.rows if not run.status.ended]
            self.recent = [run for run in page.rows if run.status.ended]
            self.queue_known = True
        return page

    def _show_everywhere(self) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, FramedScreen):
                screen.fleet_changed()
        self.draw_frames()

    def draw_frames(self) -> None:
        """Brings header, banner and hints up to date."""
        for screen in self.screen_stack:
            if isinstance(screen, FramedScreen):
                screen.draw_frame()

    @property
    def read_only(self) -> bool:
        """Whether this person may only look on."""
        return self.session is not None and self.session.role == Role.VIEWER

    @property
    def ground(self) -> FramedScreen | None:
        """The full screen on which one works, below any dialog."""
        return next((each for each in reversed(self.screen_stack) if isinstance(each, FramedScreen)), None)

    async def on_event(self, event: events.Event) -> None:
        """Keys wait for a screen that is not quite there yet."""
        if isinstance(event, events.Key | events.MouseEvent):
            self.notifier.touched()
        taken = isinstance(event, events.Key) and not event.is_forwarded and self.replay.take(event)
        if taken or (isinstance(event, events.Key) and not event.is_forwarded and await self.early_keys.take(event)):
            return
        await super().on_event(event)

    async def pass_on(self, event: events.Key) -> None:
        """Gives a key that has waited to what has the focus now."""
        await super().on_event(event)

    # Commands

    def action_command(self, command_id: str) -> None:
        """A key or a hint: does the command."""
        self.do(command_id)

    def do(self, command_id: str, argument: str = "") -> None:
        """Does a command, or says why not."""
        command = commands()[command_id]
        reason = command.why_disabled(self)
        if reason is not None:
            self.say(f"{command.title}: {reason}", severity="warning")
            return
        try:
            step = command.handler(self, argument)
        except KolonyError as error:
            self.tell(error)
            return
        if step is not None:
            self.perform(step, command.id)

    def perform(self, step: Awaitable[None], name: str = "step") -> None:
        """Carries out a step in a worker of its own; what goes wrong is told in one line."""
        self.run_worker(self._perform(step), name=name, group="steps", exit_on_error=False)

    async def _perform(self, step: Awaitable[None]) -> None:
        try:
            await step
        except KolonyError as error:
            if isinstance(error, CannotConnect):
                self.live.lose(error)
            self.tell(error)
        self.live.look_again()

    def notify(self, message: str, **how: Any) -> None:
        """A toast, as Textual's own ``notify`` makes it."""
        how["timeout"] = how.get("timeout") or self.NOTIFICATION_TIMEOUT
        self.post_message(Notify(Notice(message, **how)))

    def say(self, words: str, *, severity: Any = "information") -> None:
        """A toast of one line."""
        self.notify(safe(words, limit=300).plain, severity=severity, markup=False)

    def tell(self, error: KolonyError) -> None:
        """Says what went wrong; the same thing not twice within five seconds."""
        loop = asyncio.get_running_loop()
        if (error.line, True) == (self._told[0], loop.time() - self._told[1] < 5):
            return
        self._told = error.line, loop.time()
        self.notify(safe(error.line, limit=400).plain, title=error.title, severity="error", timeout=8, markup=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A fault of ours in a worker is told and kept, and the app goes on."""
        if event.state == WorkerState.ERROR and event.worker.error is not None:
            from kolony_tui.core.fault import record_fault

            self.say(record_fault(event.worker.error), severity="error")

    def export_screenshot(self, **options: Any) -> str:
        """A picture of the screen. Raises WrongState while a secret is shown."""
        from kolony_tui.ui.screens.shown_once import ShownOnce

        if any(isinstance(screen, ShownOnce) for screen in self.screen_stack):
            raise WrongState("no picture is taken while a secret is shown", "close it first")
        return super().export_screenshot(**options)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """None of Textual's own: the registry has them all."""
        return ()

    # Going places

    def open_run(self, run_id: UUID) -> None:
        """Shows a run in full."""
        from kolony_tui.ui.screens.work.run import RunScreen

        self.push_screen(RunScreen(run_id))

    def open_agent(self, agent_id: UUID) -> None:
        """Shows an agent in full."""
        from kolony_tui.ui.screens.fleet.agent import AgentScreen

        self.push_screen(AgentScreen(agent_id))

    def show_sent(self, run_id: UUID | None) -> None:
        """Shows what a command that was sent just now prints."""
        from kolony_tui.ui.screens.dashboard import DashboardScreen

        if run_id is None:
            return
        if isinstance(self.screen, DashboardScreen):
            self.screen.await_run(run_id)
        else:
            self.open_run(run_id)

    def go_to(self, name: str, part: str = "") -> None:
        """Shows one of the screens that have a number, as it was left, or a ``part`` of it. Raises UsageError."""
        if self.current_mode == name:
            while len(self.screen_stack) > 1:
                self.pop_screen()
        else:
            self.switch_mode(name)
        if part and self.ground is not None:
            self.ground.show_part(part)
        self.call_after_refresh(self.draw_frames)

    # What survives

    def memory(self) -> dict[str, Any]:
        """What the next app should know."""
        kept = {**self.remembered, "screen": self.current_mode, "theme": self.theme}
        # Half a command may hold anything, and the state file no secret.
        kept.pop("unsent", None)
        if self.is_running:  # of a closed app this is known from when it was told to exit
            kept["open"] = open_subjects(self)
        for name in self._screen_stacks:
            kept.update(self._memory_of(name))
        return kept

    def _memory_of(self, mode: str) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for screen in self._screen_stacks[mode]:
            if isinstance(screen, FramedScreen):
                kept.update(screen.memory())
        return kept
