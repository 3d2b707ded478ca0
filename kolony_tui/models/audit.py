"""The audit log: what an entry, a seal and the result of a verification hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any
from uuid import UUID

from kolony_tui.models.errors import UsageError
from kolony_tui.models.untrusted import Untrusted

EVENTS = (
    "AGENT_CHANGED", "AGENT_CONNECT", "AGENT_CREATED", "AGENT_DISCONNECT", "AGENT_PAUSED", "AGENT_RESUMED",
    "AGENT_RETIRED", "APPROVAL_ANSWERED", "APPROVAL_RULED", "APPROVAL_RULE_CREATED", "APPROVAL_RULE_REVOKED",
    "ARCHIVE_SET", "AUDIT_RETAINED", "AUDIT_SEALED", "BUDGET_EMPTY", "BUDGET_EXCEEDED", "BUDGET_REMOVED", "BUDGET_SET",
    "BUDGET_WARNING", "COMMAND_CANCELLED", "COMMAND_COMPLETED", "COMMAND_DRAFTED", "COMMAND_EDITED", "COMMAND_HELD",
    "COMMAND_SENT", "COMMAND_SUBMITTED", "CONSTRAINT_CHANGED", "CONSTRAINT_CREATED", "CONSTRAINT_DELETED",
    "CONVERSATION_CHANGED", "CONVERSATION_STARTED", "CPU_LIMIT_EXCEEDED", "EMERGENCY_STOP", "FOLDER_REMOVED",
    "HOLD_LIFTED", "HOLD_PLACED", "MASKING_CHANGED", "MEMORY_LIMIT_EXCEEDED", "NOTE_CHANGED", "NOTE_DELETED",
    "OUTPUT_ARCHIVED", "OUTPUT_RESTORED", "PASSWORD_RESET", "PRESET_CHANGED", "PRESET_CREATED", "PRESET_DELETED",
    "PRESET_USED", "PRICE_REMOVED", "PRICE_SET", "PROFILE_CHANGED", "REDACTION_CHANGED", "REPORT_STATUS_CHANGED",
    "RETENTION_APPLIED",
    "RETENTION_CHANGED", "ROLE_CHANGED", "RULE_CHANGED", "RULE_CREATED", "RULE_DELETED", "RUN_ASSIGNED",
    "RUN_CANCELLED", "RUN_HELD", "RUN_INTERRUPTED", "RUN_MOVED", "RUN_PRIORITY_CHANGED", "RUN_RELEASED", "RUN_RETRIED",
    "SESSIONS_ENDED", "STEP_UNDONE", "STOP_LIFTED", "TEAM_REMOVED", "TEAM_SET", "TIME_LIMIT_EXCEEDED",
    "TOKEN_EXPIRY_CHANGED", "TOKEN_ISSUED", "TOKEN_LIMIT_EXCEEDED", "TOKEN_REVOKED", "USER_ADDED", "USER_DISABLED",
    "USER_ENABLED", "USER_LOGIN", "USER_LOGOUT", "USER_REMOVED", "VARIABLE_SET", "VARIABLE_UNSET", "WEBHOOK_ADDED",
    "WEBHOOK_CHANGED", "WEBHOOK_REMOVED", "WORKSPACE_CHANGED", "WORKSPACE_CREATED",
)  # fmt: skip
"""Every event that the database writes, by name."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def event_named(text: str) -> str:
    """The event that a person means, in either case. Raises UsageError with the nearest one."""
    name = text.strip().upper().replace("-", "_")
    if name not in EVENTS:
        near = get_close_matches(name, EVENTS, n=1, cutoff=0.3)
        raise UsageError(f"there is no event {text!r}", f"did you mean {near[0]}?" if near else "")
    return name


def moment_written(text: str) -> datetime:
    """A moment in the past that a person wrote: a date, a time, or how long ago. Raises UsageError.

    >>> moment_written("2026-03-01T12:00:00+00:00").isoformat()
    '2026-03-01T12:00:00+00:00'
    """
    text = text.strip()
    try:
        if text[:-1].isdecimal() and text[-1:] in _UNITS:
            return datetime.now(UTC) - timedelta(seconds=int(text[:-1]) * _UNITS[text[-1]])
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text!r} is no moment", "write 2026-03-01, 2026-03-01T12:00, or 90m, 24h, 7d ago") from error


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what from where. ``application`` is what the client claimed to be; ``client_address`` None: this machine.

    ``details`` holds text of people and agents, at most 200 characters of each.
    """

    entry_id: int
    at: datetime
    event: str
    login: str
    client_address: str | None
    application: Untrusted
    workspace: str
    agent: Untrusted | None
    command_id: UUID | None
    run_id: UUID | None
    subject: Untrusted | None
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AuditSeal:
    """One link of the chain. ``digest`` covers the entries' digest and ``previous``, all in hex.

    ``removed_at``: when retention removed its entries.
    """

    number: int
    workspace: str
    entry_count: int
    from_entry: int
    to_entry: int
    from_at: datetime
    to_at: datetime
    sealed_at: datetime
    sealed_by: str
    removed_at: datetime | None
    rows_digest: str
    previous: str
    digest: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What is not as it was sealed: in which seal (None: in none), which entry (None: the seal itself), and how."""

    seal: int | None
    entry_id: int | None
    what: str

    @property
    def words(self) -> str:
        """In one line for a person.

        >>> Difference(3, 71, "the entry is gone").words
        'seal 3, entry 71: the entry is gone'
        """
        places = [f"seal {self.seal}"] if self.seal is not None else []
        places += [f"entry {self.entry_id}"] if self.entry_id is not None else []
        return f"{', '.join(places) or 'the log'}: {self.what}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What computing every seal again has shown. ``removed``: entries that retention took, their seals are there.

    ``unsealed``: entries that no seal covers yet.
    """

    seals: int
    sealed: int
    removed: int
    unsealed: int
    difference: Difference | None

    @property
    def ok(self) -> bool:
        """Whether everything is as it was sealed."""
        return self.difference is None
