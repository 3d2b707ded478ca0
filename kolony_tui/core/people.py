"""What a person can do about people and workspaces."""

from __future__ import annotations

import secrets
from uuid import UUID

from kolony_tui.core.session import PersonSession
from kolony_tui.models.people import Person, Role
from kolony_tui.models.secret import Secret
from kolony_tui.server.scram import verifier


async def people(session: PersonSession) -> list[Person]:
    """The members of the workspace, by login."""
    return await session.db.rows(Person, "people/people", session.workspace.workspace_id)


def new_password() -> Secret:
    """A generated password of 128 random bits: a verifier can be guessed offline, so it must not be guessable."""
    return Secret(secrets.token_urlsafe(16))


async def add_person(session: PersonSession, login: str, role: Role, password: Secret, display_name: str = "") -> None:
    """Makes a login and a membership. Raises NoRight, Refused (the name is taken or cannot be one)."""
    await session.db.call(
        "add_person", session.workspace.workspace_id, login, verifier(password), role.value, display_name
    )


async def set_role(session: PersonSession, login: str, role: Role) -> None:
    """Changes a member's role, or makes a known person a member; losing rights ends their sessions."""
    await session.db.call("set_role", session.workspace.workspace_id, login, role.value)


async def disable_person(session: PersonSession, login: str) -> None:
    """Takes all rights of a person away and ends their sessions."""
    await session.db.call("disable_person", session.workspace.workspace_id, login)


async def enable_person(session: PersonSession, login: str) -> None:
    """Gives a disabled person their rights back."""
    await session.db.call("enable_person", session.workspace.workspace_id, login)


async def set_password(session: PersonSession, login: str, password: Secret) -> None:
    """One's own password, or as an admin somebody else's (which ends their sessions)."""
    if login != session.me.login:
        await session.db.call("reset_password", session.workspace.workspace_id, login, verifier(password))
        return
    async with session.db.connection() as connection:
        # ALTER ROLE takes no parameters; a verifier has no quote in it.
        await connection.execute(f"ALTER ROLE CURRENT_USER PASSWORD '{verifier(password)}'")


async def create_workspace(session: PersonSession, slug: str, name: str) -> UUID:
    """Makes a workspace of which this person is the admin."""
    made: UUID = (await session.db.call("create_workspace", slug, name))[0][0]
    return made
