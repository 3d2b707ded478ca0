"""Plays the recording of a real agent to a session over the Agent Client Protocol, as if the agent were there."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from kolony_tui.agent.acp.opening import Task
from kolony_tui.agent.acp.session import AcpSession
from kolony_tui.agent.events import Asked, Event, Output, Traced

TRANSCRIPTS = Path(__file__).parent / "transcripts"
QUIRKS = {
    "codex-acp": frozenset({"silent_failure"}),
    "codex-acp-readonly": frozenset({"silent_failure"}),
    "gemini-acp": frozenset({"input_includes_cache"}),
    "opencode-acp": frozenset({"output_excludes_reasoning", "usage_of_last_call"}),
}


@dataclass
class Replay:
    """``events`` of the session, what it ``sent``, and what the recorder had sent in its place (``recorded``)."""

    session: AcpSession
    events: list[Event]
    sent: list[dict[str, Any]]
    recorded: list[dict[str, Any]]


def recordings() -> list[str]:
    """Every one there is, as folder/scenario."""
    found = sorted(TRANSCRIPTS.glob("*-acp*/*.wire.jsonl"))
    return [f"{file.parent.name}/{file.name.removesuffix('.wire.jsonl')}" for file in found]


def replayed(name: str, cut: int = 0) -> Replay:
    """A recording, up to the end of its first turn; ``cut``: in pieces of so many bytes."""
    lines = [json.loads(line) for line in (TRANSCRIPTS / f"{name}.wire.jsonl").read_text().splitlines()]
    ours = [line["msg"] for line in lines if line["dir"] == "in"]
    session = AcpSession(_task(name, ours))
    replay = Replay(session, [], [], [])
    session.begin()
    for line in lines:
        message = line.get("msg")
        if line["dir"] == "in" and not _goes_on(replay, message):
            break
        if line["dir"] == "out":
            raw = line["raw"].encode() if message is None else json.dumps(_only_load(name, message)).encode()
            for piece in _pieces(raw + b"\n", cut):
                session.receive(piece)
        replay.sent += [json.loads(each) for each in session.unsent().splitlines()]
    session.finish()
    session.gone("exit 0", well=True)
    replay.events += session.taken()
    return replay


def compact(replay: Replay) -> list[Any]:
    """What came out, for people to read: events without what is empty, then how it ended."""
    said: list[Any] = []
    for event in replay.events:
        if isinstance(event, Output):
            said.append([event.stream, event.data.decode()])
            continue
        left_out = {"raw", "attributes", "type"} if isinstance(event, Traced) else {"raw"}
        facts = {each.name: getattr(event, each.name) for each in fields(event) if each.name not in left_out}
        kept = {
            name: _plain(value)
            for name, value in facts.items()
            if value is not None and value is not False and value not in ("", ())
        }
        said.append({type(event).__name__: kept})
    outcome = replay.session.outcome
    assert outcome is not None
    ended = {each.name: getattr(outcome, each.name) for each in fields(outcome) if getattr(outcome, each.name)}
    return [*said, {"Ended": {**ended, "answer": replay.session.answer_text}}]


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [f"{choice.kind}={choice.option_id}" for choice in value]
    return value if isinstance(value, dict | list | int | str) else str(value)


def _task(name: str, ours: list[Any]) -> Task:
    resumes = [each for each in ours if each.get("method") in ("session/load", "session/resume")]
    modes = [each["params"]["modeId"] for each in ours if each.get("method") == "session/set_mode"]
    prompt = next(each["params"]["prompt"] for each in ours if each.get("method") == "session/prompt")
    return Task(
        cwd="/home/lab/work", blocks=lambda lost: prompt, mode=modes[0] if modes else "",
        resume=resumes[0]["params"]["sessionId"] if resumes else None,
        quirks=QUIRKS.get(name.split("/")[0], frozenset()), title=name.split("-acp")[0],
    )  # fmt: skip


def _goes_on(replay: Replay, message: dict[str, Any]) -> bool:
    """Does what the recorder did; False where it began a second turn."""
    if message.get("method") == "session/prompt":
        prompts = sum(each.get("method") == "session/prompt" for each in replay.sent)
        if prompts != 1 or message["id"] != replay.sent[-1].get("id"):
            return False
    replay.recorded.append(message)
    outcome = (message.get("result") or {}).get("outcome")
    if message.get("method") == "session/cancel":
        replay.session.cancel()
    elif outcome is not None and outcome["outcome"] == "selected":
        replay.events += replay.session.taken()
        asked = next(event for event in reversed(replay.events) if isinstance(event, Asked))
        kinds = {choice.option_id: choice.kind for choice in asked.choices}
        replay.session.answer(asked.request, kinds[outcome["optionId"]].startswith("allow"), "", None)
    return True


def _only_load(name: str, message: dict[str, Any]) -> dict[str, Any]:
    """The recorder loaded where it could have resumed: the agent is made to look as if it could not."""
    able = (message.get("result") or {}).get("agentCapabilities") if "/load-2-load" in name else None
    if able is not None:
        able["sessionCapabilities"] = {}
    return message


def _pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)] if size else [data]
