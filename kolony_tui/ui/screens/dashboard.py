"""The dashboard: who is there, what runs and waits, and what the run under the cursor prints."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.containers import Container

from kolony_tui.core import work
from kolony_tui.core.lists import AGENT_ORDERS, RUN_ORDERS
from kolony_tui.core.session import PersonSession
from kolony_tui.models.fleet import Agent
from kolony_tui.models.lists import Page
from kolony_tui.models.people import Role
from kolony_tui.models.work import Run
from kolony_tui.ui.draw import part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.screens.listing import list_title, recall, remember
from kolony_tui.ui.subject import Aimed
from kolony_tui.ui.widgets.agent_list import AgentList
from kolony_tui.ui.widgets.output_panel import OutputPanel
from kolony_tui.ui.widgets.panel import Panel
from kolony_tui.ui.widgets.rows import RowList
from kolony_tui.ui.widgets.run_list import RunList
from kolony_tui.ui.windows import AGENTS, RUNS, Window


class DashboardScreen(FramedScreen):
    """Fleet, queue and output at one glance."""

    AUTO_FOCUS = "#queue"

    def __init__(self) -> None:
        super().__init__()
        app = self.kolony
        self.fleet = AgentList(
            app.drawing, lambda: app.samples, full=False, empty="no agents yet; :agent NAME makes one", id="fleet"
        )
        self.queue = RunList(app.drawing, empty="nothing runs or waits; n sends a command", past_below=True, id="queue")
        self.fleet.sortable, self.queue.sortable = frozenset(AGENT_ORDERS), frozenset(RUN_ORDERS)
        self._windows = (
            Window(app, self.fleet, "fleet", AGENTS, app.read_agents, lambda page: self._draw_titles()),
            Window(app, self.queue, "queue", RUNS, app.read_queue, self._queue_shown),
        )
        self.output = OutputPanel(id="output-panel")
        self._chosen_by_person = False
        self._awaited: Any = None
        self._to_point: Any = None
        self._greeted = False

    def body(self) -> ComposeResult:
        """Three panels; side by side or stacked is up to the styles."""
        with Container(id="panels"):
            with Container(id="lists"):
                yield Panel(self.fleet, id="fleet-panel")
                yield Panel(self.queue, id="queue-panel")
            yield self.output

    def on_mount(self) -> None:
        """Takes up what was left."""
        super().on_mount()
        recall(self.queue, self.kolony.remembered.get("dashboard.queue"))
        recall(self.fleet, self.kolony.remembered.get("dashboard.fleet"))
        self.kolony.live.watch(self.output, LiveQuery("shown run", self._wants_run, self._read_run, self._know_run))
        for window in self._windows:
            window.start()
        self.fleet_changed()

    @property
    def has_content(self) -> bool:
        """Whether it shows what it is for."""
        return self.queue.known and self.fleet.known

    def memory(self) -> dict[str, Any]:
        """Filters and sort orders."""
        return {"dashboard.queue": remember(self.queue), "dashboard.fleet": remember(self.fleet)}

    def workspace_changed(self) -> None:
        """Nothing of the other workspace stays."""
        self._chosen_by_person = False
        self.fleet.forget()
        self.queue.forget()
        self.output.follow_run(None)

    def fleet_changed(self) -> None:
        """The workspace's numbers are others."""
        if self.is_mounted:
            self._draw_titles()
            self._greet()

    def _queue_shown(self, page: Page[Run]) -> None:
        if self._to_point is not None and self.queue.point(self._to_point):
            self._to_point = None
        self._draw_titles()
        shown = self.output.run
        if self._awaited is not None:
            self._show_awaited(list(page.rows))
        elif shown is None or not self._chosen_by_person:
            self._show_something()
        self._greet()

    def _draw_titles(self) -> None:
        pulse = self.kolony.pulse
        if pulse is None or not self.is_mounted:
            return
        self.fleet.know_total(pulse.agents)
        self.queue.know_total(pulse.open_runs)
        self.query_one("#fleet-panel", Panel).title.say(
            list_title("Fleet", self.fleet), [part(f"{pulse.busy} busy  ", "dim"), part(f"{pulse.agents}", "strong")]
        )
        queue = self.query_one("#queue-panel", Panel)
        queue.title.say(list_title("Queue", self.queue), [part(f"{pulse.open_runs}", "strong")])

    def _greet(self) -> None:
        """The very first time there is nothing to look at, so the composer opens."""
        app = self.kolony
        if self._greeted or app.session is None or app.live.link.state != "live" or not self.has_content:
            return
        if app.pulse is None or not app.pulse.agents:
            return
        self._greeted = True
        if not self.queue.total and app.session.role.includes(Role.OPERATOR):
            app.perform(self._greet_newcomer(), "greet")

    async def _greet_newcomer(self) -> None:
        session = self.kolony.session
        if session is not None and not await work.commands(session, limit=1) and self.is_current:
            self.kolony.do("work.new")

    # Which run is shown

    def _show_something(self) -> None:
        """What runs, as long as the person has not chosen; and what has ended stays until something else runs."""
        running = next((run for run in self.kolony.queue if run.started_at is not None), None)
        shown = self.output.run
        if running is not None and (shown is None or shown.started_at is None or shown.status.ended):
            self.output.follow_run(running)
            self.queue.cursor = running.run_id
            self.queue.refresh()
        elif shown is None and self.queue.rows:
            self.output.follow_run(self.queue.rows[0])

    def await_run(self, run_id: Any) -> None:
        """Shows this run as soon as it is known: it was sent just now."""
        self._awaited = run_id
        self.kolony.live.look_again()

    def _show_awaited(self, queue: list[Run]) -> None:
        run = next((run for run in queue if run.run_id == self._awaited), None)
        if run is not None:
            self._awaited = None
            self._chosen_by_person = True
            # It may be known here before the list has it.
            self._to_point = None if self.queue.point(run.run_id) else run.run_id
            self.output.follow_run(run)
            self.output.view.focus()

    def on_row_list_pointed(self, event: RowList.Pointed) -> None:
        """The output follows the person's cursor."""
        event.stop()
        if event.rows is self.queue and event.by_person and self.queue.pointed is not None:
            self._chosen_by_person = True
            self._to_point = None
            self.output.follow_run(self.queue.pointed)
        self.draw_hints()

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Goes in."""
        event.stop()
        if event.rows is self.queue and self.queue.pointed is not None:
            self.kolony.open_run(self.queue.pointed.run_id)
        elif self.fleet.pointed is not None:
            self.kolony.open_agent(self.fleet.pointed.agent_id)

    def on_row_list_changed(self, event: RowList.Changed) -> None:
        """Filter or marks show in the titles."""
        event.stop()
        self._draw_titles()
        self.draw_hints()

    def _wants_run(self, kind: str, identity: str) -> bool:
        run = self.output.run
        if run is None or self._awaited is not None or kind == "agents":
            return kind in ("agent", "agents", "run", "command")
        about = {"run": run.run_id, "agent": run.agent_id, "command": run.command_id}
        return kind in about and identity in ("*", str(about[kind]))

    async def _read_run(self, session: PersonSession) -> Run | None:
        wanted = self._awaited or (self.output.run.run_id if self.output.run is not None else None)
        if wanted is None:
            # Nothing runs and nothing was chosen: the last thing that happened is better than an empty panel.
            found = await work.runs(session, limit=1) if self.kolony.queue_known and not self.queue.total else []
            return found[0] if found else None
        return (await work.run_detail(session, wanted)).run

    def _know_run(self, run: Run | None) -> None:
        if run is None:
            return
        if self._awaited == run.run_id:
            self._show_awaited([run])
        elif self.output.run is None or self.output.run.run_id == run.run_id:
            self.output.follow_run(run)

    @property
    def aimed_at(self) -> Agent | Aimed | None:
        """The agent that a new command is most likely for: under the cursor, or that of the run under the cursor."""
        if self.focused is self.fleet or self.output.run is None:
            return self.fleet.pointed
        run = self.queue.pointed or self.output.run
        return Aimed(run.agent, run.agent_desired)
