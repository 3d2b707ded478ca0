"""How an attempt is judged when its work has ended: by what it did, and by why the runner ended it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kolony_tui.agent.events import Ended
from kolony_tui.agent.limits import Exceeded
from kolony_tui.agent.link import Lapsed


class Stop(StrEnum):
    """Why the runner ends work that has not ended by itself."""

    CANCEL = "cancel"
    LIMIT = "limit"
    RELEASE = "release"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an attempt ended, as ``finish_attempt`` takes it: completed, failed, cancelled or released.

    ``limit_hit`` is the limit's name, where one was reached.
    """

    outcome: str
    ended: Ended
    error: str | None = None
    limit_hit: str | None = None


def judged(ended: Ended, stop: Stop | None, exceeded: Exceeded | None, *, interrupted: bool) -> Verdict:
    """The verdict. Raises Lapsed where the work is another runner's by now.

    A program that ends well after an interrupt has completed; one that ends otherwise was cancelled.
    """
    if stop is Stop.LOST:
        raise Lapsed("another runner may have it")
    loose = ended.not_confirmed
    if stop is Stop.CANCEL:
        return Verdict("cancelled", ended, f"cancel not confirmed: {loose}" if loose else None)
    if exceeded is not None:
        return Verdict("failed", ended, f"{exceeded.words}; {loose}" if loose else exceeded.words, exceeded.limit)
    if loose:
        # Never handed back: another runner would begin it beside what still runs.
        return Verdict("failed", ended, f"its end is not confirmed: {loose}")
    if stop is Stop.RELEASE:
        return Verdict("released", ended, "its runner was stopped")
    if ended.error and interrupted:
        return Verdict("cancelled", ended, ended.error)
    return Verdict("failed", ended, ended.error) if ended.error else Verdict("completed", ended)
