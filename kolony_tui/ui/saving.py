"""Writing a run's output to a file of the person's, byte for byte."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from kolony_tui.core import records
from kolony_tui.core.output_parts import Output
from kolony_tui.models.errors import WorkFailed
from kolony_tui.models.work import Run
from kolony_tui.ui.looks import size

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

_BATCH = 64


def usual_name(run: Run) -> str:
    """The file in which a run's output is kept, where nobody says another."""
    return f"run-{run.reference[1:]}.txt"


async def save_output(
    app: KolonyApp, run: Run, path: str, progress: Callable[[int, int], None] = lambda written, percent: None
) -> None:
    """Writes the last attempt's output; an empty ``path`` is ``usual_name`` here. Never over another file.

    ``progress`` gets bytes and percent. What was cancelled leaves no file. Raises WorkFailed where the file cannot be
    made.
    """
    session = app.output_session
    assert session is not None
    target = await asyncio.to_thread(_named, path or usual_name(run))
    end = await records.output_end(session, run.run_id)
    if end is None:
        raise WorkFailed("this run has printed nothing yet")
    extent = await Output(session, run.run_id, end).extent()
    file = await asyncio.to_thread(_created, target)
    written = 0
    after = -1
    try:
        while pieces := await records.output(session, run.run_id, end, after, None, _BATCH):
            after = pieces[-1].seq
            written += await asyncio.to_thread(file.write, b"".join(piece.data for piece in pieces))
            progress(written, min((after + 1) * 100 // max(extent.pieces, 1), 100))
    except asyncio.CancelledError:
        target.unlink(missing_ok=True)
        raise
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
