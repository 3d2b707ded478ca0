"""What a run leaves: the files of its folder, the changes that its agent told of, and the patch of its repository."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from kolony_tui.agent.adapter import CannotStart
from kolony_tui.agent.attempt import work_folder
from kolony_tui.agent.attempt.left_folder import FILE_BYTES, LeftFile, clean_name, facts_of, left_files
from kolony_tui.agent.events import Changed, Ended, Event
from kolony_tui.agent.record.changes import Changes, FileChanges, unified
from kolony_tui.models.errors import Fenced, KolonyError, LoginRefused, Refused

if TYPE_CHECKING:
    import asyncpg

    from kolony_tui.agent.record.sinks import Bench

FOLDER = "artifacts"
"""Below the run's folder."""
PATCH = "changes.patch"
"""What all changes of a worktree are called."""

PART_BYTES = 512 * 1024
_RUN_BYTES = 64 * 1024 * 1024
_RECORDS = 1500
"""As many files are recorded, kept or not; of the rest the last one says that there is more."""
_READ_BYTES = 4 * _RUN_BYTES
"""As much is read to know what of it is there already."""

_CHANGED = "it changed while it was read"


class Artifacts:
    """A ``Sink``: hears of changes while the work goes on, and stores what is there once it has ended.

    What cannot be stored is said in a line and recorded where it can be; the run does not fail for it.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._attempt_id = bench.work.attempt_id
        self._changes = Changes()
        self._ended = False
        self._kept = 0
        self._bytes = 0
        self._read = 0
        self._refused = 0
        self._records = 0

    def take(self, event: Event) -> None:
        """Notes a change; the end of the work."""
        if isinstance(event, Changed):
            self._changes.add(self._name_of(event.path), event.old, event.new)
        elif isinstance(event, Ended):
            self._ended = True

    def _name_of(self, path: Path) -> str:
        folder = self._bench.adapter.folder
        for base in (folder, folder.resolve()):
            if path.is_absolute() and path.is_relative_to(base):
                return clean_name(str(path.relative_to(base)))
        return clean_name(str(path))

    async def flushed(self) -> None:
        """Stores all of it. Raises Fenced, Lapsed, LoginRefused."""
        if not self._ended:
            return
        self._ended = False
        try:
            await self._store_all()
        except (Fenced, LoginRefused):
            raise
        except KolonyError as error:
            if not self._bench.alive():
                raise
            self._bench.say("artifacts", f"could not store all that it left: {error.line}")
        except OSError as error:
            self._bench.say("artifacts", f"could not read all that it left: {error.strerror}")
        if self._records:
            lost = f", {self._refused} of them not kept" if self._refused else ""
            self._bench.say("artifacts", f"left {self._records} file{'s' if self._records != 1 else ''}{lost}")

    async def close(self) -> None:
        """Drops what is not stored."""
        self._changes = Changes()

    async def _store_all(self) -> None:
        if self._bench.work.run_dir is not None:
            await self._store_folder(self._bench.work.run_dir / FOLDER)
            await self._store_patch()
        for name, changes in self._changes.files.items():
            await self._store_changes(name, changes)
        if self._changes.more:
            self._bench.say("artifacts", f"{self._changes.more} changes of further files are not kept")

    async def _store_folder(self, folder: Path) -> None:
        files = left_files(folder)
        try:
            while (file := await asyncio.to_thread(next, files, None)) is not None:
                try:
                    await self._store_file(file)
                finally:
                    if file.descriptor is not None:
                        os.close(file.descriptor)
                if self._records >= _RECORDS:
                    return
        finally:
            files.close()

    async def _store_file(self, file: LeftFile) -> None:
        why_not, facts = file.why_not, None
        if self._records == _RECORDS - 1:
            why_not = "more files were left than are recorded; this is the last one"
        elif not why_not and (self._bytes + file.size > _RUN_BYTES or self._read + file.size > _READ_BYTES):
            why_not = "a run keeps at most 64 MiB"
        elif not why_not:
            facts = await asyncio.to_thread(facts_of, file)
            why_not = "" if facts is not None else _CHANGED
        if facts is None:
            await self._keep(file.name, "file", "application/octet-stream", file.size, None, why_not)
            return
        self._read += facts.size
        descriptor = file.descriptor
        assert descriptor is not None
        if self._bench.masking.any and (masked := await asyncio.to_thread(self._masked, descriptor, facts.size)):
            await self._store_data(file.name, "file", facts.media_type, masked)
            return
        await self._store(file.name, "file", facts.media_type, facts.size, facts.sha256,
                          lambda at: os.pread(descriptor, min(PART_BYTES, facts.size - at), at))  # fmt: skip

    def _masked(self, descriptor: int, size: int) -> bytes | None:
        """A text without the agent's secrets; None where there are none in it, or it is no text."""
        try:
            text = os.pread(descriptor, size, 0).decode()
        except UnicodeDecodeError:
            return None
        masked = self._bench.masking.text(text)
        return masked.encode() if masked != text else None

    async def _store_changes(self, name: str, changes: FileChanges) -> None:
        named = clean_name(f"{name}.diff")
        if changes.lost:
            await self._keep(named, "diff", "text/x-diff", 0, None, "more was changed than a runner holds at once")
        elif text := await asyncio.to_thread(unified, name, changes):
            await self._store_data(named, "diff", "text/x-diff", text.encode("utf-8", "replace"))

    async def _store_patch(self) -> None:
        """All that the run changed, where it works in a repository's worktree."""
        try:
            text = await asyncio.to_thread(work_folder.diff, self._bench.adapter.folder)
        except CannotStart as error:
            self._bench.say("artifacts", f"could not compare its worktree: {error.line}")
            return
        if text:
            data = self._bench.masking.text(text).encode("utf-8", "replace")
            await self._store_data(PATCH, "patch", "text/x-diff", data)

    async def _store_data(self, name: str, kind: str, media_type: str, data: bytes) -> None:
        if len(data) > FILE_BYTES:
            await self._keep(name, kind, media_type, len(data), None, "a file of more than 16 MiB is not kept")
        else:
            digest = hashlib.sha256(data).hexdigest()
            await self._store(name, kind, media_type, len(data), digest, lambda at: data[at : at + PART_BYTES])

    async def _store(
        self, name: str, kind: str, media_type: str, size: int, sha256: str, piece: Callable[[int], bytes]
    ) -> None:
        artifact_id, stored, wanted = await self._keep(name, kind, media_type, size, sha256, None)
        if not wanted:
            return
        try:
            at = stored - stored % PART_BYTES
            while at < size:
                if not (data := await asyncio.to_thread(piece, at)):
                    await self._drop(name, kind, media_type, size, sha256)
                    return
                await self._insist("append_artifact_part", artifact_id, at // PART_BYTES, data)
                at += len(data)
            self._bytes += size
        except Fenced:
            raise
        except Refused:
            await self._drop(name, kind, media_type, size, sha256)

    async def _drop(self, name: str, kind: str, media_type: str, size: int, sha256: str) -> None:
        self._records -= 1
        await self._keep(name, kind, media_type, size, sha256, _CHANGED)

    async def _keep(
        self, name: str, kind: str, media_type: str, size: int, sha256: str | None, why_not: str | None
    ) -> tuple[UUID, int, bool]:
        """Records one; answers with its id, how much of it is there, and whether the rest is wanted."""
        [row] = await self._insist("keep_artifact", name, kind, media_type, size, sha256, why_not)
        self._records += 1
        self._refused += row["why_not"] is not None
        return row["artifact_id"], row["stored"], row["why_not"] is None and not row["kept"]

    async def _insist(self, function: str, *arguments: object) -> Sequence[asyncpg.Record]:
        return await self._bench.link.insist(function, self._attempt_id, *arguments, alive=self._bench.alive)
