"""The screens that were open when the last app was left, opened again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from kolony_tui.core import fleet, work
from kolony_tui.core.session import PersonSession
from kolony_tui.models.errors import KolonyError

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

MOST = 8
"""So many screens above each other are kept."""


def open_subjects(app: KolonyApp) -> list[list[str]]:
    """What the screens above the numbered one are about, from below, as [kind, id]."""
    from kolony_tui.ui.screens.framed import FramedScreen

    found = [screen.subject() for screen in app.screen_stack if isinstance(screen, FramedScreen)]
    return [list(each) for each in found if each is not None][-MOST:]


async def reopen(app: KolonyApp, session: PersonSession, kept: Any) -> None:
    """Opens them again, as far as they are there; whatever else the state file holds is left alone."""
    from kolony_tui.ui.commands.going import open_subject

    for each in kept[:MOST] if isinstance(kept, list) else []:
        match each:
            case [str(kind), str(identity)] if (found := await _there(session, kind, identity)) is not None:
                open_subject(app, kind, found)
            case _:
                return  # what stood on it had its meaning from there


async def _there(session: PersonSession, kind: str, identity: str) -> UUID | None:
    try:
        found = UUID(identity)
        if kind == "agent":
            await fleet.agent(session, found)
        elif kind == "run":
            await work.run_detail(session, found)
        elif kind == "command":
            await work.command_detail(session, found)
        else:
            return None
    except (KolonyError, ValueError):
        return None
    return found
