"""What an agent has from one run to the next: its variables, without the secret values, and the notes that it keeps."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from textual.app import ComposeResult

from kolony_tui.core import memory, variables
from kolony_tui.core.session import PersonSession
from kolony_tui.models.fleet import Agent
from kolony_tui.models.variables import Note, Variable
from kolony_tui.text import safe
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.screens.listing import list_title
from kolony_tui.ui.widgets.kept_lists import NoteList, VariableList
from kolony_tui.ui.widgets.panel import Panel
from kolony_tui.ui.widgets.rows import RowList


@dataclass(frozen=True)
class _Known:
    variables: list[Variable]
    notes: list[Note]


class KeptScreen(FramedScreen):
    """Of one agent. Tab goes from one list to the other."""

    AUTO_FOCUS = "#variables"

    def __init__(self, agent: Agent) -> None:
        super().__init__()
        self.agent = agent
        self.variables = VariableList(self.kolony.drawing, id="variables")
        self.notes = NoteList(self.kolony.drawing, id="notes")
        self.known = False

    @property
    def agent_id(self) -> UUID:
        """Whose they are."""
        return self.agent.agent_id

    def body(self) -> ComposeResult:
        """Variables above notes."""
        yield Panel(self.variables, id="variables-panel")
        yield Panel(self.notes, id="notes-panel")

    def crumbs(self) -> list[Part]:
        """Whose they are."""
        return [part(self.agent.name), part(" keeps")]

    def on_mount(self) -> None:
        """Begins to read."""
        super().on_mount()
        query = LiveQuery(f"kept {self.agent_id}", self._wants, self._read, self._show)
        self.kolony.live.watch(self.variables, query)

    @property
    def has_content(self) -> bool:
        """Whether it shows what it is for."""
        return self.known

    def _wants(self, kind: str, identity: str) -> bool:
        return kind in ("variable", "note_kept") and identity == str(self.agent_id)

    async def _read(self, session: PersonSession) -> _Known:
        return _Known(
            await variables.variables(session, self.agent_id), await memory.notes(session, self.agent_id, longest=500)
        )

    def _show(self, known: _Known) -> None:
        self.known = True
        self.variables.show(known.variables)
        self.notes.show(known.notes)
        self._draw()

    def _draw(self) -> None:
        name = safe(self.agent.name, limit=40).plain
        for panel, rows, title in (
            ("#variables-panel", self.variables, f"Variables of {name}"),
            ("#notes-panel", self.notes, "Memory: notes that it keeps"),
        ):
            self.query_one(panel, Panel).title.say(list_title(title, rows), [part(f"{rows.total}", "strong")])
        self.draw_hints()

    def chosen_agents(self) -> list[Agent]:
        """What a step on agents is for."""
        return [self.agent]

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Changes a variable, shows a note."""
        event.stop()
        self.kolony.do("variables.set" if event.control is self.variables else "memory.edit")

    def on_row_list_changed(self, event: RowList.Changed) -> None:
        """Filter or marks show in the title."""
        event.stop()
        self._draw()

    def on_row_list_pointed(self, event: RowList.Pointed) -> None:
        """What can be done depends on the row."""
        event.stop()
        self.draw_hints()
