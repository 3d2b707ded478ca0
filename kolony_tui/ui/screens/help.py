"""`HelpScreen`: the keys that work where the focus is, from the bindings that are really there."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from kolony_tui.ui.draw import Part, content, part
from kolony_tui.ui.registry import commands, key_words

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

_KEYS = 16
_EARLIER = ("app.maximize", "app.minimize", "screen.")


class HelpScreen(ModalScreen[None]):
    """Keys and what they do, one a line; what cannot be used now says why."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q,f1", "dismiss", "Close")]

    def compose(self) -> ComposeResult:
        """A list that scrolls."""
        with VerticalScroll(id="box"):
            yield Static(Content("\n").join(content(*line) for line in self.lines()), id="keys")

    def on_mount(self) -> None:
        """Scrolls by keys."""
        box = self.query_one("#box", VerticalScroll)
        box.border_title = Content("Keys of this place")
        box.border_subtitle = Content("esc closes")
        box.focus()

    def lines(self) -> list[list[Part]]:
        """What the help says; for every key that the screen below reacts to."""
        app = cast("KolonyApp", self.app)
        below = app.screen_stack[-2] if app.screen is self else app.screen
        keys: dict[str, tuple[list[str], str, str | None]] = {}
        for key, active in below.active_bindings.items():
            binding = active.binding
            if binding.system or binding.action.startswith(_EARLIER):
                continue
            command = commands().get(binding.id or "")
            words = f"{command.title}: {command.help}" if command is not None else binding.description
            if not words:
                continue
            reason = command.why_disabled(app) if command is not None else None
            known = keys.setdefault(binding.id or f"{binding.action} {binding.description}", ([], words, reason))
            known[0].append(key_words(key))
        lines = []
        for pressed, words, reason in keys.values():
            said = f"{', '.join(pressed):<{_KEYS}} "
            line = [part(said, "dim" if reason else "accent"), part(words, "dim" if reason else "plain")]
            lines.append([*line, part(f"  ({reason})", "warn")] if reason else line)
        return lines
