"""How an attempt is judged when its work has ended: by what it did, and by why the runner ended it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from kolony_tui.agent.attempt.limits import Exceeded
from kolony_tui.agent.events import Ended
from kolony_tui.agent.link import Lapsed

_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")


class Stop(StrEnum):
    """Why the runner ends work that has not ended by itself."""

    CANCEL = "cancel"
    LIMIT = "limit"
    RELEASE = "release"
    LOST = "lost"


REASONS = {
    "denied": "a permission that it needed was denied",
    "refusal": "the model refused",
    "max_tokens": "the model's answer was cut off at its greatest length",
    "max_turns": "it used up the turns that it had",
    "auth": "the agent's program has no account with its model, or is not logged in",
    "agent_error": "the agent's program reported an error",
    "crashed": "the program ended in the middle of its work",
    "cannot_start": "the program could not be started",
    "handshake": "the program did not open a session",
    "protocol": "the program does not keep to its protocol",
    "no_answer": "it ended without an answer",
    "stopped": "the agent stopped by itself, nobody asked it to",
    "report": "what it left as its report, or its plan, is none",
    "over_budget": "its budget was used up",
    "not_ended": "it could not be ended",
    "exit_code": "the program exited with another code than 0",
    "signal": "the program died of a signal",
    "runner": "the runner could not do its part",
}
"""Why an attempt failed: names for programs to go by, each in words. An adapter may give its own word beside these."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an attempt ended, as ``finish_attempt`` takes it: completed, failed, cancelled or released.

    ``limit_hit`` is the limit's name, where one was reached. ``reason``: why it failed, in a name of ``REASONS``.
    """

    outcome: str
    ended: Ended
    error: str | None = None
    limit_hit: str | None = None
    reason: str | None = None

    @property
    def warning(self) -> str | None:
        """What people should know of an end that looks well."""
        return self.ended.warning or None


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
        words = f"{exceeded.words}; {loose}" if loose else exceeded.words
        return Verdict("failed", ended, words, exceeded.limit, "over_budget" if exceeded.limit == "budget" else None)
    if loose:
        # Never handed back: another runner would begin it beside what still runs.
        return Verdict("failed", ended, f"its end is not confirmed: {loose}", reason="not_ended")
    if stop is Stop.RELEASE:
        return Verdict("released", ended, "its runner was stopped")
    if ended.error and interrupted:
        return Verdict("cancelled", ended, ended.error)
    return Verdict("failed", ended, ended.error, reason=_reason(ended)) if ended.error else Verdict("completed", ended)


def _reason(ended: Ended) -> str:
    """An adapter that has a protocol says why; a program says it by how it exited."""
    if ended.reason:
        return ended.reason if _NAME.fullmatch(ended.reason) else "agent_error"
    if ended.signal is not None:
        return "signal"
    return "exit_code" if ended.exit_code else "no_answer"
