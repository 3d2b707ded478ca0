"""Work for many: the composer aimed at all that is marked, and how the runs of a command stand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kolony_tui.core import work
from kolony_tui.core.targeting import EVERYONE, Aim, Target
from kolony_tui.models.errors import UsageError
from kolony_tui.models.fleet import Desired
from kolony_tui.models.people import Role
from kolony_tui.text import safe
from kolony_tui.ui.commands.work import session_of
from kolony_tui.ui.registry import Command
from kolony_tui.ui.subject import ChoosesAgents, chosen_runs, nearest

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

_NAMED = 8


def _marked(app: KolonyApp) -> Aim | None:
    """The agents that are marked where the focus is; None where none is."""
    from kolony_tui.ui.widgets.rows import RowList

    rows = nearest(app, RowList)
    if rows is None or not rows.marks or not isinstance(rows, ChoosesAgents):
        return None
    agents = [agent for agent in rows.chosen_agents() if agent.desired != Desired.RETIRED]
    if not agents:
        raise UsageError("those that are marked are retired", "mark others")
    names = ", ".join(safe(agent.name, limit=100).plain for agent in agents)
    words = names if len(agents) <= _NAMED else f"{len(agents)} marked agents"
    return Aim(words, tuple(Target(agent.agent_id, agent.name) for agent in agents))


def _broadcast(app: KolonyApp, text: str) -> None:
    from kolony_tui.ui.screens.work.composer import Composer

    app.push_screen(Composer(text, to=EVERYONE, aim=_marked(app)))


async def _board(app: KolonyApp, reference: str) -> None:
    from kolony_tui.ui.screens.work.command import CommandScreen

    if reference:
        if not re.match(r"#?\d|[0-9a-fA-F]{8}", reference):
            raise UsageError("which command?", "for example :board 12")
        app.push_screen(CommandScreen(await work.find_command(session_of(app), reference)))
        return
    runs = chosen_runs(app)
    if not runs:
        raise UsageError("which command?", "for example :board 12")
    app.push_screen(CommandScreen(runs[0].command_id))


def _not_in(app: KolonyApp) -> str | None:
    return None if app.session is not None else "not logged in yet"


COMMANDS: tuple[Command, ...] = (
    Command("work.broadcast", "Broadcast", "opens the composer for the marked agents, or for everyone", _broadcast,
            keys=("b",), name="broadcast", role=Role.OPERATOR, short="broadcast"),
    Command("run.board", "All runs of the command", "shows how all runs of this run's command stand", _board,
            ("runs", "output"), ("B",), "board", unavailable=_not_in, argument="NUMBER"),
)  # fmt: skip
