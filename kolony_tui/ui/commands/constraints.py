"""Constraint profiles: making, changing, choosing the default, deleting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kolony_tui.core import constraints
from kolony_tui.models.constraints import MOST_TOKENS, ConstraintProfile, Limits, limit_written, time_limit_written
from kolony_tui.models.people import Role
from kolony_tui.text import safe
from kolony_tui.ui.commands.each import for_each
from kolony_tui.ui.commands.work import session_of
from kolony_tui.ui.registry import Command
from kolony_tui.ui.subject import nearest

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp
    from kolony_tui.ui.screens.form import Field

_NONE = "none"


def _chosen(app: KolonyApp) -> list[ConstraintProfile]:
    from kolony_tui.ui.widgets.constraint_list import ConstraintList

    rows = nearest(app, ConstraintList)
    return rows.chosen if rows is not None else []


def _nothing_chosen(app: KolonyApp) -> str | None:
    return None if _chosen(app) else "no constraint profile is chosen here (0, then Constraints)"


def _called(profile: ConstraintProfile) -> str:
    return safe(profile.name, limit=60).plain


def _limits(values: Mapping[str, str]) -> Limits:
    return Limits(
        time_limit_written(values["time"]),
        limit_written(values["tokens"], "a token budget", MOST_TOKENS),
        limit_written(values["memory"].upper().removesuffix("MB"), "a memory limit"),
        limit_written(values["cpu"].removesuffix("%"), "a CPU limit"),
    )


def _fields(name: str, description: str, limits: Limits) -> list[Field]:
    from kolony_tui.ui.screens.form import Field

    def shown(limit: float | None) -> str:
        return "" if limit is None else f"{limit:.10g}"

    seconds = None if limits.time_limit_ms is None else limits.time_limit_ms / 1000
    return [
        Field("name", "Name", name, hint="small, nightly, ..."),
        Field("time", "Time limit", shown(seconds), hint=f"seconds, or {_NONE}"),
        Field("tokens", "Tokens", shown(limits.token_budget), hint=f"a number, or {_NONE}"),
        Field("memory", "Memory MB", shown(limits.memory_limit_mb), hint=f"of all processes of a run, or {_NONE}"),
        Field("cpu", "CPU %", shown(limits.cpu_limit_percent), hint=f"of one processor, or {_NONE}"),
        Field("about", "About", description, hint="what it is for (optional)"),
    ]


async def _create(app: KolonyApp, name: str) -> None:
    from kolony_tui.ui.screens.form import Field, Form

    async def deliver(values: Mapping[str, str]) -> None:
        await constraints.make_constraint(
            session_of(app),
            values["name"],
            _limits(values),
            description=values["about"],
            default=values["default"] == "yes",
        )
        app.say(f"the constraint profile {values['name']} is there")

    fields = [*_fields(name, "", Limits()), Field("default", "Default", "no", "choice", ("no", "yes"))]
    said = "A run that goes beyond a limit is ended, and has failed."
    await app.push_screen_wait(Form("Make a constraint profile", fields, deliver, said=said, yes="Make it"))


async def _edit(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.form import Form

    profile = _chosen(app)[0]

    async def deliver(values: Mapping[str, str]) -> None:
        await constraints.change_constraint(
            session_of(app), profile.constraint_id, values["name"], _limits(values), values["about"]
        )

    fields = _fields(safe(profile.name, limit=100).plain, safe(profile.description, limit=500).plain, profile.limits)
    said = "What was sent with it keeps the limits that it had."
    await app.push_screen_wait(Form(f"Change {_called(profile)}", fields, deliver, said=said, yes="Change"))


async def _default(app: KolonyApp, _: str) -> None:
    profile = _chosen(app)[0]
    await constraints.set_default(session_of(app), None if profile.is_default else profile.constraint_id)
    app.say(f"{_called(profile)} is {'no longer ' if profile.is_default else ''}the default")


async def _delete(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.asking import Question

    session, chosen = session_of(app), _chosen(app)
    what = _called(chosen[0]) if len(chosen) == 1 else f"{len(chosen)} constraint profiles"
    preview = [
        f"{_called(each)}: {each.limits.words}{'; it is the default' if each.is_default else ''}" for each in chosen
    ]
    said = "What was sent with it keeps its limits. This can be undone for half a minute."
    if await app.push_screen_wait(Question(f"Delete {what}?", said, preview, yes="Delete")) is None:
        return

    async def delete(profile: ConstraintProfile) -> None:
        await constraints.delete_constraint(session, profile.constraint_id)

    await for_each(app, chosen, _called, delete, "deleted", undoable=True)


COMMANDS: tuple[Command, ...] = (
    Command("constraints.create", "Make a constraint profile", "names limits that runs can be sent with", _create,
            ("constraints",), ("a",), "constraint", Role.ADMIN, argument="NAME", short="make"),
    Command("constraints.edit", "Change a constraint profile", "changes its name and limits; enter does the same",
            _edit, ("constraints",), ("e",), role=Role.ADMIN, unavailable=_nothing_chosen, short="change"),
    Command("constraints.default", "Default, or not", "says whether runs get it that were sent without naming one",
            _default, ("constraints",), ("d",), role=Role.ADMIN, unavailable=_nothing_chosen, short="default"),
    Command("constraints.delete", "Delete constraint profiles", "deletes them; for all that are marked", _delete,
            ("constraints",), ("x",), role=Role.ADMIN, destructive=True, unavailable=_nothing_chosen, short="delete"),
)  # fmt: skip
