"""What runs left: saving it, and opening it with the desktop's own program."""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kolony_tui.core import artifacts
from kolony_tui.models.artifacts import Artifact
from kolony_tui.models.errors import WorkFailed
from kolony_tui.text import safe
from kolony_tui.ui.commands.work import session_of
from kolony_tui.ui.looks import size
from kolony_tui.ui.registry import Command, Place
from kolony_tui.ui.subject import nearest

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

_PATIENCE = 10.0


def chosen_artifact(app: KolonyApp) -> Artifact | None:
    """The one under the cursor, or that is shown."""
    from kolony_tui.ui.screens.work.artifact import ArtifactScreen
    from kolony_tui.ui.widgets.artifact_list import ArtifactList

    if isinstance(app.ground, ArtifactScreen):
        return app.ground.artifact
    rows = nearest(app, ArtifactList)
    return rows.pointed if rows is not None else None


def _none(app: KolonyApp) -> str | None:
    artifact = chosen_artifact(app)
    if artifact is None:
        return "no artifact is chosen here"
    return None if artifact.kept else "its content was not kept"


async def _save(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.form import Field, Form

    artifact = chosen_artifact(app)
    if artifact is None:
        return

    async def deliver(values: Mapping[str, str]) -> None:
        named = values["file"].strip() or artifacts.file_name(artifact)
        target = await asyncio.to_thread(_target, named, artifact)
        over = values["over"] == "yes"
        written = await artifacts.save(session_of(app), artifact, target, overwrite=over)
        app.say(f"{size(written) or '0 B'} written to {target}")

    fields = [
        Field("file", "File", artifacts.file_name(artifact), hint="where to"),
        Field("over", "Over another file", "no", "choice", ("no", "yes")),
    ]
    name = safe(artifact.name, limit=100).plain
    await app.push_screen_wait(Form("Save an artifact", fields, deliver, said=name, yes="Save"))


def _target(named: str, artifact: Artifact) -> Path:
    target = Path(named).expanduser().absolute()
    return target / artifacts.file_name(artifact) if target.is_dir() else target


async def _open(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.asking import Question

    artifact = chosen_artifact(app)
    if artifact is None:
        return
    opener = shutil.which("open" if sys.platform == "darwin" else "xdg-open")
    if opener is None:
        raise WorkFailed("there is no program here that opens files (xdg-open)", "s saves it to a file")
    facts = [safe(artifact.name, limit=100).plain, f"{artifact.media_type}, {size(artifact.size) or '0 B'}"]
    said = "An agent made it. The program that your desktop has for it will read it, and may do what it says."
    if await app.push_screen_wait(Question("Open this file?", said, facts, yes="Open")) is None:
        return
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="kolony-open-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    target = folder / artifacts.file_name(artifact)
    await artifacts.save(session_of(app), artifact, target)
    await _run(opener, target)
    app.say(f"{target.name} is opened")


async def _run(opener: str, target: Path) -> None:
    quiet = asyncio.subprocess.DEVNULL
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KOLONY_", "PG"))}
    try:
        process = await asyncio.create_subprocess_exec(
            opener, str(target), stdin=quiet, stdout=quiet, stderr=quiet, env=kept, start_new_session=True
        )
        async with asyncio.timeout(_PATIENCE):
            code = await process.wait()
    except TimeoutError:
        return  # it stays as long as what it opened
    except OSError as error:
        raise WorkFailed(f"{opener} cannot be started: {error.strerror}", "s saves it to a file") from error
    if code != 0:
        raise WorkFailed(f"{Path(opener).name} could not open it", "s saves it to a file")


_BOTH: tuple[Place, ...] = ("artifacts", "artifact")

COMMANDS: tuple[Command, ...] = (
    Command("artifact.save", "Save an artifact", "writes it to a file, byte for byte; asks where", _save,
            _BOTH, ("s",), unavailable=_none, short="save"),
    Command("artifact.open", "Open an artifact", "with the program that the desktop has for it, after asking", _open,
            _BOTH, ("o",), unavailable=_none, short="open"),
)  # fmt: skip
