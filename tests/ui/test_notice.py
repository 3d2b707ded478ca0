"""A toast whose time ends at the very moment in which it is made, as when a screen opens just then."""

from __future__ import annotations

import time

import pytest
from textual.notifications import Notification
from textual.widgets._toast import Toast

from tests.ui.stage import Stage, until


async def test_a_toast_that_expires_while_it_is_made_ends_and_keeps_nobody(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, made = Toast.__init__, []

    def at_the_last_moment(toast: Toast, notification: Notification) -> None:
        notification.raised_at = time.time() - notification.timeout - 0.01
        make(toast, notification)
        made.append(toast)

    async with stage.app("bob") as (app, _):
        monkeypatch.setattr(Toast, "__init__", at_the_last_moment)
        app.say("too late")
        await until(lambda: made, "it is made")
        await until(lambda: made[0].is_mounted and not made[0].is_attached, "it goes")
