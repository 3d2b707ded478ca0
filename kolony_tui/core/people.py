"""What a person can do about people."""

from __future__ import annotations

import secrets

from kolony_tui.core.session import PersonSession
from kolony_tui.models.people import Connected, Person, Role
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


async def admit_person(session: PersonSession, login: str, role: Role, display_name: str = "") -> None:
    """Makes a login that the server has already a member: one made by whoever runs it, or a person removed before.

    Raises NoRight, NotFound, WrongState (the login is not let into Kolony), Refused (a member already).
    """
    await session.db.call("admit_person", session.workspace.workspace_id, login, role.value, display_name)


async def set_role(session: PersonSession, login: str, role: Role) -> None:
    """Changes a member's role, or makes a known person a member; losing rights ends their sessions."""
    await session.db.call("set_role", session.workspace.workspace_id, login, role.value)


async def disable_person(session: PersonSession, login: str) -> None:
    """Takes all rights of a person in this workspace away; ends their sessions where they have none left elsewhere."""
    await session.db.call("disable_person", session.workspace.workspace_id, login)


async def enable_person(session: PersonSession, login: str) -> None:
    """Gives a disabled person their rights back."""
    await session.db.call("enable_person", session.workspace.workspace_id, login)


async def remove_person(session: PersonSession, login: str) -> None:
    """Ends a membership; who has no other one cannot log in any more. They come back by ``admit_person`` only."""
    await session.db.call("remove_person", session.workspace.workspace_id, login)


async def force_out(session: PersonSession, login: str) -> int:
    """Ends a person's sessions (one's own current one excepted) and answers how many.

    Raises NoRight where the person also belongs elsewhere, or the login was made outside Kolony.
    """
    ended: int = (await session.db.call("force_out", session.workspace.workspace_id, login))[0][0]
    return ended


async def connected_people(session: PersonSession) -> list[Connected]:
    """The members' sessions in this database, by login and start. Raises NoRight (admins only)."""
    return await session.db.rows(Connected, "people/connected", session.workspace.workspace_id)


async def set_password(session: PersonSession, login: str, password: Secret) -> None:
    """One's own password, or as an admin somebody else's (which ends their sessions)."""
    if login != session.me.login:
        await session.db.call("reset_password", session.workspace.workspace_id, login, verifier(password))
        return
    async with session.db.connection() as connection:
        # ALTER ROLE takes no parameters; a verifier has no quote in it.
        await connection.execute(f"ALTER ROLE CURRENT_USER PASSWORD '{verifier(password)}'")
