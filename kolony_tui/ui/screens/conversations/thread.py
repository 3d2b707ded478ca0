"""`Thread`: the messages of one conversation, the answer that is just coming, and the line to say something."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast
from uuid import UUID

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message as Event
from textual.widgets import Static

from kolony_tui.models.conversations import Conversation, Message
from kolony_tui.models.states import RunStatus
from kolony_tui.text import safe
from kolony_tui.ui.draw import Part, content, part
from kolony_tui.ui.looks import Drawing, size
from kolony_tui.ui.output_feed import OutputFeed
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.screens.work.command_text import CommandText
from kolony_tui.ui.widgets.output import OutputView
from kolony_tui.ui.widgets.panel import Title

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

SHOWN_MESSAGES, SHOWN_CHARACTERS = 200, 6000
"""How much of a thread is read: the last messages, and of each so much."""

_WORDS = {
    RunStatus.WAITING: "waits", RunStatus.DISPATCHING: "begins", RunStatus.EXECUTING: "answers",
    RunStatus.INTERRUPTED: "is interrupted",
}  # fmt: skip


class SayText(CommandText):
    """What one is about to say: enter says it."""

    place: ClassVar[Place] = "thread"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("thread")]

    def __init__(self, entered: Callable[[], None], *, id: str | None = None) -> None:
        super().__init__("", id=id, compact=True, soft_wrap=True)
        self._entered = entered

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            # Before the next key is taken: that one is for the next message.
            event.stop()
            event.prevent_default()
            self._entered()
        else:
            await super()._on_key(event)


class Thread(Vertical):
    """One conversation. What is typed stays with the conversation that it was typed for."""

    class Said(Event):
        """Somebody wants to say this in the conversation that is shown."""

        def __init__(self, conversation_id: UUID, text: str, files: Sequence[Path]) -> None:
            super().__init__()
            self.conversation_id = conversation_id
            self.text = text
            self.files = tuple(files)

    def __init__(self, drawing: Callable[[], Drawing], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._drawing = drawing
        self.title = Title()
        self.messages = Static("", id="messages", markup=False)
        self.scroll = VerticalScroll(self.messages, id="messages-scroll")
        self.coming = OutputView(id="coming")
        self.coming.wrap = True
        self.about = Static("", id="say-about", markup=False)
        self.say = SayText(self._enter, id="say")
        self.feed: OutputFeed | None = None
        self.thread: Conversation | None = None
        self.shown: list[Message] = []
        self.may_say = True
        self._begun: dict[UUID, tuple[str, tuple[Path, ...]]] = {}
        self._files: tuple[Path, ...] = ()

    def compose(self) -> ComposeResult:
        """From the oldest down to the line."""
        yield self.title
        yield self.scroll
        yield self.coming
        yield self.about
        yield self.say

    def on_mount(self) -> None:
        """Begins to read what is coming."""
        self.coming.display = False
        self.feed = OutputFeed(cast("KolonyApp", self.app), self.coming, lambda: None)
        self.set_interval(1, self._draw_title)
        self.draw()

    def show_thread(self, thread: Conversation | None) -> None:
        """Another conversation, or news of this one; its messages come by ``show_messages``."""
        before = self.thread.conversation_id if self.thread is not None else None
        now = thread.conversation_id if thread is not None else None
        self.thread = thread
        if before != now:
            if before is not None:
                self._begun[before] = (self.say.text, self._files)
            text, self._files = self._begun.pop(now, ("", ())) if now is not None else ("", ())
            self.say.load_text(text)
            self.shown = []
        self.draw()

    def show_messages(self, messages: list[Message]) -> None:
        """Its messages as they were read; who is at the end stays there."""
        anew = not self.shown or self.shown[-1].message_id != messages[-1].message_id if messages else True
        at_end = self.scroll.max_scroll_y - self.scroll.scroll_y <= 1
        first = not self.shown
        self.shown = messages
        self.draw()
        if first or (anew and at_end):
            self.call_after_refresh(self.scroll.scroll_end, animate=False)

    @property
    def files(self) -> tuple[Path, ...]:
        """What goes along with what is said next."""
        return self._files

    def attach(self, path: Path) -> None:
        """One more file goes along."""
        self._files = (*self._files, path)
        self.draw()

    def take_back(self, said: Said) -> None:
        """It could not be said: it stands before what was typed since."""
        if self.thread is not None and self.thread.conversation_id == said.conversation_id:
            since, files = self.say.text, self._files
            self.say.load_text(_joined(said.text, since))
            self._files = (*said.files, *files)
            self.draw()
        else:
            since, files = self._begun.get(said.conversation_id, ("", ()))
            self._begun[said.conversation_id] = (_joined(said.text, since), (*said.files, *files))

    def _enter(self) -> None:
        if self.thread is not None and self.say.text.strip():
            self.post_message(self.Said(self.thread.conversation_id, self.say.text, self._files))
            self.say.load_text("")
            self._files = ()
            self.draw()
            self.call_after_refresh(self.scroll.scroll_end, animate=False)

    def on_command_text_recalled(self, event: CommandText.Recalled) -> None:
        """There is no history here: the thread itself is it."""
        event.stop()
        if event.by > 0:
            self.scroll.scroll_page_up(animate=False)
        else:
            self.scroll.scroll_page_down(animate=False)

    # Drawing

    def draw(self) -> None:
        """All of it."""
        if not self.is_mounted:
            return
        self._draw_title()
        there = self.thread is not None
        self.say.display = there and self.may_say
        self.messages.update(Content("\n").join([content(*line) for line in self._lines()]))
        self._draw_about()
        answering = next((one for one in self.shown if one.unanswered), None)
        running = answering is not None and answering.run_status in (RunStatus.EXECUTING, RunStatus.INTERRUPTED)
        if self.feed is not None:
            self.feed.show(answering.run_id if running and answering is not None else None, stream="stdout")
        if self.coming.display != running:
            at_end = self.scroll.max_scroll_y - self.scroll.scroll_y <= 1
            self.coming.display = running
            if at_end:
                self.call_after_refresh(self.scroll.scroll_end, animate=False)

    def _draw_title(self) -> None:
        thread = self.thread
        if thread is None:
            self.title.say([part("Conversation", "strong")])
            return
        right: list[Part] = [part(thread.agent, "accent"), part(f" {thread.agent_status}", "dim")]
        if thread.open_runs > 1:
            right.append(part(f"  {thread.open_runs} to answer", "busy"))
        self.title.say([part(f"{thread.reference}  ", "dim"), part(thread.title, "strong")], right)

    def _draw_about(self) -> None:
        thread = self.thread
        self.about.display = thread is not None
        if thread is None:
            return
        if not self.may_say:
            self.about.update(content(part("you may read here; saying something takes an operator", "dim")))
            return
        files = [part(f"{safe(path.name, limit=40).plain}  ", "accent") for path in self._files]
        self.about.update(content(part(" to ", "dim"), part(thread.agent, "accent", limit=40), part("  "), *files,
                                  part("enter says it, ctrl+j new line, ctrl+o file, esc list", "dim")))  # fmt: skip

    def _lines(self) -> list[list[Part]]:
        if self.thread is not None and not self.shown:
            return []
        drawing = self._drawing()
        lines: list[list[Part]] = []
        if self.shown and self.shown[0].number > 1:
            lines.append([part(f"{self.shown[0].number - 1} earlier messages: kolony conversation show", "dim")])
        for message in self.shown:
            lines += _message_lines(message, drawing)
        return lines


def _joined(first: str, then: str) -> str:
    return f"{first}\n{then}" if then else first


def _message_lines(message: Message, drawing: Drawing) -> list[list[Part]]:
    """One message: who, when, which run; its text; what was cut."""
    text = safe(message.content, limit=SHOWN_CHARACTERS, newline="\n").lines
    if message.origin == "note":
        return [[part(f"{drawing.glyph('⚠')} ", "warn"), (line, "warn")] for line in text]
    head = [part(message.author, "accent" if message.origin == "agent" else "strong", limit=60)]
    head += [part(f"  {drawing.age(message.created_at)} ago  {message.run or ''}", "dim")]
    if message.unanswered and message.run_status is not None:
        head.append(part(f"  {drawing.glyph('▶')} {_WORDS.get(message.run_status, message.run_status)}", "busy"))
    lines = [head]
    if message.cut:
        lines.append([part("  the end of a longer answer; its run has all of it", "dim")])
    lines += [[part("  "), (line, "plain")] for line in text]
    if len(message.content.raw) >= SHOWN_CHARACTERS and message.content_bytes > SHOWN_CHARACTERS:
        lines.append([part(f"  the first of {size(message.content_bytes)}", "dim")])
    for name, count in zip(message.attachment_names, message.attachment_bytes, strict=True):
        lines.append([part("  + ", "dim"), part(name, "accent", limit=100), part(f"  {size(count)}", "dim")])
    return [*lines, []]
