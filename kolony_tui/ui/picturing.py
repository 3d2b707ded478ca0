"""What of an artifact a terminal can show: text, diffs in colours, and small pictures in half blocks."""

from __future__ import annotations

from kolony_tui.models.artifacts import Artifact
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.looks import size
from kolony_tui.ui.markdown import Lines, diff_tone, markdown_lines

_LINES = 2000
_WIDTH = 1000


def previewed(artifact: Artifact, head: bytes, width: int = 80) -> Lines:
    """The beginning of it, or what it is where it is no text."""
    if not artifact.kept:
        why = artifact.why_not if artifact.why_not is not None else Untrusted("it was not kept")
        return [[part("not kept: ", "warn"), part(why)]]
    if not artifact.is_text:
        return [_facts(artifact), [part("s saves it to a file, o opens it with the program of your desktop", "dim")]]
    text = head.decode("utf-8", "replace")
    if artifact.media_type == "text/markdown":
        lines = markdown_lines(Untrusted(text))
    elif artifact.kind != "file" or artifact.media_type in ("text/x-diff", "text/x-patch"):
        lines = [[part(Untrusted(line), diff_tone(line), limit=_WIDTH)] for line in text.split("\n")[:_LINES]]
    else:
        lines = [[part(Untrusted(line), limit=_WIDTH)] for line in text.split("\n")[:_LINES]]
    if artifact.size > len(head) or len(lines) >= _LINES:
        lines = [*lines[:_LINES], [part(f"the beginning of {size(artifact.size)}; s saves all of it", "warn")]]
    return lines


def _facts(artifact: Artifact) -> list[Part]:
    return [part(artifact.media_type, "accent"), part(f"  {size(artifact.size) or '0 B'}"),
            part(f"  sha256 {artifact.sha256}", "dim")]  # fmt: skip
