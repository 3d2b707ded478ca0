"""What screens with lists share: a title that tells filter, order, groups and marks, and remembering them."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

from kolony_tui.models.errors import UsageError
from kolony_tui.models.views import Look
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.widgets.rows import RowList


def list_title(name: str, rows: RowList[Any]) -> list[Part]:
    """The name of a list, and what narrows it: never a filter that one has forgotten."""
    said = [part(name, "strong")]
    if rows.filter:
        whole = f" {rows.rest}" if rows.rest else f" of {rows.total}"
        said.append(part(f"  /{rows.filter} ({rows.passed}{whole})", "warn"))
    elif rows.rest:
        said.append(part(f"  {rows.rest}", "warn"))
    if rows.sorted_by:
        said.append(part(f"  by {rows.sorted_by}", "dim"))
    if rows.grouped_by:
        said.append(part(f"  groups of {rows.grouped_by}", "dim"))
    if rows.marks:
        hidden = f", {rows.hidden_marks} hidden" if rows.hidden_marks else ""
        said.append(part(f"  {len(rows.marks)} marked{hidden}", "busy"))
    if rows.ranging:
        said.append(part("  marking: M ends it", "accent"))
    return said


def remember(rows: RowList[Any]) -> dict[str, Any]:
    """Filter, order, columns and groups of a list, for the state file."""
    return rows.look.as_definition()


def recall(rows: RowList[Any], kept: Any) -> None:
    """Puts them back; whatever else the state file holds is left alone."""
    look = Look.of(kept)
    with contextlib.suppress(UsageError):
        rows.take_look(replace(look, filter=look.filter[:200]))
