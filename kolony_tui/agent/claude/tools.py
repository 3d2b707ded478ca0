"""Claude Code's tools: what kind each is, what exactly a call of one would do, and which file it has changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kolony_tui.agent.events import Changed

_KINDS = {
    "Bash": "execute", "BashOutput": "execute", "KillShell": "execute", "PowerShell": "execute", "Edit": "edit",
    "MultiEdit": "edit", "Write": "edit", "NotebookEdit": "edit", "Read": "read", "NotebookRead": "read",
    "Glob": "search", "Grep": "search", "LS": "search", "ToolSearch": "search", "WebFetch": "fetch",
    "WebSearch": "fetch", "Task": "think", "Agent": "think", "TodoWrite": "think", "EnterPlanMode": "switch_mode",
    "ExitPlanMode": "switch_mode",
}  # fmt: skip

_WORDS_ONLY = frozenset({"command", "description", "timeout"})
"""With no more than these a shell call is its command: the description is the model's own wording."""

_TELLING = ("command", "file_path", "notebook_path", "path", "pattern", "url", "query")
"""What of a call's input a line of the log shows, the first that there is."""

LINE_CHARACTERS = 300


def kind_of(tool: str) -> str:
    """``execute``, ``edit``, ``read``, ``search``, ``fetch``, ``think``, ``switch_mode`` or ``other``."""
    return _KINDS.get(tool, "other")


def command_of(tool: str, given: Any) -> str:
    """Exactly what a call would do: a shell's command line where that is all of it, else its input as JSON."""
    if isinstance(given, dict) and kind_of(tool) == "execute" and isinstance(given.get("command"), str):
        if _WORDS_ONLY.issuperset(given):
            return str(given["command"])
        return _json({name: value for name, value in given.items() if name != "description"})
    return _json(given)


def line_of(tool: str, given: Any) -> str:
    """One line for a call in the log.

    >>> line_of("Bash", {"command": "ls -la", "description": "look"})
    '▸ Bash  ls -la'
    """
    about = ""
    if isinstance(given, dict):
        named = (given.get(name) for name in _TELLING)
        about = next((value for value in named if isinstance(value, str)), "") or (_json(given) if given else "")
    first, *rest = about.split("\n", 1)
    if rest or len(first) > LINE_CHARACTERS:
        first = first[:LINE_CHARACTERS] + " ..."
    return f"▸ {tool}  {first}".rstrip()


def change_of(result: Any, tool: str | None) -> Changed | None:
    """The file that a tool's structured result says it has written."""
    if not isinstance(result, dict) or not isinstance(result.get("filePath"), str):
        return None
    before = result.get("originalFile")
    old = before if isinstance(before, str) else None
    if isinstance(result.get("content"), str):
        return Changed(Path(result["filePath"]), old, result["content"], tool)
    was, now = result.get("oldString"), result.get("newString")
    if old is None or not isinstance(was, str) or not isinstance(now, str):
        return None
    new = old.replace(was, now) if result.get("replaceAll") else old.replace(was, now, 1)
    return Changed(Path(result["filePath"]), old, new, tool)


def plan_of(tool: str, given: Any) -> list[dict[str, Any]] | None:
    """The plan that a call writes down: [{"content", "status"}]."""
    if tool != "TodoWrite" or not isinstance(given, dict) or not isinstance(given.get("todos"), list):
        return None
    return [
        {"content": str(each.get("content", "")), "status": str(each.get("status", "pending"))}
        for each in given["todos"]
        if isinstance(each, dict)
    ]


def text_of(content: Any) -> str:
    """A tool's result as text; what is no text is named by its type."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return "" if content is None else _json(content)
    parts = []
    for each in content:
        if isinstance(each, dict) and isinstance(each.get("text"), str):
            parts.append(each["text"])
        else:
            parts.append(f"[{each.get('type', 'something') if isinstance(each, dict) else each}]")
    return "\n".join(parts)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=False)
