"""`EarlyKeys`: keys that come before the screen can take them wait for it, and arrive in the order they were typed."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from textual import events
from textual.widgets import Input, TextArea

from kolony_tui.ui.after import after
from kolony_tui.ui.screens.framed import FramedScreen

if TYPE_CHECKING:
    from textual.screen import Screen

    from kolony_tui.ui.app import KolonyApp

PATIENCE = 1.5
"""Seconds that keys wait for a screen at most: one that never gets ready must not swallow the keyboard."""
_GLANCE = 0.01


class EarlyKeys:
    """Stands between the keyboard and the app.

    A screen has no focus until it is mounted, and a list no rows until they are read: whoever types ahead ("4", then
    at once enter) means the screen as it will be. Keys that are bound are done at once, not passed down and up again,
    so that the next key finds the screen that this one opened.
    """

    def __init__(self, app: KolonyApp) -> None:
        self._app = app
        self._kept: deque[events.Key] = deque()
        self._waits_for: tuple[Screen[object] | None, float] = None, 0.0

    async def take(self, event: events.Key) -> bool:
        """Takes a key that was just typed: keeps it, or does what it is bound to; False: the focus is to have it."""
        if not self._app.screen_stack:
            return True  # the app is closing
        if not self._kept and self._ready():
            return await self._done(event)
        if await self._app._check_bindings(event.key, priority=True):
            return True
        self._kept.append(event)
        if len(self._kept) == 1:
            after(self._app, _GLANCE, self._look)
        return True

    async def _look(self) -> None:
        while self._kept and self._app.screen_stack and self._ready():
            event = self._kept.popleft()
            if not await self._done(event):
                await self._app.pass_on(event)
        if self._kept:
            after(self._app, _GLANCE, self._look)

    async def _done(self, event: events.Key) -> bool:
        if isinstance(self._app.focused, (Input, TextArea)):
            return False
        return await self._app._check_bindings(event.key, priority=True) or await self._app._check_bindings(event.key)

    def _ready(self) -> bool:
        screen = self._app.screen
        focused = screen.focused is not None or (screen.is_mounted and not screen.focus_chain)
        if focused and (not isinstance(screen, FramedScreen) or screen.filled):
            return True
        if self._waits_for[0] is not screen:
            self._waits_for = screen, time.monotonic()
        return time.monotonic() > self._waits_for[1] + PATIENCE
