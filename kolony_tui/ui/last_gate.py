"""The last gate before the terminal: whatever a widget was given (a paste, say), no text of it commands anything.

What others write is made safe where it comes in; this is for what got past, and for what the person pastes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from rich.console import Console
from rich.segment import Segment
from textual.strip import Strip

from kolony_tui.text.characters import REPLACEMENT, UNSEEN

_COMMANDS = re.compile(f"[\x00-\x1f\x7f{UNSEEN}]")


def close_gate() -> None:
    """From now on, control and invisible characters of every line are left out as it is drawn."""
    render = Strip.render

    def harmless(strip: Strip, console: Console) -> str:
        if any(_COMMANDS.search(segment.text) for segment in strip):
            # A line as wide as before: where such a character has a cell, something else takes it.
            return render(Strip(_cleaned(strip), strip.cell_length), console)
        return render(strip, console)

    Strip.render = harmless  # type: ignore[assignment, method-assign]


def _cleaned(segments: Iterable[Segment]) -> list[Segment]:
    return [Segment(_COMMANDS.sub(_stand_in, text), style, control) for text, style, control in segments]


def _stand_in(match: re.Match[str]) -> str:
    return REPLACEMENT * Segment(match[0]).cell_length
