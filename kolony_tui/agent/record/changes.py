"""What an agent says that it changed in files, gathered and written as diffs."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

KEPT_CHARACTERS = 4 * 1024 * 1024
"""Of all texts of one attempt, before and after."""
KEPT_FILES = 500

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_COMPARED_LINES = 3000
"""Where more than that differs on either side, all of it is shown as replaced: comparing takes the square of it."""


@dataclass(slots=True)
class FileChanges:
    """The changes of one file: what was there (None: nothing) and what came; whole files or the parts that changed."""

    steps: list[tuple[str | None, str]] = field(default_factory=list)
    lost: bool = False

    def add(self, old: str | None, new: str) -> None:
        """One more; it goes on from the last one where it begins with what that made."""
        if self.steps and self.steps[-1][1] == old:
            self.steps[-1] = (self.steps[-1][0], new)
        else:
            self.steps.append((old, new))

    @property
    def characters(self) -> int:
        """How much text it holds."""
        return sum(len(old or "") + len(new) for old, new in self.steps)


class Changes:
    """The changes of one attempt, by file, within bounds."""

    def __init__(self) -> None:
        self.files: dict[str, FileChanges] = {}
        self.more = 0
        """Changes of files that are one too many."""
        self._characters = 0

    def add(self, name: str, old: str | None, new: str) -> None:
        """Notes a change of a file."""
        if name not in self.files and len(self.files) >= KEPT_FILES:
            self.more += 1
            return
        file = self.files.setdefault(name, FileChanges())
        if file.lost:
            return
        before = file.characters
        if self._characters + len(old or "") + len(new) > KEPT_CHARACTERS:
            file.lost = True
            file.steps.clear()
        else:
            file.add(old, new)
        self._characters += file.characters - before


def unified(name: str, changes: FileChanges) -> str:
    """The changes of a file as a unified diff; of several steps one after the other.

    >>> c = FileChanges()
    >>> c.add("a\\nb\\n", "a\\nc\\n")
    >>> print(unified("x.txt", c), end="")
    --- a/x.txt
    +++ b/x.txt
    @@ -1,2 +1,2 @@
     a
    -b
    +c
    """
    return "".join(_one(name, old, new) for old, new in changes.steps if old != new)


def _one(name: str, old: str | None, new: str) -> str:
    before, after = _LINE.findall(old or ""), _LINE.findall(new)
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    origin = "/dev/null" if old is None else f"a/{name}"
    if max(len(before), len(after)) - start - end <= _COMPARED_LINES:
        first = max(0, start - 3)
        last = max(0, end - 3)
        lines = difflib.unified_diff(before[first : len(before) - last], after[first : len(after) - last],
                                     origin, f"b/{name}")  # fmt: skip
        return "".join(map(_ended, _moved(lines, first)))
    gone, came = before[start : len(before) - end], after[start : len(after) - end]
    place = f"@@ -{start + 1},{len(gone)} +{start + 1},{len(came)} @@\n"
    body = [*(f"-{line}" for line in gone), *(f"+{line}" for line in came)]
    return "".join([f"--- {origin}\n", f"+++ b/{name}\n", place, *map(_ended, body)])


def _moved(lines: Iterable[str], by: int) -> Iterator[str]:
    """The lines of a diff of a part that begins ``by`` lines into the file."""
    for line in lines:
        if line.startswith("@@ "):
            yield re.sub(r"([-+])(\d+)", lambda match: f"{match[1]}{int(match[2]) + by}", line)
        else:
            yield line


def _ended(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
