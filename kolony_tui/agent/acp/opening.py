"""How a session over the Agent Client Protocol is opened: the greeting, the session itself, the mode that it is in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kolony_tui.agent.acp.ends import Outcome, error_words, is_auth, refused
from kolony_tui.agent.acp.jsonrpc import Peer, Reply
from kolony_tui.agent.acp.tools import in_a_line

PROTOCOL_VERSION = 1
"""Agents answer with 2 already when they are asked for it, but that is a draft."""

_CAPABILITIES = {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False}


@dataclass(frozen=True, slots=True)
class Task:
    """What a session is for. ``blocks`` gives the prompt; it is told whether what the agent knew before is lost.

    ``resume``: the agent's own session to go on with; ``lost_why``: why there is none, though there should be.
    ``least_version``: an older program is not worked with, ``install`` says how to get it.
    ``mode``: the mode that it is put into, empty: its default. ``title`` is what people call the program, ``login``
    what they do where it wants to be logged in; without a title it is called what it calls itself, or its ``program``.
    """

    cwd: str
    blocks: Callable[[bool], list[dict[str, Any]]]
    mode: str = ""
    resume: str | None = None
    lost_why: str = ""
    least_version: str = ""
    install: str = ""
    quirks: frozenset[str] = frozenset()
    title: str = ""
    program: str = "the agent"
    login: str = ""
    client_version: str = "0"


class Opening:
    """The steps before the turn. ``done`` is called when there is a session, ``failed`` when there will be none,
    ``remark`` with what people should know.

    ``awaits``: the method whose answer is waited for. ``how``, ``why``, ``mode``, ``model``, ``program``, ``version``:
    as ``events.Opened`` has them.
    """

    def __init__(
        self, task: Task, peer: Peer, done: Callable[[], None], failed: Callable[[Outcome], None],
        remark: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._task = task
        self._peer = peer
        self._done = done
        self._failed = failed
        self._remark = remark
        self._able: dict[str, Any] = {}
        self.awaits = "initialize"
        self.session_id = ""
        self.how: Literal["new", "resumed", "loaded", "lost"] = "new"
        self.why = ""
        self.mode = ""
        self.model: str | None = None
        self.program = ""
        self.version = ""
        self._own_title = ""

    @property
    def who(self) -> str:
        """The agent as messages name it."""
        return self._task.title or in_a_line(self._own_title or self.program)[:60] or self._task.program

    @property
    def goes_on(self) -> bool:
        """Whether the session is an earlier one: what was said in it is not this turn's."""
        return self.how in ("resumed", "loaded")

    def begin(self) -> None:
        """Greets the agent."""
        client = {"name": "kolony", "title": "Kolony", "version": self._task.client_version}
        facts = {"protocolVersion": PROTOCOL_VERSION, "clientCapabilities": _CAPABILITIES, "clientInfo": client}
        self._ask("initialize", facts)

    def take(self, reply: Reply) -> None:
        """The agent's answer to the step before."""
        if reply.method == "initialize":
            self._greeted(reply)
        elif reply.method in ("session/new", "session/resume", "session/load"):
            self._opened(reply)
        else:
            self._mode_set(reply)

    def _ask(self, method: str, params: dict[str, Any]) -> None:
        self.awaits = method
        self._peer.request(method, params)

    def _greeted(self, reply: Reply) -> None:
        result = self._result(reply)
        if result is None:
            return
        agent = _object(result.get("agentInfo"))
        self._own_title, self.program, self.version = (
            str(agent.get(name) or "") for name in ("title", "name", "version")
        )
        self._able = _object(result.get("agentCapabilities"))
        speaks, least = str(result.get("protocolVersion", PROTOCOL_VERSION)), self._task.least_version
        if speaks != str(PROTOCOL_VERSION):
            self._fail(f"{self.who} speaks version {in_a_line(speaks)} of the Agent Client Protocol;"
                       f" Kolony speaks version {PROTOCOL_VERSION}")  # fmt: skip
        elif self.version and least and _numbers(self.version) < _numbers(least):
            hint = f"; {self._task.install}" if self._task.install else ""
            self._fail(f"{self.who} is version {in_a_line(self.version)}, at least {least} is needed{hint}")
        else:
            self._open()

    def _open(self, tried: str = "", why: str = "") -> None:
        """Asks for a session: the one to go on with by the best way that is left, or a new one."""
        task, ways = self._task, list(self._ways())
        if tried:
            ways = [way for way in ways if way[0] == "session/load" and tried == "session/resume"]
        place = {"cwd": task.cwd, "mcpServers": []}
        if task.resume and ways:
            method, self.how = ways[0]
            self.session_id = task.resume
            self._ask(method, {"sessionId": task.resume, **place})
            return
        if task.resume or task.lost_why:
            self.how, self.session_id = "lost", ""
            self.why = task.lost_why or why or "the agent cannot go on with an earlier session"
        self._ask("session/new", place)

    def _ways(self) -> list[tuple[str, Literal["resumed", "loaded"]]]:
        ways: list[tuple[str, Literal["resumed", "loaded"]]] = []
        if "resume" in _object(self._able.get("sessionCapabilities")):
            ways.append(("session/resume", "resumed"))
        if self._able.get("loadSession"):
            ways.append(("session/load", "loaded"))
        return ways

    def _opened(self, reply: Reply) -> None:
        earlier = reply.method != "session/new"
        if earlier and reply.error is not None and not is_auth(reply.error):
            self._open(reply.method, error_words(reply.error))
            return
        # Agents have answered a session/load with null.
        result = {} if earlier and reply.error is None and reply.result is None else self._result(reply)
        if result is None:
            return
        named = result.get("sessionId")
        if isinstance(named, str) and named:
            self.session_id = named
        if not self.session_id:
            self._fail(f"{self.who} answered session/new without a sessionId", "protocol")
            return
        self.model = _model_of(result)
        self._set_mode(result)

    def _set_mode(self, result: Mapping[str, Any]) -> None:
        """A mode that is wanted and not there is no mode to work in: the agent's own may ask for nothing."""
        modes = _object(result.get("modes"))
        known = [str(each.get("id")) for each in _list(modes.get("availableModes")) if isinstance(each, dict)]
        option = _option(result, "mode")
        values = [str(each.get("value")) for each in _list(option.get("options")) if isinstance(each, dict)]
        self.mode = str(modes.get("currentModeId") or option.get("currentValue") or "")
        wanted = self._task.mode
        if not wanted or wanted == self.mode:
            self._done()
        elif wanted in known:
            self._ask("session/set_mode", {"sessionId": self.session_id, "modeId": wanted})
        elif wanted in values:
            facts = {"sessionId": self.session_id, "configId": str(option.get("id")), "value": wanted}
            self._ask("session/set_config_option", facts)
        elif known or values:
            listed = ", ".join(in_a_line(each) for each in (known or values)[:10])
            self._fail(f"{self.who} has no mode {wanted!r}, only {listed}")
        else:
            self._remark(f"[the agent has no modes; it is not put into {wanted!r}]")
            self._done()

    def _mode_set(self, reply: Reply) -> None:
        if reply.error is not None:
            self._fail(f"{self.who} does not go into mode {self._task.mode!r}: {error_words(reply.error)}")
            return
        self.mode = self._task.mode
        self._done()

    def _result(self, reply: Reply) -> dict[str, Any] | None:
        """The result of a step; None where that is the end."""
        if reply.error is None and isinstance(reply.result, dict):
            return reply.result
        if reply.error is None:
            self._fail(f"{self.who} answered {reply.method} with no object", "protocol")
        else:
            found = refused(reply.error, self.who, self._task.login)
            reason = "handshake" if found.reason == "agent_error" else found.reason
            self._fail(f"{reply.method}: {found.error}", reason)
        return None

    def _fail(self, error: str, reason: str = "handshake") -> None:
        self._failed(Outcome(error, reason))


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d{1,9}", version)[:4]]


def _option(result: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The option of the session that is its mode, or its model, where it has one."""
    for option in _list(result.get("configOptions")):
        if isinstance(option, dict) and name in (option.get("id"), option.get("category")):
            return option
    return {}


def _model_of(result: Mapping[str, Any]) -> str | None:
    """The model that the session begins with, without what a setting adds to its name; None where it is left open."""
    named = _object(result.get("models")).get("currentModelId") or _option(result, "model").get("currentValue")
    model = re.sub(r"\[[^\]]*\]$", "", named) if isinstance(named, str) else ""
    return model[:200] if model not in ("", "default", "auto") else None


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
