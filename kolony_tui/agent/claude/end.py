"""How a turn of Claude Code ended, from the result that says so: it is ``is_error`` that counts, not ``subtype``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

AUTH_RETRIES = 5
"""After so many refusals of its key the turn is given up: the program itself would try for minutes."""

_AUTH_STATUS = (401, 403)
_AUTH_WORDS = ("authentication", "invalid api key", "please run /login", "oauth token", "not logged in")
_BY_SUBTYPE = {
    "error_max_budget_usd": ("over_budget", "its budget is used up"),
    "error_max_turns": ("max_turns", "it was not done within its number of turns"),
}
_BY_STOP = {
    "refusal": ("refusal", "the model refused"),
    "max_tokens": ("max_tokens", "its answer was longer than the model may answer"),
}
_MISSING = "no conversation found"


@dataclass(frozen=True, slots=True)
class Outcome:
    """``error`` and ``reason`` are empty where the turn succeeded; ``warning`` may say what is odd about that."""

    error: str = ""
    reason: str = ""
    warning: str = ""
    interrupted: bool = False
    session_missing: bool = False


def outcome_of(result: dict[str, Any], *, interrupted: bool, denied: int, tokens: int, used_tools: bool) -> Outcome:
    """The outcome that a ``result`` message says. ``denied``: how many of its tool calls were."""
    subtype, words = str(result.get("subtype") or ""), _words(result)
    if result.get("is_error") or subtype != "success":
        if _MISSING in words.lower():
            return Outcome(words, "agent_error", session_missing=True)
        if subtype in _BY_SUBTYPE:
            reason, plain = _BY_SUBTYPE[subtype]
            return Outcome(f"{plain}: {words}" if words else plain, reason)
        if interrupted:
            return Outcome("it was interrupted", interrupted=True)
        if result.get("api_error_status") in _AUTH_STATUS or any(part in words.lower() for part in _AUTH_WORDS):
            return Outcome(f"it is not logged in: {words}", "auth")
        if str(result.get("terminal_reason") or "").startswith("aborted"):
            return Outcome("it was stopped, and nobody here asked it to", "stopped")
        if denied:
            return Outcome("it stopped after a permission was denied", "denied")
        return Outcome(words or f"it ended with {subtype or 'an error'}", "agent_error")
    if (stop := str(result.get("stop_reason") or "")) in _BY_STOP:
        reason, plain = _BY_STOP[stop]
        return Outcome(plain, reason)
    return Outcome(warning=_warning(denied, tokens, used_tools))


def _warning(denied: int, tokens: int, used_tools: bool) -> str:
    if denied:
        return f"{denied} of its tool calls were denied" if denied > 1 else "one of its tool calls was denied"
    if not tokens and not used_tools:
        return "no_model_usage"
    return ""


def _words(result: dict[str, Any]) -> str:
    said = result.get("result")
    if isinstance(said, str) and said.strip():
        return _one_line(said)
    errors = result.get("errors")
    if isinstance(errors, list):
        # What is in brackets is for the program's own makers.
        return _one_line("; ".join(each for each in errors if isinstance(each, str) and not each.startswith("[")))
    return _one_line(str(result.get("error") or ""))


def _one_line(text: str) -> str:
    return " ".join(text.split())[:500]
