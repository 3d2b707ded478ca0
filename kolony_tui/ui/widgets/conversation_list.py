"""`ConversationList`: conversations as rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType

from kolony_tui.models.conversations import Conversation
from kolony_tui.ui.draw import Cell, cell, part
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.widgets.rows import Column, RowList


def _sign(thread: Conversation, drawing: Drawing) -> Cell:
    if thread.open_runs:
        return cell(drawing.glyph("▶"), "busy")
    return cell(drawing.glyph("●"), "good") if thread.agent_status in ("online", "busy") else cell(
        drawing.glyph("○"), "dim")  # fmt: skip


def _new(thread: Conversation, _: Drawing) -> Cell:
    return cell(str(thread.unread), "warn") if thread.unread else ()


def _title(thread: Conversation, _: Drawing) -> Cell:
    put_away = (part("  put away", "dim"),) if thread.archived_at is not None else ()
    return (part(thread.title, "strong" if thread.unread else "plain"), *put_away)


def _last(thread: Conversation, _: Drawing) -> Cell:
    if thread.last_words is None:
        return ()
    by_agent = thread.last_origin == "agent"
    return (part("" if by_agent else f"{thread.last_origin}: ", "dim"), part(thread.last_words, "dim"))


class ConversationList(RowList[Conversation]):
    """Conversations, by id; without sorting the one with the newest message comes first."""

    place: ClassVar[Place] = "conversations"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list"), *bindings("conversations")]

    def __init__(self, drawing: Callable[[], Drawing], opened: Callable[[], None], *, id: str | None = None) -> None:
        self._opened = opened
        columns: list[Column[Conversation]] = [
            Column("sign", "", 1, _sign, lambda each: not each.open_runs),
            Column("new", "NEW", 3, _new, lambda each: -each.unread, right=True),
            Column("title", "CONVERSATION", 14, _title, lambda each: each.title.raw, flexible=True),
            Column("agent", "AGENT", 9, lambda each, _: cell(each.agent, "accent"), lambda each: each.agent.raw,
                   rank=2),
            Column("age", "LAST", 4, lambda each, drawing: cell(drawing.age(each.last_message_at), "dim"),
                   lambda each: -each.last_message_at.timestamp(), right=True, rank=1),
            Column("id", "ID", 5, lambda each, _: cell(each.reference, "dim"), lambda each: each.number, rank=3),
            Column("words", "LAST WORDS", 20, _last, lambda each: (each.last_words.raw if each.last_words else ""),
                   rank=4),
        ]  # fmt: skip
        super().__init__(
            columns, lambda each: each.conversation_id, drawing, empty="no conversations; a starts one", id=id
        )

    def action_open(self) -> None:
        """Opens the row at once: what is typed right behind enter is for the line that it opens."""
        if self.pointed is not None and self.cursor == self.pointed.conversation_id:
            self._opened()
        else:
            super().action_open()
