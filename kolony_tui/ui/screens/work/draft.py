"""The composer on a draft that is there already: changes it, or sends it."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from textual.widgets import Input

from kolony_tui.core import work
from kolony_tui.core.session import PersonSession
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.models.work import Draft
from kolony_tui.text import safe
from kolony_tui.ui.screens.asking import Question
from kolony_tui.ui.screens.work.composer import Composer

_EDITABLE = 100_000


class DraftEditor(Composer):
    """Its text and priority can be changed; for whom it is was settled when it was kept."""

    KEYS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("enter", "send"), ("ctrl+j", "new line"), ("ctrl+s", "save"), ("tab", "priority"), ("esc", "close"),
    )  # fmt: skip

    def __init__(self, draft: Draft, text: Untrusted) -> None:
        shown = safe(text, limit=_EDITABLE, newline="\n").plain
        super().__init__(shown)
        self._draft = draft
        self._faithful = shown == text.raw

    def begin(self) -> None:
        """Shows the draft as it is kept."""
        target = self.query_one("#target", Input)
        target.value, target.disabled = safe(self._draft.agents).plain, True
        self.query_one("#priority", Input).value = str(self._draft.priority)
        self.command_text.move_cursor(self.command_text.document.end)
        if not self._faithful:
            # What is shown is not what would be run: to save it would change what nobody looked at.
            self.command_text.read_only = True
            self.explain("this text cannot be edited here: it is too long, or holds characters that are not shown")

    def show_examples(self) -> None:
        """None: there is a text."""
        self.query_one("#examples").display = False

    def recall(self, by: int) -> None:
        """No history here: it would replace the draft."""

    @property
    def _changed_text(self) -> str | None:
        text = self.command_text.text
        return text if self._faithful and text != self._begun else None

    async def deliver(self, session: PersonSession, *, draft: bool) -> UUID | None:
        """Saves what was changed, and unless it stays a ``draft`` sends it."""
        text, priority = self._changed_text, self.priority()
        changed_priority = priority if priority != self._draft.priority else None
        if text is not None or changed_priority is not None:
            await work.edit_command(session, self._draft.command_id, text, changed_priority)
        if draft:
            self.kolony.say(f"draft #{self._draft.number} is saved")
            return None
        await work.submit_command(session, self._draft.command_id)
        _, _, runs = await work.command_detail(session, self._draft.command_id)
        return runs[0].run_id

    def action_leave(self) -> None:
        """Closes; asks first where something was changed."""
        if self._changed_text is None and self.query_one("#priority", Input).value == str(self._draft.priority):
            self.dismiss(None)
            return
        self.app.push_screen(
            Question("Leave the draft as it was?", "What you changed is not saved.", yes="Leave"), self._left
        )

    def _left(self, answer: str | None) -> None:
        if answer is not None:
            self.dismiss(None)


class WaitingEditor(DraftEditor):
    """The same on a command that waits and that nobody has begun; enter saves it, and it goes on waiting."""

    KEYS = (("enter", "save"), ("ctrl+j", "new line"), ("tab", "priority"), ("esc", "close"))

    async def deliver(self, session: PersonSession, *, draft: bool) -> UUID | None:
        """Saves what was changed."""
        text, priority = self._changed_text, self.priority()
        changed_priority = priority if priority != self._draft.priority else None
        if text is not None or changed_priority is not None:
            await work.edit_command(session, self._draft.command_id, text, changed_priority)
            self.kolony.say(f"command #{self._draft.number} is changed; it waits as before")
        return None
