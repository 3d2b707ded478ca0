"""The permissions that an agent waits for over the Agent Client Protocol, and what each answer is on the wire."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kolony_tui.agent.acp.jsonrpc import Peer
from kolony_tui.agent.acp.turn import Turn
from kolony_tui.agent.events import Asked, Choice, Event, Withdrawn

_CANCELLED = {"outcome": {"outcome": "cancelled"}}


@dataclass(frozen=True, slots=True)
class Open:
    """One that waits: the agent's ``id`` of its request, which it may use again, and ours."""

    id: Any
    request: str
    tool_id: str
    choices: tuple[Choice, ...]


class Permissions:
    """Those of one turn. ``denied``: at least one was."""

    def __init__(self, peer: Peer, emit: Callable[[Event], None], turn: Turn, cwd: str) -> None:
        self._peer = peer
        self._emit = emit
        self._turn = turn
        self._cwd = cwd
        self._count = 0
        self._open: dict[str, Open] = {}
        self.denied = False

    def ask(self, request_id: Any, params: Mapping[str, Any]) -> None:
        """The agent asks."""
        said = params.get("toolCall")
        news = said if isinstance(said, dict) else {}
        tool = self._turn.asked(news)
        options = params.get("options")
        choices = tuple(_choice(each) for each in (options if isinstance(options, list) else ()) if _is_choice(each))
        self._count += 1
        request = f"permission:{self._count}"
        self._open[request] = Open(request_id, request, tool.id, choices)
        command = tool.command(self._cwd, news.get("rawInput"))
        self._emit(Asked(request, tool.key, tool.called, tool.kind or "other", tool.title or tool.called, command,
                         choices, dict(params)))  # fmt: skip

    def turn_down(self, request_id: Any) -> None:
        """One that nobody is asked."""
        self._peer.respond(request_id, _CANCELLED)

    def answer(self, request: str, allow: bool, note: str, option_id: str | None) -> None:
        """Only this once, whatever else is offered: the agent's own "always" reaches beyond what people see of it.

        Where it offers no such answer, it is told that the request is cancelled: never just the first one.
        """
        found = self._open.pop(request, None)
        if found is None:
            return
        kind = "allow_once" if allow else "reject_once"
        fitting = [choice for choice in found.choices if choice.kind == kind]
        chosen = next((choice for choice in fitting if choice.option_id == option_id), None)
        # Qwen offers two that allow once, of which one changes its mode as well.
        plain = next((choice for choice in fitting if "once" in choice.option_id.lower()), None)
        picked = chosen or plain or (fitting[0] if fitting else None)
        if picked is None:
            self._peer.respond(found.id, _CANCELLED)
        else:
            self._peer.respond(found.id, {"outcome": {"outcome": "selected", "optionId": picked.option_id}})
        if not allow or picked is None:
            self.denied = True
            self._turn.denied(found.tool_id, note if not allow else "the agent offers no way to allow it once")

    def of(self, request_id: Any) -> list[Open]:
        """Those that wait under this id of the agent."""
        return [each for each in self._open.values() if each.id == request_id]

    def withdraw(self, found: Open) -> None:
        """The agent waits for it no more."""
        if self._open.pop(found.request, None) is not None:
            self._emit(Withdrawn(found.request))

    def withdraw_all(self) -> None:
        """The turn is over or being cancelled: each is answered so, as the protocol wants it."""
        for found in list(self._open.values()):
            self.turn_down(found.id)
            self.withdraw(found)


def _is_choice(option: Any) -> bool:
    return isinstance(option, dict) and isinstance(option.get("optionId"), str)


def _choice(option: Mapping[str, Any]) -> Choice:
    return Choice(str(option["optionId"]), str(option.get("name") or option["optionId"]), str(option.get("kind", "")))
