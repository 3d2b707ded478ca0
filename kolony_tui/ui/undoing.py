"""`Undoing`: says after a step that it can be taken back, and for how long."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from kolony_tui.core.undoing import UNDO_SECONDS
from kolony_tui.ui.registry import key_words

if TYPE_CHECKING:
    from textual.timer import Timer

    from kolony_tui.ui.app import KolonyApp


class Undoing:
    """Until when the last step can be taken back; the database alone decides whether it really can."""

    def __init__(self, app: KolonyApp) -> None:
        self._app = app
        self._until: datetime | None = None
        self._ticking: Timer | None = None

    def offer(self, done: str, steps: int = 1) -> None:
        """Says what was done, in a few words, and which key takes it back; of several ``steps`` one at a time."""
        self._until = self._app.now() + timedelta(seconds=UNDO_SECONDS)
        keys = self._app.keys["step.undo"]
        how = f"{key_words(keys[0])} undoes" if keys else ":undo undoes"
        what = "it" if steps == 1 else "them one by one"
        self._app.say(f"{done}; {how} {what} for {UNDO_SECONDS} s")
        self._app.draw_frames()
        if self._ticking is None:
            self._ticking = self._app.set_interval(1, self._tick)

    def _tick(self) -> None:
        if not self.left and self._ticking is not None:
            self._ticking.stop()
            self._ticking = None
        if self._app.ground is not None:
            self._app.ground.draw_hints()

    def over(self) -> None:
        """Nothing is offered any more: it was taken back, or cannot be."""
        self._until = None
        self._app.draw_frames()

    @property
    def left(self) -> int:
        """Seconds for which it is still offered; 0 when it is not."""
        if self._until is None:
            return 0
        return max(int((self._until - self._app.now()).total_seconds()), 0)
