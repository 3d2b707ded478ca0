"""`Notice`: what a toast shows, for a time that Textual can bear."""

from __future__ import annotations

from textual.notifications import Notification

_LEAST = 0.05


class Notice(Notification):
    """A notification of which a little time is always left, until it is found to have expired.

    Textual takes what is left for the timer that ends its toast. One may expire between the look at which are to be
    shown and that, and a timer of less than no time goes round for ever, and lets nothing else run (Textual 8.2.8).
    """

    @property
    def time_left(self) -> float:
        """Seconds."""
        return max(super().time_left, _LEAST)

    @property
    def has_expired(self) -> bool:
        """Whether its time is over."""
        return super().time_left <= 0
