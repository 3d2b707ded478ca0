"""What of an artifact a terminal can show: text, diffs in colours, and small pictures in half blocks."""

from __future__ import annotations

import asyncio

from textual.content import Content

from kolony_tui.core import artifacts
from kolony_tui.core.session import PersonSession
from kolony_tui.models.artifacts import Artifact
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.ui.draw import Part, content, part
from kolony_tui.ui.looks import size
from kolony_tui.ui.markdown import Lines, diff_tone, markdown_lines
from kolony_tui.ui.png import half_blocks

_PICTURE_BYTES = 2 * 1024 * 1024
_LINES = 2000
_WIDTH = 1000


async def preview(
    session: PersonSession, artifact: Artifact, most: int, width: int, height: int, *, plain: bool
) -> Content:
    """The beginning of it, or what it is where it cannot be shown. ``plain``: without colours or half blocks.

    ``width`` and ``height``: the cells that a picture may take.
    """
    if not artifact.kept:
        why = artifact.why_not if artifact.why_not is not None else Untrusted("it was not kept")
        return content(part("not kept: ", "warn"), part(why))
    if artifact.is_text:
        lines = _text_lines(artifact, await artifacts.head(session, artifact, most))
        return Content("\n").join(content(*line) for line in lines)
    said = [content(*_facts(artifact)),
            content(part("s saves it to a file, o opens it with the program of your desktop", "dim"))]  # fmt: skip
    if artifact.media_type == "image/png" and artifact.size <= _PICTURE_BYTES and not plain:
        data = await artifacts.head(session, artifact, _PICTURE_BYTES)
        picture = await asyncio.to_thread(half_blocks, data, width, height)
        said += [] if picture is None else [picture]
    return Content("\n").join(said)


def _text_lines(artifact: Artifact, head: bytes) -> Lines:
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
