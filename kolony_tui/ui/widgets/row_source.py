"""`Source`: who reads the rows of a list that has a window of them only, and how far around what is in view."""

from __future__ import annotations

from typing import Protocol

AHEAD = 60
"""So many rows above and below what is in view are read with it."""
FURTHEST = 3000
"""Rows in view may have so many between them, in groups that are folded, and still be read together."""


class Source(Protocol):
    """Who reads the rows of a list that has a window of them only."""

    def look(self) -> None:
        """Another part is wanted, see ``RowContent.wish``."""

    def mark(self, first: int, count: int) -> None:
        """These rows are to be marked, also those that are not in the window."""
