"""Settings > Notifications: how one is told, by which rules, and which webhooks are."""

from __future__ import annotations

from typing import ClassVar

from kolony_tui.core import notifications, webhooks
from kolony_tui.core.session import PersonSession
from kolony_tui.models.notifications import NotificationRule, NotificationSettings, Webhook
from kolony_tui.models.people import Role
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.screens.settings.section import Section
from kolony_tui.ui.widgets.rows import RowList
from kolony_tui.ui.widgets.telling_list import Telling, TellingList, rule_row, settings_rows, webhook_row

Found = tuple[NotificationSettings, list[NotificationRule], list[Webhook]]


class NotificationsSection(Section):
    """Notifications. Everybody has rules of their own; an admin has those of the workspace, and its webhooks."""

    slug: ClassVar[str] = "notifications"

    def __init__(self) -> None:
        self._counted = (0, 0)
        super().__init__(TellingList(self.kolony.drawing, id="telling"))

    def wants(self, kind: str, identity: str) -> bool:
        """Whether a hint makes it read again."""
        return kind in ("note", "people")

    async def read(self, session: PersonSession) -> Found:
        """Settings, rules, and for an admin the webhooks."""
        hooks = await webhooks.webhooks(session) if session.role == Role.ADMIN else []
        return await notifications.settings(session), await notifications.rules(session), hooks

    def show(self, found: Found) -> None:
        """Shows them."""
        settings, rules, hooks = found
        drawing = self.kolony.drawing()
        self._counted = sum(1 for each in rules if each.rule_id is not None), len(hooks)
        self.rows.show(
            [
                *settings_rows(settings),
                *(rule_row(each) for each in rules),
                *(webhook_row(each, drawing) for each in hooks),
            ]
        )

    def on_the_right(self) -> list[Part]:
        """How many rules and webhooks there are."""
        rules, hooks = self._counted
        return [part(f"{rules} rules, {hooks} webhooks", "dim")]

    def explanation(self) -> list[list[Part]]:
        """What the row under the cursor means."""
        row: Telling | None = self.rows.pointed
        if row is None:
            return []
        if row.rule is not None:
            nearest = "the first rule of a kind that fits decides: yours, then the workspace's, then the built-in one"
            return [[part(f"{row.rule.about}; ", "dim"), part(nearest, "dim")]]
        if row.webhook is not None:
            words = "gets a signed POST of each; t sends a test, l shows the log. Your app carries what is due"
            return [[part(words, "dim")]]
        return [[part("enter changes it, in all of your workspaces", "dim")]]

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Changes it."""
        event.stop()
        self.kolony.do("notify.edit")
