"""A session with an agent over the Agent Client Protocol, version 1, without any input or output of its own.

Bytes in, events and bytes out, so that recordings of real agents can be played to it. It is our own and not the
PyPI package ``agent-client-protocol`` for what was measured with that one (0.12.1): a message that its schema does not
know is an error, logged and lost, where six real agents send such ones daily; it starts programs itself, without a
session of processes, and ends only the first of them; it makes a task of each notification, so that order holds only
while no handler waits; it takes 0.7 s and 11 MB to import; and its interface moved nine times in a year. It is fine as
a schema: the tests check against it what is sent from here.

No files and no terminal are offered to the agent: it works with its own tools in its working folder, and version 2 of
the protocol drops both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kolony_tui.agent.acp_ends import Course, Outcome, error_words, is_auth, judged, refused
from kolony_tui.agent.acp_permissions import Permissions
from kolony_tui.agent.acp_tools import in_a_line
from kolony_tui.agent.acp_turn import Turn
from kolony_tui.agent.acp_usage import of_answer, of_chunk, of_update
from kolony_tui.agent.events import Event, Opened, Used
from kolony_tui.agent.jsonrpc import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    REQUEST_CANCELLED,
    Call,
    Junk,
    Note,
    Peer,
    Reply,
)

PROTOCOL_VERSION = 1
EARLY_MOST = 1000
"""How many updates are kept that come before there is a turn."""

_KNOWN_QUIET = {"available_commands_update", "config_option_update", "session_info_update", "user_message_chunk"}


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


class AcpSession:
    """One session with one turn.

    ``stage``: greeting, opening, mode, turn, late (the turn is over, and more may be said of it), over.
    ``outcome`` is known from late on. ``events`` collects what happens; take it with ``taken``.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.stage = "greeting"
        self.outcome: Outcome | None = None
        self.cancelled = False
        self.usage_known = False
        self.junk = 0
        self.broken = False
        self.last_junk = ""
        self.session_id = ""
        self._peer = Peer()
        self._events: list[Event] = []
        self._emit = self._events.append
        self._turn = Turn(self._emit, task.cwd)
        self._permissions = Permissions(self._peer, self._emit, self._turn, task.cwd)
        self._agent: dict[str, Any] = {}
        self._able: dict[str, Any] = {}
        self._early: list[tuple[Any, Mapping[str, Any]]] = []
        self._how: Any = "new"
        self._lost_why = ""
        self._mode = ""
        self._model: str | None = None
        self._per_call = False
        self._trouble = False

    @property
    def answer_text(self) -> str:
        """The agent's last message."""
        return self._turn.answer

    @property
    def who(self) -> str:
        """The agent as messages name it."""
        own = self._agent.get("title") or self._agent.get("name")
        return self.task.title or (in_a_line(own)[:60] if isinstance(own, str) else "") or self.task.program

    def taken(self) -> list[Event]:
        """What has happened since this was asked last."""
        self._turn.flush()
        events = self._events[:]
        self._events.clear()
        return events

    def unsent(self) -> bytes:
        """What is to be written to the agent, once."""
        return self._peer.unsent()

    def begin(self) -> None:
        """Greets the agent."""
        self._peer.request("initialize", {
            "protocolVersion": PROTOCOL_VERSION,
            "clientCapabilities": {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False},
            "clientInfo": {"name": "kolony", "title": "Kolony", "version": self.task.client_version},
        })  # fmt: skip

    def receive(self, data: bytes) -> None:
        """Takes bytes of the agent's standard output."""
        for message in self._peer.receive(data):
            self._take(message)

    def finish(self) -> None:
        """The agent's standard output has ended."""
        for message in self._peer.finish():
            self._take(message)
        self._permissions.withdraw_all()
        self._turn.finish_lines()

    def answer(self, request: str, allow: bool, note: str = "", option_id: str | None = None) -> None:
        """Answers a permission; one that is not open any more is left alone."""
        self._permissions.answer(request, allow, note, option_id)

    def cancel(self) -> None:
        """Asks the agent to end its turn; one that has not begun does not begin."""
        self.cancelled = self._turn.cancelling = True
        if self.stage == "turn":
            self._peer.notify("session/cancel", {"sessionId": self.session_id})
            self._permissions.cancel_all()
        elif self.stage not in ("late", "over"):
            self._end(Outcome("it was stopped before it began"))

    def fail(self, reason: str, error: str) -> None:
        """It has to end without an answer of the agent."""
        if self.outcome is None:
            self._end(Outcome(error, reason))

    def conclude(self) -> None:
        """What may still be said of the turn is waited for no longer."""
        self.stage = "over"

    def gone(self, words: str, *, well: bool) -> None:
        """The program has exited, in ``words`` how, before its turn was over."""
        if self.outcome is not None:
            return
        if self.cancelled:
            self._end(Outcome(f"it exited when it was asked to stop: {words}"))
        elif self.stage != "turn":
            asked = {"greeting": "initialize", "opening": "session/new"}.get(self.stage, "session/set_mode")
            self._end(Outcome(f"{self.who} exited before it answered {asked}: {words}{self.junk_words}",
                              "handshake" if well else "crashed"))  # fmt: skip
        elif well:
            self._end(Outcome(f"{self.who} exited without ending its turn: {words}", "no_answer"))
        else:
            self._end(Outcome(f"{self.who} died in the middle of its turn: {words}", "crashed"))

    @property
    def junk_words(self) -> str:
        """What it printed that is no message, for an error."""
        return f"; it printed what is no message: {self.last_junk}" if self.last_junk else ""

    def _take(self, message: Call | Note | Reply | Junk) -> None:
        if isinstance(message, Reply):
            self._reply(message)
        elif isinstance(message, Call):
            self._call(message)
        elif isinstance(message, Note):
            self._note(message)
        else:
            self._is_junk(message)

    def _is_junk(self, junk: Junk) -> None:
        self.junk += 1
        self.broken = self.broken or junk.meant
        text = junk.text.decode("utf-8", "replace")
        self.last_junk = in_a_line(text[:200])
        if junk.size > len(junk.text):
            self._turn.remark(f"[a line of {junk.size:,} bytes was left out]")
        else:
            self._turn.remark(text)

    def _reply(self, reply: Reply) -> None:
        if self.stage in ("late", "over"):
            return
        steps = {
            "initialize": self._greeted, "session/new": self._opened, "session/resume": self._opened,
            "session/load": self._opened, "session/set_mode": self._mode_set,
            "session/set_config_option": self._mode_set, "session/prompt": self._ended,
        }  # fmt: skip
        steps[reply.method](reply)

    def _call(self, call: Call) -> None:
        if call.method == "session/request_permission":
            if not isinstance(call.params, dict):
                self._peer.refuse(call.id, INVALID_PARAMS, "params must be an object")
            elif self.stage != "turn" or self.cancelled:
                self._permissions.turn_down(call.id)
            else:
                self._permissions.ask(call.id, call.params)
            return
        self._peer.refuse(call.id, METHOD_NOT_FOUND, f"{call.method[:100]} is not offered")
        self._turn.raw(call.method, call.params)

    def _note(self, note: Note) -> None:
        params = note.params if isinstance(note.params, dict) else {}
        if note.method == "$/cancel_request":
            named = params.get("requestId", params.get("id"))
            for open_one in self._permissions.of(named):
                self._peer.refuse(open_one.id, REQUEST_CANCELLED, "cancelled")
                self._permissions.withdraw(open_one)
        elif note.method == "session/update" and isinstance(params.get("update"), dict):
            self._update(params.get("sessionId"), params["update"])
        else:
            self._turn.raw(note.method, note.params)

    def _update(self, session_id: Any, update: Mapping[str, Any]) -> None:
        if self.stage not in ("turn", "late", "over"):
            # Some agents speak before they have answered that there is a session.
            if len(self._early) < EARLY_MOST:
                self._early.append((session_id, update))
            return
        kind = str(update.get("sessionUpdate"))
        if isinstance(session_id, str) and session_id != self.session_id:
            self._turn.raw(f"session/update {kind}", {"sessionId": session_id, "update": update})
            return
        meta = update.get("_meta") if isinstance(update.get("_meta"), dict) else {}
        assert isinstance(meta, dict)
        if isinstance(model := meta.get("_claude/model"), str):
            self._model = model
        if kind == "usage_update":
            if (used := of_update(update, self.session_id, self._model)) is not None:
                self._used([used])
            return
        if kind == "agent_message_chunk" and meta.get("usage"):
            found = of_chunk(meta["usage"], self.task.quirks, self.session_id, self._model)
            self._per_call = self._per_call or bool(found)
            self._used(found)
        if kind == "session_info_update" and _trouble(meta):
            self._trouble = True
        if kind == "current_mode_update":
            self._mode = str(update.get("currentModeId", ""))
            self._turn.remark(f"[the agent's mode is {in_a_line(self._mode)} now]")
        elif not self._turn.take(update) and kind not in _KNOWN_QUIET:
            self._turn.raw(f"session/update {kind}", update)

    def _used(self, found: list[Used]) -> None:
        for used in found:
            self._emit(used)
            self.usage_known = self.usage_known or bool(used.input_fresh or used.input_cached or used.output)

    def _greeted(self, reply: Reply) -> None:
        result = self._result(reply)
        if result is None:
            return
        version = result.get("protocolVersion", PROTOCOL_VERSION)
        if str(version) != str(PROTOCOL_VERSION):
            self.fail("handshake", f"{self.who} speaks version {in_a_line(str(version))} of the Agent Client Protocol;"
                                   f" Kolony speaks version {PROTOCOL_VERSION}")  # fmt: skip
            return
        self._agent = _object(result.get("agentInfo"))
        self._able = _object(result.get("agentCapabilities"))
        own, least = str(self._agent.get("version") or ""), self.task.least_version
        if own and least and _numbers(own) < _numbers(least):
            hint = f"; {self.task.install}" if self.task.install else ""
            self.fail("handshake", f"{self.who} is version {in_a_line(own)}, at least {least} is needed{hint}")
            return
        self.stage = "opening"
        self._open()

    def _open(self, failed: str = "", why: str = "") -> None:
        """Opens a session: the one to go on with by the best way there is, or a new one."""
        wanted = self.task.resume
        ways = []
        if "resume" in _object(self._able.get("sessionCapabilities")):
            ways.append(("session/resume", "resumed"))
        if self._able.get("loadSession"):
            ways.append(("session/load", "loaded"))
        left = [way for way in ways if not failed or (failed == "session/resume" and way[0] == "session/load")]
        place = {"cwd": self.task.cwd, "mcpServers": []}
        if wanted and left:
            method, self._how = left[0]
            self.session_id = wanted
            self._peer.request(method, {"sessionId": wanted, **place})
            return
        if wanted or self.task.lost_why:
            self._how = "lost"
            self._lost_why = self.task.lost_why or why or "the agent cannot go on with an earlier session"
            self._early.clear()
            self.session_id = ""
        self._peer.request("session/new", place)

    def _opened(self, reply: Reply) -> None:
        goes_on = reply.method != "session/new"
        if goes_on and reply.error is not None and not is_auth(reply.error):
            self._open(reply.method, error_words(reply.error))
            return
        # Agents have answered a session/load with null.
        result = {} if goes_on and reply.error is None and reply.result is None else self._result(reply)
        if result is None:
            return
        named = result.get("sessionId")
        if isinstance(named, str) and named:
            self.session_id = named
        if not self.session_id:
            self.fail("protocol", f"{self.who} answered session/new without a sessionId")
            return
        if goes_on:
            # What came by now is the session's past.
            self._early.clear()
        self.stage = "mode"
        self._set_mode(result)

    def _set_mode(self, result: Mapping[str, Any]) -> None:
        modes = _object(result.get("modes"))
        known = [str(each.get("id")) for each in _list(modes.get("availableModes")) if isinstance(each, dict)]
        option = _option(result, "mode")
        self._mode = str(modes.get("currentModeId") or option.get("currentValue") or "")
        self._model = _model_of(result)
        values = [str(each.get("value")) for each in _list(option.get("options")) if isinstance(each, dict)]
        wanted = self.task.mode
        if not wanted or wanted == self._mode:
            self._prompt()
        elif wanted in known:
            self._peer.request("session/set_mode", {"sessionId": self.session_id, "modeId": wanted})
        elif wanted in values:
            facts = {"sessionId": self.session_id, "configId": str(option.get("id")), "value": wanted}
            self._peer.request("session/set_config_option", facts)
        elif known or values:
            listed = ", ".join(in_a_line(each) for each in (known or values)[:10])
            self.fail("handshake", f"{self.who} has no mode {wanted!r}, only {listed}")
        else:
            self._turn.remark(f"[the agent has no modes; it is not put into {wanted!r}]")
            self._prompt()

    def _mode_set(self, reply: Reply) -> None:
        if reply.error is not None:
            self.fail("handshake", f"{self.who} does not go into mode {self.task.mode!r}: {error_words(reply.error)}")
            return
        self._mode = self.task.mode
        self._prompt()

    def _prompt(self) -> None:
        self.stage = "turn"
        info = {name: str(self._agent.get(name) or "") for name in ("name", "version")}
        self._emit(Opened(self.session_id, self._how, "acp", info["name"], info["version"], self._mode, self.task.cwd,
                          self._lost_why))  # fmt: skip
        if self._how == "lost":
            self._turn.remark(f"[a new session: what was said before is lost to the agent; {self._lost_why}]")
        blocks = self.task.blocks(self._how == "lost")
        self._turn.begin(blocks, {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": info["name"] or self.who,
            "gen_ai.conversation.id": self.session_id,
        })  # fmt: skip
        self._peer.request("session/prompt", {"sessionId": self.session_id, "prompt": blocks})
        early, self._early = self._early, []
        for session_id, update in early:
            self._update(session_id, update)

    def _ended(self, reply: Reply) -> None:
        result = _object(reply.result)
        found = []
        if not self._per_call:
            found = of_answer(result, self.task.quirks, self.session_id, self._model)
        self._used(found)
        outcome = judged(self._course, result, reply.error)
        tokens = [sum(filter(None, (used.input_fresh, used.input_cached, used.cache_write, used.output)))
                  for used in found]  # fmt: skip
        self._end(outcome, sum(tokens) or None, {"gen_ai.request.model": self._model} if self._model else {})

    @property
    def _course(self) -> Course:
        return Course(
            who=self.who, login=self.task.login, quirks=self.task.quirks, cancelled=self.cancelled,
            denied=self._permissions.denied, quiet=self._turn.quiet,
            worked=self.usage_known or self._turn.tools_seen > 0, trouble=self._trouble, answer=self._turn.answer,
        )  # fmt: skip

    def _result(self, reply: Reply) -> dict[str, Any] | None:
        """The result of a step before the turn; None where that is the end."""
        if reply.error is None and isinstance(reply.result, dict):
            return reply.result
        if reply.error is None:
            self.fail("protocol", f"{self.who} answered {reply.method} with no object")
        else:
            found = refused(reply.error, self.who, self.task.login)
            reason = "handshake" if found.reason == "agent_error" else found.reason
            self._end(Outcome(f"{reply.method}: {found.error}", reason))
        return None

    def _end(self, outcome: Outcome, tokens: int | None = None, attributes: Mapping[str, Any] | None = None) -> None:
        began = self.stage == "turn"
        self.outcome = outcome
        self.stage = "late" if began else "over"
        if self.cancelled:
            self._permissions.cancel_all()
        else:
            self._permissions.withdraw_all()
        if began:
            status: Any = "cancelled" if self.cancelled else "failed" if outcome.error else "completed"
            self._turn.end(status, outcome.error, tokens, attributes)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d{1,9}", version)[:4]]


def _trouble(meta: Mapping[str, Any]) -> bool:
    return _object(_object(meta.get("codex")).get("threadStatus")).get("type") == "systemError"


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
