"""Plays a recording of Claude Code to the adapter's half of the talk, as if the program were there."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from kolony_tui.agent.claude.stream import ClaudeTalk
from kolony_tui.agent.events import Asked, Ended, Event, Output, Traced

TRANSCRIPTS = Path(__file__).parent / "transcripts" / "claude-native"


@dataclass
class Replay:
    """``events`` of the talk and, last, its end; what it ``sent``, and what the recorder had sent (``recorded``)."""

    events: list[Event]
    sent: list[dict[str, Any]]
    recorded: list[dict[str, Any]]


def recordings() -> list[str]:
    """Every one there is."""
    return sorted(file.name.removesuffix(".wire.jsonl") for file in TRANSCRIPTS.glob("*.wire.jsonl"))


def replayed(name: str, cut: int = 0) -> Replay:
    """A recording, up to the end of its first turn; ``cut``: in pieces of so many bytes."""
    lines = [json.loads(line) for line in (TRANSCRIPTS / f"{name}.wire.jsonl").read_text().splitlines()]
    ours = [line["msg"] for line in lines if line["dir"] == "in"]
    prompts = [message["message"]["content"][0]["text"] for message in ours if message["type"] == "user"]
    talk = ClaudeTalk(prompts[0] if prompts else "the prompt of the command line")
    replay = Replay([], [], [])
    replay.events += talk.begin()
    errors = b""
    for line in lines:
        message = line.get("msg", line.get("raw"))
        if line["dir"] == "in":
            if message["type"] == "user" and any(each["type"] == "user" for each in replay.recorded):
                break
            replay.recorded.append(message)
            _do(talk, replay, message)
        elif line["dir"] == "out":
            replay.events += [event for piece in _pieces(message, cut) for event in talk.feed(piece)]
        elif line["dir"] == "err":
            errors += str(message).encode() + b"\n"
        replay.sent += [json.loads(each) for each in talk.taken().splitlines()]
    replay.events += talk.end()
    replay.events.append(talk.ended(_exit(name), errors))
    return replay


def compact(replay: Replay) -> list[Any]:
    """What came out, for people to read: events without what is empty."""
    said: list[Any] = []
    for event in replay.events:
        if isinstance(event, Output):
            said.append([event.stream, event.data.decode()])
            continue
        left_out = {"raw", "choices"} | ({"attributes", "type"} if isinstance(event, Traced) else set())
        facts = {each.name: getattr(event, each.name) for each in fields(event) if each.name not in left_out}
        said.append(
            {
                type(event).__name__: {
                    name: _plain(value) for name, value in facts.items() if value not in (None, "", {})
                }
            }
        )
    return said


def _plain(value: Any) -> Any:
    return value if isinstance(value, dict | list | int | str) else str(value)


def _do(talk: ClaudeTalk, replay: Replay, message: dict[str, Any]) -> None:
    """What the recorder did."""
    if message["type"] == "control_request" and message["request"]["subtype"] == "interrupt":
        talk.interrupt()
    elif message["type"] == "control_response":
        said = message["response"]["response"]
        asked = next(event for event in reversed(replay.events) if isinstance(event, Asked))
        talk.answer(asked.request, said["behavior"] == "allow", said.get("message", ""))


def _exit(name: str) -> Ended:
    code: int = json.loads((TRANSCRIPTS / f"{name}.meta.json").read_text())["exit_code"]
    if code < 0:
        return Ended(exit_code=128 - code, signal=-code, error=f"exit {128 - code}")
    return Ended(exit_code=code, error=f"exit {code}" if code else "")


def _pieces(message: Any, size: int) -> list[bytes]:
    raw = (message if isinstance(message, str) else json.dumps(message)).encode() + b"\n"
    return [raw[start : start + size] for start in range(0, len(raw), size)] if size else [raw]
