"""Claude Code's stream: recordings of the real program, and what it could do beside them."""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kolony_tui.agent.claude.stream import ClaudeTalk
from kolony_tui.agent.claude.tools import command_of
from kolony_tui.agent.events import Asked, Ended, Event, Opened, Output, Traced, Used, Withdrawn
from tests.agent.claude_replay import TRANSCRIPTS, compact, recordings, replayed

GOLDEN = Path(__file__).parent / "golden" / "claude-native.json"


@cache
def _golden() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(GOLDEN.read_text())
    return found


@pytest.mark.parametrize("name", recordings())
def test_a_recording_says_what_it_said(name: str) -> None:
    assert compact(replayed(name)) == _golden()[name]


@pytest.mark.parametrize("name", ["say-partial", "duplex-permission-allow", "escapes"])
def test_a_recording_in_any_pieces_is_the_same(name: str) -> None:
    assert compact(replayed(name, cut=7)) == _golden()[name]


@pytest.mark.parametrize("name", [name for name in recordings() if name.startswith("duplex")])
def test_what_is_sent_is_what_the_recorder_sent(name: str) -> None:
    replay = replayed(name)
    assert [_without_ids(each) for each in replay.sent] == [_without_ids(each) for each in replay.recorded]


def _without_ids(message: dict[str, Any]) -> dict[str, Any]:
    return message if message["type"] == "control_response" else {**message, "request_id": None}


@pytest.mark.parametrize("name", [name for name in recordings() if "touch" in name or name == "say-partial"])
def test_tokens_are_counted_once(name: str) -> None:
    """The stub takes 1000 + 300 + 20 + 42 tokens for each call of the model."""
    used = [event for event in replayed(name).events if isinstance(event, Used)]
    calls = sum(each.calls or 0 for each in used)
    assert calls in (1, 2)
    assert sum(each.input_fresh or 0 for each in used) == 1000 * calls
    assert sum(each.input_cached or 0 for each in used) == 300 * calls
    assert sum(each.cache_write or 0 for each in used) == 20 * calls
    assert sum(each.output or 0 for each in used) == 42 * calls
    [cost] = [each for each in used if each.cost_usd is not None]
    assert cost.money_cumulative


class Play:
    """A talk with a program that says what a test says. ``events`` is all that came out."""

    def __init__(self, prompt: str = "do it") -> None:
        self.talk = ClaudeTalk(prompt)
        self.events: list[Event] = self.talk.begin()

    def hear(self, *messages: dict[str, Any]) -> list[dict[str, Any]]:
        """The program says this; answers what it is told."""
        for message in messages:
            self.events += self.talk.feed(json.dumps(message).encode() + b"\n")
        return [json.loads(line) for line in self.talk.taken().splitlines()]

    def result(self, **facts: Any) -> Ended:
        """The program ends its turn, and itself with code 0."""
        self.hear({"type": "result", "subtype": "success", "is_error": False, "result": "ok", **facts})
        self.events += self.talk.end()
        return self.talk.ended(Ended(exit_code=0))

    def node(self, key: str) -> dict[str, Any]:
        """A node of the trace, as the news of it add up."""
        found: dict[str, Any] = {"text": ""}
        for event in self.events:
            if isinstance(event, Traced) and event.key == key:
                found["text"] += event.append
                for name in ("type", "parent", "name", "status", "input", "output", "error", "tokens"):
                    if getattr(event, name) is not None:
                        found[name] = getattr(event, name)
        return found

    def printed(self, stream: str) -> str:
        """What was printed to a stream."""
        return b"".join(each.data for each in self.events if isinstance(each, Output) and each.stream == stream).decode(
            "utf-8", "replace"
        )


def _tool_use(name: str, given: Any, above: str | None = None, tool_use_id: str = "t1") -> dict[str, Any]:
    block = {"type": "tool_use", "id": tool_use_id, "name": name, "input": given}
    return {"type": "assistant", "message": {"id": "m1", "content": [block]}, "parent_tool_use_id": above}


def _text(words: str, above: str | None = None, message_id: str = "m9") -> dict[str, Any]:
    content = [{"type": "text", "text": words}]
    return {"type": "assistant", "message": {"id": message_id, "content": content}, "parent_tool_use_id": above}


def _ask(tool: str, given: Any, request_id: str = "r1") -> dict[str, Any]:
    request = {"subtype": "can_use_tool", "tool_name": tool, "input": given, "tool_use_id": "t1"}
    return {"type": "control_request", "request_id": request_id, "request": request}


def test_what_a_sub_agent_says_stands_below_its_tool_call_and_is_no_answer() -> None:
    play = Play()
    play.hear(_tool_use("Task", {"prompt": "look"}), _text("deep down", "t1"), _tool_use("Bash", {}, "t1", "t2"))
    play.hear(_text("the answer"))
    ended = play.result(result=None)
    assert play.node("message:1")["parent"] == "tool:t1"
    assert play.node("tool:t2")["parent"] == "tool:t1"
    assert play.node("message:2")["parent"] == "turn:1"
    assert play.printed("stdout") == "the answer\n"
    assert ended.answer == "the answer"


