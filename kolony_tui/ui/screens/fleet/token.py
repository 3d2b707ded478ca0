"""`TokenScreen`: shows fresh tokens, this once."""

from __future__ import annotations

from collections.abc import Sequence

from kolony_tui.models.secret import Secret
from kolony_tui.text import SafeText
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.screens.shown_once import ShownOnce


class TokenScreen(ShownOnce):
    """Tokens, each with whose it is, and how a runner gets one.

    ``shared``: the login that runners use, where a token has none of its own.
    """

    def __init__(self, tokens: Sequence[tuple[SafeText, Secret]], shared: str | None = None) -> None:
        named: Part = (tokens[0][0], "accent") if len(tokens) == 1 else part(f"{len(tokens)} agents", "accent")
        lines: list[tuple[Part, ...]] = [
            (part("The runner takes it from KOLONY_AGENT_TOKEN or --token-file:", "dim"),),
            (part("kolony agent run NAME --token-file FILE", "dim"),),
        ]
        if shared:
            lines.append((part(f"  --dsn postgresql://{shared}@HOST/DATABASE", "dim"),))
            lines.append((part(f"The password of {shared} comes from PGPASSFILE or PGPASSWORD.", "dim"),))
        super().__init__((part("Token of "), named, part(".")), tokens, lines)
