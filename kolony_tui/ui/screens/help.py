"""`HelpScreen`: the keys that work where the focus is, from the bindings that are really there."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from kolony_tui.ui.draw import content, part
from kolony_tui.ui.registry import Command, commands, key_words

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

_KEYS = 14
_WIDEST = 92
_LEFT_OUT = ("app.maximize", "app.minimize")


@dataclass
class Entry:
    """Keys that do the same, what that is, and why not now."""

    words: str
    command: Command | None
    reason: str | None
    keys: list[str] = field(default_factory=list)


class HelpScreen(ModalScreen[None]):
    """Keys and what they do; what cannot be used now says why."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q,f1", "dismiss", "Close")]

    def compose(self) -> ComposeResult:
        """A list that scrolls."""
        with VerticalScroll(id="box"):
            yield Static("", id="keys", markup=False)

    def on_mount(self) -> None:
        """Scrolls by keys."""
        box = self.query_one("#box", VerticalScroll)
        box.border_title = Content("Keys of this place")
        box.border_subtitle = Content("esc closes")
        box.focus()
        self._write()

    def on_resize(self) -> None:
        """Wraps at the width that there is."""
        self._write()

    def _write(self) -> None:
        room = max(min(self.size.width, _WIDEST) - _KEYS - 7, 10)
        lines = [line for entry in self.entries() for line in _drawn(entry, room)]
        # A size may be known before the widgets are there, or when they are gone again.
        for keys in self.query("#keys").results(Static):
            keys.update(Content("\n").join(lines))

    def entries(self) -> list[Entry]:
        """What the help says: everything that the screen below reacts to; the commands first."""
        app = cast("KolonyApp", self.app)
        below = app.ground
        if below is None:
            return []
        found: dict[str, Entry] = {}
        for key, active in below.active_bindings.items():
            binding = active.binding
            if binding.system or binding.action.startswith(_LEFT_OUT) or not binding.description:
                continue
            command = commands().get(binding.id or "")
            words = f"{command.title}: {command.help}" if command is not None else binding.description
            reason = command.why_disabled(app) if command is not None else None
            entry = found.setdefault(
                binding.id or f"{binding.action} {binding.description}", Entry(words, command, reason)
            )
            entry.keys.append(key_words(key))
        return sorted(found.values(), key=lambda entry: entry.command is None)


def _drawn(entry: Entry, room: int) -> list[Content]:
    said = f"{entry.words} ({entry.reason})" if entry.reason else entry.words
    keys = textwrap.wrap(", ".join(entry.keys), _KEYS)
    words = textwrap.wrap(said, room)
    return [
        content(
            part(f"{keys[at] if at < len(keys) else '':<{_KEYS}} ", "dim" if entry.reason else "accent"),
            part(words[at] if at < len(words) else "", "dim" if entry.reason else "plain"),
        )
        for at in range(max(len(keys), len(words)))
    ]
