"""Events: what happened to agents, commands and runs, and how that is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kolony_tui.models.untrusted import Untrusted

KINDS: Mapping[str, str] = {
    "agent.created": "was made",
    "agent.edited": "was changed",
    "agent.freed": "is free of the emergency stop",
    "agent.paused": "was paused",
    "agent.resumed": "goes on",
    "agent.retired": "was retired",
    "agent.stopped": "was stopped in an emergency",
    "agent.tagged": "got other tags",
    "approval.answered": "got an answer",
    "approval.asked": "asks",
    "approval.cancelled": "its question was withdrawn",
    "approval.expired": "its question ran out",
    "artifact.made": "left an artifact",
    "budget.reached": "a budget is empty",
    "budget.warned": "a budget is nearly empty",
    "command.cancelled": "was cancelled",
    "command.completed": "has completed",
    "command.drafted": "was drafted",
    "command.edited": "was edited",
    "command.failed": "has failed",
    "command.reopened": "goes on",
    "command.sent": "was sent",
    "command.submitted": "was submitted",
    "message.said": "a message",
    "report.made": "left a report",
    "report.status": "its report was marked",
    "run.assigned": "was given to another agent",
    "run.attempt_failed": "an attempt failed",
    "run.cancel_asked": "is asked to end",
    "run.cancelled": "was cancelled",
    "run.claimed": "was claimed",
    "run.completed": "has completed",
    "run.delayed": "waits for its time",
    "run.failed": "has failed",
    "run.held": "is held",
    "run.interrupt_asked": "is asked to stop early",
    "run.interrupted": "was interrupted",
    "run.limit_hit": "hit a limit",
    "run.lost": "was lost with its runner",
    "run.priority": "got another priority",
    "run.queued": "waits",
    "run.released": "is free to go",
    "run.retried": "is tried again",
    "run.returned": "was handed back",
    "run.started": "began",
    "run.step": "is being ended",
    "session.ended": "its runner left",
    "session.lost": "its runner stopped answering",
    "session.opened": "its runner came",
    "session.ready": "its runner is ready",
    "stop.confirmed": "its runner confirmed the stop",
    "stop.lifted": "the emergency stop was lifted",
    "stop.pulled": "emergency stop",
}
"""Every kind of event that the database writes, and what it says of its subject."""


@dataclass(frozen=True, slots=True)
class Event:
    """One fact. ``xid`` and ``event_id`` are its place in the order in which a follower reads.

    ``agent`` and ``title`` (of the command) are None where it is about none, or that is gone. ``login``: the person
    whose step it was; None: a program's, or the clock's. ``facts`` holds ids and short facts, no text anybody wrote.
    """

    event_id: int
    xid: int
    at: datetime
    kind: str
    agent_id: UUID | None
    agent: Untrusted | None
    command_id: UUID | None
    command_number: int | None
    ordinal: int | None
    target_count: int | None
    run_id: UUID | None
    title: Untrusted | None
    login: str | None
    facts: dict[str, Any]

    @property
    def words(self) -> str:
        """What happened, without to whom: ``has failed (exit code 3)``."""
        said = KINDS.get(self.kind, self.kind)
        more = ", ".join(_facts(self.facts))
        return f"{said} ({more})" if more else said

    @property
    def reference(self) -> str | None:
        """The run's or command's number, ``#12`` or ``#12.3``."""
        if self.command_number is None:
            return None
        several = self.run_id is not None and (self.target_count or 0) > 1
        return f"#{self.command_number}" + (f".{self.ordinal}" if several else "")

    @property
    def cursor(self) -> tuple[int, int]:
        """Its place among those that a follower reads."""
        return self.xid, self.event_id


def _facts(facts: Mapping[str, Any]) -> list[str]:
    """The facts that say something to a person.

    >>> _facts({"attempt": 2, "exit_code": 3, "session_id": "0198"})
    ['attempt 2', 'exit code 3']
    """
    said = []
    if facts.get("attempt", 1) != 1:
        said.append(f"attempt {facts['attempt']}")
    if facts.get("exit_code"):
        said.append(f"exit code {facts['exit_code']}")
    for name in ("signal", "limit", "reason", "step", "status", "priority", "origin"):
        if facts.get(name) is not None:
            said.append(f"{name} {facts[name]}".replace("_", " "))
    if isinstance(changed := facts.get("changed"), list):
        said.append(", ".join(str(each) for each in changed))
    if "allowed" in facts:
        said.append(("allowed" if facts["allowed"] else "denied") + (" by a rule" if facts.get("by_rule") else ""))
    if facts.get("before") is not None and facts.get("after") is not None and len(str(facts["after"])) < 20:
        said.append(f"{facts['before']} to {facts['after']}")
    return said
