"""`Form`: a few fields in a dialog; what is wrong with them is said in place, and what was typed stays."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from kolony_tui.models.errors import KolonyError
from kolony_tui.text import safe
from kolony_tui.ui.draw import content, part
from kolony_tui.ui.screens.asking import content_of_list
from kolony_tui.ui.widgets.choice import Choice


@dataclass(frozen=True, slots=True)
class Field:
    """A field: a ``text``, a ``secret`` (never shown), or one of ``choices``; ``hint`` stands in an empty one."""

    id: str
    label: str
    value: str = ""
    kind: Literal["text", "secret", "choice"] = "text"
    choices: Sequence[str] = ()
    hint: str = ""


Deliver = Callable[[Mapping[str, str]], Awaitable[None]]


class Form(ModalScreen[bool]):
    """Answers whether it was delivered. ``deliver`` gets the values by field; its KolonyError is shown in place.

    ``about`` lists whom or what it is for; ``whole`` is a text of it, all of which can be seen by scrolling. ``effect``
    says in words what delivering these values would do.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave without doing it"),
        Binding("ctrl+s", "deliver", "Do it"),
        # Before the field has it: keys that were typed ahead are for the next field already.
        Binding("enter", "next", "Next field", priority=True),
        Binding("down", "next", "Next field", show=False),
        Binding("up", "app.focus_previous", "Previous field", show=False),
    ]

    def __init__(
        self,
        title: str,
        fields: Sequence[Field],
        deliver: Deliver,
        *,
        said: str = "",
        about: Sequence[str] = (),
        whole: str = "",
        effect: Callable[[Mapping[str, str]], str] | None = None,
        yes: str,
    ) -> None:
        super().__init__()
        self._title, self._fields, self._deliver, self._said, self._yes = title, tuple(fields), deliver, said, yes
        self._about, self._whole, self._effect = about, whole, effect
        self._delivering = False

    def compose(self) -> ComposeResult:
        """Title, fields, what is wrong, buttons."""
        with VerticalScroll(id="box", can_focus=False):
            yield Static(content(part(self._title, "strong")), id="form-title")
            if self._about:
                yield Static(content_of_list(self._about), id="about")
            if self._whole:
                with VerticalScroll(id="form-whole"):
                    yield Static(content((safe(self._whole, limit=len(self._whole), newline="\n"), "strong")))
            if self._said:
                yield Static(content(part(self._said, "dim")), id="form-said")
            for field in self._fields:
                with Horizontal(classes="field"):
                    yield Static(content(part(field.label, "dim")), classes="label")
                    yield self._widget(field)
            if self._effect is not None:
                yield Static("", id="form-effect", markup=False)
            yield Static("", id="wrong", markup=False)
            with Horizontal(id="buttons"):
                yield Button(content(part("Cancel (esc)")), id="no", compact=True)
                yield Button(content(part(f"{self._yes} (ctrl+s)")), id="yes", variant="primary", compact=True)

    def _widget(self, field: Field) -> Input | Choice:
        if field.kind == "choice":
            return Choice(field.choices, field.value, id=f"field-{field.id}")
        return Input(
            # What a field begins with was typed by others; a secret one begins empty.
            safe(field.value, limit=500).plain,
            placeholder=field.hint,
            password=field.kind == "secret",
            id=f"field-{field.id}",
            compact=True,
            max_length=500,
        )

    def on_mount(self) -> None:
        """In the first field."""
        self.query_one(f"#field-{self._fields[0].id}").focus()
        self._show_effect()

    def _show_effect(self) -> None:
        if self._effect is not None:
            self.query_one("#form-effect", Static).update(content(part(self._effect(self.values), "accent")))

    def on_input_changed(self, event: Input.Changed) -> None:
        """What it would do changes with what is typed."""
        self._show_effect()

    def on_choice_changed(self, event: Choice.Changed) -> None:
        """The same of a choice."""
        self._show_effect()

    @property
    def values(self) -> dict[str, str]:
        """What the fields hold."""
        found: dict[str, str] = {}
        for field in self._fields:
            widget = self.query_one(f"#field-{field.id}")
            assert isinstance(widget, (Input, Choice))
            found[field.id] = widget.value if field.kind == "secret" else widget.value.strip()
        return found

    def action_next(self) -> None:
        """Enter: the next field, and from the last one on to delivering; a button is pressed."""
        if isinstance(self.focused, Button):
            self.focused.press()
            return
        last = self.query_one(f"#field-{self._fields[-1].id}")
        if self.focused is last:
            self.action_deliver()
        else:
            self.focus_next()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in a text."""
        event.stop()
        self.action_next()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """A button."""
        event.stop()
        if event.button.id == "yes":
            self.action_deliver()
        else:
            self.action_leave()

    def action_leave(self) -> None:
        """Nothing happens."""
        self.dismiss(False)

    def action_deliver(self) -> None:
        """Delivers, once at a time."""
        if not self._delivering:
            self._delivering = True
            self.run_worker(self._delivered(), name="form", group="form", exit_on_error=False)

    def tell(self, words: str) -> None:
        """Says how far delivering is, where what it is about stood."""
        for said in self.query("#form-said").results(Static):  # none any more, where one has just left
            said.update(content(part(words, "busy")))

    async def _delivered(self) -> None:
        try:
            await self._deliver(self.values)
        except KolonyError as error:
            wrong = self.query_one("#wrong", Static)
            wrong.update(content(part(error.line, "bad")))
            wrong.display = True
            self.call_after_refresh(wrong.scroll_visible, animate=False)
            return
        finally:
            self._delivering = False
        self.dismiss(True)

    def on_paste(self, event: events.Paste) -> None:
        """What is pasted beside the fields goes nowhere."""
        event.stop()
