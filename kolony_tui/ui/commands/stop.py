"""The emergency stop: stopping, looking who has confirmed, lifting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from kolony_tui.core import stops
from kolony_tui.models.people import Role
from kolony_tui.models.stops import Acknowledgement
from kolony_tui.text import safe
from kolony_tui.ui.commands.work import session_of
from kolony_tui.ui.registry import Command
from kolony_tui.ui.subject import chosen_agents, nearest

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp


async def _stop(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.stop import StoppedScreen, stop_form
    from kolony_tui.ui.widgets.agent_list import AgentList

    rows = nearest(app, AgentList)
    marked = rows is not None and bool(rows.marks)
    if not await app.push_screen_wait(stop_form(app, chosen_agents(app), marked=marked)):
        return
    if rows is not None:
        rows.unmark()
    if not isinstance(app.ground, StoppedScreen):
        app.push_screen(StoppedScreen())


def _show(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.stop import StoppedScreen

    if not isinstance(app.ground, StoppedScreen):
        app.push_screen(StoppedScreen())


def _pointed(app: KolonyApp) -> list[Acknowledgement]:
    from kolony_tui.ui.screens.stop import StoppedList

    rows = nearest(app, StoppedList)
    return rows.chosen if rows is not None else []


def _nothing_stopped(app: KolonyApp) -> str | None:
    return None if app.needs.stops else "nothing is stopped"


def _none_pointed(app: KolonyApp) -> str | None:
    return None if _pointed(app) else "no stopped agent is chosen here"


async def _lift_some(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.asking import Question
    from kolony_tui.ui.screens.stop import StoppedList

    known = {each.agent_id: each for each in _pointed(app)}
    names = [f"{safe(each.agent, limit=40).plain}  {each.state.value}" for each in known.values()]
    what = f"{len(known)} agents" if len(known) > 1 else safe(next(iter(known.values())).agent, limit=40).plain
    if await app.push_screen_wait(Question(f"Lift the stop for {what}?", _said(known), names, yes="Lift")) is None:
        return
    await stops.lift_stop(session_of(app), list(known))
    app.say(f"{what}: lifted")
    rows = nearest(app, StoppedList)
    if rows is not None:
        rows.unmark()


def _said(known: Mapping[UUID, Acknowledgement]) -> str:
    waiting = sum(1 for each in known.values() if not each.state.confirmed)
    return f"They take work again; {waiting} of them have not confirmed." if waiting else "They take work again."


async def _lift_all(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.asking import Question

    lines = [
        f"{'everyone' if stop.everyone else f'{stop.agents} agents'}  {stop.confirmed} of {stop.agents} confirmed"
        + (f"  {safe(stop.why, limit=80).plain}" if stop.why.raw else "")
        for stop in app.needs.stops
    ]
    if await app.push_screen_wait(Question("Lift every stop?", "All take work again.", lines, yes="Lift")) is None:
        return
    await stops.lift_stop(session_of(app), None)
    app.say("every stop is lifted")


COMMANDS: tuple[Command, ...] = (
    Command("stop.stop", "Emergency stop", "stops everyone, or the chosen agents: no new work, and what runs is ended",
            _stop, keys=("exclamation_mark",), name="stop", role=Role.OPERATOR, destructive=True, short="STOP"),
    Command("stop.show", "What is stopped", "shows what is stopped and who has confirmed it", _show, name="stopped",
            unavailable=_nothing_stopped),
    Command("stop.lift_some", "Lift the stop for agents", "lifts the stop for the chosen agents", _lift_some,
            ("stopped",), ("l",), role=Role.OPERATOR, destructive=True, unavailable=_none_pointed, short="lift"),
    Command("stop.lift", "Lift every stop", "lifts all that is stopped", _lift_all, ("stopped",), ("A",), "lift",
            Role.OPERATOR, destructive=True, unavailable=_nothing_stopped, short="lift all"),
)  # fmt: skip
