"""`NoteEditor`: shows a note of an agent's memory, and changes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, cast
from uuid import UUID

from textual.binding import Binding, BindingType
from textual.widgets import Static, TextArea

from kolony_tui.core import memory
from kolony_tui.models.errors import CannotConnect
from kolony_tui.models.people import Role
from kolony_tui.models.variables import Note
from kolony_tui.text import safe
from kolony_tui.ui.draw import content, part
from kolony_tui.ui.screens.form import Field, Form

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp


class NoteEditor(Form):
    """Answers whether it was saved. What cannot be shown as it is, cannot be changed here either."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+n", "app.focus_next", "Next field", show=False)]

    def __init__(self, agent_id: UUID, note: Note | None, name: str = "") -> None:
        self._agent_id, self._note = agent_id, note
        text = note.content if note is not None else None
        self._begun = safe(text, limit=memory.NOTE_CHARACTERS, newline="\n").plain if text is not None else ""
        self._is_so = text is None or self._begun == text.raw
        title = f"The note {note.name}" if note is not None else "A new note"
        super().__init__(
            title, [Field("name", "Name", note.name if note is not None else name, hint="letters, digits, . _ -")],
            self._save, yes="Save",
        )  # fmt: skip

    @property
    def kolony(self) -> KolonyApp:
        """The app, as what it is."""
        return cast("KolonyApp", self.app)

    def on_mount(self) -> None:
        """With the text below the name."""
        session = self.kolony.session
        writes = session is not None and session.role.includes(Role.OPERATOR)
        self.query_one("#box").mount(
            TextArea(self._begun, id="note-content", compact=True, show_line_numbers=False,
                     read_only=not (self._is_so and writes)),
            before="#wrong",
        )  # fmt: skip
        if not self._is_so:
            wrong = self.query_one("#wrong", Static)
            wrong.update(content(part("what holds characters that are not shown cannot be changed here", "warn")))
            wrong.display = True

    def action_next(self) -> None:
        """Enter goes on into the text; ctrl+s saves."""
        self.focus_next()

    async def _save(self, values: Mapping[str, str]) -> None:
        session = self.kolony.session
        if session is None or self.kolony.live.link.lost:
            raise CannotConnect("there is no connection to the server", "what you typed stays here")
        text = self.query_one("#note-content", TextArea).text
        same = self._note is not None and values["name"] == self._note.name
        if same and text == self._begun:
            return
        base = self._note.version if self._note is not None and same else 0
        version = await memory.set_note(session, self._agent_id, values["name"], text, base=base)
        self.kolony.say(f"the note {values['name']} is version {version} now")
