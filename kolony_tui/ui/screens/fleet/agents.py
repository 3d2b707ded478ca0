"""The fleet: every agent with what its runner tells."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult

from kolony_tui.core.lists import AGENT_ORDERS
from kolony_tui.models.fleet import Agent
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.screens.listing import list_title, recall, remember
from kolony_tui.ui.widgets.agent_list import AgentList
from kolony_tui.ui.widgets.panel import Panel
from kolony_tui.ui.widgets.rows import RowList
from kolony_tui.ui.windows import AGENTS, Window


class AgentsScreen(FramedScreen):
    """Agents, all that are not retired."""

    AUTO_FOCUS = "#agents"

    def __init__(self) -> None:
        super().__init__()
        app = self.kolony
        empty = "no agents yet; :agent NAME makes one"
        self.list = AgentList(app.drawing, lambda: app.samples, full=True, empty=empty, id="agents")
        self.list.sortable = frozenset(AGENT_ORDERS)
        self._window = Window(app, self.list, "agents", AGENTS, app.read_agents, lambda page: self._draw_title())

    def body(self) -> ComposeResult:
        """The list."""
        yield Panel(self.list, id="agents-panel")

    def crumbs(self) -> list[Part]:
        """The fleet."""
        return [part("Fleet")]

    def on_mount(self) -> None:
        """Takes up what was left."""
        super().on_mount()
        recall(self.list, self.kolony.remembered.get("agents"))
        self._window.start()

    @property
    def has_content(self) -> bool:
        """Whether it shows what it is for."""
        return self.list.known

    def memory(self) -> dict[str, Any]:
        """Filter and order."""
        return {"agents": remember(self.list)}

    def fleet_changed(self) -> None:
        """The workspace's numbers are others."""
        self._draw_title()

    def workspace_changed(self) -> None:
        """Nothing of the other workspace stays."""
        self.list.forget()

    def _draw_title(self) -> None:
        pulse = self.kolony.pulse
        if pulse is not None and self.is_mounted:
            self.list.know_total(pulse.agents)
            self.query_one("#agents-panel", Panel).title.say(
                list_title("Agents", self.list), [part(f"{pulse.agents}", "strong")]
            )

    @property
    def aimed_at(self) -> Agent | None:
        """Whom a new command is most likely for."""
        return self.list.pointed

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Goes in."""
        event.stop()
        if self.list.pointed is not None:
            self.kolony.open_agent(self.list.pointed.agent_id)

    def on_row_list_changed(self, event: RowList.Changed) -> None:
        """Filter or marks show in the title."""
        event.stop()
        self._draw_title()
        self.draw_hints()

    def on_row_list_pointed(self, event: RowList.Pointed) -> None:
        """What can be done depends on the agent."""
        event.stop()
        self.draw_hints()
