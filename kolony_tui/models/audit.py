"""The audit log: what an entry, a seal and the result of a verification hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kolony_tui.models.untrusted import Untrusted


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
