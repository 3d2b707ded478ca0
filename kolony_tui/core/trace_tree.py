"""`TraceTree`: the entries of a trace as rows of a tree, some of them folded; it knows no screen and no database."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

from kolony_tui.models.trace import TraceLine
from kolony_tui.models.untrusted import Untrusted


@dataclass(frozen=True, slots=True)
class TraceRow:
    """An entry at its depth; ``parts``: how many entries are directly below it; ``folded``: they are not shown."""

    line: TraceLine
    depth: int
    parts: int
    folded: bool


class TraceTree:
    """Entries by their keys. News of one takes its place; a parent may come after its parts, or never."""

    def __init__(self) -> None:
        self.lines: dict[Untrusted, TraceLine] = {}
        self._parts: dict[Untrusted | None, list[Untrusted]] = {}
        self._stale = False

    def take(self, news: Iterable[TraceLine]) -> None:
        """Entries, new or again."""
        for line in news:
            old = self.lines.get(line.key)
            self.lines[line.key] = line
            self._stale = self._stale or old is None or old.parent_key != line.parent_key

    def parent(self, key: Untrusted) -> Untrusted | None:
        """The entry that this one is a part of, where that is there."""
        above = self.lines[key].parent_key
        return above if above is not None and above in self.lines and above != key else None

    def depth(self, key: Untrusted) -> int:
        """How many entries this one is within."""
        passed: set[Untrusted] = set()
        above = self.parent(key)
        while above is not None and above not in passed:
            passed.add(above)
            above = self.parent(above)
        return len(passed)

    def rows(self, folded: Container[Untrusted] = ()) -> list[TraceRow]:
        """All that is shown, in order: each entry followed by its parts."""
        self._sort()
        rows: list[TraceRow] = []
        seen: set[Untrusted] = set()
        self._walk(self._parts.get(None, ()), folded, rows, seen)
        # Entries that are each other's parents hang nowhere; they are shown all the same.
        for key in self.lines:
            if key not in seen and self._in_circle(key):
                self._walk([key], folded, rows, seen)
        return rows

    def _sort(self) -> None:
        if not self._stale:
            return
        self._stale = False
        self._parts = {}
        for line in sorted(self.lines.values(), key=lambda line: line.position):
            self._parts.setdefault(self.parent(line.key), []).append(line.key)

    def _walk(
        self, first: Sequence[Untrusted], folded: Container[Untrusted], rows: list[TraceRow], seen: set[Untrusted]
    ) -> None:
        due = [(key, 0) for key in reversed(first)]
        while due:
            key, depth = due.pop()
            if key in seen:
                continue
            seen.add(key)
            parts = self._parts.get(key, ())
            shut = bool(parts) and key in folded
            rows.append(TraceRow(self.lines[key], depth, len(parts), shut))
            if not shut:
                due += [(part, depth + 1) for part in reversed(parts)]

    def _in_circle(self, key: Untrusted) -> bool:
        passed: set[Untrusted] = set()
        above: Untrusted | None = key
        while above is not None and above not in passed:
            passed.add(above)
            above = self.parent(above)
        return above is not None


_TYPE_WORDS = {"llm_prompt": "prompt", "tool_call": "tool"}


def type_word(type: str) -> str:
    """An entry's type in one word.

    >>> type_word("llm_prompt"), type_word("thought")
    ('prompt', 'thought')
    """
    return _TYPE_WORDS.get(type, type)


def measured(line: TraceLine) -> list[str]:
    """How long it took, its tokens, how sure the agent was; as far as that is known."""
    said = []
    if line.duration_ms is not None and line.duration_ms >= 0.5:  # what came in one piece took no time of its own
        said.append(in_words(line.duration_ms))
    if line.tokens is not None:
        said.append(f"{line.tokens:,} tokens")
    if line.confidence is not None:
        said.append(f"{line.confidence:.0%} sure")
    return said


def in_words(milliseconds: float) -> str:
    """A measured length of time.

    >>> in_words(3.21), in_words(1234), in_words(200_000)
    ('3 ms', '1.2 s', '3:20')
    """
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.1f} s"
    minutes, seconds = divmod(int(milliseconds / 1000), 60)
    return f"{minutes}:{seconds:02d}"
