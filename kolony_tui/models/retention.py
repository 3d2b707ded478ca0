"""What is kept how long, what is held, and what is in the archive."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kolony_tui.models.errors import UsageError
from kolony_tui.models.untrusted import Untrusted

FOREVER = ("forever", "never", "always", "off")
"""What a person writes for no number of days."""


def days_written(text: str) -> int | None:
    """A number of days, or None for without end. Raises UsageError.

    >>> days_written("30"), days_written("90d"), days_written("forever")
    (30, 90, None)
    """
    word = text.strip().lower()
    if word in FOREVER:
        return None
    number = word.removesuffix("days").removesuffix("d").strip()
    if not (number.isascii() and number.isdecimal() and len(number) <= 9):
        raise UsageError(f"{text!r} is no number of days", "for example 30, or forever")
    return int(number)


@dataclass(frozen=True, slots=True)
class Keeping:
    """For how many days one kind of thing is kept. ``days`` None: without end, which is called ``forever`` then.

    ``standard``: where the workspace says nothing; ``forever`` None: there is always an end.
    """

    kind: str
    title: str
    about: str
    days: int | None
    standard: int
    least: int
    most: int
    forever: str | None
    set_by: str | None
    set_at: datetime | None

    @property
    def words(self) -> str:
        """The number of days in words."""
        if self.days is None:
            return self.forever or ""
        return "1 day" if self.days == 1 else f"{self.days} days"


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold. ``scope``: workspace, agent, command or run; ``subject`` names it; lifted ones are over."""

    hold_id: UUID
    scope: str
    subject_id: UUID | None
    subject: Untrusted | None
    reason: Untrusted
    placed_by: str | None
    placed_at: datetime
    lifted_by: str | None
    lifted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Archived:
    """An attempt's output that is, was, or is on its way to the archive.

    ``state``: taken, archived, restored (there and here), removing, removed. ``archived_at`` None with ``removed``: it
    was removed without ever having been archived. Sizes in bytes: ``byte_count`` as it was, ``object_bytes`` as stored.
    """

    run_id: UUID
    reference: str
    agent: Untrusted
    attempt: int
    state: str
    location: str | None
    object: str | None
    host: str
    chunk_count: int | None
    byte_count: int | None
    line_count: int | None
    object_bytes: int | None
    sha256: str | None
    words_cut: bool
    finished_at: datetime
    archived_at: datetime | None
    archived_by: str | None
    restored_at: datetime | None
    removed_at: datetime | None

    @property
    def here(self) -> bool:
        """Whether the database has its output."""
        return self.state in ("taken", "restored")

    @property
    def why_gone(self) -> tuple[str, str]:
        """What became of it in words, and what a person can do."""
        if self.state == "archived" and self.archived_at is not None:
            command = f"kolony retention restore {self.reference.removeprefix('#')}"
            return (
                f"the output of {self.reference} was archived on {self.archived_at:%Y-%m-%d}",
                f"{command} brings it back",
            )
        when = f" on {self.removed_at:%Y-%m-%d}" if self.removed_at is not None else ""
        return f"the output of {self.reference} was removed by retention{when}", ""


@dataclass(frozen=True, slots=True)
class Job:
    """A job of upkeep. ``result``: what it did the last time, in counts; "error" where it failed.

    ``done`` of ``total``: how far one is that somebody (``by``, on ``host``) is at; both 0 where that is not known.
    """

    job: str
    due: bool
    running: bool
    last_began: datetime | None
    last_ended: datetime | None
    result: dict[str, Any]
    done: int
    total: int
    by: str | None
    host: str | None

    @property
    def failed(self) -> bool:
        """Whether it ended with an error."""
        return "error" in self.result

    @property
    def words(self) -> str:
        """What it did, in words.

        >>> Job("x", False, False, None, None, {"settled_runs": 2, "more": True}, 0, 0, None, None).words
        'settled runs 2, more to do'
        """
        if self.failed:
            return str(self.result["error"])
        return ", ".join(
            "more to do" if name == "more" else f"{name.replace('_', ' ')} {value}"
            for name, value in self.result.items()
        )


@dataclass(frozen=True, slots=True)
class JobTime:
    """One time that a job was done."""

    job: str
    began: datetime
    ended: datetime
    result: dict[str, Any]
