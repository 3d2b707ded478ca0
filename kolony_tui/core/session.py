"""A person who is logged in: the connection, who they are, and the workspace they work in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kolony_tui.db.connect import Database
from kolony_tui.db.rows import read
from kolony_tui.db.target import Target
from kolony_tui.models.errors import NoRight, NotFound, SchemaMismatch
from kolony_tui.models.people import Me, Role, Workspace


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
        await db.call("ensure_profile")
        return await refreshed(db, workspace)
    except BaseException:
        await db.close()
        raise


async def refreshed(db: Database, workspace: str | None) -> PersonSession:
    """Reads again who the person is and what they may do."""
    workspaces = tuple(await db.rows(Workspace, "people/my_workspaces"))
    person = (await db.records("people/me"))[0]
    me = read(Me, {**person, "workspaces": workspaces})
    if not workspaces:
        raise NoRight(f"{me.login} is a member of no workspace", "ask an admin to add you (kolony user role)")
    chosen = [each for each in workspaces if workspace is None or each.slug == workspace]
    if not chosen:
        raise NotFound(f"{me.login} is a member of no workspace {workspace!r}", "see kolony workspace list")
    return PersonSession(db, me, chosen[0])


async def clock(session: PersonSession) -> datetime:
    """The server's time, by one round trip."""
    now: datetime = await session.db.value("people/clock")
    return now


async def _check_schema(db: Database) -> None:
    from kolony_tui.server.migrations import check_server_version, newest_version

    async with db.connection() as connection:
        check_server_version(connection)
        live = await connection.fetchval("SELECT kolony.schema_version()")
    ours = newest_version()
    if live > ours:
        raise SchemaMismatch(f"the schema is version {live}, newer than this program's {ours}", "upgrade kolony")
    if live < ours:
        raise SchemaMismatch(
            f"the schema is version {live}, older than this program's {ours}",
            "run kolony migrate as the role that owns the database",
        )
