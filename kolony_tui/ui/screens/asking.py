"""`Question`: asks once before something that is hard to undo; No is where the focus is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from kolony_tui.text import SafeText
from kolony_tui.ui.draw import content, part

_LISTED = 8


def content_of_list(about: Sequence[str]) -> Content:
    """The first of some lines, and how many more there are."""
    listed = list(about[:_LISTED])
    if len(about) > _LISTED:
        listed.append(f"... and {len(about) - _LISTED} more")
    return Content("\n").join(content(part(each)) for each in listed)


class Question(ModalScreen[str | None]):
    """Answers with the reason that was given (perhaps empty) for yes, and with None for no.

    ``quick``: it begins in the reason, and enter there is a yes; for what does little harm or can be undone.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "yes", "Yes"),
        Binding("n,escape", "no", "No"),
        Binding("left", "app.focus_previous", "Other button", show=False),
        Binding("right", "app.focus_next", "Other button", show=False),
    ]
    AUTO_FOCUS = "#reason.quick, #no"

    def __init__(
        self,
        question: str,
        said: str,
        about: Sequence[str] = (),
        *,
        yes: str = "Yes",
        no: str = "No",
        reason: str | None = None,
        given: str = "",
        quick: bool = False,
    ) -> None:
        super().__init__()
        self._quick = quick
        self._question, self._said, self._about = question, said, about
        self._yes, self._no, self._reason, self._given = yes, no, reason, given

    def compose(self) -> ComposeResult:
        """The question, what will happen, and to what."""
        with Vertical(id="box"):
            yield Static(content(part(self._question, "strong")), id="question")
            if self._about:
                yield Static(content_of_list(self._about), id="about")
            yield Static(content(part(self._said, "dim")))
            if self._reason is not None:
                yield Input(
                    self._given,
                    placeholder=self._reason,
                    id="reason",
                    classes="quick" if self._quick else "",
                    compact=True,
                    max_length=500,
                )
            with Horizontal(id="buttons"):
                no_key, yes_key = ("esc", "enter") if self._quick else ("n", "y")
                yield Button(content(part(f"{self._no} ({no_key})")), id="no", compact=True)
                yield Button(content(part(f"{self._yes} ({yes_key})")), id="yes", variant="error", compact=True)

    def action_yes(self) -> None:
        """Yes, with the reason."""
        self.dismiss(self.query_one("#reason", Input).value.strip() if self._reason is not None else "")

    def action_no(self) -> None:
        """No: nothing happens."""
        self.dismiss(None)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """A button."""
        event.stop()
        if event.button.id == "yes":
            self.action_yes()
        else:
            self.action_no()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the reason goes on to the buttons and decides nothing; unless the question is a quick one."""
        event.stop()
        if self._quick:
            self.action_yes()
        else:
            self.query_one("#no", Button).focus()


class Leaving(ModalScreen[str | None]):
    """Asks what becomes of the local agent's work: ``stop`` or ``leave``, or None to stay in the app."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "answer('stop')", "Stop it"),
        Binding("l", "answer('leave')", "Leave it running"),
        Binding("escape,n", "answer('')", "Stay"),
        Binding("left", "app.focus_previous", "Other button", show=False),
        Binding("right", "app.focus_next", "Other button", show=False),
    ]
    AUTO_FOCUS = "#stay"

    def __init__(self, agent: SafeText, running: int) -> None:
        super().__init__()
        self._agent, self._works = agent, running

    def compose(self) -> ComposeResult:
        """The question and three answers."""
        what = "a command" if self._works == 1 else f"{self._works} commands"
        with Vertical(id="box"):
            yield Static(content((self._agent, "accent"), part(f" works on {what}.", "strong")), id="question")
            yield Static(content(part("Stopped, they are handed back and run again next time.", "dim")))
            with Horizontal(id="buttons"):
                yield Button(content(part("Stay (esc)")), id="stay", compact=True)
                yield Button(content(part("Leave it running (l)")), id="leave", compact=True)
                yield Button(content(part("Stop it (s)")), id="stop", variant="error", compact=True)

    def action_answer(self, answer: str) -> None:
        """Answers."""
        self.dismiss(answer or None)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """A button."""
        event.stop()
        self.dismiss(event.button.id if event.button.id != "stay" else None)
