"""A tool call of an agent that speaks the Agent Client Protocol, put together from whatever it says of it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kolony_tui.agent.events import Changed, TraceStatus

LINE_CHARACTERS = 500
"""How much of a command its line in the log shows; all of it is in the trace."""

_STATES: dict[str, TraceStatus] = {
    "pending": "running",
    "in_progress": "running",
    "completed": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    "rejected": "denied",
}
_SAYS_NOTHING = {"description", "timeout", "timeout_ms", "timeoutMs", "explanation", "justification", "reason", "title"}
_FOLDERS = {"cwd", "workdir", "directory"}
_A_NAME = re.compile(r"[a-z][a-z0-9_]{1,40}")
_NAMED_BY_ID = re.compile(r"([a-z][a-z0-9_]{1,60}?)__")


@dataclass(slots=True)
class ToolCall:
    """What is known of one tool call by now; ``key`` is its name in the trace.

    ``titled``: its tool's name, where its first title was no more than that (opencode, before it knows the input).
    ``status``: as the trace has it. ``settled``: denied by us or ended, so that later news change it no more.
    ``printed``: what of its output is in the log, where that came before its end. ``deltas``: its output came in
    pieces. ``listed``: its line is in the log.
    """

    id: str
    key: str
    name: str = ""
    kind: str = ""
    title: str = ""
    titled: str = ""
    parent: str | None = None
    input: Any = None
    content: list[Any] = field(default_factory=list)
    raw_output: Any = None
    status: TraceStatus = "running"
    started: bool = False
    exit_code: int | None = None
    diffs: dict[str, tuple[str | None, str]] = field(default_factory=dict)
    printed: str = ""
    deltas: bool = False
    listed: bool = False
    settled: bool = False
    told: tuple[Any, ...] = ()

    def learn(self, news: Mapping[str, Any]) -> str:
        """Takes what an update or a permission request says: what is absent stands, content replaces content.

        Answers with the piece of output that came with it, where output comes in pieces.
        """
        meta = _object(news.get("_meta"))
        claude = _object(meta.get("claudeCode"))
        self.name = _text(news.get("name")) or _text(claude.get("toolName")) or self.name
        self.kind = _text(news.get("kind")) or self.kind
        title = _text(news.get("title"))
        if not self.title and "rawInput" in news and _A_NAME.fullmatch(title):
            self.titled = title
        self.title = title or self.title
        if parent := _text(claude.get("parentToolUseId")):
            self.parent = f"tool:{parent}"
        if news.get("rawInput") not in (None, {}, ""):
            self.input = news["rawInput"]
        if isinstance(news.get("content"), list):
            self.content = news["content"]
            self._learn_diffs()
        if news.get("rawOutput") is not None:
            self.raw_output = news["rawOutput"]
        self._learn_state(news, meta)
        piece = _text(_object(meta.get("terminal_output_delta")).get("data"))
        self.deltas = self.deltas or bool(piece)
        return piece

    def _learn_state(self, news: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        code = exit_code(self.raw_output, meta)
        self.exit_code = self.exit_code if code is None else code
        said = _text(news.get("status"))
        self.started = self.started or said in ("in_progress", "completed", "failed")
        if not self.settled and said in _STATES:
            self.status = _STATES[said]
            if self.status == "completed" and self.exit_code:
                self.status = "failed"

    def _learn_diffs(self) -> None:
        for block in self.content:
            block = _object(block)
            path, new = block.get("path"), block.get("newText")
            if block.get("type") == "diff" and isinstance(path, str) and isinstance(new, str) and "\0" not in path:
                old = block.get("oldText")
                added = _object(block.get("_meta")).get("kind") == "add"
                self.diffs[path] = (old if isinstance(old, str) and not added else None, new)

    @property
    def called(self) -> str:
        """Its name: the tool's own, or what the agent makes of it in the call's id, or its kind."""
        if self.name:
            return self.name
        named = _NAMED_BY_ID.match(self.id)
        return named[1] if named else self.titled or self.kind or "tool"

    def command(self, cwd: str, asked: Any = None) -> str:
        """Exactly what it does; ``asked``: its input as a permission request has it, which counts for more."""
        raw = asked or self.input
        if not raw and self.diffs:
            raw = [{"path": path, "oldText": old, "newText": new} for path, (old, new) in self.diffs.items()]
        return exact_command(raw[0] if isinstance(raw, list) and len(raw) == 1 else raw, self.title, cwd)

    def output(self) -> str:
        """Its whole output as text, as far as it was not told in pieces."""
        if self.deltas:
            return ""
        if isinstance(self.raw_output, str):
            return self.raw_output
        raw = _object(self.raw_output)
        for name in ("output", "stdout", "aggregated_output", "error", "message"):
            if isinstance(raw.get(name), str):
                return str(raw[name])
        if text := unfenced("".join(block_text(_object(block).get("content")) for block in self.content)):
            return text
        if self.raw_output in (None, {}, []) or set(raw) == {"exit_code"}:
            return ""
        return json.dumps(self.raw_output, ensure_ascii=False)

    def changed(self, cwd: str) -> list[Changed]:
        """The files that it has changed, once it has ended well."""
        if self.status != "completed":
            return []
        return [Changed(Path(cwd, path), old, new, self.key) for path, (old, new) in self.diffs.items()]

    def forget(self) -> None:
        """It has ended and was told: what is large is let go."""
        self.content, self.diffs, self.raw_output, self.printed = [], {}, None, ""


def exact_command(raw: Any, title: str, cwd: str) -> str:
    """What a tool is to do, nothing left out: its command line, where the rest of its input changes nothing about
    that; else its input as JSON; the agent's own title only where it says nothing else.

    >>> exact_command({"command": "ls", "description": "List"}, "Lists", "/w")
    'ls'
    >>> exact_command({"command": "ls", "background": True}, "Lists", "/w")
    '{"command": "ls", "background": true}'
    >>> exact_command({}, "ls", "/w")
    'ls'
    """
    if isinstance(raw, str):
        return raw
    if not isinstance(raw, dict) or not raw:
        return json.dumps(raw, ensure_ascii=False) if isinstance(raw, list) and raw else title
    command = raw.get("command")
    if isinstance(command, list) and command and all(isinstance(word, str) for word in command):
        command = shlex.join(command)
    if isinstance(command, str) and command and not any(_matters(name, value, cwd) for name, value in raw.items()):
        return command
    if set(raw) <= _FOLDERS and title:
        return title
    return json.dumps(raw, ensure_ascii=False)


def _matters(name: str, value: Any, cwd: str) -> bool:
    if name == "command" or name in _SAYS_NOTHING or not value:
        return False
    return not (name in _FOLDERS and isinstance(value, str) and value.rstrip("/") == cwd.rstrip("/"))


def exit_code(raw_output: Any, meta: Mapping[str, Any]) -> int | None:
    """With what the command of a tool ended, in each of the places where agents say so."""
    raw = _object(raw_output)
    places = (
        _object(meta.get("terminal_exit")).get("exit_code"),
        _object(raw.get("metadata")).get("exit"),
        raw.get("exitCode"),
        raw.get("exit_code"),
    )
    for code in places:
        if isinstance(code, int) and not isinstance(code, bool) and abs(code) < 2**31:
            return code
    return None


def block_text(content: Any) -> str:
    """The text of a content block, or of several; what is no text is named.

    >>> block_text({"type": "text", "text": "ab"})
    'ab'
    """
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(block_text(each) for each in content)
    block = _object(content)
    if isinstance(block.get("text"), str):
        return str(block["text"])
    kind = _text(block.get("type"))
    if kind == "resource":
        resource = _object(block.get("resource"))
        return _text(resource.get("text")) or _text(resource.get("uri"))
    if kind == "resource_link":
        return _text(block.get("uri")) or _text(block.get("name"))
    return f"[{kind}: {_text(block.get('mimeType'))}]" if kind in ("image", "audio") else ""


def unfenced(text: str) -> str:
    """Text without the Markdown fence around all of it.

    >>> unfenced("```console\\nmade\\n```")
    'made\\n'
    """
    found = re.fullmatch(r"(`{3,})[^\n`]*\n(.*\n)?\1\s*", text, re.DOTALL)
    return text if found is None or found[1] in (found[2] or "") else found[2] or ""


def in_a_line(command: str) -> str:
    """A command for its line in the log."""
    line = " ⏎ ".join(line for line in command.strip().splitlines() if line.strip())
    return line if len(line) <= LINE_CHARACTERS else f"{line[:LINE_CHARACTERS]} [{len(line):,} characters]"


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
