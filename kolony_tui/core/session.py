"""A person who is logged in: the connection, who they are, and the workspace they work in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kolony_tui.core.finding import workspace_place
from kolony_tui.db.connect import Database
from kolony_tui.db.rows import read
from kolony_tui.db.target import Target
from kolony_tui.models.people import Me, Role, Workspace
from kolony_tui.server.versions import check_schema_version, check_server_version


@dataclass(frozen=True, slots=True)
class PersonSession:
    """What every function of ``core`` takes: the database under the person's own login, and where they are."""

    db: Database
    me: Me
    workspace: Workspace

    @property
    def role(self) -> Role:
        """The person's role in the current workspace, as of the login (``refreshed`` reads it again)."""
        return self.workspace.role


async def log_in(target: Target, application: str, workspace: str | None = None) -> PersonSession:
    """Connects, checks that schema and program fit, and enters a workspace (by slug; None: the first one).

    Raises:
        CannotConnect, LoginRefused: no server, or not with this login.
        SchemaMismatch: the schema is older or newer than this program.
        NoRight, NotFound: a member of no workspace, or not of this one.
    """
    db = Database(target, application)
    try:
        await _check_schema(db)
        return await refreshed(db, workspace)
    except BaseException:
        await db.close()
        raise


async def refreshed(db: Database, workspace: str | None) -> PersonSession:
    """Reads again who the person is and what they may do."""
    workspaces = tuple(await db.rows(Workspace, "people/my_workspaces"))
    if not workspaces:
        await db.call("ensure_profile")  # lets who is new in, as a viewer; refuses who is disabled everywhere
        workspaces = tuple(await db.rows(Workspace, "people/my_workspaces"))
    person = (await db.records("people/me"))[0]
    me = read(Me, {**person, "workspaces": workspaces})
    place = workspace_place(workspace, [each.slug for each in workspaces], me.login)
    return PersonSession(db, me, workspaces[place])


async def clock(session: PersonSession) -> datetime:
    """The server's time, by one round trip."""
    now: datetime = await session.db.value("people/clock")
    return now


async def _check_schema(db: Database) -> None:
    async with db.connection() as connection:
        check_server_version(connection.get_server_version().major)
        check_schema_version(await connection.fetchval("SELECT kolony.schema_version()"))
