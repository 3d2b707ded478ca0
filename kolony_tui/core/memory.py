"""What agents keep in mind between runs: reading and editing their notes."""

from __future__ import annotations

from uuid import UUID

from kolony_tui.core.session import PersonSession
from kolony_tui.models.errors import NotFound, UsageError
from kolony_tui.models.variables import Note

NOTE_CHARACTERS = 65_536


async def notes(session: PersonSession, agent_id: UUID, *, longest: int = NOTE_CHARACTERS) -> list[Note]:
    """An agent's notes by name, each with so many characters."""
    return await session.db.rows(Note, "fleet/notes", session.workspace.workspace_id, agent_id, longest)


async def note(session: PersonSession, agent_id: UUID, name: str) -> Note:
    """One note, whole. Raises NotFound."""
    found = [each for each in await notes(session, agent_id) if each.name == name]
    if not found:
        raise NotFound(f"there is no note {name!r} of this agent", "see kolony agent memory list")
    return found[0]


async def set_note(session: PersonSession, agent_id: UUID, name: str, content: str, *, base: int | None = None) -> int:
    """Writes one and answers with its version; ``base``: the version that was read, 0 for none, None for any.

    Raises WrongState where somebody else wrote it meanwhile, NoRight, Refused.
    """
    if "\x00" in content:
        raise UsageError("a note holds no NUL character", "take it out")
    rows = await session.db.call("set_note", agent_id, name, content, base)
    version: int = rows[0][0]
    return version


async def delete_note(session: PersonSession, agent_id: UUID, name: str) -> None:
    """Deletes one. Raises NotFound, NoRight."""
    await session.db.call("delete_note", agent_id, name)
