"""A range of rows that is being marked: from where it began to where the cursor is."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ranging:
    """``anchor``: the place where it began; ``before``: what was marked then; ``lasting``: every movement marks."""

    anchor: int
    before: frozenset[Hashable]
    lasting: bool = False

    def span(self, place: int) -> tuple[int, int]:
        """The first place of the range up to ``place``, and how many rows it has.

        >>> Ranging(7, frozenset()).span(4)
        (4, 4)
        """
        return min(self.anchor, place), abs(self.anchor - place) + 1
