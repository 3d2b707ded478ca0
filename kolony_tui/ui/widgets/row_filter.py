"""Whether a row passes a filter: over the fields that its sort has, or else over a list's columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from kolony_tui.core.filter_fields import Field, Fields
from kolony_tui.ui.draw import plain
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.widgets.columns import Column

S = TypeVar("S")


def column_fields(columns: Sequence[Column[S]], drawing: Callable[[], Drawing]) -> Fields:
    """Every column as a field of text: what one sees in it."""

    def reading(column: Column[S]) -> Callable[[S], object]:
        return lambda row: plain(column.cell(row, drawing())).strip()

    known = {column.id: Field("text", column.id, reading(column)) for column in columns}
    return Fields(known, tuple(known))


def passing(text: str, fields: Fields, drawing: Callable[[], Drawing]) -> Callable[[S], bool] | None:
    """The filter as a question about a row; None where it lets everything pass. Raises FilterError."""
    if not text:
        return None
    # Deferred: a parser takes its time to load, and few lists are filtered when an app opens.
    from kolony_tui.core.selecting import parse, passes

    wanted = parse(text, fields)
    return lambda row: passes(wanted, fields, row, drawing().now)
