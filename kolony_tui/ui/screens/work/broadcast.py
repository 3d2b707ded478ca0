"""Before and after a command that goes to many: asking for their number, and showing how its runs stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from kolony_tui.core.targeting import EVERYONE, Aim
from kolony_tui.models.errors import NotFound
from kolony_tui.models.work import SentCommand
from kolony_tui.text import safe
from kolony_tui.ui.draw import Part, content, part

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

_NAMED = 4


def aim_parts(aim: Aim) -> list[Part]:
    """To whom it goes, in a line: the number, and the first names."""
    if not aim.targets:
        return [part("goes to nobody", "warn")]
    names = ", ".join(safe(target.name, limit=40).plain for target in aim.targets[:_NAMED])
    more = f" and {len(aim) - _NAMED} more" if len(aim) > _NAMED else ""
    many = f"{len(aim)} agents" if len(aim) > 1 else "1 agent"
    return [part(f"goes to {many}: ", "strong" if len(aim) > 1 else "dim"), part(f"{names}{more}", "dim")]


class CountQuestion(ModalScreen[bool]):
    """Asks before something goes to many: the person types how many they are."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave without doing it")]
    AUTO_FOCUS = "#count"

    def __init__(self, aim: Aim) -> None:
        super().__init__()
        self._count, self._aim = len(aim), aim

    def compose(self) -> ComposeResult:
        """Whom it goes to, and the field for their number."""
        with Vertical(id="box"):
            yield Static(content(part(f"This goes to {self._count} agents.", "strong")), id="question")
            yield Static(content(*aim_parts(self._aim)[1:]), id="about")
            yield Static(content(part(f"Type {self._count} to send it.", "dim")))
            yield Input(id="count", compact=True, max_length=9)
            yield Static("", id="wrong", markup=False)
            with Horizontal(id="buttons"):
                yield Button(content(part("Leave (esc)")), id="no", compact=True)
                yield Button(content(part("Send (enter)")), id="yes", variant="error", compact=True)

    def action_leave(self) -> None:
        """Nothing is sent."""
        self.dismiss(False)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """A button."""
        event.stop()
        if event.button.id == "yes":
            self._check()
        else:
            self.action_leave()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: goes on where the number is right."""
        event.stop()
        self._check()

    def _check(self) -> None:
        if self.query_one("#count", Input).value.strip() == str(self._count):
            self.dismiss(True)
            return
        wrong = self.query_one("#wrong", Static)
        wrong.update(content(part(f"that is not {self._count}", "bad")))
        wrong.display = True


async def may_go(app: KolonyApp, aim: Aim) -> bool:
    """Whether it may go to these: a person confirms what goes to many. Raises NotFound where that is nobody."""
    if not aim.targets:
        what = "there is no agent here" if aim.words == EVERYONE else f"no agent passes {aim.words!r}"
        raise NotFound(what, "nothing was sent")
    if len(aim) <= app.opening.confirm_above:
        return True
    return await app.push_screen_wait(CountQuestion(aim))


def show_sent(app: KolonyApp, sent: SentCommand) -> None:
    """Shows what was sent just now: its run, or how its several runs stand."""
    if len(sent.runs) > 1:
        from kolony_tui.ui.screens.work.command import CommandScreen

        app.push_screen(CommandScreen(sent.command_id))
    else:
        app.show_sent(sent.runs[0].run_id)
