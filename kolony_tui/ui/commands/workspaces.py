"""Workspaces: making and naming them, what their plans allow, whether new logins may look on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kolony_tui.core import workspaces
from kolony_tui.core.variables import set_redaction
from kolony_tui.models.errors import UsageError
from kolony_tui.models.people import Limits, Role, WorkspaceOverview
from kolony_tui.text import safe
from kolony_tui.ui.commands.each import for_each
from kolony_tui.ui.commands.settings import not_connected
from kolony_tui.ui.commands.work import session_of
from kolony_tui.ui.registry import AN, Command
from kolony_tui.ui.subject import nearest

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

_NONE = "none"


def _chosen(app: KolonyApp) -> list[WorkspaceOverview]:
    from kolony_tui.ui.widgets.workspace_list import WorkspaceList

    rows = nearest(app, WorkspaceList)
    return rows.chosen if rows is not None else []


def _slug(workspace: WorkspaceOverview) -> str:
    return workspace.slug


def _no_admin_there(app: KolonyApp) -> str | None:
    """Rights go by the workspace that is chosen, not by the one that one works in."""
    reason, chosen = not_connected(app), _chosen(app)
    if reason is not None or not chosen:
        return reason or "no workspace is chosen here (0, then Workspaces)"
    if any(each.role == Role.ADMIN for each in chosen):
        return None
    return f"you are {AN[chosen[0].role]} of {chosen[0].slug}; this takes an admin of it"


def _no_admin_anywhere(app: KolonyApp) -> str | None:
    if (reason := not_connected(app)) is not None:
        return reason
    if any(each.role == Role.ADMIN for each in session_of(app).me.workspaces):
        return None
    return "you are admin of no workspace; this takes an admin"


async def _create(app: KolonyApp, slug: str) -> None:
    from kolony_tui.ui.screens.form import Field, Form

    async def deliver(values: Mapping[str, str]) -> None:
        await workspaces.create_workspace(session_of(app), values["slug"], values["name"])
        app.say(f"the workspace {values['slug']} is there; enter works in it")

    fields = [
        Field("slug", "Slug", slug, hint="a-z, 0-9 and -, beginning with a letter"),
        Field("name", "Name", hint="in words (optional)"),
    ]
    said = "You are its admin, and alone in it at first."
    await app.push_screen_wait(Form("Make a workspace", fields, deliver, said=said, yes="Make it"))


async def _rename(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.form import Field, Form

    workspace = _chosen(app)[0]

    async def deliver(values: Mapping[str, str]) -> None:
        await workspaces.rename_workspace(session_of(app), workspace.workspace_id, values["name"])

    field = Field("name", "Name", safe(workspace.name, limit=200).plain)
    said = f"Its slug stays {workspace.slug}: programs know it by that."
    await app.push_screen_wait(Form(f"Rename {workspace.slug}", [field], deliver, said=said, yes="Rename"))


def _number(text: str, what: str) -> int | None:
    if text.lower() in ("", _NONE):
        return None
    if not text.isdecimal() or int(text) > 2**31 - 1:
        raise UsageError(f"{what}: that is no number", f"a number, or {_NONE}")
    return int(text)


async def _limits(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.form import Field, Form

    chosen = [each for each in _chosen(app) if each.role == Role.ADMIN]
    first = chosen[0]
    wanted: list[Limits] = []

    async def deliver(values: Mapping[str, str]) -> None:
        wanted.append(Limits(
            values["plan"],
            _number(values["members"], "people"),
            _number(values["agents"], "agents"),
            _number(values["waiting"], "waiting runs"),
        ))  # fmt: skip
        if len(chosen) == 1:
            await workspaces.set_limits(session_of(app), first.workspace_id, wanted[-1])

    def shown(limit: int | None) -> str:
        return _NONE if limit is None else str(limit)

    fields = [
        Field("plan", "Plan", first.plan, hint="in words of your own: free, team, ..."),
        Field("members", "People", shown(first.max_members), hint=_NONE),
        Field("agents", "Agents", shown(first.max_agents), hint=_NONE),
        Field("waiting", "Waiting runs", shown(first.max_waiting_runs), hint=_NONE),
    ]
    what = first.slug if len(chosen) == 1 else f"{len(chosen)} workspaces"
    about = [] if len(chosen) == 1 else [each.slug for each in chosen]
    said = "The database refuses what is beyond. What is there already stays."
    if not await app.push_screen_wait(Form(f"Limits of {what}", fields, deliver, said=said, about=about, yes="Set")):
        return
    session, limits = session_of(app), wanted[-1]
    if len(chosen) > 1:
        await for_each(
            app, chosen, _slug, lambda each: workspaces.set_limits(session, each.workspace_id, limits), "limited so"
        )


async def _door(app: KolonyApp, _: str) -> None:
    session, chosen = session_of(app), [each for each in _chosen(app) if each.role == Role.ADMIN]
    admits = not chosen[0].admits_viewers
    done = "open to new logins, as viewers" if admits else "closed to new logins"
    await for_each(app, chosen, _slug, lambda each: workspaces.admit_viewers(session, each.workspace_id, admits), done)


async def _redaction(app: KolonyApp, _: str) -> None:
    session, chosen = session_of(app), [each for each in _chosen(app) if each.role == Role.ADMIN]
    masks = not chosen[0].redacts_tokens
    done = "masking what looks like a token" if masks else "storing what looks like a token as it is"
    await for_each(app, chosen, _slug, lambda each: set_redaction(session, each.workspace_id, masks), done)


COMMANDS: tuple[Command, ...] = (
    Command("workspaces.create", "Make a workspace", "makes a workspace of which you are the admin", _create,
            ("workspaces",), ("a",), "mkworkspace", unavailable=_no_admin_anywhere, argument="SLUG", short="make"),
    Command("workspaces.rename", "Rename a workspace", "gives it another name; its slug stays", _rename,
            ("workspaces",), ("r",), unavailable=_no_admin_there, short="rename"),
    Command("workspaces.limits", "Plan and limits", "says how many people, agents and waiting runs a plan allows",
            _limits, ("workspaces",), ("l",), unavailable=_no_admin_there, short="limits"),
    Command("workspaces.door", "Admit viewers, or not", "says whether a login that is new here may look on",
            _door, ("workspaces",), ("v",), unavailable=_no_admin_there, short="viewers"),
    Command("workspaces.redact", "Mask tokens, or not", "says whether tokens are stars in what its runs store",
            _redaction, ("workspaces",), ("t",), unavailable=_no_admin_there, short="tokens"),
)  # fmt: skip
