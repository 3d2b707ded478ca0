"""Work folders: where runs work on the machines of their runners."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kolony_tui.models.untrusted import Untrusted


@dataclass(frozen=True, slots=True)
class WorkFolder:
    """A folder as its runner described it last; ``state``: in use, kept or removed. ``run`` worked there last.

    ``base_commit``: what the worktree was made from (``base_dirty``: the repository had changes besides), None where it
    is no worktree. ``dirty_files`` changed or new, ``new_commits`` beyond the base, ``size_bytes`` in all.
    """

    path: Untrusted
    host: Untrusted
    repository: Untrusted
    isolation: str
    base_commit: str | None
    base_dirty: bool
    state: str
    dirty_files: int | None
    new_commits: int | None
    size_bytes: int | None
    made_at: datetime
    seen_at: datetime
    run_id: UUID
    run: str
    agent: Untrusted
    conversation: int | None

    @property
    def words(self) -> str:
        """What is in it, in a few words: ``2 changed files, 1 new commit, 3.1 MB``."""
        if self.isolation == "none":
            return "shared by all runs"
        if self.state != "kept" or self.dirty_files is None:
            return self.state
        parts = [_counted(self.dirty_files, "changed file"), _counted(self.new_commits or 0, "new commit")]
        return ", ".join([*(part for part in parts if part), f"{(self.size_bytes or 0) / 1e6:.1f} MB"])


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' if number != 1 else ''}" if number else ""
