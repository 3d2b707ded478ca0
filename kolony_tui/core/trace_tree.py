"""`TraceTree`: the entries of a trace as rows of a tree, some of them folded; it knows no screen and no database."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

from kolony_tui.models.trace import TraceLine


@dataclass(frozen=True, slots=True)
class TraceRow:
    """An entry at its depth; ``parts``: how many entries are directly below it; ``folded``: they are not shown."""

    line: TraceLine
    depth: int
    parts: int
    folded: bool


class TraceTree:
    """Entries by their (raw) keys. News of one takes its place; a parent may come after its parts, or never."""

    def __init__(self) -> None:
        self.lines: dict[str, TraceLine] = {}
        self._parts: dict[str | None, list[str]] = {}
        self._stale = False

    def take(self, news: Iterable[TraceLine]) -> bool:
        """Entries, new or again; whether the tree is another than before, not only what is said in it."""
        changed = False
        for line in news:
            old = self.lines.get(line.key.raw)
            self.lines[line.key.raw] = line
            changed = changed or old is None or old.parent_key != line.parent_key or old.type != line.type
        self._stale = self._stale or changed
        return changed

    def parent(self, key: str) -> str | None:
        """The entry that this one is a part of, where that is there."""
        above = self.lines[key].parent_key
        return above.raw if above is not None and above.raw in self.lines and above.raw != key else None

    def above(self, key: str) -> list[str]:
        """The entries that this one is within, the nearest first."""
        found: dict[str, None] = {}
        above = self.parent(key)
        while above is not None and above not in found:
            found[above] = None
            above = self.parent(above)
        return list(found)

    def rows(self, folded: Container[str] = ()) -> list[TraceRow]:
        """All that is shown, in order: each entry followed by its parts."""
        self._sort()
        rows: list[TraceRow] = []
        seen: set[str] = set()
        self._walk(self._parts.get(None, ()), folded, rows, seen)
        # Entries that are each other's parents hang nowhere; they are shown all the same.
        for key in self.lines if len(seen) < len(self.lines) else ():
            if key not in seen and self._in_circle(key):
                self._walk([key], folded, rows, seen)
        return rows

    def _sort(self) -> None:
        if not self._stale:
            return
        self._stale = False
        self._parts = {}
        for line in sorted(self.lines.values(), key=lambda line: line.position):
            self._parts.setdefault(self.parent(line.key.raw), []).append(line.key.raw)

    def _walk(self, first: Sequence[str], folded: Container[str], rows: list[TraceRow], seen: set[str]) -> None:
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

    def _in_circle(self, key: str) -> bool:
        passed: set[str] = set()
        above: str | None = key
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
