"""What the end of a turn over the Agent Client Protocol means: its answer, or the error instead of one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kolony_tui.agent.acp.jsonrpc import PARSE_ERROR
from kolony_tui.agent.acp.tools import in_a_line

_AUTH_REQUIRED = -32000
_AUTH_WORDS = re.compile(r"\b401\b|unauthori[sz]ed|authenticat|not logged in|(invalid|missing|no) api[ _-]?key", re.I)
_REFUSALS = {
    "refusal": ("refusal", "the agent refuses to go on"),
    "max_tokens": ("max_tokens", "the model reached the most tokens that it may answer with"),
    "max_turn_requests": ("max_turns", "the agent reached the most calls of the model that a turn may make"),
}
_NO_USAGE = "no_model_usage: it says that it took no tokens; look whether its answer is an error"
_NO_ANSWER = "no_answer: it ended its turn without a word"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the turn ended; ``error`` is empty where it ended well. ``reason``: one of ``verdict.REASONS``."""

    error: str = ""
    reason: str = ""
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Course:
    """What went before the end. ``cancelled``: it was asked to stop. ``denied``: a permission was, ``quiet``: and
    nothing was said since. ``worked``: tokens were taken or tools called. ``trouble``: it showed an error of its own.
    """

    who: str
    login: str
    quirks: frozenset[str]
    cancelled: bool
    denied: bool
    quiet: bool
    worked: bool
    trouble: bool
    answer: str


def judged(course: Course, result: Mapping[str, Any], error: Mapping[str, Any] | None) -> Outcome:
    """What the answer to the prompt means. That it was asked to stop counts for more than what it says."""
    stop = result.get("stopReason")
    denied = Outcome("it stopped when a permission was denied", "denied")
    if course.cancelled:
        return Outcome("it was asked to stop, and did")
    if error is not None:
        return refused(error, course.who, course.login)
    if stop == "end_turn":
        return denied if course.denied and course.quiet else _done(course, result)
    if stop == "cancelled":
        return denied if course.denied else Outcome("the agent cancelled its turn itself", "stopped")
    if isinstance(stop, str) and stop in _REFUSALS:
        reason, words = _REFUSALS[stop]
        return Outcome(words, reason)
    said = in_a_line(json.dumps(stop, ensure_ascii=False)) if "stopReason" in result else "no stopReason"
    return Outcome(f"{course.who} ended its turn with {said}, which says nothing of success", "protocol")


def _done(course: Course, result: Mapping[str, Any]) -> Outcome:
    if course.worked:
        return Outcome()
    if course.trouble:
        # Codex ends a turn well whose model could not be reached; what it shows of itself says otherwise.
        return Outcome(in_a_line(course.answer) or "the agent had a system error", "agent_error")
    if "silent_failure" in course.quirks or ("usage" in result and result["usage"] is None):
        return Outcome(warning=_NO_USAGE)
    return Outcome(warning="" if course.answer.strip() else _NO_ANSWER)


def refused(error: Mapping[str, Any], who: str, login: str) -> Outcome:
    """What an error means that the agent answered with."""
    words = error_words(error)
    if error.get("code") == PARSE_ERROR and words.startswith("it answered with"):
        return Outcome(f"{who} {words.removeprefix('it ')}", "protocol")
    if is_auth(error):
        hint = f"; {login}" if login else ""
        return Outcome(f"{who} wants to be logged in: {words}{hint}", "auth")
    return Outcome(f"{who} failed: {words}", "agent_error")


def error_words(error: Mapping[str, Any]) -> str:
    """An error of the agent in one line: its message, and what its data says more."""
    message = str(error.get("message") or "an error without a message")
    if message.lstrip().startswith("{"):
        try:
            inner = json.loads(message)
        except (ValueError, RecursionError):
            inner = None
        inner = inner.get("error") if isinstance(inner, dict) else None
        message = str((inner.get("message") if isinstance(inner, dict) else None) or message)
    data = error.get("data")
    more = (data.get("details") or data.get("message")) if isinstance(data, dict) else data
    return in_a_line(f"{message}: {more}" if isinstance(more, str) and more and more not in message else message)


def is_auth(error: Mapping[str, Any]) -> bool:
    """Whether an error says that the agent, or its model, does not know who asks."""
    return error.get("code") in (_AUTH_REQUIRED, 401, 403) or _AUTH_WORDS.search(error_words(error)) is not None
