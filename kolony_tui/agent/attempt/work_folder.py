"""The folder of a run where it is to be a worktree of a repository: made, looked at, removed if it is clean."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import tempfile
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from kolony_tui.agent.adapter import CannotStart
from kolony_tui.agent.attempt.git import git, line

DIFF_BYTES = 4 * 1024 * 1024
"""How much of a run's changes is kept as a diff."""
COPY_FILES, COPY_BYTES = 1000, 256 * 1024 * 1024
"""How much is copied from the repository into a worktree, for what is not in its commits."""

_MARK = "kolony.json"
_MOST_ENTRIES = 200_000
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class Isolation:
    """Where runs work. ``per``: run: a worktree each; conversation: one that the runs of a conversation share, and each
    of the others its own; none: in ``repository`` itself. ``base``: what worktrees are made from. ``copies``: patterns
    of files, relative to the repository, that are copied into a new one (.env and the like are in no commit)."""

    repository: Path
    per: Literal["run", "conversation", "none"] = "conversation"
    base: str = "HEAD"
    copies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Left:
    """A worktree as it stands. ``dirty_files``: changed or new, ``new_commits``: beyond ``base_commit``."""

    path: str
    repository: str
    base_commit: str
    base_dirty: bool
    isolation: str
    dirty_files: int
    new_commits: int
    size_bytes: int

    @property
    def clean(self) -> bool:
        """Whether nothing would be lost with it but what git ignores."""
        return not self.dirty_files and not self.new_commits


def check(isolation: Isolation) -> str:
    """The base commit as it is now. Raises CannotStart: no repository, no commit, no git."""
    where = isolation.repository
    if not where.is_dir():
        raise CannotStart(f"there is no folder {where}", "see --repo")
    if isolation.per == "none":
        return ""
    try:
        line(where, "rev-parse", "--git-dir")
    except CannotStart as error:
        if error.message.startswith("there is no program"):
            raise
        raise CannotStart(f"{where} is no git repository", "see --repo, or say --isolation none") from error
    try:
        return line(where, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{isolation.base}^{{commit}}")
    except CannotStart as error:
        raise CannotStart(f"{isolation.base!r} names no commit of {where}", "see --base") from error


def prepare(isolation: Isolation, folder: Path) -> dict[str, Any]:
    """Makes the worktree, or takes the one that is there; answers with what ``kolony.note_folder`` is told.

    Raises CannotStart, in one line: no repository, the path is taken, the disk is full.
    """
    if isolation.per == "none":
        check(isolation)
        return {"path": str(folder), "repository": str(isolation.repository), "isolation": "none", "state": "in use"}
    with _one_at_a_time:
        mark = _mark(folder)
        if mark is None:
            mark = _make(isolation, folder)
    return {"path": str(folder), "state": "in use", **_told(mark)}


def _make(isolation: Isolation, folder: Path) -> dict[str, Any]:
    commit = check(isolation)
    try:
        taken = folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir())))
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(f"the worktree {folder} cannot be made: {error.strerror}", "see --workdir") from error
    if taken:
        raise CannotStart(f"the path of the worktree is taken: {folder} is there and is none", "move it away")
    where = isolation.repository
    git(where, "worktree", "prune")
    try:
        git(where, "worktree", "add", "--detach", "--force", str(folder), commit)
        mark = {
            "repository": line(where, "rev-parse", "--path-format=absolute", "--git-common-dir"),
            "isolation": isolation.per,
            "base_commit": commit,
            "base_dirty": bool(git(where, "status", "--porcelain", "--untracked-files=no")),
            "copied": _copy(isolation, folder),
        }
        (_private(folder) / _MARK).write_text(json.dumps(mark))
    except (CannotStart, OSError) as error:
        _take_away(where, folder)
        words = error.message if isinstance(error, CannotStart) else error.strerror or str(error)
        raise CannotStart(f"the worktree {folder} cannot be made: {words}") from error
    return mark


def _copy(isolation: Isolation, folder: Path) -> dict[str, int]:
    """Copies what the patterns name; answers with the paths, relative to both, and when each was last changed."""
    copied: dict[str, int] = {}
    size = 0
    for pattern in isolation.copies:
        try:
            found = sorted(isolation.repository.glob(pattern))
        except (ValueError, NotImplementedError) as error:
            raise CannotStart(f"{pattern!r} is no pattern of files in the repository: {error}", "see --copy") from error
        for source in found:
            inside = source.relative_to(isolation.repository)
            target = folder / inside
            if ".git" in inside.parts or ".." in inside.parts or source.is_symlink() or not source.is_file():
                continue
            if target.exists():
                continue
            size += source.stat().st_size
            if len(copied) == COPY_FILES or size > COPY_BYTES:
                raise CannotStart(f"--copy names more than {COPY_FILES} files or {COPY_BYTES >> 20} MiB")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
            copied[str(inside)] = target.stat().st_mtime_ns
    return copied


