"""What a person can do about their notifications: read them, say by which rules they come and when they are quiet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from kolony_tui.core.session import PersonSession
from kolony_tui.models.errors import NotFound, UsageError
from kolony_tui.models.notifications import (
    News,
    Notification,
    NotificationRule,
    NotificationSettings,
    Urgency,
)

NEWEST = 20
"""So many unread ones come with the news."""


async def take_notice(session: PersonSession) -> int:
    """Has what happened told to whom it concerns; answers how many notifications that made or counted up."""
    told: int = (await session.db.call("take_notice", session.workspace.workspace_id))[0][0]
    return told


async def notifications(session: PersonSession, *, unread: bool = False, limit: int = 200) -> list[Notification]:
    """One's own, newest first."""
    return await session.db.rows(Notification, "notifications/list", session.workspace.workspace_id, unread, limit)


async def news(session: PersonSession) -> News:
    """What is new; hands out first what waits."""
    await take_notice(session)
    unread: int = await session.db.value("notifications/unread", session.workspace.workspace_id)
    return News(unread, await notifications(session, unread=True, limit=NEWEST) if unread else [])


async def read(session: PersonSession, which: Sequence[UUID]) -> int:
    """Marks these of one's own as read; answers how many were not yet."""
    changed: int = (await session.db.call("read_notifications", list(which)))[0][0]
    return changed


async def read_all(session: PersonSession, up_to: datetime | None = None) -> int:
    """Marks all as read that came until then (None: now)."""
    given = [session.workspace.workspace_id, *([up_to] if up_to is not None else [])]
    changed: int = (await session.db.call("read_all_notifications", *given))[0][0]
    return changed


def notification_named(known: Sequence[Notification], reference: str) -> Notification:
    """One by its id, or by how the id ends (at least 4 characters). Raises NotFound, UsageError."""
    found = [each for each in known if _ends(each.notification_id, reference)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{reference!r} is the end of {len(found)} ids", "write more of it")
    raise NotFound(f"there is no notification {reference!r} of yours here", "see kolony notification list")


# Rules


async def rules(session: PersonSession) -> list[NotificationRule]:
    """One's own, the workspace's and the built-in ones; of each kind the nearest first."""
    return await session.db.rows(NotificationRule, "notifications/rules", session.workspace.workspace_id)


def rule_named(known: Sequence[NotificationRule], reference: str) -> NotificationRule:
    """A rule by its id, or by how the id ends (at least 4 characters). Raises NotFound, UsageError."""
    found = [each for each in known if each.rule_id is not None and _ends(each.rule_id, reference)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{reference!r} is the end of {len(found)} ids", "write more of it")
    raise NotFound(f"there is no rule {reference!r} here", "see kolony notification rules")


async def make_rule(
    session: PersonSession,
    kind: str,
    *,
    for_everybody: bool = False,
    audience: str = "owner",
    agent_id: UUID | None = None,
    tag: str | None = None,
    priority: Urgency | None = None,
    channels: Sequence[str] = ("bell", "desktop"),
    enabled: bool = True,
) -> UUID:
    """Makes a rule of one's own, or (``for_everybody``, admins) of the workspace.

    Raises NoRight, NotFound (no such kind or agent), Refused (an audience that a rule of one's own cannot have).
    """
    rows = await session.db.call(
        "make_notification_rule", session.workspace.workspace_id, kind, for_everybody, audience, agent_id, tag,
        None if priority is None else str(priority), list(channels), enabled,
    )  # fmt: skip
    made: UUID = rows[0][0]
    return made


async def change_rule(
    session: PersonSession,
    rule_id: UUID,
    audience: str,
    priority: Urgency | None,
    channels: Sequence[str],
    enabled: bool,
) -> None:
    """Changes all of a rule but what it is about. Raises NoRight, NotFound."""
    urgency = None if priority is None else str(priority)
    await session.db.call("change_notification_rule", rule_id, audience, urgency, list(channels), enabled)


async def delete_rule(session: PersonSession, rule_id: UUID) -> None:
    """Deletes a rule; it can be undone for half a minute. Raises NoRight, NotFound."""
    await session.db.call("delete_notification_rule", rule_id)


# Quiet hours


async def settings(session: PersonSession) -> NotificationSettings:
    """One's own; the same in all workspaces."""
    found = await session.db.rows(NotificationSettings, "notifications/settings")
    return found[0] if found else NotificationSettings()


async def change_settings(session: PersonSession, wanted: NotificationSettings) -> None:
    """Changes them. Raises Refused (a time zone that the server does not know)."""
    await session.db.call(
        "set_notification_settings", wanted.quiet_from, wanted.quiet_to, wanted.time_zone, wanted.bell,
        wanted.desktop, str(wanted.sound_from),
    )  # fmt: skip


def _ends(identity: UUID, reference: str) -> bool:
    # Ids begin with the time, so those of one day begin alike; how they end is random.
    return len(reference) >= 4 and str(identity).endswith(reference.lower())
