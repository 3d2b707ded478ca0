"""What runs left: listing, finding, reading and saving it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from kolony_tui.core.session import PersonSession
from kolony_tui.core.work import find_run
from kolony_tui.models.artifacts import Artifact
from kolony_tui.models.errors import NotFound, UsageError, WorkFailed, WrongState

_PARTS_AT_ONCE = 4
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


async def artifacts(session: PersonSession, run_id: UUID) -> list[Artifact]:
    """All that the attempts of a run left, of the last one first."""
    return await session.db.rows(Artifact, "artifacts/artifacts", session.workspace.workspace_id, run_id)


async def artifact(session: PersonSession, artifact_id: UUID) -> Artifact:
    """One of them. Raises NotFound."""
    found = await session.db.rows(Artifact, "artifacts/artifact", session.workspace.workspace_id, artifact_id)
    if not found:
        raise NotFound("there is no such artifact here", "see kolony run artifacts")
    return found[0]


async def find_artifact(session: PersonSession, reference: str, name: str | None = None) -> Artifact:
    """What a person means: an artifact by its id, or by its run and name. Raises UsageError, NotFound."""
    if name is None:
        if not _UUID.fullmatch(reference):
            raise UsageError(f"{reference!r} is no id of an artifact", "give its id, or a run and a name")
        return await artifact(session, UUID(reference))
    left = await artifacts(session, await find_run(session, reference))
    for each in left:  # the newest attempt's first
        if each.name.raw == name:
            return each
    hint = "; ".join(each.name.raw for each in left[:5]) if left else "it left nothing"
    raise NotFound(f"run {reference} left nothing that is named {name!r}", f"there is {hint}" if left else hint)


async def pieces(session: PersonSession, of: Artifact, at_most: int | None = None) -> AsyncIterator[bytes]:
    """Its content, or the first ``at_most`` bytes of it. Raises WrongState where it was not kept."""
    if not of.kept or of.content_id is None:
        why = of.why_not.raw if of.why_not is not None else "nobody knows why"
        raise WrongState(f"the content of {of.name.raw!r} was not kept: {why}")
    after, given = -1, 0
    home = session.workspace.workspace_id
    while rows := await session.db.records("artifacts/parts", home, of.content_id, after, _PARTS_AT_ONCE):
        for row in rows:
            data: bytes = row["data"]
            yield data if at_most is None else data[: at_most - given]
            given += len(data)
            if at_most is not None and given >= at_most:
                return
        after = rows[-1]["part"]


async def head(session: PersonSession, of: Artifact, at_most: int) -> bytes:
    """The first bytes of its content. Raises WrongState."""
    return b"".join([piece async for piece in pieces(session, of, at_most)])


def file_name(of: Artifact) -> str:
    """What a file of it is called where nobody says otherwise: the end of its name, without what a shell would mind."""
    last = of.name.raw.rsplit("/", 1)[-1]
    return re.sub(r"[^\w.+@=,-]", "_", last).lstrip("-.") or "artifact"


async def save(session: PersonSession, of: Artifact, target: Path, *, overwrite: bool = False) -> int:
    """Writes its content to a file; answers with its size. Raises WrongState, WorkFailed (a file is there already)."""
    if not of.kept:
        [_ async for _ in pieces(session, of, 0)]
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    file = await asyncio.to_thread(_created, unfinished)
    digest, written = hashlib.sha256(), 0
    try:
        with file:
            async for piece in pieces(session, of):
                digest.update(piece)
                written += await asyncio.to_thread(file.write, piece)
        if digest.hexdigest() != of.sha256:
            raise WorkFailed("what the database holds of it is damaged", "see kolony doctor")
        await asyncio.to_thread(_put, unfinished, target, overwrite=overwrite)
    except OSError as error:
        raise WorkFailed(f"cannot write {target}: {error.strerror}") from error
    finally:
        with suppress(OSError):
            unfinished.unlink()
    return written


def _created(file: Path) -> BinaryIO:
    try:
        # What a run leaves may be what nobody else should read.
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        return os.fdopen(descriptor, "wb")
    except OSError as error:
        raise WorkFailed(f"cannot write in {file.parent}: {error.strerror}", "name another file") from error


def _put(unfinished: Path, target: Path, *, overwrite: bool) -> None:
    if overwrite:
        unfinished.replace(target)
        return
    try:
        os.link(unfinished, target)
    except FileExistsError as error:
        raise WorkFailed(f"{target} is there already", "name another file") from error
