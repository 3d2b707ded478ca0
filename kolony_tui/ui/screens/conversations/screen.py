"""Conversations: the threads with agents, beside the one under the cursor."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any
from uuid import UUID

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal

from kolony_tui.core import conversations
from kolony_tui.core.session import PersonSession
from kolony_tui.models.conversations import Conversation, Message
from kolony_tui.models.errors import KolonyError
from kolony_tui.models.people import Role
from kolony_tui.models.work import Run
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.screens.conversations.thread import SHOWN_CHARACTERS, SHOWN_MESSAGES, Thread
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.screens.listing import list_title, recall, remember
from kolony_tui.ui.subject import Aimed
from kolony_tui.ui.widgets.conversation_list import ConversationList
from kolony_tui.ui.widgets.panel import Panel
from kolony_tui.ui.widgets.rows import RowList

_READ_AFTER = 1.0
"""Seconds that a conversation is in sight before it counts as read."""


class ConversationsScreen(FramedScreen):
    """The threads, and one of them."""

    AUTO_FOCUS = "#conversations"

    def __init__(self) -> None:
        super().__init__()
        self.list = ConversationList(self.kolony.drawing, self.reply, id="conversations")
        self.thread = Thread(self.kolony.drawing, id="thread")
        self.with_archived = False
        self._wanted: UUID | None = None
        self._one_at_a_time = asyncio.Lock()

    def body(self) -> ComposeResult:
        """List and thread."""
        with Horizontal(id="conversation-panels"):
            yield Panel(self.list, id="conversations-panel")
            yield self.thread

    def crumbs(self) -> list[Part]:
        """Conversations."""
        return [part("Conversations")]

    def on_mount(self) -> None:
        """Takes up what was left."""
        super().on_mount()
        recall(self.list, self.kolony.remembered.get("conversations"))
        live = self.kolony.live
        live.watch(self, LiveQuery("conversations", _wants_list, self._read_list, self._show_list))
        live.watch(self.thread, LiveQuery("thread", self._wants_thread, self._read_thread, self._show_thread))

    @property
    def has_content(self) -> bool:
        """Whether it shows what it is for."""
        return self.list.known

    def memory(self) -> dict[str, Any]:
        """Filter and order."""
        return {"conversations": remember(self.list)}

    def workspace_changed(self) -> None:
        """Nothing of the other workspace stays."""
        self.list.show([])
        self.thread.show_thread(None)

    def step_back(self) -> None:
        """Escape: from the line back to the list."""
        self.list.focus()

    def show_conversation(self, conversation_id: UUID) -> None:
        """Points at a conversation as soon as it is read, and goes to its line."""
        self._wanted = conversation_id
        self.kolony.live.look_again(self)

    def toggle_archived(self) -> None:
        """Shows those that were put away too, or no more."""
        self.with_archived = not self.with_archived
        self.kolony.live.look_again(self)

    # What a step is for

    def chosen_runs(self) -> list[Run]:
        """None as a row: steps on its run are taken where it is shown."""
        return []

    @property
    def aimed_at(self) -> Aimed | None:
        """Whom a new command is most likely for."""
        thread = self.list.pointed
        return Aimed(thread.agent, "active") if thread is not None else None

    @property
    def run_in_sight(self) -> UUID | None:
        """The run that answers, or that answered last."""
        thread = self.thread.thread
        if thread is not None and thread.open_run_id is not None:
            return thread.open_run_id
        return next((one.run_id for one in reversed(self.thread.shown) if one.run_id is not None), None)

    # Reading

    async def _read_list(self, session: PersonSession) -> list[Conversation]:
        return await conversations.conversations(session, archived=self.with_archived)

    def _show_list(self, found: list[Conversation]) -> None:
        self.list.show(found)
        if self._wanted is not None and self.list.point(self._wanted):
            self._wanted = None
            self.call_after_refresh(self.reply)
        self._draw()

    def _wants_thread(self, kind: str, identity: str) -> bool:
        if (pointed := self.list.pointed) is None:
            return False
        about_it = kind == "conversation" and identity == str(pointed.conversation_id)
        return about_it or kind in ("run", "agent", "agents")

    async def _read_thread(self, session: PersonSession) -> tuple[UUID | None, list[Message]]:
        pointed = self.list.pointed
        if pointed is None:
            return None, []
        found = await conversations.messages(
            session, pointed.conversation_id, limit=SHOWN_MESSAGES, characters=SHOWN_CHARACTERS
        )
        return pointed.conversation_id, found

    def _show_thread(self, read: tuple[UUID | None, list[Message]]) -> None:
        conversation_id, found = read
        thread = self.thread.thread
        if thread is None or thread.conversation_id != conversation_id:
            return
        if found != self.thread.shown:
            self.thread.show_messages(found)
        if thread.unread and found:
            self.set_timer(_READ_AFTER, partial(self._saw, thread.conversation_id, found[-1].number))

    def _saw(self, conversation_id: UUID, upto: int) -> None:
        thread = self.thread.thread
        if self.is_current and thread is not None and thread.conversation_id == conversation_id and thread.unread:
            self.run_worker(self._mark_read(conversation_id, upto), group="read", exclusive=True, exit_on_error=False)

    async def _mark_read(self, conversation_id: UUID, upto: int) -> None:
        session = self.kolony.session
        if session is None or self.kolony.live.link.lost:
            return
        try:
            await conversations.mark_read(session, conversation_id, upto)
        except KolonyError:
            return  # it stays new, and is tried again when it is looked at again
        self.kolony.live.look_again(self)

    # Drawing

    def _draw(self) -> None:
        panel = self.query_one("#conversations-panel", Panel)
        new = sum(each.unread for each in self.list.rows)
        right = [part(f"{new} new  ", "warn")] if new else []
        if self.with_archived:
            right.append(part("all  ", "dim"))
        panel.title.say(list_title("Conversations", self.list), [*right, part(f"{self.list.total}", "strong")])
        role = self.kolony.session.role if self.kolony.session is not None else None
        self.thread.may_say = role is not None and role.includes(Role.OPERATOR)
        pointed = self.list.pointed
        before = self.thread.thread
        self.thread.show_thread(pointed)
        if (pointed and pointed.conversation_id) != (before and before.conversation_id):
            self.kolony.live.look_again(self.thread)
        self.draw_hints()

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Enter goes to the line; who may only read, to the messages."""
        event.stop()
        self.reply()

    def on_row_list_changed(self, event: RowList.Changed) -> None:
        """Filter or marks show in the title."""
        event.stop()
        self._draw()

    def on_row_list_pointed(self, event: RowList.Pointed) -> None:
        """The thread follows."""
        event.stop()
        self._draw()

    def reply(self) -> None:
        """Goes to where one says something."""
        if self.thread.thread is not None:
            # At once, not when the queue comes to it: the next key is for what has the focus by then.
            self.set_focus(self.thread.say if self.thread.may_say else self.thread.scroll)

    @on(Thread.Said)
    def _say(self, event: Thread.Said) -> None:
        event.stop()
        self.run_worker(self._send(event), group="say", exit_on_error=False)

    async def _send(self, said: Thread.Said) -> None:
        session = self.kolony.session
        try:
            if session is None or self.kolony.live.link.lost:
                raise KolonyError("there is no connection to the server", "what you wrote stays here")
            files = await asyncio.to_thread(conversations.attachments_of, said.files)
            async with self._one_at_a_time:
                await conversations.send_message(session, said.conversation_id, said.text, files)
        except KolonyError as error:
            self.thread.take_back(said)
            self.kolony.say(error.line, severity="error")
            return
        self.kolony.live.look_again(self)
        self.kolony.live.look_again(self.thread)


def _wants_list(kind: str, identity: str) -> bool:
    return kind in ("conversation", "agent", "agents", "run")
