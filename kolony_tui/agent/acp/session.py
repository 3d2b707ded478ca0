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

from collections.abc import Mapping
from typing import Any

from kolony_tui.agent.acp.ends import Course, Outcome, judged
from kolony_tui.agent.acp.jsonrpc import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    REQUEST_CANCELLED,
    Call,
    Junk,
    Note,
    Peer,
    Reply,
)
from kolony_tui.agent.acp.opening import Opening, Task
from kolony_tui.agent.acp.permissions import Permissions
from kolony_tui.agent.acp.tools import in_a_line
from kolony_tui.agent.acp.turn import Turn
from kolony_tui.agent.acp.usage import of_answer, of_chunk, of_update
from kolony_tui.agent.events import Event, Opened, TraceStatus, Used

EARLY_MOST = 1000
"""How many updates are kept that come before there is a turn."""

_KNOWN_QUIET = {"available_commands_update", "config_option_update", "session_info_update", "user_message_chunk"}


class AcpSession:
    """One session with one turn.

    ``stage``: opening, turn, late (the turn is over, and more may be said of it), over. ``outcome`` is known from
    late on. ``cancelled``: it was asked to stop. ``usage_known``: it said what the turn took. ``junk``: how many lines
    were no message, ``broken``: the last line was to be one, but cannot be read.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.stage = "opening"
        self.outcome: Outcome | None = None
        self.cancelled = False
        self.usage_known = False
        self.junk = 0
        self.broken = False
        self._last_junk = ""
        self._peer = Peer()
        self._events: list[Event] = []
        self._emit = self._events.append
        self._turn = Turn(self._emit, task.cwd)
        self._permissions = Permissions(self._peer, self._emit, self._turn, task.cwd)
        self._opening = Opening(task, self._peer, self._prompt, self._end, self._turn.remark)
        self._early: list[tuple[Any, Mapping[str, Any]]] = []
        self._model: str | None = None
        self._tokens = 0
        self._per_call = False
        self._trouble = False

    @property
    def answer_text(self) -> str:
        """The agent's last message."""
        return self._turn.answer

    @property
    def who(self) -> str:
        """The agent as messages name it."""
        return self._opening.who

    @property
    def awaits(self) -> str:
        """The method of the step before the turn whose answer is waited for."""
        return self._opening.awaits

    @property
    def session_id(self) -> str:
        """The agent's own session; empty until there is one."""
        return self._opening.session_id

    def begin(self) -> None:
        """Greets the agent."""
        self._opening.begin()

    def taken(self) -> list[Event]:
        """What has happened since this was asked last."""
        self._turn.flush()
        events = self._events[:]
        self._events.clear()
        return events

    def unsent(self) -> bytes:
        """What is to be written to the agent, once."""
        return self._peer.unsent()

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
            self._permissions.withdraw_all()
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
            self._end(Outcome(f"{self.who} exited before it answered {self.awaits}: {words}{self.junk_words}",
                              "handshake" if well else "crashed"))  # fmt: skip
        elif well:
            self._end(Outcome(f"{self.who} exited without ending its turn: {words}", "no_answer"))
        else:
            self._end(Outcome(f"{self.who} died in the middle of its turn: {words}", "crashed"))

    @property
    def junk_words(self) -> str:
        """What it printed that is no message, for an error."""
        return f"; it printed what is no message: {self._last_junk}" if self._last_junk else ""

    def _take(self, message: Call | Note | Reply | Junk) -> None:
        self.broken = isinstance(message, Junk) and message.meant
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
        text = junk.text.decode("utf-8", "replace")
        self._last_junk = in_a_line(text[:200])
        if junk.size > len(junk.text):
            self._turn.remark(f"[a line of {junk.size:,} bytes was left out]")
        else:
            self._turn.remark(text)

    def _reply(self, reply: Reply) -> None:
        if self.stage in ("late", "over"):
            return
        if reply.method == "session/prompt":
            self._ended(reply)
        else:
            self._opening.take(reply)

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
            self._turn.remark(f"[the agent's mode is {in_a_line(str(update.get('currentModeId')))} now]")
        elif not self._turn.take(update) and kind not in _KNOWN_QUIET:
            self._turn.raw(f"session/update {kind}", update)

    def _used(self, found: list[Used]) -> None:
        for used in found:
            self._emit(used)
            figures = (used.input_fresh, used.input_cached, used.cache_write, used.output)
            self._tokens += sum(figure or 0 for figure in figures)
            self.usage_known = self._tokens > 0

    def _prompt(self) -> None:
        """There is a session: its turn begins."""
        opening = self._opening
        self.stage = "turn"
        self._model = opening.model
        self._emit(Opened(
            opening.session_id, opening.how, "acp", opening.program, opening.version, opening.mode, self.task.cwd,
            opening.why,
        ))  # fmt: skip
        lost = opening.how == "lost"
        if lost:
            self._turn.remark(f"[a new session: what was said before is lost to the agent; {opening.why}]")
        blocks = self.task.blocks(lost)
        self._turn.begin(blocks, {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": opening.program or self.who,
            "gen_ai.conversation.id": opening.session_id,
        })  # fmt: skip
        self._peer.request("session/prompt", {"sessionId": opening.session_id, "prompt": blocks})
        early, self._early = self._early, []
        for session_id, update in [] if opening.goes_on else early:
            self._update(session_id, update)

    def _ended(self, reply: Reply) -> None:
        result = _object(reply.result)
        if not self._per_call:
            self._used(of_answer(result, self.task.quirks, self.session_id, self._model))
        self._end(judged(self._course, result, reply.error))

    @property
    def _course(self) -> Course:
        return Course(
            who=self.who, login=self.task.login, quirks=self.task.quirks, cancelled=self.cancelled,
            denied=self._permissions.denied, quiet=self._turn.quiet,
            worked=self.usage_known or self._turn.tools_seen > 0, trouble=self._trouble, answer=self._turn.answer,
        )  # fmt: skip

    def _end(self, outcome: Outcome) -> None:
        began = self.stage == "turn"
        self.outcome = outcome
        self.stage = "late" if began else "over"
        self._permissions.withdraw_all()
        if began:
            status: TraceStatus = "cancelled" if self.cancelled else "failed" if outcome.error else "completed"
            model = {"gen_ai.request.model": self._model} if self._model else {}
            self._turn.end(status, outcome.error, self._tokens or None, model)


def _trouble(meta: Mapping[str, Any]) -> bool:
    return _object(_object(meta.get("codex")).get("threadStatus")).get("type") == "systemError"


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
