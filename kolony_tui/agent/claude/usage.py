"""What a turn of Claude Code takes, counted once: call by call while it goes on, the rest from its result."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from typing import Any

from kolony_tui.agent.events import Used

SOURCE = "claude"


@dataclass(frozen=True, slots=True)
class Figures:
    """Tokens of one call, of several calls, or of a turn."""

    input_fresh: int = 0
    input_cached: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0

    def __add__(self, other: Figures) -> Figures:
        return Figures(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    def beyond(self, other: Figures) -> Figures:
        """What of this is not in ``other``; never less than nothing."""
        return Figures(*(max(0, getattr(self, one.name) - getattr(other, one.name)) for one in fields(self)))

    @property
    def total(self) -> int:
        """All tokens."""
        return self.input_fresh + self.input_cached + self.cache_write + self.output


def figures(usage: Any) -> Figures:
    """From a ``usage`` of a message or of a result; its input is without what was cached."""
    if not isinstance(usage, dict):
        return Figures()
    details = usage.get("output_tokens_details")
    thinking = details.get("thinking_tokens") if isinstance(details, dict) else 0
    return Figures(
        count(usage.get("input_tokens")),
        count(usage.get("cache_read_input_tokens")),
        count(usage.get("cache_creation_input_tokens")),
        count(usage.get("output_tokens")),
        count(thinking),
    )


def count(value: Any) -> int:
    """A number of tokens; 0 for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0


class Account:
    """The calls of one turn by the id of their message, which each block of it repeats.

    A message that is streamed says at its end what its call took. One that comes whole has a placeholder for its output
    (a few tokens), so it is counted only with the result. A turn that ends without a result has its calls alone.
    """

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, Figures]] = {}
        self._told: dict[str, Figures] = {}
        self._seen: dict[str, tuple[str, Figures]] = {}
        self.all = Figures()
        """Everything that was told."""

    def began(self, message: dict[str, Any]) -> None:
        """A message begins to be streamed."""
        if (name := str(message.get("id") or "")) and name not in self._told:
            self._open[name] = (str(message.get("model") or ""), figures(message.get("usage")))

    def came(self, message: dict[str, Any]) -> None:
        """A block of a message has come."""
        name, model = str(message.get("id") or ""), str(message.get("model") or "")
        if name and not model.startswith("<"):
            self._seen.setdefault(name, (model, figures(message.get("usage"))))

    def call_ended(self, message_id: str, usage: Any, session_id: str) -> Used | None:
        """A streamed message says what its call took, each figure that it says; answers the first time only."""
        if message_id in self._told or message_id not in self._open:
            return None
        model, before = self._open.pop(message_id)
        now = figures(usage)
        taken = Figures(*(getattr(now, one.name) or getattr(before, one.name) for one in fields(Figures)))
        self._told[message_id] = taken
        self.all += taken
        return _used(taken, "call", model, session_id, calls=1, raw=usage)

    def turn_ended(self, result: dict[str, Any], session_id: str) -> list[Used]:
        """What the result says beyond the calls that were told, for each model."""
        usage = result.get("usage")
        whole = {"": figures(usage)}
        since = result.get("model_usage_since_last_result")
        if isinstance(since, dict) and since:
            whole = {str(model): _of_model(each) for model, each in since.items() if isinstance(each, dict)}
        told = dict.fromkeys(whole, Figures())
        for name, each in self._told.items():
            model = self._seen.get(name, ("", each))[0]
            key = model if model in told else next(iter(whole), "")
            told[key] = told.get(key, Figures()) + each
        calls = max(0, len(self._seen) - len(self._told))
        found = []
        for model, each in whole.items():
            rest = each.beyond(told[model])
            self.all += rest
            if rest.total or calls:
                found.append(_used(rest, "turn", model or self._model(), session_id, calls=calls, raw=usage))
            calls = 0
        if cost := money(result.get("total_cost_usd")):
            model = next(iter(whole), "") or self._model()
            found.append(_money(cost, model or None, session_id, result))
        return found

    def cut_off(self, session_id: str) -> list[Used]:
        """The turn has ended without a result: calls that nobody has told of yet, with what is known of them."""
        left = {name: each for name, each in {**self._seen, **self._open}.items() if name not in self._told}
        return [_used(each, "call", model, session_id, calls=1, raw=None) for model, each in left.values()]

    def _model(self) -> str:
        return next((model for model, _ in self._seen.values() if model), "")


def money(value: Any) -> Decimal | None:
    """An amount in USD; None for what is none."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() and 0 <= found < 10**9 else None


def _of_model(usage: dict[str, Any]) -> Figures:
    return Figures(
        count(usage.get("inputTokens")),
        count(usage.get("cacheReadInputTokens")),
        count(usage.get("cacheCreationInputTokens")),
        count(usage.get("outputTokens")),
        count(usage.get("thinkingTokens")),
    )


def _used(taken: Figures, scope: Any, model: str, session_id: str, *, calls: int, raw: Any) -> Used:
    return Used(
        source=SOURCE,
        scope=scope,
        session_id=session_id or None,
        model=model or None,
        input_fresh=taken.input_fresh,
        input_cached=taken.input_cached,
        cache_write=taken.cache_write,
        output=taken.output,
        reasoning=taken.reasoning,
        calls=calls,
        raw=raw,
    )


def _money(cost: Decimal, model: str | None, session_id: str, result: dict[str, Any]) -> Used:
    """The session's cost so far, also of processes before this one: the figures of its tokens stand in others."""
    return Used(
        source=SOURCE,
        scope="session",
        session_id=session_id or None,
        model=model,
        cost_usd=cost,
        money_cumulative=True,
        raw={"total_cost_usd": result.get("total_cost_usd"), "modelUsage": result.get("modelUsage")},
    )