def test_what_nobody_knows_is_kept_and_counted_and_no_error() -> None:
    play = Play()
    play.events += play.talk.feed(b"npm warn something\n[1, 2]\n\xff\xfe\n")
    told = play.hear({"type": "brand_new", "x": 1}, {"type": "system", "subtype": "odd"}, {"type": None})
    assert [each["type"] for each in told] == ["control_request", "user"]
    for _ in range(400):
        play.hear({"type": "flood", "text": "y" * 20_000})
    assert play.result().error == ""
    kept = {event.key for event in play.events if isinstance(event, Traced) and event.type == "event"}
    assert len(kept) == 200
    assert play.node("event:1")["input"] == {"type": "brand_new", "x": 1}
    assert len(json.dumps(play.node("event:9")["input"])) < 8192
    assert "npm warn something" in play.printed("log")


def test_a_question_that_is_not_known_is_refused_at_once() -> None:
    play = Play()
    _, _, told = play.hear({"type": "control_request", "request_id": "h", "request": {"subtype": "hook_callback"}})
    assert told["response"] == {"subtype": "error", "request_id": "h", "error": "hook_callback is not offered"}


def test_a_permission_is_answered_once_and_with_what_was_asked() -> None:
    play = Play()
    play.hear(_ask("Bash", {"command": "ls\u202e", "timeout": 5}))
    [asked] = [event for event in play.events if isinstance(event, Asked)]
    assert (asked.command, asked.tool, asked.tool_kind) == ("ls\u202e", "tool:t1", "execute")
    play.talk.answer("another", allow=True)
    assert play.hear() == []
    play.talk.answer("r1", allow=True)
    play.talk.answer("r1", allow=False)
    [told] = play.hear()
    allowed = {"behavior": "allow", "updatedInput": {"command": "ls\u202e", "timeout": 5}}
    assert told["response"] == {"subtype": "success", "request_id": "r1", "response": allowed}


def test_a_permission_that_is_open_at_the_end_of_the_turn_is_withdrawn() -> None:
    play = Play()
    play.hear(_ask("Bash", {"command": "ls"}))
    assert play.result().error == ""
    assert [event.request for event in play.events if isinstance(event, Withdrawn)] == ["r1"]


def test_what_is_asked_while_it_is_being_stopped_is_denied_by_itself() -> None:
    play = Play()
    play.hear(_text("hm"))
    play.talk.interrupt()
    play.talk.interrupt()
    interrupt, denied = play.hear(_ask("Bash", {"command": "ls"}))
    assert interrupt["request"] == {"subtype": "interrupt"}
    assert denied["response"]["response"]["behavior"] == "deny"
    ended = play.result(subtype="error_during_execution", is_error=True)
    assert (ended.error, ended.reason) == ("it was interrupted", "")


def test_an_interrupt_before_the_hello_is_answered_keeps_the_prompt_back() -> None:
    play = Play()
    play.talk.interrupt()
    told = play.hear({"type": "control_response", "response": {"subtype": "success", "request_id": "kolony_1"}})
    assert [each["type"] for each in told] == ["control_request", "control_request"]
    assert play.talk.outcome is not None
    assert play.talk.outcome.interrupted


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"is_error": True, "api_error_status": 401, "result": "bad key"}, "auth"),
        ({"is_error": True, "result": "Invalid API key · Please run /login"}, "auth"),
        ({"is_error": True, "result": "API Error: 500"}, "agent_error"),
        ({"subtype": "error_max_turns"}, "max_turns"),
        ({"subtype": "error_during_execution", "terminal_reason": "aborted_tools"}, "stopped"),
        ({"subtype": "something_new"}, "agent_error"),
        ({"stop_reason": "refusal"}, "refusal"),
        ({"stop_reason": "max_tokens"}, "max_tokens"),
    ],
)
def test_success_is_only_what_says_so(facts: dict[str, Any], reason: str) -> None:
    play = Play()
    ended = play.result(**facts)
    assert ended.reason == reason
    assert ended.error
    assert play.node("turn:1")["status"] == "failed"


def test_a_budget_that_is_used_up_is_a_limit() -> None:
    ended = Play().result(subtype="error_max_budget_usd", is_error=True, errors=["Reached maximum budget ($1)"])
    assert ended.exceeded is not None
    assert (ended.reason, ended.exceeded.limit) == ("over_budget", "budget")


def test_an_end_without_a_result_is_no_success_whatever_the_exit_code() -> None:
    play = Play()
    play.hear(_text("half"))
    play.events += play.talk.end()
    assert play.talk.ended(Ended(exit_code=0)).reason == "no_answer"
    crashed = play.talk.ended(Ended(exit_code=1, error="exit 1"), b"one\nthe last words\n\n")
    assert (crashed.reason, crashed.error) == ("crashed", "it ended before it answered (exit 1): the last words")
    silent = ClaudeTalk("x")
    silent.begin()
    silent.feed(b"Usage: claude [options]\n")
    silent.end()
    assert "spoke no stream of JSON: Usage: claude [options]" in silent.ended(Ended(exit_code=0)).error


