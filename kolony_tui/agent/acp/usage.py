"""What agents that speak the Agent Client Protocol say of tokens and money, each in its own way, in one normal form.

Seen on the wire: ``usage`` in the answer to a prompt (Claude, Codex, opencode, Vibe), ``_meta.quota`` there (Gemini,
also Claude and Codex), ``_meta.usage`` of a message chunk (Qwen), ``cost`` of a ``usage_update``, summed up over the
session (Claude, opencode, Vibe). ``used`` of a ``usage_update`` says how full the context is: never counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from kolony_tui.agent.events import Used

_INPUT = ("inputTokens", "input_tokens", "promptTokens", "prompt_tokens", "promptTokenCount")
_OUTPUT = ("outputTokens", "output_tokens", "completionTokens", "completion_tokens", "candidatesTokenCount")
_CACHED = ("cachedReadTokens", "cachedInputTokens", "cachedTokens", "cached_input_tokens", "cache_read_input_tokens",
           "cachedContentTokenCount")  # fmt: skip
_WRITTEN = ("cachedWriteTokens", "cacheWriteInputTokens", "cache_creation_input_tokens")
_THOUGHT = ("thoughtTokens", "thoughtsTokens", "reasoningOutputTokens", "reasoning_output_tokens", "thoughtsTokenCount")
_TOTAL = ("totalTokens", "total_tokens", "totalTokenCount")

_MOST = 10**15


def of_answer(result: Mapping[str, Any], quirks: frozenset[str], session_id: str, model: str | None) -> list[Used]:
    """What the answer to a prompt says that the turn took; for some agents, its last call of the model alone."""
    quota = _object(_object(result.get("_meta")).get("quota"))
    models = [_object(each) for each in _list(quota.get("model_usage"))]
    names = [str(each["model"]) for each in models if isinstance(each.get("model"), str)]
    usage = _object(result.get("usage"))
    if usage:
        scope = "call" if "usage_of_last_call" in quirks else "turn"
        only = names[0] if len(names) == 1 else model
        return _used(usage, quirks, "usage", scope, session_id, only, result.get("usage"))
    counted = _object(quota.get("token_count"))
    shares = [_object(each.get("token_count")) for each in models]
    if len(names) > 1 and len(names) == len(models) and _adds_up(counted, shares):
        found = []
        for name, share in zip(names, shares, strict=True):
            found += _used(share, quirks, "quota", "turn", session_id, name, {"model": name, "token_count": share})
        return found
    return _used(counted, quirks, "quota", "turn", session_id, names[0] if len(names) == 1 else model, quota)


def of_chunk(usage: Any, quirks: frozenset[str], session_id: str, model: str | None) -> list[Used]:
    """What a message chunk says that the call of the model behind it took."""
    return _used(_object(usage), quirks, "chunk", "call", session_id, model, usage)


def of_update(update: Mapping[str, Any], session_id: str, model: str | None) -> Used | None:
    """The money that the session has cost so far, where an update says it in US dollars."""
    cost = _object(update.get("cost"))
    amount = cost.get("amount")
    if isinstance(amount, bool) or not isinstance(amount, int | float | str):
        return None
    if str(cost.get("currency", "USD")).upper() != "USD":
        return None
    try:
        money = Decimal(str(amount)).quantize(Decimal("0.000001"))
    except InvalidOperation:
        return None
    if money < 0 or money > _MOST:
        return None
    return Used("usage_update", "session", session_id, model, cost_usd=money, money_cumulative=True, raw=dict(update))


def _used(
    figures: Mapping[str, Any], quirks: frozenset[str], source: str, scope: Any, session_id: str, model: str | None,
    raw: Any,
) -> list[Used]:  # fmt: skip
    read, written_out = _first(figures, _INPUT), _first(figures, _OUTPUT)
    if read is None and written_out is None:
        return []
    cached, cache_write = _first(figures, _CACHED), _first(figures, _WRITTEN)
    thought, total = _first(figures, _THOUGHT), _first(figures, _TOTAL)
    includes_cache, excludes_thought = _meaning(
        quirks, read or 0, written_out or 0, (cached or 0) + (cache_write or 0), thought or 0, total
    )
    fresh = read
    if read is not None and includes_cache:
        fresh = max(0, read - (cached or 0) - (cache_write or 0))
    output = written_out
    if output is not None and excludes_thought:
        output += thought or 0
    return [Used(source, scope, session_id, model, fresh, cached, cache_write, output, thought, raw=raw)]


def _meaning(
    quirks: frozenset[str], read: int, written_out: int, cache: int, thought: int, total: int | None
) -> tuple[bool, bool]:
    """Whether the input includes the cache, and the output leaves out the reasoning: the sum tells, else the quirks."""
    known = ("input_includes_cache" in quirks, "output_excludes_reasoning" in quirks)
    if total is None:
        return known
    sums = {
        (includes, excludes): read + written_out + (0 if includes else cache) + (thought if excludes else 0)
        for includes in (False, True)
        for excludes in (False, True)
    }
    if sums[known] == total:
        return known
    fitting = [meaning for meaning, added in sums.items() if added == total]
    return fitting[0] if fitting else known


def _adds_up(whole: Mapping[str, Any], shares: list[dict[str, Any]]) -> bool:
    return all(
        _first(whole, names) == sum(_first(share, names) or 0 for share in shares) for names in (_INPUT, _OUTPUT)
    )


def _first(figures: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    for name in names:
        value = figures.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MOST:
            return int(value)
    return None


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
