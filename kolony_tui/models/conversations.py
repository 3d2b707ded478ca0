"""Conversations: threads of people with an agent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kolony_tui.models.states import RunStatus
from kolony_tui.models.untrusted import Untrusted


@dataclass(frozen=True, slots=True)
class Conversation:
    """A thread as its reader sees it. ``unread``: messages beyond what the reader has read, of ``messages`` in all.

    ``open_run_id``: the oldest of its ``open_runs`` runs that have not ended. ``agent_status``: as lists of agents say
    it. ``last_origin`` and ``last_words`` are of the last message, at most 200 characters of it.
    """

    conversation_id: UUID
    number: int
    title: Untrusted
    agent_id: UUID
    agent: Untrusted
    agent_status: str
    opened_by_login: str | None
    created_at: datetime
    messages: int
    unread: int
    last_message_at: datetime
    last_origin: str | None
    last_words: Untrusted | None
    open_run_id: UUID | None
    open_runs: int
    archived_at: datetime | None

    @property
    def reference(self) -> str:
        """What people call it: ``~12``."""
        return f"~{self.number}"


@dataclass(frozen=True, slots=True)
class Message:
    """One message. ``origin``: person (``author`` is the login), agent (its name), or note: what became of the run.

    ``content`` is at most as much as was asked for, of ``content_bytes`` in all; ``cut``: it is the end of an answer
    that was longer. A person's message belongs to the run ``run``, whose ``run_status`` it is; an answer is that run's.
    """

    message_id: UUID
    number: int
    origin: str
    author: Untrusted
    content: Untrusted
    content_bytes: int
    cut: bool
    created_at: datetime
    run_id: UUID | None
    run: str | None
    run_status: RunStatus | None
    unanswered: bool
    attachment_ids: list[UUID]
    attachment_names: tuple[Untrusted, ...]
    attachment_bytes: list[int]


@dataclass(frozen=True, slots=True)
class Said:
    """What a person has just said: the message ``message`` of the conversation ``conversation``, and its run."""

    conversation_id: UUID
    conversation: int
    message_id: UUID
    message: int
    command_id: UUID
    command_number: int
    run_id: UUID
