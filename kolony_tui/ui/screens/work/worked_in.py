"""Where a run works or worked, as one line of its facts."""

from __future__ import annotations

from kolony_tui.models.work import RunDetail
from kolony_tui.ui.draw import Part, part


def worked_in(detail: RunDetail) -> list[list[Part]]:
    """Folder, base commit, and what is left there; nothing where its runner gives each run an empty folder."""
    folder = detail.folder
    if folder is None:
        return []
    line = [part("in ", "dim"), part(folder.path)]
    if folder.base_commit is not None:
        line += [part("  from commit ", "dim"), part(folder.base_commit[:12])]
    if folder.base_dirty:
        line.append(part("  without what was not committed", "warn"))
    if folder.base_commit is None or folder.state != "in use":
        line += [part("  "), part(folder.words, "warn" if folder.dirty_files or folder.new_commits else "dim")]
    return [line]
