"""Notifications, the rules by which they come, and webhooks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from typing import Any
from uuid import UUID

from kolony_tui.models.errors import UsageError
from kolony_tui.models.untrusted import Untrusted

CHANNELS = ("bell", "desktop")
"""How a notification may sound, beside the list that has every one."""
AUDIENCES = ("owner", "admins", "operators", "everyone")
"""For whom a rule is. ``owner``: who made the agent, or sent the command."""
BELLS = ("never", "away", "always")
DESKTOPS = ("off", "auto", "osc9", "osc777", "notify-send")


class Urgency(StrEnum):
    """How urgent a notification is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """The higher the more urgent."""
        return list(Urgency).index(self)


@dataclass(frozen=True, slots=True)
class Notification:
    """Something for one person. ``quiet``: it came in their quiet hours. ``count``: how often it came.

    ``data`` holds ids of what it is about: run_id, command_id, agent_id, approval_id, stop_id.
    """

    notification_id: UUID
    kind: str
    priority: Urgency
    title: Untrusted
    message: Untrusted
    data: dict[str, Any]
    channels: list[str]
    quiet: bool
    count: int
    created_at: datetime
    last_at: datetime
    read_at: datetime | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class News:
    """How many notifications are unread, and the newest of them, newest first."""

    unread: int
    newest: list[Notification]


@dataclass(frozen=True, slots=True)
class NotificationRule:
    """A rule, one's own (``own``) or the workspace's; the built-in one of a kind has no ``rule_id``.

    ``agent`` and ``tag`` narrow what it is about; ``priority`` None: as the event comes.
    """

    rule_id: UUID | None
    kind: str
    about: str
    own: bool
    audience: str
    agent: Untrusted | None
    tag: Untrusted | None
    priority: Urgency | None
    channels: list[str]
    enabled: bool
    created_by: str | None


@dataclass(frozen=True, slots=True)
class NotificationSettings:
    """A person's own: quiet hours by the clock of ``time_zone``, and how they are told.

    ``bell`` "away": while the terminal is not in front. ``sound_from``: the least urgent that sounds.
    """

    quiet_from: time | None = None
    quiet_to: time | None = None
    time_zone: str = "UTC"
    bell: str = "away"
    desktop: str = "auto"
    sound_from: Urgency = Urgency.HIGH

    @property
    def quiet_words(self) -> str:
        """The quiet hours for a person.

        >>> NotificationSettings(time(22), time(7)).quiet_words
        '22:00-07:00'
        """
        if self.quiet_from is None or self.quiet_to is None:
            return "none"
        return f"{self.quiet_from:%H:%M}-{self.quiet_to:%H:%M}"


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that gets a workspace's events; its secret nobody can read. ``kinds`` empty: all."""

    webhook_id: UUID
    name: Untrusted
    url: Untrusted
    kinds: list[str]
    at_least: Urgency
    created_by: str | None
    created_at: datetime
    pending: int
    failed: int
    last_delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something that a webhook is sent. ``state``: pending, delivered, failed (given up) or cancelled (removed)."""

    delivery_id: UUID
    webhook: Untrusted
    kind: str
    title: Untrusted
    state: str
    tries: int
    next_try_at: datetime | None
    last_status: int | None
    last_error: Untrusted | None
    created_at: datetime
    tried_at: datetime | None
    ended_at: datetime | None


def hours_written(text: str) -> tuple[time | None, time | None]:
    """Quiet hours that a person wrote; ``none`` or nothing: without. Raises UsageError.

    >>> hours_written("22:00-7:30")
    (datetime.time(22, 0), datetime.time(7, 30))
    """
    text = text.strip().lower()
    if text in ("", "none"):
        return None, None
    found = re.fullmatch(r"([0-9]{1,2}):([0-9]{2}) *- *([0-9]{1,2}):([0-9]{2})", text)
    try:
        if found is not None:
            hour, minute, to_hour, to_minute = (int(each) for each in found.groups())
            return time(hour, minute), time(to_hour, to_minute)
    except ValueError:
        pass
    raise UsageError(f"{text!r} are no quiet hours", "write for example 22:00-07:00, or none")


def channels_written(text: str) -> list[str]:
    """Channels that a person wrote, with commas between; ``none``: only the list. Raises UsageError.

    >>> channels_written("bell, desktop"), channels_written("none")
    (['bell', 'desktop'], [])
    """
    words = [word.strip() for word in text.lower().split(",") if word.strip()]
    if words == ["none"]:
        return []
    for word in words:
        if word not in CHANNELS:
            raise UsageError(f"there is no channel {word!r}", f"there are {', '.join(CHANNELS)}, or none")
    return words


def urgency_written(text: str) -> Urgency:
    """An urgency that a person wrote. Raises UsageError."""
    return Urgency(one_of(text, [str(each) for each in Urgency], "priority of notifications"))


def one_of(text: str, known: Sequence[str], what: str) -> str:
    """A word that has to be one of a few. Raises UsageError."""
    word = text.strip().lower()
    if word not in known:
        raise UsageError(f"there is no {what} {text.strip()!r}", f"there are {', '.join(known)}")
    return word
