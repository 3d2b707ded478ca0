"""From safe text to what widgets draw, in one place; and the tones that a theme gives colours to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from textual.content import Content

from kolony_tui.text import HasRaw, SafeText, safe

Tone = Literal["plain", "dim", "strong", "good", "busy", "warn", "bad", "accent"]
"""What a piece of text means; never its only sign."""

Part = tuple[SafeText, Tone]
Cell = tuple[Part, ...]

TONES: dict[Tone, str] = {
    "plain": "",
    "dim": "$text-muted",
    "strong": "bold",
    "good": "$text-success",
    "busy": "$text-accent",
    "warn": "$text-warning",
    "bad": "$text-error",
    "accent": "bold $text-primary",
}
"""The theme's variables for each tone, as ``Content`` styles."""


def part(text: str | HasRaw | SafeText, tone: Tone = "plain", *, limit: int = 400) -> Part:
    """A piece of a cell or a line; at most ``limit`` characters of it."""
    return safe(text, limit=limit), tone


def cell(text: str | HasRaw | SafeText | None, tone: Tone = "plain") -> Cell:
    """A cell of one piece; empty for None."""
    return () if text is None else (part(text, tone),)


def plain(parts: Iterable[Part]) -> str:
    """The text of a cell alone."""
    return "".join(text.plain for text, _ in parts)


def content(*parts: Part) -> Content:
    """Pieces one after another, as what Textual draws without reading markup."""
    return Content.assemble(*((text.plain, TONES[tone]) for text, tone in parts))


def line(left: Iterable[Part], right: Iterable[Part], width: int, ellipsis: str = "…") -> Content:
    """One line with two sides. Too narrow: ``left`` is cut, and where that would leave too little, ``right`` goes."""
    before, after = content(*left), content(*right)
    room = width - after.cell_length - bool(after.plain)
    if room < min(before.cell_length, 12):
        after, room = Content(), width
    if before.cell_length > room:
        before = Content.assemble(before.truncate(max(room - 1, 0)), ellipsis)
    gap = width - before.cell_length - after.cell_length
    return Content.assemble(before, " " * max(gap, 0), after)
