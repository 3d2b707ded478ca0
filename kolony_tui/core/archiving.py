"""What an admin's program does for a workspace's archive: takes output there, brings it back, removes what is too old.

Every step may be the last one before a crash. Output is written as an object under a name of its own, read back and
compared by the database with its rows, and only then its rows go; whoever comes after a crash begins that run anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import UUID

from kolony_tui.core.archive_objects import Chunk, ObjectReader, ObjectWriter
from kolony_tui.core.archive_stores import Store, location_written, open_store
from kolony_tui.core.retention import archive_location, archived_of_run
from kolony_tui.core.session import PersonSession
from kolony_tui.models.errors import KolonyError, NotFound, Refused, WorkFailed, WrongState
from kolony_tui.models.retention import Archived

Progress = Callable[[int, int], None]
"""Called with how many are done, and how many there are as far as is known."""

_ROWS_AT_ONCE = 16
_EXTEND_EVERY = 60.0


@dataclass(frozen=True, slots=True)
class Carried:
    """What was done: outputs archived and removed (with their objects), their bytes as they were, what failed."""

    archived: int = 0
    removed: int = 0
    bytes: int = 0
    failed: int = 0
    error: str = ""

    @property
    def result(self) -> dict[str, object]:
        """As the job's result says it."""
        counts: dict[str, object] = {"archived": self.archived, "removed": self.removed, "bytes": self.bytes}
        return {**counts, "failed": self.failed, "error": self.error} if self.error else counts


@dataclass(frozen=True, slots=True)
class _Taken:
    run_id: UUID
    attempt: int
    output_day: date
    location: str
    object: str
    ticket: UUID
    stale: list[str]

    @property
    def key(self) -> tuple[UUID, int, UUID]:
        return self.run_id, self.attempt, self.ticket


async def set_archive(session: PersonSession, place: str | None) -> str | None:
    """Says where output is archived (None: nowhere), having tried the place; answers with its location.

    Raises NoRight (admins only), UsageError, WorkFailed (it cannot be written).
    """
    location = None
    if place is not None:
        location = location_written(place)
        store = open_store(location)
        await asyncio.to_thread(store.mark)
    await session.db.call("set_archive", session.workspace.workspace_id, location)
    return location


async def archive_due(session: PersonSession) -> bool:
    """Whether it is time to look after the archive, and nobody is at it."""
    due: bool = await session.db.value("upkeep/archive_due", session.workspace.workspace_id)
    return due


async def tend(session: PersonSession, progress: Progress | None = None) -> Carried:
    """Archives what is due and removes what is too old; notes how far it is and how it ended.

    Whoever does the same meanwhile takes other runs. What fails with one run is said and holds up no other; a place
    that does not answer ends it. Raises NoRight (admins only).
    """
    home = session.workspace.workspace_id
    total: int = (await session.db.call("count_archive", home))[0][0]
    await session.db.call("begin_job", home, "archive", socket.gethostname(), total)
    tending = _Tending(session, total, progress)
    try:
        await tending.run()
    finally:
        with contextlib.suppress(KolonyError):
            await asyncio.shield(session.db.call("end_job", home, "archive", tending.carried().result))
    return tending.carried()


class _Tending:
    """One round over a workspace's archive."""

    def __init__(self, session: PersonSession, total: int, progress: Progress | None) -> None:
        self._session, self._total, self._progress = session, total, progress
        self._home = session.workspace.workspace_id
        self._stores: dict[str, Store] = {}
        self._archived = self._removed = self._bytes = self._failed = 0
        self._error = ""

    def carried(self) -> Carried:
        """What was done so far."""
        return Carried(self._archived, self._removed, self._bytes, self._failed, self._error)

    async def run(self) -> None:
        """All of it."""
        if await archive_location(self._session) is None:
            await self._remove_all()
            return
        after: tuple[UUID | None, int] = (None, 0)
        while rows := await self._session.db.call("take_archive", self._home, socket.gethostname(), *after):
            taken = _Taken(*rows[0].values())
            after = (taken.run_id, taken.attempt)
            if not await self._archive(taken):
                return
            await self._tell()
        await self._remove_all()

    async def _archive(self, taken: _Taken) -> bool:
        """Whether it is worth going on with the next one."""
        try:
            store = await self._store(taken.location)
            self._bytes += await archive_one(self._session, store, taken)
            self._archived += 1
        except WrongState:
            return True  # held or taken by somebody else meanwhile; its object is gone again
        except (WorkFailed, NotFound) as error:
            self._failed += 1
            self._error = error.line[:500]
            await self._give_back(taken)
            return False
        except BaseException:
            await asyncio.shield(self._give_back(taken))
            raise
        return True

    async def _give_back(self, taken: _Taken) -> None:
        with contextlib.suppress(KolonyError):
            await self._session.db.call("give_archive_back", self._home, *taken.key)

    async def _remove_all(self) -> None:
        while rows := await self._session.db.call("take_removal", self._home):
            run_id, attempt, location, objects, ticket = rows[0].values()
            try:
                store = await self._store(location)
                for name in objects:
                    await asyncio.to_thread(store.remove, name)
            except WorkFailed as error:
                self._failed += 1
                self._error = error.line[:500]
                return
            await self._session.db.call("finish_removal", self._home, run_id, attempt, ticket)
            self._removed += 1
            await self._tell()

    async def _store(self, location: str) -> Store:
        if location not in self._stores:
            store = open_store(location)
            await asyncio.to_thread(store.check)
            self._stores[location] = store
        return self._stores[location]

    async def _tell(self) -> None:
        done = self._archived + self._removed
        await self._session.db.call("note_job", self._home, "archive", done)
        if self._progress is not None:
            self._progress(done, max(self._total, done))


