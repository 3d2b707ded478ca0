"""`TokenScreen`: shows a fresh token, this once."""

from __future__ import annotations

from kolony_tui.models.secret import Secret
from kolony_tui.text import SafeText
from kolony_tui.ui.draw import part
from kolony_tui.ui.screens.shown_once import ShownOnce


class TokenScreen(ShownOnce):
    """A token, and how a runner gets it."""

    def __init__(self, agent: SafeText, token: Secret) -> None:
        super().__init__(
            (part("Token of "), (agent, "accent"), part(".")),
            [(agent, token)],
            (
                (part("The runner takes it from KOLONY_AGENT_TOKEN or --token-file:", "dim"),),
                (part("kolony agent run ", "dim"), (agent, "dim"), part(" --token-file FILE", "dim")),
            ),
        )
