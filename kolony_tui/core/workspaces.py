"""What a person can do about workspaces: make one, name it, say what its plan allows."""

from __future__ import annotations

from uuid import UUID

from kolony_tui.core.session import PersonSession
from kolony_tui.models.errors import NotFound
from kolony_tui.models.people import Limits, WorkspaceOverview


async def workspaces(session: PersonSession) -> list[WorkspaceOverview]:
    """Every workspace of which this person is a member, oldest first."""
    return await session.db.rows(WorkspaceOverview, "people/workspaces")


async def workspace_named(session: PersonSession, slug: str) -> WorkspaceOverview:
    """One of them by its slug. Raises NotFound."""
    found = [each for each in await workspaces(session) if each.slug == slug]
    if not found:
        raise NotFound(f"you are a member of no workspace {slug!r}", "see kolony workspace list")
    return found[0]


async def create_workspace(session: PersonSession, slug: str, name: str) -> UUID:
    """Makes a workspace of which this person is the admin. Raises NoRight, Refused (the slug is taken or odd)."""
    made: UUID = (await session.db.call("create_workspace", slug, name))[0][0]
    return made


async def rename_workspace(session: PersonSession, workspace_id: UUID, name: str) -> None:
    """Gives a workspace another name; its slug stays. Raises NoRight (its admins only)."""
    await session.db.call("change_workspace", workspace_id, name, None)


async def admit_viewers(session: PersonSession, workspace_id: UUID, admits: bool) -> None:
    """Says whether a login that comes for the first time becomes a viewer there. Raises NoRight (its admins only)."""
    await session.db.call("change_workspace", workspace_id, None, admits)


async def set_limits(session: PersonSession, workspace_id: UUID, limits: Limits) -> None:
    """Sets a workspace's plan and what it allows. Raises NoRight (its admins only)."""
    await session.db.call(
        "set_limits", workspace_id, limits.plan, limits.max_members, limits.max_agents, limits.max_waiting_runs
    )
