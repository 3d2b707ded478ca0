"""How long the runner may believe that its work is still its own."""

from __future__ import annotations

from kolony_tui.agent.supervision.guardian import boot_seconds

_MARGIN_SHARE = 1 / 6
_MARGIN_LEAST, _MARGIN_MOST = 1.0, 5.0
_GUARDIAN_LATER = 0.25


class Lease:
    """The lease of one session, on this machine's clock, with a margin before the database's own end of it.

    It is counted from before a beat was sent, so it never outlives the one that the database counts from its arrival.
    Once lapsed it stays so: the work was ended, and a later beat that is answered makes nothing good.
    """

    def __init__(self, seconds: float, sent_at: float) -> None:
        margin = min(max(seconds * _MARGIN_SHARE, _MARGIN_LEAST), _MARGIN_MOST)
        self._length = seconds - margin
        self._ends = sent_at + self._length
        self._lapsed = False

    @property
    def alive(self) -> bool:
        """Whether work may go on."""
        if boot_seconds() >= self._ends:
            self._lapsed = True
        return not self._lapsed

    @property
    def seconds_left(self) -> float:
        """Until the work has to be ended; 0 when it lapsed."""
        return max(0.0, self._ends - boot_seconds()) if self.alive else 0.0

    @property
    def guardian_ends(self) -> float:
        """When the guardian ends the work in the place of a runner that does not."""
        return self._ends + _GUARDIAN_LATER

    def renew(self, sent_at: float) -> None:
        """A beat that was sent then has been answered."""
        if self.alive:
            self._ends = max(self._ends, sent_at + self._length)

    def lapse(self) -> None:
        """The database said that the session has ended."""
        self._lapsed = True
