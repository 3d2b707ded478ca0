"""`Notifier`: what a person is told while the app is open: the unread count, toasts, the bell, the desktop."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from kolony_tui.core import notifications
from kolony_tui.core.session import PersonSession
from kolony_tui.models.errors import KolonyError
from kolony_tui.models.notifications import News, Notification, NotificationSettings, Urgency
from kolony_tui.models.people import Role
from kolony_tui.text import safe
from kolony_tui.ui.beside import beside
from kolony_tui.ui.desktop import notify_send, sequence, way_to_desktop
from kolony_tui.ui.live import LiveQuery

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

AWAY = 60.0
"""Who has touched nothing for so many seconds looks elsewhere, also where the terminal does not say so."""
GAP = 1.0
AT_ONCE = 3
"""More than so many new ones are told in one line."""
_SEVERITIES: dict[Urgency, Any] = {Urgency.MEDIUM: "information", Urgency.HIGH: "warning", Urgency.CRITICAL: "error"}
_KINDS = ("note", "stop", "inbox", "approval", "agent", "agents", "command", "run")

_FIRST = UUID(int=0)

Found = tuple[News, NotificationSettings]


class Notifier:
    """Tells what is new, once; what was unread when the app came is only counted."""

    def __init__(self, app: KolonyApp) -> None:
        self._app = app
        self._last: UUID | None = None
        self._touched = time.monotonic()
        self._carrying = False
        self.unread = 0

    def begin(self) -> None:
        """Reads from now on; there is a session."""
        self._app.live.watch(self._app, LiveQuery("notifications", _wants, _read, self._show, gap=GAP, aside=True))

    def forget(self) -> None:
        """Another workspace was entered: what is unread there is only counted."""
        self._last, self.unread = None, 0

    def touched(self) -> None:
        """The person has used keyboard or mouse."""
        self._touched = time.monotonic()

    @property
    def away(self) -> bool:
        """Whether the person looks elsewhere, as far as one can tell."""
        return not self._app.app_focus or time.monotonic() - self._touched > AWAY

    def _show(self, found: Found) -> None:
        news, settings = found
        # They are handed out one by one in a workspace, and their ids go with the time.
        last = self._last
        fresh = [] if last is None else [each for each in news.newest if each.notification_id > last]
        self._last = max([last or _FIRST, *(each.notification_id for each in news.newest)])
        if news.unread != self.unread:
            self.unread = news.unread
            self._app.draw_frames()
        seen = [each for each in news.newest if not self.away and self._in_sight(each)]
        if seen:
            self._app.perform(self._read_those(seen), "notifications seen")
        self._tell([each for each in reversed(fresh) if each not in seen], settings)
        self._carry()

    def _in_sight(self, note: Notification) -> bool:
        ground = self._app.ground
        subject = ground.subject() if ground is not None else None
        return subject is not None and note.data.get(f"{subject[0]}_id") == subject[1]

    async def _read_those(self, seen: Sequence[Notification]) -> None:
        session = self._app.session
        if session is not None:
            await notifications.read(session, [each.notification_id for each in seen])

    def _tell(self, fresh: Sequence[Notification], settings: NotificationSettings) -> None:
        loud = [each for each in fresh if not each.quiet]
        shown = [each for each in loud if each.priority is not Urgency.LOW]
        if len(shown) > AT_ONCE:
            most = max(shown, key=lambda each: each.priority.rank)
            words = f"{len(shown)} new notifications, the most urgent: {safe(most.title, limit=150).plain}"
            self._app.say(words, severity=_SEVERITIES[most.priority])
        else:
            for each in shown:
                self._app.say(safe(each.title, limit=200).plain, severity=_SEVERITIES[each.priority])
        sounding = [each for each in loud if each.priority.rank >= settings.sound_from.rank]
        self._ring([each for each in sounding if "bell" in each.channels], settings)
        self._reach([each for each in sounding if "desktop" in each.channels], settings)

    def _ring(self, sounding: Sequence[Notification], settings: NotificationSettings) -> None:
        if sounding and (settings.bell == "always" or (settings.bell == "away" and self.away)):
            self._app.bell()

    def _reach(self, sounding: Sequence[Notification], settings: NotificationSettings) -> None:
        way = way_to_desktop(settings.desktop, os.environ)
        if not sounding or way is None or not self.away:
            return
        most = max(sounding, key=lambda each: each.priority.rank)
        title, words = safe(most.title, limit=150), safe(most.message, limit=250)
        if len(sounding) > 1:
            title = safe(f"{len(sounding)} notifications: {title.plain}", limit=180)
        if way == "notify-send":
            self._app.perform(notify_send(title, words, urgent=most.priority is Urgency.CRITICAL), "desktop")
        elif self._app._driver is not None and not self._app.is_headless:
            self._app._driver.write(sequence(way, title, words))

    # Webhooks

    def _carry(self) -> None:
        """An admin's app carries what webhooks are to be sent, beside everything else."""
        session = self._app.session
        if session is None or session.role != Role.ADMIN or self._carrying:
            return
        self._carrying = True
        beside(self._app, self._carry_due, session, group="webhooks")

    async def _carry_due(self, session: PersonSession) -> None:
        from kolony_tui.core.webhooks import deliver_due

        try:
            await deliver_due(session)
        except KolonyError:
            pass  # it stays due, and the log of deliveries shows it
        finally:
            self._carrying = False


def _wants(kind: str, _: str) -> bool:
    return kind in _KINDS


async def _read(session: PersonSession) -> Found:
    return await notifications.news(session), await notifications.settings(session)
