"""Recordings of real agents, played to a session over the Agent Client Protocol: what comes out, and what is sent."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.agent.acp_replay import compact, recordings, replayed

DIFFER = {
    "gemini-acp/touch-always",  # the recorder allowed it for ever, which we never do
    "gemini-acp/load-2-load",  # the recorder went on without a session, we ask for a new one
    "codex-acp/cancel-permission",  # the recorder cancelled a turn that was over
}
GOLDEN = Path(__file__).parent / "golden"


@cache
def _golden(folder: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GOLDEN / f"{folder}.json").read_text())
    return found


@pytest.mark.parametrize("name", recordings())
def test_a_recording_says_what_it_said(name: str) -> None:
    folder, scenario = name.split("/")
    assert compact(replayed(name)) == _golden(folder)[scenario]


@pytest.mark.parametrize("name", [name for name in recordings() if name.endswith(("touch-allow", "fail-allow", "ls"))])
def test_a_recording_in_any_pieces_is_the_same(name: str) -> None:
    folder, scenario = name.split("/")
    assert compact(replayed(name, cut=7)) == _golden(folder)[scenario]


@pytest.mark.parametrize("name", [name for name in recordings() if name not in DIFFER])
def test_what_is_sent_is_what_the_recorder_sent(name: str) -> None:
    replay = replayed(name)
    assert [_gist(message) for message in replay.sent] == [_gist(message) for message in replay.recorded]


def _gist(message: dict[str, Any]) -> Any:
    params = dict(message.get("params") or {})
    params.pop("clientInfo", None)
    error = message.get("error")
    return message.get("id"), message.get("method"), params, message.get("result"), error and error["code"]