def settle(folder: Path, *, remove_clean: bool) -> dict[str, Any] | None:
    """At an attempt's end: what is left, as ``kolony.note_folder`` is told; None where the folder is none of ours.

    A clean one is removed. What cannot be looked at is kept.
    """
    with _one_at_a_time:
        mark = _mark(folder)
        if mark is None:
            return None
        try:
            found = left(folder)
        except CannotStart:
            return {"path": str(folder), "state": "kept", **_told(mark)}
        gone = found is not None and found.clean and remove_clean and _remove(folder)
    return (asdict(found) if found is not None else {}) | {"state": "removed" if gone else "kept"}


def left(folder: Path) -> Left | None:
    """How a worktree stands; None where the folder is none of ours. Raises CannotStart."""
    mark = _mark(folder)
    if mark is None:
        return None
    own = _as_copied(folder, mark)
    entries = git(folder, "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all").split(b"\0")
    dirty = sum(1 for entry in entries if entry and entry[3:].decode(errors="surrogateescape") not in own)
    commits = line(folder, "rev-list", "--count", f"{mark['base_commit']}..HEAD", "--")
    moved = line(folder, "rev-parse", "HEAD") != mark["base_commit"]
    told = _told(mark)
    return Left(
        path=str(folder),
        repository=told["repository"],
        base_commit=told["base_commit"],
        base_dirty=told["base_dirty"],
        isolation=told["isolation"],
        dirty_files=dirty,
        new_commits=max(int(commits), int(moved)),
        size_bytes=_size(folder),
    )


def diff(folder: Path) -> str | None:
    """All that a run changed in its worktree since the base commit, as one diff of at most ``DIFF_BYTES``; None where
    the folder is no worktree of ours, or nothing changed. Raises CannotStart."""
    mark = _mark(folder)
    if mark is None:
        return None
    with tempfile.TemporaryDirectory(prefix="kolony-diff-") as scratch:
        # An index of its own, in which new files are known of: the agent's is not touched, and nothing is stored.
        index = Path(scratch, "index")
        try:
            own = _private(folder) / "index"
            if own.exists():
                shutil.copyfile(own, index)
        except OSError as error:
            raise CannotStart(f"the changes in {folder} cannot be read: {error.strerror}") from error
        excluded = [f":(exclude,literal){name}" for name in _as_copied(folder, mark)]
        git(folder, "add", "--intent-to-add", "--", ".", index=index)
        words = ("diff", "--no-color", "--no-ext-diff", "--no-textconv", mark["base_commit"], "--", ".", *excluded)
        found = git(folder, *words, index=index)
    if len(found) > DIFF_BYTES:
        found = found[:DIFF_BYTES] + b"\n[cut: the changes are longer]\n"
    return found.decode(errors="replace") or None


def remove(folder: Path) -> None:
    """Removes a worktree of ours with all that is in it. Raises CannotStart."""
    with _one_at_a_time:
        if _mark(folder) is None:
            raise CannotStart(f"{folder} is no worktree that Kolony made", "see kolony agent folders list")
        if not _remove(folder):
            raise CannotStart(f"{folder} cannot be removed")


def _remove(folder: Path) -> bool:
    try:
        repository = Path(line(folder, "rev-parse", "--path-format=absolute", "--git-common-dir"))
    except CannotStart:
        return False
    _take_away(repository, folder)
    return not folder.exists()


def _take_away(repository: Path, folder: Path) -> None:
    try:
        git(repository, "worktree", "remove", "--force", "--force", str(folder))
    except CannotStart:
        shutil.rmtree(folder, ignore_errors=True)


def _private(folder: Path) -> Path:
    """Git's own folder of a worktree: what is there goes with it, and is seen by no agent's ``git status``."""
    return Path(line(folder, "rev-parse", "--path-format=absolute", "--git-dir"))


def _mark(folder: Path) -> dict[str, Any] | None:
    """What was written down when the worktree was made; None where it is none of ours."""
    try:
        if not (folder / ".git").is_file():
            return None
        mark = json.loads((_private(folder) / _MARK).read_text())
    except (OSError, ValueError, CannotStart):
        return None
    return mark if _is_whole(mark) else None


def _is_whole(mark: Any) -> bool:
    """Whether it is as it was written: agents can reach it, and parts of it become arguments of git."""
    kinds = {"repository": str, "isolation": str, "base_commit": str, "base_dirty": bool, "copied": dict}
    return (
        isinstance(mark, dict)
        and all(isinstance(mark.get(name), kind) for name, kind in kinds.items())
        and _COMMIT.fullmatch(mark["base_commit"]) is not None
    )


def _as_copied(folder: Path, mark: dict[str, Any]) -> set[str]:
    """The files that were copied into it and that nobody has changed since."""
    same = set()
    for name, changed_at in mark["copied"].items():
        with contextlib.suppress(OSError):
            if (folder / name).lstat().st_mtime_ns == changed_at:
                same.add(name)
    return same


def _told(mark: dict[str, Any]) -> dict[str, Any]:
    return {name: mark[name] for name in ("repository", "isolation", "base_commit", "base_dirty")}


def _size(folder: Path) -> int:
    size = 0
    for number, entry in enumerate(folder.rglob("*")):
        if number > _MOST_ENTRIES:
            break
        try:
            if not entry.is_symlink() and entry.is_file():
                size += entry.stat().st_size
        except OSError:
            continue
    return size