def test_a_line_that_is_too_long_is_skipped_and_one_that_is_not_is_taken() -> None:
    play = Play()
    play.events += play.talk.feed(b'{"type": "x' + b"y" * 9_000_000 + b'"}\n')
    play.hear(_text("z" * 600_000))
    assert play.result().error == ""
    assert "a line of 9000013 bytes was skipped" in play.printed("log")
    assert len(play.printed("stdout")) == 600_001


def test_a_snapshot_that_differs_from_what_was_streamed_wins() -> None:
    play = Play()

    def streamed(**event: Any) -> dict[str, Any]:
        return {"type": "stream_event", "event": event, "parent_tool_use_id": None}

    play.hear(
        streamed(type="message_start", message={"id": "m9", "model": "m"}),
        streamed(type="content_block_start", index=0, content_block={"type": "text", "text": ""}),
        streamed(type="content_block_delta", index=0, delta={"type": "text_delta", "text": "Hel"}),
        _text("Hello"),
    )
    assert play.printed("stdout") == "Hello\n"
    play.hear(
        streamed(type="content_block_start", index=1, content_block={"type": "text", "text": ""}),
        streamed(type="content_block_delta", index=1, delta={"type": "text_delta", "text": "Wor"}),
        _text("Ward"),
    )
    assert play.node("message:2")["output"] == "Ward"


def test_halves_of_characters_and_nul_do_no_harm() -> None:
    play = Play()
    play.events += play.talk.feed(
        b'{"type":"assistant","message":{"id":"m","content":[{"type":"text","text":"a\\u0000b\\ud800c\\ud83d\\ude00"}]}}\n'
    )
    assert play.printed("stdout") == "a\ufffdb\ufffdc\U0001f600\n"
    play.events += play.talk.feed(b"[" * 100_000 + b"\n" + b'{"type": "result", "n": NaN}\n')
    assert play.talk.outcome is not None


def test_a_command_says_all_that_would_be_done() -> None:
    assert command_of("Bash", {"command": "ls", "description": "look", "timeout": 9}) == "ls"
    assert "dangerouslyDisableSandbox" in command_of("Bash", {"command": "ls", "dangerouslyDisableSandbox": True})
    assert json.loads(command_of("Write", {"file_path": "/etc/passwd", "content": "x"})) == {
        "file_path": "/etc/passwd",
        "content": "x",
    }


def test_a_plan_is_the_last_that_was_written() -> None:
    play = Play()
    play.hear(_tool_use("TodoWrite", {"todos": [{"content": "one", "status": "in_progress", "activeForm": "x"}]}))
    play.hear(_tool_use("TodoWrite", {"todos": [{"content": "one", "status": "completed"}]}, tool_use_id="t2"))
    assert play.node("plan")["output"] == [{"content": "one", "status": "completed"}]
    assert play.node("plan")["status"] == "completed"


def test_no_message_however_wrong_is_an_error() -> None:
    """Messages of the recordings with anything in the place of anything."""
    chance = random.Random(7)  # the same each time
    lines = [json.loads(line) for file in TRANSCRIPTS.glob("*.wire.jsonl") for line in file.read_text().splitlines()]
    messages = [json.dumps(line["msg"]) for line in lines if line["dir"] == "out" and isinstance(line.get("msg"), dict)]
    for _ in range(1500):
        play = Play()
        for _ in range(4):
            play.hear(_spoilt(json.loads(chance.choice(messages)), chance))
        for event in play.events:
            if isinstance(event, Asked):
                play.talk.answer(event.request, chance.random() < 0.5)
            if isinstance(event, Traced):
                assert all(isinstance(text, str | None) for text in (event.key, event.name, event.append, event.error))
        assert isinstance(play.talk.ended(Ended()), Ended)


def _spoilt(message: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    places: list[tuple[Any, Any]] = []
    due: list[Any] = [message]
    while due:
        each = due.pop()
        inside = each.items() if isinstance(each, dict) else enumerate(each) if isinstance(each, list) else ()
        for place, value in inside:
            places.append((each, place))
            due.append(value)
    for holder, place in chance.sample(places, min(3, len(places))):
        holder[place] = chance.choice(
            [None, 0, -1, "x", [], {}, [None], {"a": 1}, True, [{"type": "text"}], "\ud800", 10**30]
        )
    return message


def test_the_session_is_told_once() -> None:
    play = Play()
    init = {
        "type": "system",
        "subtype": "init",
        "session_id": "s",
        "permissionMode": "plan",
        "claude_code_version": "9",
    }
    play.hear(init, init)
    [opened] = [event for event in play.events if isinstance(event, Opened)]
    assert (opened.session_id, opened.mode, opened.version, opened.how) == ("s", "plan", "9", "new")
