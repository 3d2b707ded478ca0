"""What a list is like: its filter, its order, its columns and groups; and such views as people keep them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kolony_tui.models.untrusted import Untrusted


@dataclass(frozen=True, slots=True)
class Look:
    """How a list is looked at. ``columns``: names in order, or none for the list's own; ``group``: a field or none."""

    filter: str = ""
    sort: str = ""
    backwards: bool = False
    columns: tuple[str, ...] = ()
    group: str = ""

    def as_definition(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "filter": self.filter,
            "sort": self.sort,
            "backwards": self.backwards,
            "columns": list(self.columns),
            "group": self.group,
        }

    @classmethod
    def of(cls, definition: object) -> Look:
        """From what was kept, by whatever program; what does not fit is left out."""
        kept = definition if isinstance(definition, dict) else {}
        columns = kept.get("columns")
        return cls(
            filter=_text(kept.get("filter")),
            sort=_text(kept.get("sort")),
            backwards=kept.get("backwards") is True,
            columns=tuple(map(_text, columns)) if isinstance(columns, list) else (),
            group=_text(kept.get("group")),
        )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class SavedView:
    """A view under a name. ``list`` is the list that it is for; ``mine``: made by who reads it."""

    view_id: UUID
    list: str
    name: Untrusted
    shared: bool
    definition: dict[str, Any]
    owner_login: str | None
    mine: bool
    updated_at: datetime

    @property
    def look(self) -> Look:
        """What it makes a list look like. Its texts are somebody else's where it is shared."""
        return Look.of(self.definition)
