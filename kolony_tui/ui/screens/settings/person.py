"""One person: what they may do here, and from where they are connected now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from kolony_tui.core import people
from kolony_tui.core.session import PersonSession
from kolony_tui.models.people import Connected, Person, Role
from kolony_tui.text import safe
from kolony_tui.ui.draw import Part, content, part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.screens.listing import list_title
from kolony_tui.ui.widgets.panel import Panel
from kolony_tui.ui.widgets.rows import RowList
from kolony_tui.ui.widgets.session_list import SessionList


@dataclass(frozen=True)
class _Known:
    person: Person | None
    sessions: list[Connected] | None


class PersonScreen(FramedScreen):
    """One person, by login."""

    place: ClassVar[Place] = "people"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("people")]
    AUTO_FOCUS = "#sessions"

    def __init__(self, login: str) -> None:
        super().__init__()
        self.login = login
        self.known: _Known | None = None
        self.facts = Static("", id="facts", markup=False)
        self.sessions = SessionList(self.kolony.drawing, id="sessions")

    def body(self) -> ComposeResult:
        """Facts, and the sessions."""
        yield self.facts
        yield Panel(self.sessions, id="sessions-panel")

    def crumbs(self) -> list[Part]:
        """Their login."""
        return [part("Settings"), part("People"), part(self.login)]

    def on_mount(self) -> None:
        """Begins to read."""
        super().on_mount()
        query = LiveQuery(f"person {self.login}", lambda kind, _: kind == "people", self._read, self._show)
        self.kolony.live.watch(self.facts, query)

    @property
    def has_content(self) -> bool:
        """Whether it shows what it is for."""
        return self.known is not None

    async def _read(self, session: PersonSession) -> _Known:
        members = await people.people(session)
        connected = await people.connected_people(session) if session.role == Role.ADMIN else None
        return _Known(
            next((each for each in members if each.login == self.login), None),
            None if connected is None else [each for each in connected if each.login == self.login],
        )

    def _show(self, known: _Known) -> None:
        if known.person is None:
            if self.is_current:
                self.app.pop_screen()
            return
        self.known = known
        self.sessions.empty = "not connected now" if known.sessions is not None else "an admin sees who is connected"
        self.sessions.show(known.sessions or [])
        self.facts.update(Content("\n").join(content(*line) for line in self._lines(known.person)))
        self._draw_title()
        self.draw_frame()

    def _lines(self, person: Person) -> list[list[Part]]:
        drawing = self.kolony.drawing()
        state = part("disabled", "warn") if person.disabled else part("active", "good")
        by = f" by {safe(person.granted_by).plain}" if person.granted_by else ""
        return [
            [part(person.login, "accent"), part("  "), part(person.display_name)],
            [part(person.role.value, "strong"), part(", "), state],
            [part(f"role granted {drawing.age(person.granted_at)} ago{by}", "dim")],
            [part(f"known here for {drawing.age(person.created_at)}", "dim")],
        ]

    def _draw_title(self) -> None:
        count = part(f"{self.sessions.total}", "strong")
        self.query_one("#sessions-panel", Panel).title.say(list_title("Connected now", self.sessions), [count])

    def chosen_people(self) -> list[Person]:
        """What a step is for."""
        return [self.known.person] if self.known is not None and self.known.person is not None else []

    def on_row_list_changed(self, event: RowList.Changed) -> None:
        """Filter or marks show in the title."""
        event.stop()
        self._draw_title()
        self.draw_hints()
