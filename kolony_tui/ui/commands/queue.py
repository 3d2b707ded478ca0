"""The queue: why something waits, holding and moving it, interrupting what runs, and taking back one's last step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kolony_tui.core import undoing
from kolony_tui.models.errors import Refused
from kolony_tui.models.people import Role
from kolony_tui.text import safe
from kolony_tui.ui.commands.work import session_of
from kolony_tui.ui.registry import Command

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp


async def _undo(app: KolonyApp, _: str) -> None:
    try:
        undone = await undoing.undo(session_of(app))
    except Refused:
        app.undoing.over()
        raise
    app.undoing.over()
    app.say(safe(undone, limit=200).plain)


COMMANDS: tuple[Command, ...] = (
    Command("step.undo", "Undo", "takes back your last step (a cancel before the start, a deletion), for 30 seconds",
            _undo, keys=("u", "ctrl+z"), name="undo", role=Role.OPERATOR),
)  # fmt: skip
