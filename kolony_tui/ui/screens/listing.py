"""What screens with lists share: a title that tells filter, order and marks, and remembering them."""

from __future__ import annotations

from typing import Any

from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.widgets.rows import RowList


def list_title(name: str, rows: RowList[Any]) -> list[Part]:
    """The name of a list, and what narrows it: never a filter that one has forgotten."""
    said = [part(name, "strong")]
    if rows.filter:
        said.append(part(f"  /{rows.filter} ({len(rows.rows)} of {rows.total})", "warn"))
    if rows.sorted_by:
        said.append(part(f"  by {rows.sorted_by}", "dim"))
    if rows.marks:
        hidden = f", {rows.hidden_marks} hidden" if rows.hidden_marks else ""
        said.append(part(f"  {len(rows.marks)} marked{hidden}", "busy"))
    return said


def remember(rows: RowList[Any]) -> dict[str, Any]:
    """Filter and order of a list, for the state file."""
    return {"filter": rows.filter, "sort": rows.sorted_by, "backwards": rows.backwards}


def recall(rows: RowList[Any], kept: Any) -> None:
    """Puts them back; whatever else the state file holds is left alone."""
    if isinstance(kept, dict):
        wanted, order = kept.get("filter"), kept.get("sort")
        if isinstance(wanted, str) and wanted:
            rows.narrow(wanted[:200])
        if isinstance(order, str):
            rows.sort(order, backwards=kept.get("backwards") is True)
