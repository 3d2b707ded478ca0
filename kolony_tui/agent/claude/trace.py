"""What Claude Code tells of one turn, as nodes of the trace and as output: its answer, its thoughts, its tools."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from kolony_tui.agent.claude.tools import change_of, kind_of, line_of, plan_of, text_of
from kolony_tui.agent.events import Event, Output, Traced, TraceStatus, TraceType

TURN = "turn:1"
RAW_BYTES = 8192
RAW_EVENTS = 200
"""So many unknown messages are kept as they came; more are counted."""

_EXIT = re.compile(r"Exit code (\d{1,3})\b")


@dataclass(slots=True)
class _Block:
    """A piece of a message: of its answer (``text``) or of its thinking."""

    key: str
    kind: str
    stream: str
    text: list[str] = field(default_factory=list)

    def add(self, piece: str) -> Iterator[Event]:
        if piece:
            self.text.append(piece)
            yield Output(self.stream, piece.encode())
            yield Traced(self.key, "thought" if self.kind == "thinking" else "response", append=piece)

    def newline(self) -> Iterator[Event]:
        if self.text and not self.text[-1].endswith("\n"):
            yield Output(self.stream, b"\n")


class Telling:
    """The tree of one turn, in the order in which it is told. Every method answers with the events that follow.

    A message comes whole, block by block, and may have been streamed before: then its blocks are known already. What a
    sub-agent says belongs to the tool call that began it, and is no part of the answer.
    """

    def __init__(self) -> None:
        self._messages = self._thoughts = self._events = 0
        self._streamed: dict[tuple[str, int], _Block] = {}
        self._waiting: dict[str, list[_Block]] = {}
        self._streaming: dict[str, str] = {}
        self._last: dict[str, tuple[str, TraceType]] = {}
        self._tools: dict[str, str] = {}
        self.denied: set[str] = set()
        """The tool calls, by Claude's ids, that a person, a rule or the program's own settings have denied."""
        self.stopping = False
        """Whether the turn is being interrupted: what fails now was stopped."""
        self.answer = ""
        """The last thing that was said."""
        self.used_tools = False

    def begin(self, prompt: str) -> Iterator[Event]:
        """The prompt is on its way."""
        facts = {"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "anthropic"}
        yield Traced(TURN, "llm_prompt", name="prompt", status="running", input=prompt, attributes=facts)

    def opened(self, model: str, session_id: str) -> Iterator[Event]:
        """Its session is open."""
        yield Traced(
            TURN, "llm_prompt", attributes={"gen_ai.request.model": model, "gen_ai.conversation.id": session_id}
        )

    def streamed(self, said: dict[str, Any]) -> Iterator[Event]:
        """A ``stream_event``: a message as it is being made."""
        event, above = _object(said.get("event")), _parent(said)
        kind, index = event.get("type"), event.get("index")
        if kind == "message_start":
            self._streaming[above] = str(_object(event.get("message")).get("id") or "")
        elif kind == "content_block_start":
            block_kind = str(_object(event.get("content_block")).get("type"))
            if block_kind in ("text", "thinking") and isinstance(index, int):
                message_id = self._streaming.get(above, "")
                block = yield from self._new_block(block_kind, above, message_id)
                self._streamed[above, index] = block
                self._waiting.setdefault(message_id, []).append(block)
        elif kind == "content_block_delta" and isinstance(index, int):
            delta, known = _object(event.get("delta")), self._streamed.get((above, index))
            piece = delta.get("text", delta.get("thinking"))
            if known is not None and isinstance(piece, str):
                yield from known.add(piece)
        elif kind == "content_block_stop" and isinstance(index, int):
            self._streamed.pop((above, index), None)

    def call_ended(self, message_id: str, tokens: int) -> Iterator[Event]:
        """A call of the model has said what it took: that stands at the last node that it made."""
        if message_id in self._last:
            key, kind = self._last[message_id]
            yield Traced(key, kind, tokens=tokens)

    def said(self, said: dict[str, Any]) -> Iterator[Event]:
        """An ``assistant`` message: one block of it, as a rule."""
        message, above = _object(said.get("message")), _parent(said)
        message_id = str(message.get("id") or "")
        for block in _objects(message.get("content")):
            kind = block.get("type")
            if kind in ("text", "thinking"):
                text = block.get("text") if kind == "text" else block.get("thinking")
                failed = bool(said.get("is_api_error_message"))
                yield from self._whole(str(kind), text if isinstance(text, str) else "", above, message_id, failed)
            elif kind in ("tool_use", "server_tool_use"):
                yield from self._called(block, above, message_id)
            elif kind != "redacted_thinking":
                yield from self.unknown({"type": "assistant", "block": block})

    def heard(self, said: dict[str, Any]) -> Iterator[Event]:
        """A ``user`` message: results of tools, or a remark of the program."""
        content = _object(said.get("message")).get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else _objects(content)
        for block in blocks:
            if block.get("type") == "tool_result":
                yield from self._answered(block, said)
            elif isinstance(block.get("text"), str) and not _parent(said):
                yield Output("log", _line(block["text"]))

    def remark(self, words: str, raw: dict[str, Any]) -> Iterator[Event]:
        """Something that people should see, and the trace keeps."""
        yield Output("log", _line(words))
        yield from self.unknown(raw, words)

    def unknown(self, raw: dict[str, Any], words: str = "") -> Iterator[Event]:
        """Something that has no place of its own: kept as it came, up to a size and a number."""
        self._events += 1
        if self._events > RAW_EVENTS:
            return
        name = words or "/".join(str(raw[part]) for part in ("type", "subtype") if raw.get(part))
        text = json.dumps(raw, ensure_ascii=False)
        kept = raw if len(text.encode("utf-8", "replace")) <= RAW_BYTES else {"cut": text[: RAW_BYTES // 4]}
        yield Traced(f"event:{self._events}", "event", TURN, name[:200], "completed", input=kept)

    def end(self, status: TraceStatus, error: str = "", tokens: int | None = None, **facts: Any) -> Iterator[Event]:
        """The turn is over; what is still open in it ends with it."""
        for blocks in self._waiting.values():
            for block in blocks:
                yield from block.newline()
                yield _closed(block)
        self._waiting.clear()
        for tool_use_id in list(self._tools):
            how: TraceStatus = "denied" if tool_use_id in self.denied else "cancelled"
            yield Traced(f"tool:{tool_use_id}", "tool_call", status=how)
        self._tools.clear()
        if self._events > RAW_EVENTS:
            facts["kolony.events_dropped"] = self._events - RAW_EVENTS
        output = self.answer or None
        yield Traced(
            TURN, "llm_prompt", status=status, output=output, error=error or None, tokens=tokens, attributes=facts
        )

    def _new_block(self, kind: str, above: str, message_id: str, stream: str = "") -> Generator[Event, None, _Block]:
        if kind == "thinking":
            self._thoughts += 1
            made = _Block(f"thought:{self._thoughts}", kind, "log")
            yield Traced(made.key, "thought", _under(above), "thought", "running", output="")
        else:
            self._messages += 1
            made = _Block(f"message:{self._messages}", kind, stream or ("log" if above else "stdout"))
            facts = {"gen_ai.operation.name": "chat", "gen_ai.response.id": message_id}
            yield Traced(made.key, "response", _under(above), "response", "running", output="", attributes=facts)
        self._last[message_id] = (made.key, "thought" if kind == "thinking" else "response")
        return made

    def _whole(self, kind: str, text: str, above: str, message_id: str, failed: bool) -> Iterator[Event]:
        waiting = self._waiting.get(message_id, [])
        block = next((each for each in waiting if each.kind == kind), None)
        if block is None:
            block = yield from self._new_block(kind, above, message_id, "log" if failed else "")
        else:
            waiting.remove(block)
        before = "".join(block.text)
        if text.startswith(before):
            yield from block.add(text[len(before) :])
            closing = _closed(block)
        else:
            closing = _closed(block, text)
        yield from block.newline()
        yield closing
        if kind == "text" and not above and not failed:
            self.answer = text

    def _called(self, block: dict[str, Any], above: str, message_id: str) -> Iterator[Event]:
        tool_use_id, name, given = str(block.get("id") or ""), str(block.get("name") or ""), block.get("input")
        facts = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.call.id": tool_use_id,
            "kolony.tool.kind": kind_of(name),
        }
        self.used_tools = True
        self._tools[tool_use_id] = name
        self._last[message_id] = (f"tool:{tool_use_id}", "tool_call")
        yield Output("log", _line(line_of(name, given)))
        yield Traced(f"tool:{tool_use_id}", "tool_call", _under(above), name, "running", input=given, attributes=facts)
        if (plan := plan_of(name, given)) is not None:
            done = all(each["status"] == "completed" for each in plan)
            yield Traced("plan", "plan", TURN, "plan", "completed" if done else "running", output=plan)

    def _answered(self, block: dict[str, Any], said: dict[str, Any]) -> Iterator[Event]:
        tool_use_id, text = str(block.get("tool_use_id") or ""), text_of(block.get("content"))
        detail = said.get("tool_use_result")
        failed, denied = bool(block.get("is_error")), tool_use_id in self.denied
        status: TraceStatus = "denied" if denied else "completed"
        if failed and not denied:
            status = "cancelled" if self.stopping else "failed"
        facts = {}
        if failed and (found := _EXIT.match(text)):
            facts["process.exit.code"] = int(found[1])
        self._tools.pop(tool_use_id, None)
        if text:
            yield Output("log", _line(text))
        content = block.get("content")
        plain = isinstance(content, str) or all(one.get("type") == "text" for one in _objects(content))
        first = text.split("\n", 1)[0][:500] if status != "completed" else None
        yield Traced(
            f"tool:{tool_use_id}",
            "tool_call",
            status=status,
            output=text if plain else content,
            error=first,
            attributes=facts,
        )
        if not failed and (change := change_of(detail, f"tool:{tool_use_id}")) is not None:
            yield change


def _closed(block: _Block, text: str | None = None) -> Traced:
    return Traced(block.key, "thought" if block.kind == "thinking" else "response", status="completed", output=text)


def _under(above: str) -> str:
    return f"tool:{above}" if above else TURN


def _parent(said: dict[str, Any]) -> str:
    found = said.get("parent_tool_use_id")
    return found if isinstance(found, str) else ""


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _line(text: str) -> bytes:
    return text.encode() if text.endswith("\n") else text.encode() + b"\n"
