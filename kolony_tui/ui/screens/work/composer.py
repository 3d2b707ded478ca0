"""The composer: what is to be done, by whom, how urgently."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast
from uuid import UUID

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input, OptionList, Static, TextArea
from textual.widgets.option_list import Option

from kolony_tui.core import work
from kolony_tui.core.session import PersonSession
from kolony_tui.models.errors import CannotConnect, KolonyError, UsageError
from kolony_tui.models.fleet import Agent, Desired
from kolony_tui.text import safe
from kolony_tui.ui.draw import content, part

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

EXAMPLES = (
    ("what machine is this?", "uname -a && uptime"),
    ("count to ten, a number every half second", 'for i in $(seq 10); do echo "step $i of 10"; sleep 0.5; done'),
    ("the wisdom of Python", "python3 -c 'import this'"),
)
"""What a newcomer can pick from: each really runs under the process adapter."""
_REMEMBERED = 50


class CommandText(TextArea):
    """The text: enter sends, ctrl+j (or alt+enter) begins a new line, up and down at its ends go through history."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+j,alt+enter", "new_line", "New line", show=False),
        Binding("ctrl+s", "screen.save_draft", "Keep as draft", show=False),
    ]

    class Sent(Message):
        """Enter was pressed."""

    class Recalled(Message):
        """History is wanted: 1 is further back, -1 towards now."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            self.post_message(self.Sent())
        elif event.key == "up" and self.cursor_location[0] == 0:
            event.stop()
            event.prevent_default()
            self.post_message(self.Recalled(1))
        elif event.key == "down" and self.cursor_location[0] == self.document.line_count - 1:
            event.stop()
            event.prevent_default()
            self.post_message(self.Recalled(-1))
        else:
            await super()._on_key(event)

    def action_new_line(self) -> None:
        """Begins a new line."""
        self.insert("\n")


class _AgentNames(Suggester):
    """Completes the last of several names."""

    def __init__(self, composer: Composer) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._composer = composer

    async def get_suggestion(self, value: str) -> str | None:
        """The first agent whose name goes on from what is typed."""
        before, comma, begun = value.rpartition(",")
        typed = begun.lstrip()
        if not typed:
            return None
        fitting = [name for name in self._composer.names if name.startswith(typed) and name != typed]
        return f"{before}{comma}{begun[: len(begun) - len(typed)]}{fitting[0]}" if fitting else None


class Composer(ModalScreen[None]):
    """Writes a command and sends it, or keeps it as a draft."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close; the text is kept"),
        Binding("ctrl+s", "save_draft", "Keep as draft"),
    ]
    AUTO_FOCUS = "#text"
    KEYS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("enter", "send"),
        ("ctrl+j", "new line"),
        ("ctrl+s", "draft"),
        ("up", "history"),
        ("tab", "target"),
        ("esc", "close"),
    )

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._begun = text
        self._history: list[str | UUID] | None = None
        self._at = 0
        self._unsent = ""
        self._sending = False

    @property
    def kolony(self) -> KolonyApp:
        """The app, as what it is."""
        return cast("KolonyApp", self.app)

    @property
    def agents(self) -> list[Agent]:
        """Whom it can be for."""
        return [agent for agent in self.kolony.agents if agent.desired != Desired.RETIRED]

    @property
    def names(self) -> list[str]:
        """Their names."""
        return [safe(agent.name).plain for agent in self.agents]

    def compose(self) -> ComposeResult:
        """Target and priority, the text, examples where there is none, and what went wrong."""
        with Vertical(id="box"):
            with Horizontal(id="aim"):
                yield Static(content(part("To ", "dim")), classes="label")
                yield Input(placeholder="agent, agent", id="target", compact=True, suggester=_AgentNames(self))
                yield Static(content(part("Priority ", "dim")), classes="label")
                yield Input("50", id="priority", compact=True, type="integer", max_length=3, select_on_focus=True)
            yield CommandText(
                self._begun, id="text", compact=True, show_line_numbers=False, placeholder="a command for the agent"
            )
            yield OptionList(
                *(
                    Option(content(part(f"{text}", "accent"), part(f"   {about}", "dim")), id=str(at))
                    for at, (about, text) in enumerate(EXAMPLES)
                ),
                id="examples",
                compact=True,
            )
            yield Static("", id="wrong", markup=False)
            yield Static(self._keys(), id="keys")

    def _keys(self) -> Content:
        return content(*(piece for key, word in self.KEYS for piece in (part(key, "accent"), part(f" {word}  "))))

    def on_mount(self) -> None:
        """Fills in what is known."""
        self.begin()
        self.show_examples()

    def begin(self) -> None:
        """Aims at what the cursor was on; takes up a text that was left."""
        kept = self.kolony.remembered.pop("unsent", None)
        if isinstance(kept, str) and not self._begun:
            self.command_text.text = kept
            self.command_text.move_cursor(self.command_text.document.end)
        below = self.kolony.screen_stack[-2] if len(self.kolony.screen_stack) > 1 else None
        aimed = getattr(below, "aimed_at", None)
        able = self.agents
        if aimed is None or aimed.desired == Desired.RETIRED:
            aimed = next((agent for agent in able if agent.sessions), able[0] if able else None)
        if aimed is not None:
            self.query_one("#target", Input).value = safe(aimed.name).plain

    @property
    def command_text(self) -> CommandText:
        """What is to be done."""
        return self.query_one("#text", CommandText)

    # Examples and history

    def on_text_area_changed(self) -> None:
        """Examples are for an empty text."""
        self.show_examples()
        self.explain("")

    def show_examples(self) -> None:
        """Shows the examples where nothing is written."""
        self.query_one("#examples").display = not self.command_text.text

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """An example is taken; enter sends it."""
        event.stop()
        self._put(EXAMPLES[int(event.option.id or 0)][1])

    def _put(self, text: str) -> None:
        self.command_text.text = text
        self.command_text.move_cursor(self.command_text.document.end)
        self.command_text.focus()

    def on_command_text_recalled(self, event: CommandText.Recalled) -> None:
        """Up and down: into the examples while there is no text, else through what was sent before."""
        if event.by < 0 and not self.command_text.text:
            self.query_one("#examples").focus()
            return
        self.recall(event.by)

    def recall(self, by: int) -> None:
        """Goes through what this person sent before."""
        self.run_worker(self._recall(by), name="history", group="history", exclusive=True, exit_on_error=False)

    async def _recall(self, by: int) -> None:
        session = self.kolony.session
        if session is None:
            return
        try:
            if self._history is None:
                found = await work.commands(session, limit=_REMEMBERED)
                self._history = [each.command_id for each in found if each.created_by_login == session.me.login]
            if self._at == 0:
                self._unsent = self.command_text.text
            at = min(max(self._at + by, 0), len(self._history))
            if at == self._at:
                return
            self._at = at
            if at == 0:
                self._put(self._unsent)
                return
            past = self._history[at - 1]
            if isinstance(past, UUID):
                # A sent command is somebody's text by now: what it shows is made safe, as anywhere.
                past = safe((await work.command_detail(session, past))[1], limit=100_000, newline="\n").plain
                self._history[at - 1] = past
            self._put(past)
        except KolonyError as error:
            self.explain(error.line)

    # Sending

    def on_command_text_sent(self) -> None:
        """Enter in the text."""
        self._send(draft=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in target or priority goes on to the text."""
        event.stop()
        self.command_text.focus()

    def action_save_draft(self) -> None:
        """Keeps the command without sending it."""
        self._send(draft=True)

    def action_leave(self) -> None:
        """Closes; the text is there again next time."""
        if self.command_text.text.strip():
            self.kolony.remembered["unsent"] = self.command_text.text
        self.dismiss(None)

    def _send(self, *, draft: bool) -> None:
        if not self._sending:
            self._sending = True
            self.run_worker(self._sent(draft), name="send", group="send", exit_on_error=False)

    async def _sent(self, draft: bool) -> None:
        try:
            session = self.kolony.session
            if session is None or self.kolony.live.link.lost:
                raise CannotConnect("there is no connection to the server", "the text stays here")
            run_id = await self.deliver(session, draft=draft)
        except KolonyError as error:
            self.explain(error.line)
            return
        finally:
            self._sending = False
        self.dismiss(None)
        if run_id is not None:
            self.kolony.call_later(self.kolony.show_sent, run_id)

    async def deliver(self, session: PersonSession, *, draft: bool) -> UUID | None:
        """Sends the command or keeps it; answers with the run that is to be shown. Raises KolonyError."""
        how = work.Sending(priority=self.priority(), draft=draft)
        sent = await work.send(session, self._targets(), self.command_text.text, how)
        if draft:
            self.kolony.say(f"draft #{sent.number} is kept; :submit {sent.number} sends it, 4 and [ show the drafts")
        return sent.runs[0].run_id

    def _targets(self) -> list[UUID]:
        wanted = [name.strip() for name in self.query_one("#target", Input).value.split(",") if name.strip()]
        if not wanted:
            raise UsageError("for which agent?", "tab goes to the target")
        by_name = {safe(agent.name).plain: agent.agent_id for agent in self.agents}
        for name in wanted:
            if name not in by_name:
                raise UsageError(f"there is no agent {name!r} here", "tab goes to the target")
        return [by_name[name] for name in dict.fromkeys(wanted)]

    def priority(self) -> int:
        """How urgent it is. Raises UsageError."""
        value = self.query_one("#priority", Input).value
        if not value.isdigit() or int(value) > 100:
            raise UsageError("a priority is a number from 0 to 100")
        return int(value)

    def explain(self, words: str) -> None:
        """Says in place what is wrong."""
        self.query_one("#wrong", Static).update(content(part(words, "bad")))
        self.query_one("#wrong").display = bool(words)
