"""One turn of an agent that speaks the Agent Client Protocol: its updates in, what they say as events out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from kolony_tui.agent.acp.tools import ToolCall, block_text, in_a_line
from kolony_tui.agent.events import Event, Output, Traced, TraceStatus

ANSWER_CHARACTERS = 4 * 1024 * 1024
"""How much of the last message is kept as the answer; all of it is in the output."""

RAW_BYTES = 8192
"""How much of an unknown update is kept."""

RAW_MOST = 200
"""How many unknown updates of a turn are kept; the others are counted."""

TOOLS_MOST = 5000
"""How many tool calls of a turn are known at a time; the oldest that have ended are forgotten first."""

_MARKS = {"completed": "x", "in_progress": "~"}


class Turn:
    """What is said from a prompt to its end. ``emit`` takes the events; text comes out with ``flush``.

    ``answer`` is the last message so far, ``tools_seen`` how many tools were called, ``quiet`` whether nothing was
    said since the last denial. ``cancelling``: it was asked to end, and tools that fail now were cancelled.
    """

    def __init__(self, emit: Callable[[Event], None], cwd: str, number: int = 1) -> None:
        self._emit = emit
        self._cwd = cwd
        self.key = f"turn:{number}"
        self.tools_seen = 0
        self.quiet = False
        self.cancelling = False
        self.unknown = 0
        self._tools: dict[str, ToolCall] = {}
        self._count = {"message": 0, "thought": 0}
        self._keys: dict[tuple[str, str], str] = {}
        self._current: tuple[str, str | None, str] | None = None
        self._text: list[str] = []
        self._answer: list[str] = []
        self._answer_key = ""
        self._answer_size = 0
        self._at_start = {"stdout": True, "log": True}
        self._going_on = False
        self._plan: Any = None

    @property
    def answer(self) -> str:
        """The last message."""
        return "".join(self._answer)

    def begin(self, blocks: list[dict[str, Any]], attributes: Mapping[str, Any]) -> None:
        """The prompt was sent."""
        self._emit(Traced(self.key, "llm_prompt", name="prompt", status="running", input=blocks,
                          attributes=dict(attributes)))  # fmt: skip

    def take(self, update: Mapping[str, Any]) -> bool:
        """An update; False where its kind is not known."""
        kind = update.get("sessionUpdate")
        if kind in ("agent_message_chunk", "agent_thought_chunk"):
            self._chunk("message" if kind == "agent_message_chunk" else "thought", update)
        elif kind in ("tool_call", "tool_call_update"):
            self._tool_news(update)
        elif kind == "plan":
            self._planned(update)
        else:
            return False
        return True

    def flush(self) -> None:
        """What was held back of a message to come out as one."""
        if self._current is None or not self._text:
            return
        kind, _, key = self._current
        text = "".join(self._text)
        self._text.clear()
        stream = "stdout" if kind == "message" else "log"
        self.say(stream, text if self._going_on or self._at_start[stream] else f"\n{text}")
        self._going_on = True
        self._emit(Traced(key, "response" if kind == "message" else "thought", append=text))

    def remark(self, line: str) -> None:
        """A line of its own in the log; a message may go on behind it."""
        self.flush()
        self._line("log", line)

    def raw(self, name: str, message: Any) -> None:
        """Something of unknown kind: kept as it came, as far as it is not too large or too many."""
        self.unknown += 1
        if self.unknown > RAW_MOST:
            return
        text = json.dumps(message, ensure_ascii=False, default=str)
        kept = message if len(text.encode("utf-8", "replace")) <= RAW_BYTES else text[: RAW_BYTES // 4] + " [... cut]"
        self._emit(Traced(f"event:{self.unknown}", "event", self.key, name, "completed", input=kept))

    def asked(self, news: Mapping[str, Any]) -> ToolCall:
        """The tool call that a permission is asked for: known by now, if it was not before."""
        known = self._tools.get(str(news.get("toolCallId")))
        if known is not None and known.input is not None:
            # Some ask with a part of the input that they told before; the trace has all of it.
            news = {name: value for name, value in news.items() if name != "rawInput"}
        tool = self._tool_news(news, listed=True)
        if tool.status == "denied":
            # It asks once more for what it was denied.
            tool.status, tool.settled = "running", False
        return tool

    def denied(self, tool_id: str, note: str = "") -> None:
        """A tool call may not be done: whatever the agent says of it later."""
        tool = self._tools.get(tool_id)
        if tool is None or tool.settled:
            return
        tool.status, tool.settled = "denied", True
        self.quiet = True
        self._tell(tool)
        self.remark(f"✗ {tool.called} denied" + (f": {in_a_line(note)}" if note else ""))

    def end(self, status: TraceStatus, error: str = "", tokens: int | None = None,
            attributes: Mapping[str, Any] | None = None) -> None:  # fmt: skip
        """The turn is over."""
        self._close_text()
        for tool in self._tools.values():
            if not tool.listed:
                self._list(tool)
            if not tool.settled and status == "cancelled":
                tool.status, tool.settled = "cancelled", True
                self._tell(tool)
        self._emit(Traced(self.key, "llm_prompt", status=status, error=error or None, tokens=tokens,
                          attributes=dict(attributes or {})))  # fmt: skip

    def finish_lines(self) -> None:
        """Nothing more comes: both streams end with a line."""
        self._close_text()
        for stream in self._at_start:
            self._line(stream, "")

    def say(self, stream: str, text: str) -> None:
        """Puts text into a stream as it is."""
        if text:
            self._emit(Output(stream, text.encode("utf-8", "replace")))
            self._at_start[stream] = text.endswith("\n")

    def _line(self, stream: str, line: str) -> None:
        before = "" if self._at_start[stream] else "\n"
        self.say(stream, before + line + ("\n" if line else ""))

    def _chunk(self, kind: str, update: Mapping[str, Any]) -> None:
        text = block_text(update.get("content"))
        if not text:
            return
        self.quiet = False
        given = update.get("messageId")
        named = given if isinstance(given, str) else None
        if self._current is None or self._current[:2] != (kind, named):
            self._close_text()
            self._open(kind, named)
        self._text.append(text)
        if kind == "message" and self._answer_size < ANSWER_CHARACTERS:
            self._answer.append(text[: ANSWER_CHARACTERS - self._answer_size])
            self._answer_size += len(text)

    def _open(self, kind: str, named: str | None) -> None:
        key = self._keys.get((kind, named)) if named is not None else None
        if key is None:
            self._count[kind] += 1
            key = f"{kind}:{self._count[kind]}"
            if named is not None and len(self._keys) < TOOLS_MOST:
                self._keys[kind, named] = key
            self._emit(Traced(key, "response" if kind == "message" else "thought", self.key, status="running"))
        self._current = (kind, named, key)
        self._going_on = False
        if kind == "message" and key != self._answer_key:
            self._answer, self._answer_key, self._answer_size = [], key, 0

    def _close_text(self) -> None:
        if self._current is None:
            return
        self.flush()
        kind, _, key = self._current
        self._current = None
        self._emit(Traced(key, "response" if kind == "message" else "thought", status="completed"))

    def _tool_news(self, news: Mapping[str, Any], *, listed: bool = False) -> ToolCall:
        self._close_text()
        named = news.get("toolCallId")
        tool_id = str(named) if isinstance(named, str | int) else f"unnamed-{self.tools_seen}"
        tool = self._tools.get(tool_id)
        known = tool is not None
        if tool is None:
            self.tools_seen += 1
            self.quiet = False
            self._forget()
            tool = self._tools[tool_id] = ToolCall(tool_id, f"tool:{tool_id}", parent=self.key)
        piece = tool.learn(news)
        if self.cancelling and tool.status == "failed" and not tool.settled:
            tool.status = "cancelled"
        ended = tool.status != "running" and not tool.settled
        has_command = isinstance(tool.input, dict) and bool(tool.input.get("command"))
        if not tool.listed and (listed or ended or has_command or tool.started or piece):
            self._list(tool)
        self._tell(tool, piece)
        if piece:
            self.say("log", piece)
        elif known and tool.status == "running" and news.get("status") == "in_progress" and not listed:
            # What it says at first sight or with a request describes the call; from then on it is output.
            self._print(tool)
        if ended:
            self._ended(tool)
        return tool

    def _tell(self, tool: ToolCall, piece: str = "") -> None:
        shown = tool.input if tool.input is not None else ({"title": tool.title} if tool.title else None)
        now = (tool.called, tool.status, tool.title, tool.exit_code, tool.parent, shown)
        if now == tool.told and not piece:
            return
        first = not tool.told
        changed = first or shown != tool.told[-1]
        tool.told = now
        attributes: dict[str, Any] = {"kolony.title": tool.title} if tool.title else {}
        if first:
            attributes |= {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.call.id": tool.id}
        attributes["gen_ai.tool.name"] = tool.called
        if tool.exit_code is not None:
            attributes["process.exit.code"] = tool.exit_code
        output = tool.output() if tool.status in ("completed", "failed") else ""
        error = None
        if tool.status == "failed":
            error = f"exit {tool.exit_code}" if tool.exit_code else in_a_line(output) or "failed"
        self._emit(Traced(
            tool.key, "tool_call", tool.parent, tool.called, tool.status, input=shown if changed else None,
            output=output or None, append=piece, error=error, attributes=attributes,
        ))  # fmt: skip

    def _list(self, tool: ToolCall) -> None:
        tool.listed = True
        command = in_a_line(tool.command(self._cwd))
        self._line("log", f"▸ {tool.called}" + (f"  {command}" if command and command != tool.called else ""))

    def _print(self, tool: ToolCall) -> None:
        """What of a tool's output is not in the log yet."""
        text = tool.output()
        if tool.printed and text.startswith(tool.printed):
            self.say("log", text[len(tool.printed) :])
        elif text and text != tool.printed:
            self.say("log", text if self._at_start["log"] else f"\n{text}")
        tool.printed = text or tool.printed

    def _ended(self, tool: ToolCall) -> None:
        tool.settled = True
        self._print(tool)
        if tool.status == "failed":
            self._line("log", f"✗ {tool.called} failed" + (f": exit {tool.exit_code}" if tool.exit_code else ""))
        elif tool.status == "cancelled":
            self._line("log", f"✗ {tool.called} cancelled")
        for change in tool.changed(self._cwd):
            self._emit(change)
        tool.forget()

    def _forget(self) -> None:
        if len(self._tools) < TOOLS_MOST:
            return
        settled = (name for name, tool in self._tools.items() if tool.settled)
        del self._tools[next(settled, next(iter(self._tools)))]

    def _planned(self, update: Mapping[str, Any]) -> None:
        entries = update.get("entries")
        if not isinstance(entries, list) or entries == self._plan:
            return
        self._close_text()
        first = self._plan is None
        self._plan = entries
        steps = [entry for entry in entries if isinstance(entry, dict)]
        done = bool(steps) and all(step.get("status") == "completed" for step in steps)
        self._emit(Traced("plan", "plan", self.key if first else None, "plan", "completed" if done else "running",
                          output=entries))  # fmt: skip
        for step in steps:
            mark = _MARKS.get(str(step.get("status")), " ")
            self._line("log", f"[{mark}] {in_a_line(str(step.get('content', '')))}")
