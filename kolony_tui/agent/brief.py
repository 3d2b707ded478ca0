"""What the database tells a runner about an attempt, beside what the run itself says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Brief:
    """``conversation_id``: the thread that the run belongs to. ``resume``: the agent's own session that it goes on
    with, as ``kolony.note_session`` kept it (session_id, adapter, cwd, mode); None: it begins a new one.
    ``missed``: the last messages of that thread before this one, oldest first, each {"origin" (person, agent or note),
    "who", "text", "cut"}: what an agent that begins anew has to be told. ``attachments``: the files that came with the
    message, each {"attachment_id", "name", "bytes"}; the runner lays them into ``attachments`` of the run's folder.
    ``variables``: each {"name", "value", "secret"}. ``memory``: the agent's notes, {"name", "content"}.
    ``budget_usd``: what it may spend at most. ``settings``: the workspace's for runners.
    """

    conversation_id: UUID | None = None
    resume: dict[str, Any] | None = None
    missed: tuple[dict[str, Any], ...] = ()
    attachments: tuple[dict[str, Any], ...] = ()
    variables: tuple[dict[str, Any], ...] = ()
    memory: tuple[dict[str, Any], ...] = ()
    budget_usd: float | None = None
    settings: dict[str, Any] = field(default_factory=dict)


NO_BRIEF = Brief()
"""Of an attempt that needs to know nothing."""


def brief_of(document: dict[str, Any]) -> Brief:
    """The brief as ``kolony.claim_attempts`` gives it, both parts in one."""
    conversation = document.get("conversation") or {}
    named = conversation.get("conversation_id")
    return Brief(
        conversation_id=UUID(named) if named else None,
        resume=conversation.get("resume"),
        missed=tuple(conversation.get("missed") or ()),
        attachments=tuple(conversation.get("attachments") or ()),
        variables=tuple(document.get("variables") or ()),
        memory=tuple(document.get("memory") or ()),
        budget_usd=document.get("budget_usd"),
        settings=document.get("settings") or {},
    )
