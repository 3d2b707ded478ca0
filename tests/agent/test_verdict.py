"""How an attempt is judged: every reason for which work ends, alone and together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kolony_tui.agent.attempt.limits import Exceeded
from kolony_tui.agent.attempt.verdict import REASONS, Stop, judged
from kolony_tui.agent.events import Ended
from kolony_tui.agent.link import Lapsed

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


@pytest.mark.parametrize(
    ("ended", "stop", "exceeded", "reason"),
    [
        (WELL, None, None, None),
        (BADLY, None, None, "exit_code"),
        (Ended(exit_code=139, signal=11, error="exit 139 (SIGSEGV)"), None, None, "signal"),
        (Ended(exit_code=0, error="the model refused", reason="refusal"), None, None, "refusal"),
        # What an adapter takes from a program's words is none of ours.
        (Ended(exit_code=0, error="odd", reason="Rate limit! 429"), None, None, "agent_error"),
        (Ended(error="it ended without saying how"), None, None, "no_answer"),
        (Ended(error="x", reason="crashed"), Stop.CANCEL, None, None),
        (Ended(error="x", reason="crashed"), Stop.LIMIT, Exceeded("budget", "over"), "over_budget"),
        (Ended(error="x", reason="crashed"), Stop.LIMIT, MEMORY, None),
        (LOOSE, None, None, "not_ended"),
    ],
)
def test_a_failure_has_a_reason(ended: Ended, stop: Stop | None, exceeded: Exceeded | None, reason: str | None) -> None:
    found = judged(ended, stop, exceeded, interrupted=False)
    assert found.reason == reason
    assert reason is None or reason in REASONS


def test_an_end_that_looks_well_may_have_a_warning() -> None:
    assert judged(replace(WELL, warning="no model was used"), None, None, interrupted=False).warning is not None
    assert judged(WELL, None, None, interrupted=False).warning is None


def test_lost_work_is_not_judged() -> None:
    with pytest.raises(Lapsed):
        judged(WELL, Stop.LOST, None, interrupted=False)
