"""The emergency stop: the dialog that stops, and the screen on which each agent's confirmation is seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from kolony_tui.core import stops
from kolony_tui.core.session import PersonSession
from kolony_tui.models.errors import UsageError
from kolony_tui.models.fleet import Agent
from kolony_tui.models.stops import Acknowledgement, StopState
from kolony_tui.text import safe
from kolony_tui.ui.draw import Cell, Part, Tone, cell, part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.screens.form import Field, Form
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.screens.listing import list_title
from kolony_tui.ui.widgets.panel import Panel
from kolony_tui.ui.widgets.rows import Column, RowList

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

EVERYONE = "everyone"
_SIGNS: dict[StopState, tuple[str, str, Tone]] = {
    StopState.NOT_CONFIRMED: ("✖", "NOT CONFIRMED", "bad"),
    StopState.ASKED: ("◌", "asked", "warn"),
    StopState.ENDING: ("◔", "ending", "busy"),
    StopState.ENDED: ("✔", "ended", "good"),
    StopState.NOT_CONNECTED: ("○", "not connected", "dim"),
}


def stop_form(app: KolonyApp, chosen: Sequence[Agent], *, marked: bool) -> Form:
    """Asks whom and why, and for the workspace's name typed out; stops them."""
    assert app.session is not None
    session, slug = app.session, app.session.workspace.slug
    some = (
        f"the {len(chosen)} marked"
        if marked and len(chosen) > 1
        else "".join(safe(agent.name, limit=40).plain for agent in chosen[:1])
    )
    scopes = [EVERYONE, some] if chosen else [EVERYONE]
    about = [f"everyone: all agents of {slug}, those that are made later too"]
    about += [f"{safe(agent.name, limit=40).plain}: {agent.running} at work" for agent in chosen]

    async def deliver(values: Mapping[str, str]) -> None:
        if values["sure"].strip().lower() not in (slug, "stop"):
            raise UsageError(f"type {slug} or stop to go on", "nothing is stopped yet")
        agents = None if values["whom"] == EVERYONE else [agent.agent_id for agent in chosen]
        await stops.stop_agents(session, agents, values["why"])

    return Form(
        "EMERGENCY STOP",
        [
            Field("whom", "stop", some if marked else EVERYONE, "choice", scopes),
            Field("why", "why", hint="everybody sees it"),
            Field("sure", f"type {slug}", hint=f"{slug}, or stop"),
        ],
        deliver,
        said="No agent of these is given work from now on, until it is lifted; what runs is ended.",
        about=about,
        yes="Stop",
    )


def _state(known: Acknowledgement, drawing: Drawing) -> Cell:
    glyph, word, tone = _SIGNS[known.state]
    return cell(f"{drawing.glyph(glyph)} {word}", tone)


_ORDER = list(StopState)
COLUMNS: tuple[Column[Acknowledgement], ...] = (
    Column("agent", "AGENT", 16, lambda known, _: cell(known.agent, "strong"), lambda known: known.agent.raw,
           flexible=True),
    Column("state", "STATE", 16, _state, lambda known: _ORDER.index(known.state)),
    Column("running", "RUNS", 5, lambda known, _: cell(str(known.running), "busy" if known.running else "dim"),
           lambda known: -known.running, right=True),
    Column("since", "SINCE", 6, lambda known, drawing: cell(drawing.age(known.since), "dim"),
           lambda known: known.since, right=True, rank=1),
    Column("host", "HOST", 16, lambda known, _: cell(known.host, "dim"), lambda known: known.host.raw, rank=2),
)  # fmt: skip


class StoppedList(RowList[Acknowledgement]):
    """Agents under a stop, by stop and agent."""

    place: ClassVar[Place] = "stopped"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list"), *bindings("stopped")]

    def __init__(self, drawing: Callable[[], Drawing], *, id: str | None = None) -> None:
        empty = "nothing is stopped"
        super().__init__(COLUMNS, lambda known: (known.stop_id, known.agent_id), drawing, empty=empty, id=id)


class StoppedScreen(FramedScreen):
    """What is stopped, and what is known of each agent."""

    AUTO_FOCUS = "#stopped"

    def __init__(self) -> None:
        super().__init__()
        self.list = StoppedList(self.kolony.drawing, id="stopped")

    def body(self) -> ComposeResult:
        """The list."""
        yield Panel(self.list, id="stopped-panel")

    def crumbs(self) -> list[Part]:
        """The stop."""
        return [part("Emergency stop")]

    def on_mount(self) -> None:
        """Begins to read."""
        super().on_mount()
        self.kolony.live.watch(self, LiveQuery("stopped", self._wants, self._read, self._show, gap=0.5))
        self.set_interval(1, self._draw)

    @property
    def has_content(self) -> bool:
        """Whether it shows what it is for."""
        return self.list.known

    def _wants(self, kind: str, identity: str) -> bool:
        return kind in ("stop", "agent", "agents", "run")

    async def _read(self, session: PersonSession) -> list[Acknowledgement]:
        return await stops.acknowledgements(session)

    def _show(self, known: list[Acknowledgement]) -> None:
        self.list.show(known)
        self._draw()

    def _draw(self) -> None:
        confirmed = sum(each.state.confirmed for each in self.list.rows)
        self.list.refresh()
        self.query_one("#stopped-panel", Panel).title.say(
            list_title("Stopped agents", self.list),
            [part(f"{confirmed} of {len(self.list.rows)} confirmed", "strong")] if self.list.rows else (),
        )

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Goes to the agent."""
        event.stop()
        if self.list.pointed is not None:
            self.kolony.open_agent(self.list.pointed.agent_id)

    def on_row_list_changed(self, event: RowList.Changed) -> None:
        """Filter or marks show in the title."""
        event.stop()
        self._draw()
        self.draw_hints()

    def on_row_list_pointed(self, event: RowList.Pointed) -> None:
        """What can be done depends on the agent."""
        event.stop()
        self.draw_hints()
