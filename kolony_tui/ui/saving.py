"""Writing a run's output to a file of the person's, byte for byte."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from kolony_tui.core import records
from kolony_tui.models.errors import WorkFailed
from kolony_tui.models.work import Run
from kolony_tui.ui.looks import size

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

_BATCH = 64


async def save_output(app: KolonyApp, run: Run, path: str) -> None:
    """Writes the last attempt's output; an empty ``path`` is ``run-<number>.txt`` here. Never over another file.

    Raises WorkFailed where the file cannot be made.
    """
    session = app.output_session
    assert session is not None
    target = await asyncio.to_thread(_named, path or f"run-{run.reference[1:]}.txt")
    end = await records.output_end(session, run.run_id)
    if end is None:
        raise WorkFailed("this run has printed nothing yet")
    file = await asyncio.to_thread(_created, target)
    written = 0
    after = -1
    try:
        while pieces := await records.output(session, run.run_id, end, after, None, _BATCH):
            after = pieces[-1].seq
            written += await asyncio.to_thread(file.write, b"".join(piece.data for piece in pieces))
    except OSError as error:
        raise WorkFailed(f"cannot write {target}: {error.strerror}", "is the disk full?") from error
    finally:
        await asyncio.to_thread(file.close)
    unfinished = "" if end.outcome is not None else " so far"
    app.say(f"{size(written)}{unfinished} written to {target}")


def _named(path: str) -> Path:
    return Path(path).expanduser().absolute()


def _created(target: Path) -> BinaryIO:
    try:
        # A command's output may hold what nobody else should read.
        return os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except FileExistsError as error:
        raise WorkFailed(f"{target} is there already", "name another file: :save FILE") from error
    except OSError as error:
        raise WorkFailed(f"cannot make {target}: {error.strerror}", "name another file: :save FILE") from error
