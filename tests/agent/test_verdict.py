"""How an attempt is judged: every reason for which work ends, alone and together."""

from __future__ import annotations

import pytest

from kolony_tui.agent.events import Ended
from kolony_tui.agent.limits import Exceeded
from kolony_tui.agent.link import Lapsed
from kolony_tui.agent.verdict import Stop, judged

WELL = Ended(exit_code=0)
BADLY = Ended(exit_code=3, error="exit 3")
LOOSE = Ended(error="it could not be ended", not_confirmed="still running after SIGKILL: pid 7")
MEMORY = Exceeded("memory_limit", "memory limit of 5 MB reached (peak 6 MB)")


@pytest.mark.parametrize(
    ("ended", "stop", "exceeded", "interrupted", "outcome", "error"),
    [
        (WELL, None, None, False, "completed", None),
        (BADLY, None, None, False, "failed", "exit 3"),
        (WELL, None, None, True, "completed", None),
        (BADLY, None, None, True, "cancelled", "exit 3"),
        (WELL, Stop.CANCEL, None, True, "cancelled", None),
        (BADLY, Stop.LIMIT, MEMORY, True, "failed", MEMORY.words),
        (BADLY, Stop.RELEASE, None, False, "released", "its runner was stopped"),
        (LOOSE, Stop.CANCEL, None, False, "cancelled", f"cancel not confirmed: {LOOSE.not_confirmed}"),
        (LOOSE, Stop.LIMIT, MEMORY, False, "failed", f"{MEMORY.words}; {LOOSE.not_confirmed}"),
        # Not handed back: another runner would begin it beside what still runs (G1).
        (LOOSE, Stop.RELEASE, None, False, "failed", f"its end is not confirmed: {LOOSE.not_confirmed}"),
        (LOOSE, None, None, True, "failed", f"its end is not confirmed: {LOOSE.not_confirmed}"),
    ],
)
def test_each_end_has_its_verdict(
    ended: Ended, stop: Stop | None, exceeded: Exceeded | None, interrupted: bool, outcome: str, error: str | None
) -> None:
    found = judged(ended, stop, exceeded, interrupted=interrupted)
    assert (found.outcome, found.error) == (outcome, error)
    assert found.limit_hit == (exceeded.limit if exceeded is not None else None)


def test_lost_work_is_not_judged() -> None:
    with pytest.raises(Lapsed):
        judged(WELL, Stop.LOST, None, interrupted=False)
