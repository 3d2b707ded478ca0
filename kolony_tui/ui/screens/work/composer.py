"""The composer: what is to be done, by whom, how urgently; and folded away, how else it is sent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, cast
from uuid import UUID

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from kolony_tui.core import constraints, targeting, work
from kolony_tui.core.session import PersonSession
from kolony_tui.core.targeting import Aim, Target
from kolony_tui.models.errors import CannotConnect, KolonyError, UsageError
from kolony_tui.models.fleet import Agent, Desired
from kolony_tui.models.work import SentCommand
from kolony_tui.text import safe
from kolony_tui.ui.draw import Part, content, part
from kolony_tui.ui.screens.playbooks.filling import AgentNames, sending_of
from kolony_tui.ui.screens.work.broadcast import aim_parts, may_go, show_sent
from kolony_tui.ui.screens.work.command_text import CommandText as CommandText
from kolony_tui.ui.screens.work.history import History
from kolony_tui.ui.screens.work.sending_fields import SendingFields
from kolony_tui.ui.widgets.choice import Choice

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

EXAMPLES = (
    ("what machine is this?", "uname -a && uptime"),
    ("count to ten, a number every half second", 'for i in $(seq 10); do echo "step $i of 10"; sleep 0.5; done'),
    ("the wisdom of Python", "python3 -c 'import this'"),
)
"""What a newcomer can pick from: each really runs under the process adapter."""
_PAUSE = 0.15
"""Seconds without a key before it is looked up to whom the target goes."""


class Composer(ModalScreen[None]):
    """Writes a command and sends it, or keeps it as a draft.

    ``to``: the words of its target; or ``aim``: agents that were chosen already. ``how``: how it is sent, of a preset.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close; the text is kept"),
        Binding("ctrl+s", "save_draft", "Keep as draft"),
        Binding("ctrl+o", "pick_preset", "Fill in a preset", priority=True),
        Binding("alt+m,f2", "fold", "More fields, or fewer", priority=True),
        Binding("alt+k", "choose_kind", "Choose the kind", priority=True),
    ]
    AUTO_FOCUS = "#text"
    KEYS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("enter", "send"),
        ("alt+m", "more"),
        ("ctrl+o", "preset"),
        ("ctrl+s", "draft"),
        ("ctrl+j", "line"),
        ("esc", "close"),
        ("up", "history"),
        ("tab", "target"),
    )

    def __init__(
        self, text: str = "", *, to: str = "", aim: Aim | None = None, how: work.Sending | None = None
    ) -> None:
        super().__init__()
        self._begun = text
        self._to, self._aim, self._how = aim.words if aim is not None else to, aim, how
        self._history = History()
        self._sending = False
        self._sent_to_many: SentCommand | None = None
        self._pause: Timer | None = None
        self.more = SendingFields()

    @property
    def kolony(self) -> KolonyApp:
        """The app, as what it is."""
        return cast("KolonyApp", self.app)

    def compose(self) -> ComposeResult:
        """Target and priority, the text, examples where there is none, and what went wrong."""
        with VerticalScroll(id="box", can_focus=False):
            with Horizontal(id="aim"):
                yield Static(content(part("To ", "dim")), classes="label")
                yield Input(placeholder="agents, a filter, or everyone", id="target", compact=True,
                            suggester=AgentNames(self.kolony))  # fmt: skip
                yield Static(content(part("Priority ", "dim")), classes="label")
                yield Input("50", id="priority", compact=True, type="integer", max_length=3, select_on_focus=True)
            yield Static("", id="goes-to", markup=False)
            yield self.more
            yield Static("", id="how", markup=False)
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
        self.more.display = False
        self.begin()
        self.show_examples()
        self._draw_how()

    def begin(self) -> None:
        """Aims at what the cursor was on; takes up a text that was left."""
        kept = self.kolony.remembered.pop("unsent", None)
        if isinstance(kept, str) and not self._begun:
            self.command_text.text = kept
            self.command_text.move_cursor(self.command_text.document.end)
        if self._how is not None:
            self.more.begin(self._how)
            self.query_one("#priority", Input).value = str(self._how.priority)
        self.query_one("#target", Input).value = self._to or next(iter(aimed_names(self.kolony)), "")

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
            text = await self._history.go(session, by, self.command_text.text)
            if text is not None:
                self._put(text)
        except KolonyError as error:
            self.explain(error.line)

    # To whom

    def on_input_changed(self, event: Input.Changed) -> None:
        """Soon it is looked up to whom that goes."""
        if event.input.id == "target":
            if self._pause is not None:
                self._pause.stop()
            self._pause = self.set_timer(_PAUSE, self._look_up)

    def _look_up(self) -> None:
        # The function: its coroutine would be left behind where the screen goes before the worker begins.
        self.run_worker(self._show_aim, name="aim", group="aim", exit_on_error=False)  # type: ignore[arg-type]

    async def _show_aim(self) -> None:
        if not self.is_attached or not self.query("#target"):
            return  # it was left in the pause
        session = self.kolony.session
        field = self.query_one("#target", Input)
        typed = field.value.strip()
        said: list[Part] = []
        if session is not None and typed and not field.disabled:
            try:
                aim = await self._aimed(session)
                # One agent, by its name: nothing that is not in the field already.
                said = [] if len(aim) == 1 and aim.words == typed else aim_parts(aim)
            except KolonyError as error:
                said = [part(error.line, "warn")]
        if self.is_attached and field.value.strip() == typed:
            self._say("#goes-to", said)

    async def _aimed(self, session: PersonSession) -> Aim:
        """To whom it goes. Raises UsageError, NotFound."""
        words = self.query_one("#target", Input).value.strip()
        if not words:
            raise UsageError("for which agent?", "tab goes to the target")
        if self._aim is not None and words == self._aim.words:
            return self._aim
        known = {safe(agent.name).plain: agent for agent in self.kolony.agents if agent.desired != Desired.RETIRED}
        names = list(dict.fromkeys(name.strip() for name in words.split(",") if name.strip()))
        if names and all(name in known for name in names):
            return Aim(words, tuple(Target(known[name].agent_id, known[name].name) for name in names))
        return await targeting.aim(session, words)

    # How it is sent

    def action_fold(self) -> None:
        """Shows the seldom fields, or hides them; what they hold stays."""
        if self._is_settled():
            return
        self.more.display = not self.more.display
        if self.more.display:
            self.run_worker(self._know_profiles(), name="profiles", group="profiles", exit_on_error=False)
            self.more.query_one("#kind").focus()
        else:
            self.command_text.focus()
        self._draw_how()

    def action_choose_kind(self) -> None:
        """To the kind."""
        if self._is_settled():
            return
        if not self.more.display:
            self.action_fold()
        self.more.query_one("#kind", Choice).focus()

    def _is_settled(self) -> bool:
        """Whether this is a command that is kept already; says so then."""
        if self.query_one("#target", Input).disabled:
            self.explain("that was settled when it was written; here text and priority change")
            return True
        return False

    async def _know_profiles(self) -> None:
        session = self.kolony.session
        if session is not None:
            try:
                self.more.know_profiles(await constraints.constraints(session))
            except KolonyError as error:
                self.explain(error.line)

    def on_sending_fields_changed(self) -> None:
        """Says it where the fields are hidden."""
        self._draw_how()

    def _draw_how(self) -> None:
        said = [] if self.more.display else self.more.summary
        if self._how is not None and self._how.preset_id is not None:
            said = [part("from a preset", "busy"), *([part("; ", "dim")] if said else []), *said]
        self._say("#how", said)

    def action_pick_preset(self) -> None:
        """Fills in a preset, and takes its text here; or sends it from there."""
        if self._is_settled():
            return
        self.run_worker(self._pick_preset(), name="preset", group="preset", exclusive=True, exit_on_error=False)

    async def _pick_preset(self) -> None:
        from kolony_tui.ui.screens.playbooks.filling import FillForm
        from kolony_tui.ui.screens.playbooks.picking import PresetPicker, presets_to_pick

        session = self.kolony.session
        if session is None:
            return
        try:
            found = await presets_to_pick(session)
        except KolonyError as error:
            self.explain(error.line)
            return
        preset = await self.app.push_screen_wait(PresetPicker(found))
        if preset is None:
            return
        form = FillForm(preset, safe(preset.target_words, limit=500).plain or self.query_one("#target", Input).value)
        if await self.app.push_screen_wait(form) and form.sent is not None:
            self.dismiss(None)
            self.kolony.call_later(show_sent, self.kolony, form.sent)
        elif form.text:
            self._how = sending_of(preset, form.to)
            self.begin_with(self._how, form.text, form.to)

    def begin_with(self, how: work.Sending, text: str, to: str) -> None:
        """Goes on with what a preset made."""
        self.more.begin(how)
        self.query_one("#priority", Input).value = str(how.priority)
        if to:
            self.query_one("#target", Input).value = to
        self._put(text)
        self._draw_how()

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
        if self._sent_to_many is not None:
            self.kolony.call_later(show_sent, self.kolony, self._sent_to_many)
        elif run_id is not None:
            self.kolony.call_later(self.kolony.show_sent, run_id)

    async def deliver(self, session: PersonSession, *, draft: bool) -> UUID | None:
        """Sends the command or keeps it; answers with the run that is to be shown. Raises KolonyError."""
        priority, text = self.priority(), work.checked_content(self.command_text.text)
        aim = await self._aimed(session)
        how = replace(await self.more.sending(session), priority=priority, draft=draft, target_words=aim.words[:2000])
        if not draft and not await may_go(self.kolony, aim):
            raise UsageError("nothing was sent")
        sent = await work.send(session, aim.agent_ids, text, how)
        if draft:
            self.kolony.say(f"draft #{sent.number} is kept; :submit {sent.number} sends it, 4 and [ show the drafts")
            return None
        if len(sent.runs) > 1:
            self._sent_to_many = sent
        return sent.runs[0].run_id

    def priority(self) -> int:
        """How urgent it is. Raises UsageError."""
        value = self.query_one("#priority", Input).value
        if not value.isdigit() or int(value) > 100:
            raise UsageError("a priority is a number from 0 to 100")
        return int(value)

    def explain(self, words: str) -> None:
        """Says in place what is wrong."""
        self._say("#wrong", [part(words, "bad")] if words else [])

    def _say(self, place: str, said: list[Part]) -> None:
        widget = self.query_one(place, Static)
        widget.update(content(*said))
        widget.display = bool(said)


def aimed_names(app: KolonyApp) -> list[str]:
    """For whom a new command most likely is: the agent under the cursor, or else one that is there; none of none."""
    able: list[Agent] = [agent for agent in app.agents if agent.desired != Desired.RETIRED]
    aimed = getattr(app.ground, "aimed_at", None)
    if aimed is None or aimed.desired == Desired.RETIRED:
        aimed = next((agent for agent in able if agent.sessions), able[0] if able else None)
    return [safe(aimed.name).plain] if aimed is not None else []
