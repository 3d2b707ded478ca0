"""`Lines`: which line of a list is which row, where rows stand in groups under headings that fold."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence, Set
from dataclasses import dataclass

from kolony_tui.models.lists import Group


@dataclass(frozen=True, slots=True)
class Heading:
    """A group's heading. As a key of the cursor only its name counts."""

    name: str


class Lines:
    """Lines of a list of ``count`` rows, counted from 0; with ``groups`` a line more for each heading.

    >>> from kolony_tui.models.untrusted import Untrusted
    >>> lines = Lines(5, [Group(Untrusted("a"), 2), Group(Untrusted("b"), 3)], {"a"})
    >>> len(lines), lines.at(0), lines.at(1), lines.at(2), lines.of_row(0), lines.of_row(4)
    (5, Heading(name='a'), Heading(name='b'), 2, 0, 4)
    """

    def __init__(self, count: int, groups: Sequence[Group] = (), folded: Set[str] = frozenset()) -> None:
        self.groups = tuple(groups)
        self.folded = frozenset(folded)
        self._starts: list[int] = []
        self._firsts: list[int] = []
        line = row = 0
        for group in groups:
            self._starts.append(line)
            self._firsts.append(row)
            line += 1 if group.name.raw in folded else 1 + group.count
            row += group.count
        self.rows = row if groups else count
        self._count = line if groups else count

    def __len__(self) -> int:
        return self._count

    def at(self, line: int) -> Heading | int:
        """The heading or the place of the row on a line that there is."""
        if not self.groups:
            return line
        number = bisect_right(self._starts, line) - 1
        within = line - self._starts[number]
        return Heading(self.groups[number].name.raw) if within == 0 else self._firsts[number] + within - 1

    def of_row(self, place: int) -> int:
        """The line of a row, or of its heading where that is folded."""
        if not self.groups:
            return place
        number = max(bisect_right(self._firsts, place) - 1, 0)
        start = self._starts[number]
        return start if self.groups[number].name.raw in self.folded else start + 1 + place - self._firsts[number]

    def of_heading(self, name: str) -> int | None:
        """The line of a heading."""
        for number, group in enumerate(self.groups):
            if group.name.raw == name:
                return self._starts[number]
        return None

    def members(self, name: str) -> range:
        """The places of a group's rows."""
        for number, group in enumerate(self.groups):
            if group.name.raw == name:
                return range(self._firsts[number], self._firsts[number] + group.count)
        return range(0)

    def size_of(self, name: str) -> int:
        """How many rows a group has."""
        return len(self.members(name))
