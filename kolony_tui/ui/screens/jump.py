"""`JumpLine`: goes to a run, command, agent or person by number, id, name or login."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from kolony_tui.core import jumping
from kolony_tui.models.errors import KolonyError
from kolony_tui.models.records import Destination
from kolony_tui.text import safe
from kolony_tui.ui.draw import Part, content, part

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp


class JumpLine(ModalScreen[Destination | None]):
    """Answers with where to go, or None. Every key asks the server; what an older key found is not shown any more."""

    DEFAULT_CSS = """
    JumpLine { align: left bottom; background: $background 40%; }
    JumpLine #jump { height: auto; dock: bottom; background: $panel; }
    JumpLine #found { height: auto; padding: 0 1; }
    JumpLine #jump-line { height: 1; }
    JumpLine #jump-sign { width: 9; padding: 0 0 0 1; }
    JumpLine Input { width: 1fr; background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Stay"),
        Binding("up", "move(-1)", "Previous", show=False),
        Binding("down,tab", "move(1)", "Next", show=False),
    ]

    def __init__(self, begun: str = "") -> None:
        super().__init__()
        self.input = Input(begun, placeholder="12, 12.3, an id, an agent, a login", compact=True, max_length=200)
        self.listed = Static("", id="found", markup=False)
        self.found: list[Destination] = []
        self.at = 0
        self._asked = ""
        self._going = False

    @property
    def kolony(self) -> KolonyApp:
        """The app, as what it is."""
        return cast("KolonyApp", self.app)

    def compose(self) -> ComposeResult:
        """What was found, above the line."""
        with Vertical(id="jump"):
            yield self.listed
            with Horizontal(id="jump-line"):
                yield Static(content(part("go to", "accent")), id="jump-sign")
                yield self.input

    def on_mount(self) -> None:
        """Nothing is asked yet."""
        self.input.focus()
        self._say([part("enter goes, arrows choose, esc stays", "dim")])

    def on_input_changed(self, event: Input.Changed) -> None:
        """Looks for it."""
        self._look(event.value)

    def _look(self, text: str) -> None:
        self._asked = text.strip()
        asked = self._asked

        async def search() -> None:  # made when it begins: the next key may come before
            await self._search(asked)

        self.run_worker(search, name="jump", group="jump", exclusive=True, exit_on_error=False)  # type: ignore[arg-type]

    async def _search(self, text: str) -> None:
        session = self.kolony.session
        try:
            found = await jumping.destinations(session, text) if session is not None else []
        except KolonyError as error:
            self._going = False
            self._say([part(error.line, "bad")])
            return
        if text != self._asked:
            return
        self.found, self.at = found, 0
        if self._going and found:
            self.dismiss(found[0])
            return
        self._going = False
        if found or not text:
            self._show_found()
        else:
            self._say([part("nothing here is called so", "warn")])

    def _show_found(self) -> None:
        width = max((safe(each.label, limit=40).cells for each in self.found), default=0)
        lines = []
        for place, each in enumerate(self.found):
            here = place == self.at
            lines.append(
                content(
                    part("> " if here else "  ", "accent"),
                    (safe(each.label, limit=40).fit(width), "accent" if here else "strong"),
                    part(f"  {each.kind:<8}", "dim"),
                    part(each.detail, "dim", limit=200),
                )
            )
        self.listed.update(Content("\n").join(lines))

    def _say(self, parts: list[Part]) -> None:
        self.found = []
        self.listed.update(content(*parts))

    def action_move(self, by: int) -> None:
        """Chooses another one."""
        if self.found:
            self.at = (self.at + by) % len(self.found)
            self._show_found()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Goes, or as soon as it is known where to."""
        event.stop()
        if self._asked == event.value.strip() and self.found:
            self.dismiss(self.found[self.at])
        elif event.value.strip():
            self._going = True
            self._look(event.value)
        else:
            self.dismiss(None)

    def action_leave(self) -> None:
        """Stays."""
        self.dismiss(None)
