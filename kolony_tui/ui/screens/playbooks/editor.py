"""`PresetEditor`: makes a preset, or changes one: its text, its variables, and how it is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import Binding, BindingType
from textual.widgets import Static, TextArea

from kolony_tui.core import presets
from kolony_tui.core.presets import Saying
from kolony_tui.models.constraints import ConstraintProfile
from kolony_tui.models.errors import CannotConnect, UsageError
from kolony_tui.models.presets import KINDS, Preset, variable_written, writable
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.text import safe
from kolony_tui.ui.draw import content, part
from kolony_tui.ui.screens.form import Field, Form

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

_LONGEST = 100_000
_WHOSE = ("mine alone", "everybody's")
_STANDARD = "(the default)"
_VARIABLES = "Variables, one a line: NAME[?][:TYPE[:CHOICE,CHOICE]] [(HELP)][=DEFAULT]"
_TEXT = "Text; {{name}} puts a variable in, {{name|sh}} quotes it for a shell"


class PresetEditor(Form):
    """Answers whether it was saved. What cannot be shown as it is cannot be changed here either."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+n", "app.focus_next", "Next field", show=False)]

    def __init__(self, preset: Preset | None, profiles: Sequence[ConstraintProfile], text: str = "") -> None:
        self.preset = preset
        self._profiles = {safe(each.name, limit=100).plain: each.constraint_id for each in profiles}
        written = "\n".join(each.written.raw for each in preset.asks) if preset is not None else ""
        self._text = preset.content if preset is not None else Untrusted(text)
        self._begun_text = safe(self._text, limit=_LONGEST, newline="\n").plain
        self._begun_variables = safe(written, limit=_LONGEST, newline="\n").plain
        self._text_is_so = self._begun_text == self._text.raw
        self._variables_are_so = preset is None or (self._begun_variables == written and writable(preset.asks))
        super().__init__(
            "A new preset" if preset is None else f"Change {safe(preset.name, limit=100).plain}",
            self._begin(preset), self._save, yes="Save",
        )  # fmt: skip

    def _begin(self, preset: Preset | None) -> list[Field]:
        profile = preset.constraint_name if preset is not None else None
        chosen = safe(profile, limit=100).plain if profile is not None else _STANDARD
        fields = [
            Field("name", "Name", preset.name.raw if preset else "", hint="how it is called"),
            Field("description", "Description", preset.description.raw if preset else "", hint="what it is for"),
            Field("to", "To", preset.target_words.raw if preset else "", hint="agents, a filter, or everyone"),
            Field("kind", "Kind", preset.kind if preset else KINDS[0], "choice", KINDS),
            Field("priority", "Priority", str(preset.priority) if preset else "50"),
            Field("constraint", "Constraint", chosen, "choice",
                  list(dict.fromkeys([_STANDARD, *self._profiles, chosen]))),
        ]  # fmt: skip
        if preset is None:
            fields.append(Field("whose", "Whose", _WHOSE[0], "choice", _WHOSE))
        self._begun = {field.id: safe(field.value, limit=500).plain.strip() for field in fields}
        return fields

    @property
    def kolony(self) -> KolonyApp:
        """The app, as what it is."""
        return cast("KolonyApp", self.app)

    def on_mount(self) -> None:
        """With text and variables below the fields."""
        self.query_one("#box").mount(
            Static(content(part(_TEXT, "dim")), classes="about-area"),
            TextArea(self._begun_text, id="preset-content", compact=True, show_line_numbers=False,
                     read_only=not self._text_is_so),
            Static(content(part(_VARIABLES, "dim")), classes="about-area"),
            TextArea(self._begun_variables, id="preset-variables", compact=True, show_line_numbers=False,
                     read_only=not self._variables_are_so),
            before="#wrong",
        )  # fmt: skip
        if not (self._text_is_so and self._variables_are_so):
            wrong = self.query_one("#wrong", Static)
            wrong.update(content(part("what holds characters that are not shown cannot be changed here", "warn")))
            wrong.display = True

    def action_next(self) -> None:
        """Enter goes on, from the last field into the text; ctrl+s saves."""
        self.focus_next()

    async def _save(self, values: Mapping[str, str]) -> None:
        session = self.kolony.session
        if session is None or self.kolony.live.link.lost:
            raise CannotConnect("there is no connection to the server", "what you typed stays here")
        saying = self._saying(values)
        if self.preset is None:
            await presets.make_preset(session, values["name"], saying, shared=values["whose"] == _WHOSE[1])
            self.kolony.say(f"the preset {values['name']} is kept")
            return
        name = values["name"] if self._changed(values, "name") else None
        version = await presets.change_preset(
            session, self.preset.preset_id, saying, name=name, expected=self.preset.version
        )
        self.kolony.say(f"the preset {values['name']} is version {version} now")

    def _changed(self, values: Mapping[str, str], field: str) -> bool:
        return self.preset is None or values[field] != self._begun[field]

    def _saying(self, values: Mapping[str, str]) -> Saying:
        """What was changed; everything, where the preset is new. Raises UsageError."""
        if not values["priority"].isdigit() or int(values["priority"]) > 100:
            raise UsageError("a priority is a number from 0 to 100")
        text = self.query_one("#preset-content", TextArea).text
        written = self.query_one("#preset-variables", TextArea).text
        new = self.preset is None
        constraint = values["constraint"] if self._changed(values, "constraint") else None
        return Saying(
            content=text if new or (self._text_is_so and text != self._begun_text) else None,
            description=values["description"] if self._changed(values, "description") else None,
            kind=values["kind"],
            priority=int(values["priority"]),
            target_words=values["to"] if self._changed(values, "to") else None,
            constraint_id=self._profiles.get(constraint) if constraint is not None else None,
            without_constraint=constraint == _STANDARD,
            variables=[variable_written(line) for line in written.splitlines() if line.strip()]
            if new or (self._variables_are_so and written != self._begun_variables)
            else None,
        )
