"""Columns of lists: what a cell shows, what it is sorted by, and how columns share the width there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from kolony_tui.ui.draw import Cell
from kolony_tui.ui.looks import Drawing

S = TypeVar("S")
GUTTER = 2
"""Cells before the first column: the cursor and the mark."""
GAP = 1
_NARROW = 4


@dataclass(frozen=True)
class Column(Generic[S]):
    """A column: how a row's cell looks and what it is sorted by.

    ``width`` in cells; a ``flexible`` column takes what is left and has at least that. Where room is short, columns
    with a higher ``rank`` go first. Rows can stand together by a column that ``groups``.
    """

    id: str
    title: str
    width: int
    cell: Callable[[S, Drawing], Cell]
    order: Callable[[S], Any] | None = None
    flexible: bool = False
    right: bool = False
    rank: int = 0
    groups: bool = False


def fitted(columns: Sequence[Column[S]], width: int) -> list[tuple[Column[S], int]]:
    """The columns that there is room for in ``width`` cells, with their widths."""
    kept = list(columns)
    while any(each.rank for each in kept) and _needed(kept) > width:
        kept.remove(max(reversed(kept), key=lambda each: each.rank))
    if _needed(kept) > width:
        return _squeezed(kept, width)
    left = width - _needed(kept)
    flexible = [each for each in kept if each.flexible]
    extra = {each.id: left // len(flexible) for each in flexible} if flexible and left > 0 else {}
    return [(each, max(min(each.width + extra.get(each.id, 0), width), 0)) for each in kept]


def _needed(columns: Sequence[Column[S]]) -> int:
    return sum(each.width + GAP for each in columns) - GAP


def _squeezed(columns: Sequence[Column[S]], width: int) -> list[tuple[Column[S], int]]:
    """Columns of which none may go: the wide ones share what there is."""
    room = width - GAP * (len(columns) - 1) - sum(each.width for each in columns if each.width <= _NARROW)
    total = sum(each.width for each in columns if each.width > _NARROW)
    return [(each, each.width if each.width <= _NARROW else max(each.width * room // total, 0)) for each in columns]
