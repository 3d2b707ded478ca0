"""`FillForm`: the variables of a preset, the text that they make as one types, and sending it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.suggester import Suggester
from textual.timer import Timer
from textual.widgets import Button, Input, Static

from kolony_tui.core import presets, targeting, work
from kolony_tui.core.session import PersonSession
from kolony_tui.models.errors import CannotConnect, KolonyError, UsageError
from kolony_tui.models.presets import Preset, Variable
from kolony_tui.models.work import SentCommand
from kolony_tui.text import safe
from kolony_tui.ui.draw import Part, content, part
from kolony_tui.ui.screens.form import Field, Form
from kolony_tui.ui.screens.work.broadcast import aim_parts, may_go
from kolony_tui.ui.widgets.choice import Choice

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

_NOTHING = "(nothing)"
_TO = "to-whom"
_PAUSE = 0.15
"""Seconds without a key before the preview is made anew."""
_HINTS = {"text": "", "number": "a number", "agent": "an agent's name", "run": "a run's number, 12 or 12.3"}


class AgentNames(Suggester):
    """Completes the last of several names of agents, from the server."""

    def __init__(self, app: KolonyApp) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._app = app

    async def get_suggestion(self, value: str) -> str | None:
        """The first agent whose name goes on from what is typed."""
        before, comma, begun = value.rpartition(",")
        typed = begun.lstrip()
        session = self._app.session
        if not typed or session is None:
            return None
        try:
            found = await targeting.names_like(session, typed, 5)
        except KolonyError:
            return None
        names = [name for each in found if (name := safe(each, limit=100).plain).startswith(typed) and name != typed]
        return f"{before}{comma}{begun[: len(begun) - len(typed)]}{names[0]}" if names else None


def _field(variable: Variable) -> Field:
    label = variable.name + ("" if variable.required else " (optional)")
    default = safe(variable.default, limit=500).plain if variable.default is not None else ""
    hint = safe(variable.help, limit=200).plain or _HINTS.get(variable.type, "")
    if variable.type == "choice":
        words = [safe(each, limit=100).plain for each in variable.choices]
        if default == "":
            words.insert(0, _NOTHING)
        return Field(variable.name, label, default or words[0], "choice", words)
    return Field(variable.name, label, default, hint=hint)


class FillForm(Form):
    """Answers whether it was sent; ``sent`` is what became of it then, ``text`` what is to go to the composer."""

    BINDINGS = [Binding("ctrl+o", "compose_it", "To the composer")]  # noqa: RUF012  (Textual declares it otherwise)

    def __init__(self, preset: Preset, to: str) -> None:
        self.preset = preset
        self.sent: SentCommand | None = None
        self.text = ""
        self.to = to
        self._pause: Timer | None = None
        self._asked = {each.name: each for each in preset.asks}
        fields = [*(_field(each) for each in preset.asks), Field(_TO, "To", to, hint="agents, a filter, or everyone")]
        super().__init__(
            safe(preset.name, limit=100).plain, fields, self._send, said=safe(preset.description, limit=400).plain,
            yes="Send",
        )  # fmt: skip
        self._begun = {field.id: field.value for field in fields}

    @property
    def kolony(self) -> KolonyApp:
        """The app, as what it is."""
        return cast("KolonyApp", self.app)

    def on_mount(self) -> None:
        """With the preview below the fields, and names of agents completed."""
        self.query_one("#box").mount(
            VerticalScroll(Static("", id="preview", markup=False), id="preview-scroll", can_focus=False),
            Static("", id="goes-to", markup=False),
            before="#wrong",
        )
        self.query_one("#buttons").mount(
            Button(content(part("To the composer (ctrl+o)")), id="compose", compact=True), before="#yes"
        )
        completed = [_TO, *(name for name, each in self._asked.items() if each.type == "agent")]
        for name in completed:
            self.query_one(f"#field-{name}", Input).suggester = AgentNames(self.kolony)
        self.call_after_refresh(self._look)

    @property
    def given(self) -> dict[str, str]:
        """The values; a default that was left alone is the preset's own, whatever it holds that is not shown."""
        found = {name: value for name, value in self.values.items() if name != _TO}
        values = {name: "" if value == _NOTHING else value for name, value in found.items()}
        return {name: value for name, value in values.items() if value != self._begun[name]} | {
            name: self._choice(name) for name, each in self._asked.items() if each.type == "choice"
        }

    def _choice(self, name: str) -> str:
        shown = self.values[name]
        fitting = [each.raw for each in self._asked[name].choices if safe(each, limit=100).plain == shown]
        return fitting[0] if fitting else ""

    # The preview

    def on_input_changed(self, event: Input.Changed) -> None:
        """Soon the preview."""
        self._look_soon()

    def on_choice_changed(self, event: Choice.Changed) -> None:
        """Soon the preview."""
        self._look_soon()

    def _look_soon(self) -> None:
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.set_timer(_PAUSE, self._look)

    def _look(self) -> None:
        # The function: its coroutine would be left behind where the form goes before the worker begins.
        self.run_worker(self._preview, name="preview", group="preview", exit_on_error=False)  # type: ignore[arg-type]

    async def _preview(self) -> None:
        session = self.kolony.session
        if session is None or not self.query("#preview"):
            return
        typed = self.values
        lacking = ""
        try:
            try:
                text = await presets.fill_preset(session, self.preset, self.given)
            except KolonyError as error:
                lacking = error.message
                text = await presets.fill_preset(session, self.preset, self.given, partly=True)
        except KolonyError:
            text = self.preset.content.raw
        goes_to = await self._goes_to(session, typed[_TO])
        if not self.is_attached or self.values != typed:
            return
        said: list[Part] = [(safe(text, limit=5000, newline="\n"), "plain")]
        if lacking:
            said += [part(" "), part(lacking, "warn")]
        self.query_one("#preview", Static).update(content(*said))
        self.query_one("#goes-to", Static).update(content(*goes_to))

    async def _goes_to(self, session: PersonSession, words: str) -> list[Part]:
        try:
            return aim_parts(await targeting.aim(session, words)) if words else [part("for whom?", "dim")]
        except KolonyError as error:
            return [part(error.message, "warn")]

    # What becomes of it

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """The button that a form does not know; the others are its own."""
        if event.button.id == "compose":
            event.stop()
            event.prevent_default()
            self.action_compose_it()

    async def _send(self, values: Mapping[str, str]) -> None:
        session = self.kolony.session
        if session is None or self.kolony.live.link.lost:
            raise CannotConnect("there is no connection to the server", "what you typed stays here")
        if not values[_TO]:
            raise UsageError("for which agents?", "names, a filter, or everyone")
        text = await presets.fill_preset(session, self.preset, self.given)
        aim = await targeting.aim(session, values[_TO])
        if not await may_go(self.kolony, aim):
            raise UsageError("nothing was sent")
        self.sent = await work.send(session, aim.agent_ids, text, sending_of(self.preset, aim.words))

    def action_compose_it(self) -> None:
        """Takes the text to the composer."""
        self.run_worker(self._compose_it(), name="fill", group="form", exit_on_error=False)

    async def _compose_it(self) -> None:
        session = self.kolony.session
        if session is None:
            return
        try:
            self.text = await presets.fill_preset(session, self.preset, self.given)
        except KolonyError as error:
            wrong = self.query_one("#wrong", Static)
            wrong.update(content(part(error.line, "bad")))
            wrong.display = True
            return
        self.to = self.values[_TO]
        self.dismiss(False)


def sending_of(preset: Preset, words: str) -> work.Sending:
    """How a command that a preset makes is sent."""
    return work.Sending(
        priority=preset.priority, kind=preset.kind, constraint_id=preset.constraint_id, target_words=words[:2000],
        preset_id=preset.preset_id, preset_version=preset.version,
    )  # fmt: skip
