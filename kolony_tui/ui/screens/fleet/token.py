"""`TokenScreen`: shows a fresh token, this once."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from kolony_tui.models.secret import Secret
from kolony_tui.text import SafeText
from kolony_tui.ui.draw import content, part


class TokenScreen(ModalScreen[None]):
    """The token is on the screen while one looks at it, and in no picture: the app saves none while this is open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,c", "copy", "Copy"),
        Binding("escape,q", "dismiss", "Done"),
    ]

    def __init__(self, agent: SafeText, token: Secret) -> None:
        super().__init__()
        self._agent, self._token = agent, token

    def compose(self) -> ComposeResult:
        """The token and what to do with it."""
        with Vertical(id="box"):
            yield Static(content(part("Token of "), (self._agent, "accent"), part(". It is shown this once.", "warn")))
            yield Static(Content(self._token.reveal()), id="token")
            yield Static(content(part("The runner takes it from KOLONY_AGENT_TOKEN or --token-file:", "dim")))
            yield Static(
                content(part("kolony agent run ", "dim"), (self._agent, "dim"), part(" --token-file FILE", "dim"))
            )
            yield Static(
                content(part("y", "accent"), part(" copies it, "), part("esc", "accent"), part(" when you have it"))
            )

    def action_copy(self) -> None:
        """Copies the token by OSC 52."""
        self.app.copy_to_clipboard(self._token.reveal())
        self.app.notify("the token is copied", markup=False)
