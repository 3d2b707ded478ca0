"""`ShownOnce`: a fresh secret, on the screen this once, and in no picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from kolony_tui.models.secret import Secret
from kolony_tui.text import SafeText
from kolony_tui.ui.draw import Part, content, part

_ROOM = 74


class ShownOnce(ModalScreen[None]):
    """Secrets, each with whose it is. The app saves no picture while this is open; leaving without a copy asks again.

    ``said`` are lines about what to do with them.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,c", "copy", "Copy"),
        Binding("escape,q", "leave", "Done"),
    ]

    def __init__(
        self, what: Sequence[Part], secrets: Sequence[tuple[SafeText, Secret]], said: Sequence[Sequence[Part]] = ()
    ) -> None:
        super().__init__()
        self._what, self._secrets, self._said = what, tuple(secrets), said
        self._copied = self._warned = False

    def compose(self) -> ComposeResult:
        """What it is, the secrets, what to do with them."""
        with VerticalScroll(id="box"):
            yield Static(content(*self._what, part(" It is shown this once.", "warn")))
            yield Static(self._shown(), id="secret")
            for line in self._said:
                yield Static(content(*line))
            yield Static(
                content(part("y", "accent"), part(" copies it, "), part("esc", "accent"), part(" when you have it"))
            )
            yield Static("", id="wrong", markup=False)

    def _shown(self) -> Content:
        if len(self._secrets) == 1:
            return Content(self._secrets[0][1].reveal())
        widest = max(name.cells for name, _ in self._secrets)
        beside = widest + 2 + max(len(secret.reveal()) for _, secret in self._secrets) <= _ROOM
        return Content("\n").join(
            Content.assemble(
                content((name.fit(widest) if beside else name, "accent")), "  " if beside else "\n", secret.reveal()
            )
            for name, secret in self._secrets
        )

    def action_copy(self) -> None:
        """Copies by OSC 52: the secret, or a line for each with whose it is."""
        lines = [f"{name.plain} {secret.reveal()}" for name, secret in self._secrets]
        self.app.copy_to_clipboard(self._secrets[0][1].reveal() if len(lines) == 1 else "\n".join(lines))
        self._copied = True
        self.app.notify("it is copied, if your terminal allows that", markup=False)

    def action_leave(self) -> None:
        """Leaves; where nothing was copied, only when asked twice."""
        if self._copied or self._warned:
            self.dismiss(None)
            return
        self._warned = True
        words = "not copied yet, and never shown again: esc once more closes"
        wrong = self.query_one("#wrong", Static)
        wrong.update(content(part(words, "bad")))
        wrong.display = True
        self.call_after_refresh(wrong.scroll_visible, animate=False)
