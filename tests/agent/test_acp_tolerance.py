"""Whatever an agent writes, in whatever pieces: the session over the Agent Client Protocol never fails by it."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kolony_tui.agent.acp.jsonrpc import Call, Junk, Note, Peer, Reply
from kolony_tui.agent.acp.opening import Task
from kolony_tui.agent.acp.session import AcpSession
from kolony_tui.agent.acp.tools import exact_command, unfenced
from kolony_tui.agent.acp.usage import of_answer, of_update
from kolony_tui.agent.events import Asked, Event, Output, Traced, Withdrawn
from kolony_tui.agent.json_lines import JsonLines, NotJson, TooLong

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
UPDATE: dict[str, Any] = {
    "sessionUpdate": "tool_call", "toolCallId": "t1", "name": "Bash", "title": "ls", "kind": "execute",
    "status": "completed", "messageId": "m1", "rawInput": {"command": "ls", "cwd": "/w"}, "rawOutput": {"exit": 1},
    "content": [{"type": "diff", "path": "a", "oldText": None, "newText": "b"}], "locations": [{"path": "a"}],
    "cost": {"amount": 1, "currency": "USD"}, "entries": [{"content": "a", "status": "pending"}],
    "_meta": {"terminal_output_delta": {"data": "x"}, "usage": {"inputTokens": 1}, "claudeCode": {"toolName": "B"}},
}  # fmt: skip
KINDS = ["tool_call", "tool_call_update", "agent_message_chunk", "agent_thought_chunk", "plan", "usage_update",
         "current_mode_update", "session_info_update", "new_thing"]  # fmt: skip


def _line(message: Any) -> bytes:
    return json.dumps(message).encode() + b"\n"


def _session(**task: Any) -> AcpSession:
    """One that has greeted its agent."""
    session = AcpSession(Task(cwd="/w", blocks=lambda lost: [{"type": "text", "text": "go"}], **task))
    session.begin()
    return session


def _in_a_turn(**task: Any) -> AcpSession:
    session = _session(**task)
    session.receive(_line({"id": 0, "result": {"protocolVersion": 1}}) + _line({"id": 1, "result": {"sessionId": "s"}}))
    session.taken()
    session.unsent()
    return session


def _update(session: AcpSession, **update: Any) -> list[Event]:
    session.receive(_line({"method": "session/update", "params": {"sessionId": "s", "update": update}}))
    return session.taken()


def _ask(session: AcpSession, number: Any, tool: Any, *kinds: str) -> list[Event]:
    options = [{"optionId": f"{kind}-{place}", "kind": kind, "name": kind} for place, kind in enumerate(kinds)]
    params = {"sessionId": "s", "toolCall": tool, "options": options}
    session.receive(_line({"id": number, "method": "session/request_permission", "params": params}))
    return session.taken()


def _sent(session: AcpSession) -> list[dict[str, Any]]:
    return [json.loads(line) for line in session.unsent().splitlines()]


@st.composite
def _bent(draw: st.DrawFn, message: dict[str, Any]) -> Any:
    """The message with some of its parts replaced by anything, or left out."""
    bent = dict(message)
    for name in draw(st.lists(st.sampled_from(sorted(message)), max_size=3, unique=True)):
        if draw(st.booleans()):
            bent[name] = draw(VALUES)
        else:
            del bent[name]
    return bent


@QUICK
@given(st.lists(st.tuples(st.sampled_from(KINDS), _bent(UPDATE)), max_size=6), st.data())
def test_any_update_is_taken_and_can_be_stored(updates: list[tuple[str, Any]], data: st.DataObject) -> None:
    session = _in_a_turn()
    events = []
    for kind, update in updates:
        events += _update(session, **{**update, "sessionUpdate": update.get("sessionUpdate", kind) and kind})
    events += _ask(session, data.draw(VALUES.filter(lambda value: value is not None)), data.draw(_bent(UPDATE)))
    session.receive(_line({"id": 2, "result": data.draw(VALUES)}))
    session.finish()
    session.gone("exit 0", well=True)
    for event in events + session.taken():
        if isinstance(event, Traced):
            json.dumps([event.input, event.output, event.attributes], allow_nan=False).encode()
        elif isinstance(event, Output):
            event.data.decode()
    assert session.outcome is not None


@QUICK
@given(st.lists(VALUES | st.fixed_dictionaries({"id": VALUES, "result": VALUES}) | st.fixed_dictionaries(
    {"method": st.sampled_from(["session/update", "session/request_permission", "$/cancel_request", "x"]),
     "params": VALUES, "id": VALUES}), max_size=8))  # fmt: skip
def test_any_message_is_taken_at_any_stage(messages: list[Any]) -> None:
    for session in (_session(mode="ask", resume="old"), _in_a_turn()):
        for message in messages:
            session.receive(_line(message))
        session.finish()
        session.gone("exit 1", well=False)
        assert session.outcome is not None
        for line in session.unsent().splitlines():
            json.loads(line)


@QUICK
@given(st.lists(st.binary(max_size=40), max_size=12))
def test_any_bytes_are_taken(pieces: list[bytes]) -> None:
    session = _in_a_turn()
    for piece in pieces:
        session.receive(piece)
    session.finish()
    text = b"".join(event.data for event in session.taken() if isinstance(event, Output)).decode()
    assert text == "" or text.endswith("\n")


@QUICK
@given(st.lists(VALUES.map(lambda value: {"v": value}), max_size=5), st.lists(st.integers(1, 30), min_size=1))
def test_lines_are_the_same_in_any_pieces(objects: list[dict[str, Any]], sizes: list[int]) -> None:
    data = b"".join(_line(one) for one in objects) + b"no json\n" + b"z" * 300 + b"\n" + b'{"cut": 1'
    whole, cut = JsonLines(200), JsonLines(200)
    found, at, turn = [], 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        found += cut.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    expected = whole.feed(data) + whole.end()
    assert repr(found + cut.end()) == repr(expected)
    assert [type(each) for each in expected[-3:]] == [NotJson, TooLong, NotJson]


def test_two_id_spaces_are_not_one() -> None:
    peer = Peer()
    peer.request("initialize", {})
    data = (
        _line({"id": 0, "method": "x", "params": 1}) + _line({"id": "0", "result": 2}) + _line({"id": 0, "result": 3})
    )
    call, reply, again = peer.receive(data)
    assert call == Call(0, "x", 1)
    assert reply == Reply(0, "initialize", 2)
    assert isinstance(again, Junk)
    assert list(peer.receive(_line({"method": "y"}))) == [Note("y", None)]


def test_who_asked_by_a_line_that_cannot_be_read_is_told() -> None:
    peer = Peer(line_bytes=1000)
    long_one = {"jsonrpc": "2.0", "id": "p-1", "method": "session/request_permission", "params": {"x": "y" * 9000}}
    [junk] = peer.receive(_line(long_one))
    assert isinstance(junk, Junk)
    [refusal] = peer.unsent().splitlines()
    assert json.loads(refusal)["id"] == "p-1"
    [news] = peer.receive(_line({"method": "session/update", "params": {"x": "y" * 9000}}))
    assert isinstance(news, Junk)
    assert not news.meant
    number = peer.request("session/prompt", {})
    [reply] = peer.receive(_line({"jsonrpc": "2.0", "id": number, "result": {"x": "y" * 9000}}))
    assert isinstance(reply, Reply)
    assert reply.error is not None


def test_a_tool_that_is_known_only_by_its_request_is_a_tool() -> None:
    session = _in_a_turn()
    [_, traced, asked] = _ask(
        session, 0, {"toolCallId": "run_shell__7", "title": "rm x", "kind": "execute"}, "allow_once"
    )
    assert isinstance(traced, Traced)
    assert (traced.key, traced.name, traced.parent) == ("tool:run_shell__7", "run_shell", "turn:1")
    assert isinstance(asked, Asked)
    assert asked.command == "rm x"


@pytest.mark.parametrize(
    ("kinds", "allow", "chosen"),
    [
        (("allow_always", "allow_once", "reject_once"), True, "allow_once-1"),
        (("allow_always", "reject_always"), True, None),
        (("allow_always", "reject_always"), False, None),
        (("allow_once", "reject_always", "reject_once"), False, "reject_once-2"),
        ((), True, None),
    ],
)
def test_only_what_counts_once_is_answered(kinds: tuple[str, ...], allow: bool, chosen: str | None) -> None:
    session = _in_a_turn()
    [asked] = [event for event in _ask(session, "a", {"toolCallId": "t"}, *kinds) if isinstance(event, Asked)]
    session.answer(asked.request, allow, "", "allow_always-0")
    [answer] = _sent(session)
    expected = {"outcome": "selected", "optionId": chosen} if chosen else {"outcome": "cancelled"}
    assert answer == {"jsonrpc": "2.0", "id": "a", "result": {"outcome": expected}}
    session.answer(asked.request, allow)
    assert _sent(session) == []


def test_of_two_that_allow_once_the_plain_one_is_taken() -> None:
    session = _in_a_turn()
    options = [{"optionId": "restore_mode", "kind": "allow_once"}, {"optionId": "proceed_once", "kind": "allow_once"}]
    params = {"sessionId": "s", "toolCall": {"toolCallId": "t"}, "options": options}
    session.receive(_line({"id": 1, "method": "session/request_permission", "params": params}))
    session.answer("permission:1", True)
    assert [message["result"]["outcome"]["optionId"] for message in _sent(session)] == ["proceed_once"]


def test_a_line_without_an_end_takes_no_memory() -> None:
    lines = JsonLines(1024 * 1024)
    tracemalloc.start()
    for _ in range(320):
        assert lines.feed(b"x" * 65536) == []
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 4 * 1024 * 1024
    assert lines.feed(b"\n") == [TooLong(320 * 65536)]


def test_what_the_agent_takes_back_is_withdrawn() -> None:
    session = _in_a_turn()
    _ask(session, 5, {"toolCallId": "t"}, "allow_once")
    session.receive(_line({"method": "$/cancel_request", "params": {"requestId": 5}}))
    assert [event.request for event in session.taken() if isinstance(event, Withdrawn)] == ["permission:1"]
    [answer] = _sent(session)
    assert answer["error"]["code"] == -32800


def test_nothing_is_asked_behind_a_cancel() -> None:
    session = _in_a_turn()
    _ask(session, 1, {"toolCallId": "t"}, "allow_once")
    session.cancel()
    assert [_gist(message) for message in _sent(session)] == ["session/cancel", {"outcome": {"outcome": "cancelled"}}]
    assert not [event for event in _ask(session, 2, {"toolCallId": "u"}, "allow_once") if isinstance(event, Asked)]
    assert [_gist(message) for message in _sent(session)] == [{"outcome": {"outcome": "cancelled"}}]


def _gist(message: dict[str, Any]) -> Any:
    return message.get("method") or message.get("result")


def test_a_turn_that_ends_in_silence_after_a_denial_was_denied() -> None:
    for goes_on, reason in ((False, "denied"), (True, "")):
        session = _in_a_turn()
        _ask(session, 1, {"toolCallId": "t"}, "allow_once", "reject_once")
        session.answer("permission:1", False)
        _update(session, sessionUpdate="tool_call_update", toolCallId="t", status="failed")
        if goes_on:
            _update(session, sessionUpdate="agent_message_chunk", content={"type": "text", "text": "Then not."})
        session.receive(_line({"id": 2, "result": {"stopReason": "end_turn"}}))
        assert session.outcome is not None
        assert session.outcome.reason == reason


def test_a_turn_that_looks_well_and_used_no_model_is_warned_of() -> None:
    session = _in_a_turn(quirks=frozenset({"silent_failure"}))
    _update(session, sessionUpdate="agent_message_chunk", content={"type": "text", "text": "stream error 500"})
    session.receive(_line({"id": 2, "result": {"stopReason": "end_turn", "usage": None}}))
    assert session.outcome is not None
    assert (session.outcome.error, session.outcome.warning.split(":")[0]) == ("", "no_model_usage")


def test_figures_mean_what_their_sum_says() -> None:
    vibe = {"usage": {"inputTokens": 130, "outputTokens": 9, "cachedReadTokens": 30, "totalTokens": 139}}
    [used] = of_answer(vibe, frozenset(), "s", None)
    assert (used.input_fresh, used.input_cached, used.output) == (100, 30, 9)
    opencode = {"usage": {"inputTokens": 100, "outputTokens": 9, "thoughtTokens": 2, "totalTokens": 111}}
    [used] = of_answer(opencode, frozenset({"usage_of_last_call"}), "s", "m")
    assert (used.output, used.reasoning, used.scope, used.model) == (11, 2, "call", "m")
    assert of_update({"used": 5000, "size": 9000}, "s", None) is None
    assert of_update({"cost": {"amount": 3, "currency": "EUR"}}, "s", None) is None


@pytest.mark.parametrize(
    ("raw", "command"),
    [
        ({"command": "ls", "description": "List", "cwd": "/w/", "timeout": 5}, "ls"),
        ({"command": ["bash", "-c", "a b"]}, "bash -c 'a b'"),
        ({"command": "rm -rf x", "cwd": "/etc"}, '{"command": "rm -rf x", "cwd": "/etc"}'),
        ({"command": "ls", "dangerouslyDisableSandbox": True}, '{"command": "ls", "dangerouslyDisableSandbox": true}'),
        ({"path": "a", "text": "ä"}, '{"path": "a", "text": "ä"}'),
        (None, "a title"),
    ],
)
def test_a_command_is_exact(raw: Any, command: str) -> None:
    assert exact_command(raw, "a title", "/w") == command


def test_a_fence_within_the_text_stays() -> None:
    assert unfenced("```\na\n```\n") == "a\n"
    assert unfenced("```\na\n```\nb\n```\n") == "```\na\n```\nb\n```\n"