async def archive_one(session: PersonSession, store: Store, taken: _Taken) -> int:
    """Archives one taken output; answers with its size. Raises WrongState (too late, held), WorkFailed."""
    with tempfile.NamedTemporaryFile(prefix="kolony-archive-") as file:
        writer = await _write(session, taken, ObjectWriter(file, _head(session, taken)))
        await asyncio.to_thread(store.put, taken.object, Path(file.name))
    try:
        there = await asyncio.to_thread(_verified, store, taken.object)
        if (there.size, there.sha256) != (writer.size, writer.sha256):
            raise WorkFailed("the archive gave back something else than what was put into it")
        summary = writer.summary
        await session.db.call(
            "finish_archive", session.workspace.workspace_id, *taken.key, there.sha256, there.size,
            there.summary.digest, sorted(summary.words), summary.words_cut,
        )  # fmt: skip
    except Refused:
        await asyncio.to_thread(store.remove, taken.object)
        raise
    await _sweep(session, store, taken)
    return writer.summary.size


def _head(session: PersonSession, taken: _Taken) -> dict[str, object]:
    return {"workspace_id": str(session.workspace.workspace_id), "run_id": str(taken.run_id),
            "attempt": taken.attempt, "output_day": taken.output_day.isoformat()}  # fmt: skip


async def _write(session: PersonSession, taken: _Taken, writer: ObjectWriter) -> ObjectWriter:
    home, after, clock = session.workspace.workspace_id, -1, asyncio.get_running_loop().time
    extended = clock()
    while rows := await session.db.records(
        "retention/archive_rows", home, taken.run_id, taken.attempt, taken.output_day, after, _ROWS_AT_ONCE
    ):
        chunks = [Chunk(*row.values()) for row in rows]
        await asyncio.to_thread(_add, writer, chunks)
        after = chunks[-1].seq
        if clock() - extended > _EXTEND_EVERY:
            await session.db.call("extend_archive", home, *taken.key)
            extended = clock()
    await asyncio.to_thread(writer.end)
    await session.db.call("extend_archive", home, *taken.key)
    return writer


def _add(writer: ObjectWriter, chunks: list[Chunk]) -> None:
    for chunk in chunks:
        writer.add(chunk)


def _verified(store: Store, name: str) -> ObjectReader:
    reader = ObjectReader(store.read(name))
    for _ in reader.chunks():
        pass
    return reader


async def _sweep(session: PersonSession, store: Store, taken: _Taken) -> None:
    """Removes what those left who took it before and never came back."""
    if not taken.stale:
        return
    with contextlib.suppress(WorkFailed):
        for name in taken.stale:
            await asyncio.to_thread(store.remove, name)
        await session.db.call("note_swept", session.workspace.workspace_id, taken.run_id, taken.attempt, taken.stale)


async def restore(session: PersonSession, run_id: UUID, progress: Progress | None = None) -> list[Archived]:
    """Brings the archived output of a run's attempts back, byte for byte; answers with what was brought back.

    Raises NoRight (operators and admins), WrongState (nothing of it is in the archive), NotFound, WorkFailed.
    """
    known = await archived_of_run(session, run_id)
    there = [each for each in known if each.state == "archived"]
    if not there:
        raise WrongState(*_why_not(known))
    for place, each in enumerate(there):
        await _restore_one(session, each)
        if progress is not None:
            progress(place + 1, len(there))
    return there


def _why_not(known: list[Archived]) -> tuple[str, str]:
    if not known:
        return "its output is not in the archive", "it is in the database: kolony tail shows it"
    if any(each.here for each in known):
        return "its output is in the database already", "kolony tail shows it"
    return "its output was removed, and is in no archive", ""


async def _restore_one(session: PersonSession, each: Archived) -> None:
    if each.location is None or each.object is None:
        raise NotFound("nobody knows where that output is")
    store = open_store(each.location)
    await asyncio.to_thread(store.check)
    reader = ObjectReader(store.read(each.object))
    chunks = reader.chunks()
    key = (session.workspace.workspace_id, each.run_id, each.attempt)
    async with session.db.connection() as connection, connection.transaction():
        while batch := await asyncio.to_thread(_batch, chunks):
            await connection.execute(
                "SELECT kolony.restore_output($1, $2, $3, $4, $5, $6, $7, $8, $9)", *key,
                [chunk.seq for chunk in batch], [chunk.stream for chunk in batch], [chunk.at for chunk in batch],
                [chunk.first_line for chunk in batch], [chunk.line_count for chunk in batch],
                [chunk.data for chunk in batch],
            )  # fmt: skip
        if reader.sha256 != each.sha256:
            raise WorkFailed("what the archive gave is not what was put into it", "the object was changed")
        await connection.execute("SELECT kolony.finish_restore($1, $2, $3)", *key)


def _batch(chunks: Iterator[Chunk]) -> list[Chunk]:
    batch: list[Chunk] = []
    for chunk in chunks:
        batch.append(chunk)
        if len(batch) == _ROWS_AT_ONCE:
            break
    return batch
