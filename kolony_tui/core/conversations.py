"""What a person can do in conversations: start one, say something, read, rename, put away."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from kolony_tui.core.session import PersonSession
from kolony_tui.core.work import checked_content
from kolony_tui.db.rows import read
from kolony_tui.models.conversations import Conversation, Message, Said
from kolony_tui.models.errors import NotFound, UsageError

MOST_FILES, FILE_BYTES, ALL_BYTES = 20, 4 * 1024 * 1024, 16 * 1024 * 1024
"""Attachments of one message; the same bounds as the database's, told before anything is sent."""

SHOWN_CHARACTERS = 65_536
"""How much of a message is read where it is only to be looked at."""

_NUMBER = re.compile(r"~?(\d{1,18})")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file to send along: the name that the agent finds it by, and its content."""

    name: str
    content: bytes


def attachments_of(paths: Sequence[Path]) -> list[Attachment]:
    """These files. Raises UsageError, in a line: not there, too large, too many, two of one name."""
    if len(paths) > MOST_FILES:
        raise UsageError(f"a message has at most {MOST_FILES} attachments, not {len(paths)}")
    found = [_attachment(path.expanduser()) for path in paths]
    names = [one.name for one in found]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two attachments have the name {name!r}", "rename one of them")
    if sum(len(one.content) for one in found) > ALL_BYTES:
        raise UsageError("the attachments of a message have at most 16 MiB together")
    return found


def _attachment(path: Path) -> Attachment:
    try:
        if not path.is_file():
            raise UsageError(f"{path} is no file", "attach a regular file")
        with path.open("rb") as file:
            content = file.read(FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(content) > FILE_BYTES:
        raise UsageError(f"{path} has more than the 4 MiB that an attachment may have", "say where the agent finds it")
    return Attachment(path.name, content)


async def conversations(
    session: PersonSession, *, agent_id: UUID | None = None, archived: bool = False, limit: int = 200
) -> list[Conversation]:
    """Conversations, the one with the newest message first; ``archived``: also those that were put away."""
    home = session.workspace.workspace_id
    return await session.db.rows(Conversation, "conversations/list", home, archived, agent_id, limit)


async def conversation(session: PersonSession, reference: str) -> Conversation:
    """The conversation that a person means: an id, ``12`` or ``~12``. Raises UsageError, NotFound."""
    number = _NUMBER.fullmatch(reference)
    named = UUID(reference) if _UUID.fullmatch(reference) else None
    if number is None and named is None:
        raise UsageError(f"{reference!r} names no conversation", "give its id or its number, for example 12")
    home = session.workspace.workspace_id
    found = await session.db.records(
        "conversations/by_reference", home, named, int(number[1]) if number and named is None else None
    )
    if not found:
        where = session.workspace.slug
        raise NotFound(f"there is no conversation {reference} in {where}", "see kolony conversation list")
    return read(Conversation, found[0])


async def messages(
    session: PersonSession, conversation_id: UUID, *, limit: int = 500, characters: int = SHOWN_CHARACTERS
) -> list[Message]:
    """The last messages of a conversation, oldest first, at most so many characters of each."""
    home = session.workspace.workspace_id
    return await session.db.rows(Message, "conversations/messages", home, conversation_id, limit, characters)


async def attachment(session: PersonSession, attachment_id: UUID) -> Attachment:
    """A file that came with a message. Raises NotFound."""
    found = await session.db.records("conversations/attachment", session.workspace.workspace_id, attachment_id)
    if not found:
        raise NotFound("there is no such attachment here")
    return Attachment(found[0]["name"], found[0]["data"])


async def conversation_of_run(session: PersonSession, run_id: UUID) -> UUID | None:
    """The conversation that a run belongs to, if any."""
    found: UUID | None = await session.db.value("conversations/of_run", session.workspace.workspace_id, run_id)
    return found


async def start_conversation(
    session: PersonSession, agent_id: UUID, text: str, *, title: str | None = None, files: Sequence[Attachment] = ()
) -> Said:
    """Opens a conversation with an agent by its first message; its title is else that message's first line.

    Raises UsageError, NoRight, NotFound, WrongState (the agent is retired).
    """
    rows = await session.db.call(
        "start_conversation", session.workspace.workspace_id, agent_id, checked_content(text), title,
        [one.name for one in files], [one.content for one in files],
    )  # fmt: skip
    return read(Said, rows[0])


async def send_message(
    session: PersonSession, conversation_id: UUID, text: str, files: Sequence[Attachment] = ()
) -> Said:
    """Says something in a conversation: it is answered once what was said before is. Raises as above."""
    rows = await session.db.call(
        "send_message", conversation_id, checked_content(text), [one.name for one in files],
        [one.content for one in files],
    )  # fmt: skip
    return read(Said, rows[0])


async def rename_conversation(session: PersonSession, conversation_id: UUID, title: str) -> None:
    """Gives it another title. Raises NoRight, NotFound, Refused."""
    await session.db.call("rename_conversation", conversation_id, title)


async def archive_conversation(session: PersonSession, conversation_id: UUID, *, archived: bool = True) -> None:
    """Puts it away, or back. Raises NoRight, NotFound."""
    await session.db.call("archive_conversation", conversation_id, archived)


async def mark_read(session: PersonSession, conversation_id: UUID, upto: int | None = None) -> None:
    """Notes that oneself has read it, all of it or up to a message. Raises NotFound."""
    await session.db.call("read_conversation", conversation_id, upto)
