"""Text selected in an output view: what is copied, and how a selection stays on its text."""

from __future__ import annotations

from collections.abc import Callable

from textual.geometry import Offset
from textual.selection import Selection

from kolony_tui.ui.widgets.output_rows import TextRow

COPIED_ROWS = 20_000
"""Rows that a copy takes at most; more would choke a clipboard."""


def copied(selection: Selection, rows: int, text_row: Callable[[int], TextRow | None]) -> str:
    """The selected text of a view with so many ``rows``.

    ``text_row`` gives a row's text, None for a notice, which is not copied. A line that is wrapped is one line.
    """
    first = max(selection.start.y, 0) if selection.start is not None else 0
    last = min(selection.end.y, rows - 1) if selection.end is not None else rows - 1
    lines: list[str] = []
    for number in range(first, min(last, first + COPIED_ROWS - 1) + 1):
        row, span = text_row(number), selection.get_span(number)
        if row is None or span is None:
            continue
        start, end = span
        text = row.plain[start : None if end == -1 else end]
        if lines and row.start > 0:
            lines[-1] += text
        else:
            lines.append(text)
    over = last - first + 1 - COPIED_ROWS
    if over > 0:
        lines.append(f"… {over:,} more rows were not copied …")
    return "\n".join(lines)


def shifted(selection: Selection, rows: int) -> Selection | None:
    """The selection after its text has moved down by ``rows``; None when all of it went off the top."""
    start, end = selection
    if end is not None and end.y + rows < 0:
        return None
    return Selection(_shift(start, rows), _shift(end, rows))


def _shift(offset: Offset | None, rows: int) -> Offset | None:
    if offset is None:
        return None
    return Offset(offset.x, offset.y + rows) if offset.y + rows >= 0 else Offset(0, 0)
