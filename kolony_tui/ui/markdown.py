"""Markdown of agents as lines of parts: headings, lists, quotes, code and emphasis; nothing of it is obeyed."""

from __future__ import annotations

import re

from kolony_tui.models.untrusted import Untrusted
from kolony_tui.text import safe
from kolony_tui.ui.draw import Part, Tone, part

Lines = list[list[Part]]

_HEADING = re.compile(r"^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
_ITEM = re.compile(r"^(\s*)[-*+]\s+(.*)$")
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})\s*(\S*)")
_MARKS = re.compile(r"(`[^`]+`|\*\*[^*]+\*\*|__[^_]+__|\[[^\]]+\]\([^)\s]+\))")
_LINE = 2000


def markdown_lines(text: Untrusted, *, limit: int = 200_000) -> Lines:
    """The lines of a Markdown text; at most ``limit`` characters of it.

    >>> [[(piece.plain, tone) for piece, tone in line] for line in markdown_lines(Untrusted("# A\\n- **b** `c`"))]
    [[('A', 'accent')], [('  • ', 'dim'), ('b', 'strong'), (' ', 'plain'), ('c', 'busy')]]
    """
    lines: Lines = []
    fence, language = "", ""
    for raw in safe(text, limit=limit, newline="\n").plain.split("\n"):
        mark = _FENCE.match(raw)
        if mark and (not fence or (mark[1].startswith(fence) and not mark[2])):
            fence, language = ("", "") if fence else (mark[1], mark[2].lower())
            continue
        if fence:
            tone = diff_tone(raw) if language in ("diff", "patch") else "busy"
            lines.append([part("  "), part(raw, tone, limit=_LINE)])
        else:
            lines.append(_line(raw))
    return lines


def _line(raw: str) -> list[Part]:
    if heading := _HEADING.match(raw):
        return [part(_bare(heading[2]), "accent", limit=_LINE)]
    if item := _ITEM.match(raw):
        return [part(f"  {item[1]}• ", "dim"), *_inline(item[2])]
    if raw.lstrip().startswith("> "):
        return [part("│ ", "dim"), part(raw.lstrip()[2:], "dim", limit=_LINE)]
    return _inline(raw)


def _inline(text: str) -> list[Part]:
    pieces: list[Part] = []
    for piece in _MARKS.split(text[:_LINE]):
        if not piece:
            continue
        tone: Tone = "plain"
        if piece.startswith("`") and len(piece) > 2 and piece.endswith("`"):
            piece, tone = piece[1:-1], "busy"
        elif _MARKS.fullmatch(piece) and piece[0] in "*_":
            piece, tone = piece[2:-2], "strong"
        pieces.append(part(piece, tone, limit=_LINE))
    return pieces


def _bare(text: str) -> str:
    return re.sub(r"(\*\*|__|`)", "", text)


def diff_tone(line: str) -> Tone:
    """How a line of a diff stands out.

    >>> diff_tone("+a"), diff_tone("-a"), diff_tone("@@ -1 +1 @@"), diff_tone("--- a/x"), diff_tone(" a")
    ('good', 'bad', 'busy', 'strong', 'plain')
    """
    if line.startswith(("+++", "---", "diff --git", "index ")):
        return "strong"
    if line.startswith("@@"):
        return "busy"
    return "good" if line.startswith("+") else "bad" if line.startswith("-") else "plain"
