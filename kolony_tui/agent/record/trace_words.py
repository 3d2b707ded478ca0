"""Values of a trace as the database keeps them: JSON to the letter, plain text without what Postgres refuses, and the
few words that stand for an entry in a tree."""

from __future__ import annotations

import json
import re
from typing import Any

SUMMARY_CHARACTERS = 240
_TELLING = ("command", "cmd", "file_path", "path", "pattern", "query", "url", "prompt", "description", "text", "title")
"""Names under which a tool's input says in one value what it is about, the most telling first."""
_HALVES = re.compile("[\ud800-\udfff]")


def json_text(value: Any) -> str:
    r"""The value as JSON; NUL and halves of characters stay in it as escapes, so nothing of it is lost.

    >>> json_text({"a": "\0 é \ud800"})
    '{"a": "\\u0000 é \\ud800"}'
    """
    try:
        text = json.dumps(value, ensure_ascii=False, default=str, allow_nan=False)
    except ValueError:  # NaN and infinities are Python's, not JSON's
        text = json.dumps(json.dumps(value, default=str), ensure_ascii=False)
    except RecursionError:
        text = '"[nested too deeply to be kept]"'
    return _HALVES.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def json_cut(value: Any, most: int) -> tuple[str, int]:
    """The value as JSON in at most so many bytes, and how many it has: what is longer becomes the beginning of a text.

    >>> json_cut({"long": "x" * 40}, 20)
    ('"{\\\\"long\\\\": \\\\"xxxxx"', 52)
    """
    whole = json_text(value)
    size = len(whole.encode())
    if size <= most:
        return whole, size
    return text_cut(value if isinstance(value, str) else whole, most), size


def text_cut(text: str, most: int) -> str:
    """As much of a text's beginning as fits, as JSON, in so many bytes."""
    kept = text[: max(most - 2, 0)]
    while (size := len((whole := json_text(kept)).encode())) > most and kept:
        kept = kept[: min(len(kept) - 1, len(kept) * most // size)]
    return whole


def plain(text: str, most: int) -> str:
    r"""Text that Postgres takes: NUL as its picture, halves of characters replaced; at most so many characters.

    >>> plain("a\0b\ud800", 10)
    'a␀b�'
    """
    return _HALVES.sub("\ufffd", text[:most].replace("\0", "\u2400"))


def summary_of(type: str, input: Any, output: Any) -> str:
    """A few words for an entry: what a tool is to do, else what was said.

    >>> summary_of("tool_call", {"timeout": 5, "command": "ls -l"}, None), summary_of("response", None, "Done.")
    ('ls -l', 'Done.')
    >>> summary_of("llm_prompt", [{"type": "text", "text": "Fix it"}], None)
    'Fix it'
    """
    if type == "plan":
        return _plan(output if output is not None else input)
    first, second = (input, output) if type in ("tool_call", "llm_prompt") else (output, input)
    said = _words(first) if first not in (None, "", {}, []) else _words(second)
    return plain(said, SUMMARY_CHARACTERS)


def _words(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return " ".join(value)
    if isinstance(value, list) and value and all(isinstance(each, dict) and "text" in each for each in value):
        return " ".join(str(each["text"]) for each in value)
    if isinstance(value, dict):
        for name in _TELLING:
            if value.get(name):
                return _words(value[name])
    return json_text(value)


def _plan(value: Any) -> str:
    steps = value.get("entries") if isinstance(value, dict) else value
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        return plain(_words(value), SUMMARY_CHARACTERS)
    done = sum(1 for step in steps if step.get("status") == "completed")
    now = next((step for step in steps if step.get("status") == "in_progress"), None)
    words = str(now.get("content", "")) if now is not None else ""
    return plain(f"{done} of {len(steps)} done" + (f", now: {words}" if words else ""), SUMMARY_CHARACTERS)
