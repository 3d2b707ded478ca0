"""The adapter acp on real programs that speak its protocol well and badly; no database."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from kolony_tui.agent.acp.work import AcpWork
from kolony_tui.agent.adapter import CannotStart
from kolony_tui.agent.attempt.launch import Launch
from kolony_tui.agent.brief import Brief
from kolony_tui.agent.events import Asked, Ended, Event, Opened, Output, Traced, Used, Withdrawn
from kolony_tui.agent.supervision.guard import Guard
from kolony_tui.agent.supervision.ladder import Graces
from kolony_tui.agent.types.agent_type import AgentType
from tests.agent.colony import assignment, lives

FAKE = Path(__file__).parent / "fakes" / "acp.py"
KIND = AgentType("fake", "acp", ("fake",), title="Fake", initialize_seconds=20.0, exit_seconds=2.0, late_seconds=0.2)

_Kind = TypeVar("_Kind")


@dataclass
class Run:
    """One attempt. ``steps``: what was done to end it."""

    work: AcpWork
    events: list[Event] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)

    def of(self, kind: type[_Kind]) -> list[_Kind]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def ended(self) -> Ended:
        return self.of(Ended)[-1]

    def text(self, stream: str) -> str:
        return b"".join(event.data for event in self.of(Output) if event.stream == stream).decode()

    def last(self, key: str) -> dict[str, Any]:
        """What the trace has of this key in the end."""
        found: dict[str, Any] = {"output": ""}
        for news in self.of(Traced):
            if news.key == key:
                found |= {name: value for name in ("name", "status", "input", "output", "error", "parent")
                          if (value := getattr(news, name)) is not None}  # fmt: skip
                found["output"] = (found["output"] or "") + news.append if news.append else found["output"]
        return found

    async def go(self, on: Callable[[Event, Run], Any] | None = None, seconds: float = 20.0) -> Run:
        """From its start to its end; ``on`` may do something at each event."""
        self.work.on_step = lambda step, detail: self.steps.append(step)
        async with asyncio.timeout(seconds):
            await self.work.start()
            async for event in self.work.events():
                self.events.append(event)
                if on is not None and (doing := on(event, self)) is not None:
                    asyncio.ensure_future(doing)  # noqa: RUF006  (it ends with the work)
            await self.work.close()
        return self


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Makes an attempt at a scenario of the fake agent."""
    guard = Guard()
    guard.start()
    (tmp_path / "scratch").mkdir()

    def made(*words: str, text: str = "Do it.", kind: AgentType = KIND, brief: Brief | None = None,
             program: tuple[str, ...] | None = None, **facts: Any) -> Run:  # fmt: skip
        launch = Launch(
            "worker", tmp_path / "work", tmp_path / "scratch", program or (sys.executable, str(FAKE), *words)
        )
        work = assignment(text, brief=brief or Brief(), **facts)
        graces = Graces(protocol=0.5, input=0.3, terminate=0.3, leftovers=0.3)
        return Run(AcpWork(work, launch, guard, graces, kind=kind))

    yield made
    guard.close()


def _answering(allow: bool, **more: Any) -> Callable[[Event, Run], Any]:
    def on(event: Event, run: Run) -> Any:
        return run.work.answer(event.request, allow, **more) if isinstance(event, Asked) else None

    return on


async def test_a_turn_with_a_tool_that_asks(make: Callable[..., Run]) -> None:
    run = await make("happy").go(_answering(True))
    [asked] = run.of(Asked)
    assert asked.command == f"touch {run.work.folder / 'made'}"
    assert (asked.title, asked.tool, asked.tool_kind) == ("Makes a file", "tool:t1", "execute")
    assert (run.work.folder / "made").exists()
    assert (run.ended.error, run.ended.exit_code, run.ended.answer) == ("", 0, "Done: there is a file.")
    assert run.text("stdout") == "Done: there is a file.\n"
    log = run.text("log")
    assert log.splitlines()[:2] == ["I look around.", "[~] look"]
    assert f"▸ execute  {asked.command}\n" in log
    assert "made it\n" in log
    assert run.last("tool:t1")["status"] == "completed"
    assert run.last("tool:t1")["output"] == "made it\n"
    assert run.last("message:1")["output"] == "Done: there is a file."
    assert run.last("turn:1")["input"] == [{"type": "text", "text": "Do it."}]
    money, tokens = run.of(Used)
    assert (money.scope, str(money.cost_usd), money.input_fresh) == ("session", "0.250000", None)
    assert (tokens.scope, tokens.input_fresh, tokens.output) == ("turn", 100, 20)
    assert run.steps == []


async def test_the_agents_own_always_is_never_chosen(make: Callable[..., Run]) -> None:
    run = await make("happy").go(_answering(False, note="not today", option_id="always"))
    assert not (run.work.folder / "made").exists()
    assert run.ended.answer == "Then not (no)."
    assert run.last("tool:t1")["status"] == "denied"
    assert "✗ execute denied: not today" in run.text("log")


async def test_what_is_no_message_and_what_is_unknown_is_kept(make: Callable[..., Run]) -> None:
    run = await make("early").go()
    assert run.ended.error == ""
    assert run.text("stdout") == "Hello before all. \x1b]0;pwned\x07\x1b[2JEscapes\ufffd \ufffd stay text.\n"
    assert "this is no JSON\n" in run.text("log")
    assert run.last("event:1")["input"]["sessionId"] == "another"
    assert run.last("event:2")["input"] == {"sessionUpdate": "something_new", "what": {"a": 1}}


async def test_a_mode_is_set_and_a_session_gone_on_with(make: Callable[..., Run]) -> None:
    resume = {"session_id": "old", "adapter": "acp", "cwd": "/", "mode": ""}
    missed = ({"origin": "person", "who": "ada", "text": "earlier words"},)
    for scenario, how in (("resume", "resumed"), ("load", "loaded"), ("echo", "lost")):
        run = await make(scenario, kind=replace(KIND, mode="ask"), brief=Brief(resume=resume, missed=missed)).go()
        [opened] = run.of(Opened)
        assert (opened.how, opened.mode, opened.program, opened.version) == (how, "ask", "fake", "1.2.3")
        assert ("earlier words" in run.text("stdout")) == (how == "lost")
        assert "old words" not in run.text("stdout")


async def test_what_it_used_may_come_after_the_end(make: Callable[..., Run]) -> None:
    began = time.monotonic()
    run = await make("late", kind=replace(KIND, late_seconds=1.5)).go()
    [used] = run.of(Used)
    # 77 is the sum of 70 and 7: the 70 hold what was read from the cache.
    assert (used.scope, used.input_fresh, used.input_cached, used.output) == ("call", 50, 20, 7)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("words", "reason", "error"),
    [
        (("dies",), "crashed", "Fake died in the middle of its turn: exit 139 (SIGSEGV): out of luck"),
        (("leaves",), "no_answer", "Fake exited without ending its turn: exit 0"),
        (("cut_off",), "protocol", "Fake answered with what is no JSON"),
        (("broken",), "protocol", "initialize: Fake answered with what is no JSON"),
        (("crash",), "crashed", "Fake exited before it answered initialize: exit 7: Error: no configuration"),
        (("future",), "handshake", "Fake speaks version 2 of the Agent Client Protocol; Kolony speaks version 1"),
        (("login",), "auth", "session/new: Fake wants to be logged in: Authentication required; do log in"),
        (("refuses", "refusal"), "refusal", "the agent refuses to go on"),
        (("refuses", "max_turn_requests"), "max_turns", "the agent reached the most calls"),
        (("refuses", "cancelled"), "stopped", "the agent cancelled its turn itself"),
        (("refuses", "whatever"), "protocol", 'Fake ended its turn with "whatever", which says nothing of success'),
        (("fails", "-32603"), "agent_error", "Fake failed: no good: for a reason ⏎ of two lines"),
        (("fails", "401"), "auth", "Fake wants to be logged in: no good"),
    ],
)
async def test_an_end_that_is_no_success(make: Callable[..., Run], words: Any, reason: str, error: str) -> None:
    run = await make(*words, kind=replace(KIND, login="do log in")).go()
    assert run.ended.reason == reason
    assert run.ended.error.startswith(error)
    assert "\n" not in run.ended.error
    assert run.last("turn:1").get("status") in (None, "failed")


async def test_an_agent_that_never_greets_is_given_up(make: Callable[..., Run]) -> None:
    run = await make("mute", kind=replace(KIND, initialize_seconds=0.3)).go()
    assert (run.ended.reason, run.ended.error) == ("handshake", "Fake did not answer initialize in time")
    assert run.ended.exit_code is not None


async def test_an_agent_that_prints_garbage_is_named_so(
    make: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kolony_tui.agent.acp.work.GARBAGE_SECONDS", 0.3)
    run = await make("garbage").go()
    assert run.ended.reason == "handshake"
    assert run.ended.error.endswith("it printed what is no message: It does not speak your protocol.")
    assert "Welcome to this agent!\n" in run.text("log")


async def test_silence_behind_what_cannot_be_read_is_the_end(
    make: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kolony_tui.agent.acp.work.SILENT_SECONDS", 0.2)
    run = await make("stammers").go()
    assert run.ended.reason == "protocol"
    assert run.ended.error.startswith("Fake went silent behind a line that is no JSON")
    assert run.last("turn:1")["status"] == "failed"


async def test_a_mode_that_it_has_not_is_no_mode_to_work_in(make: Callable[..., Run]) -> None:
    run = await make("echo", kind=replace(KIND, mode="careful")).go()
    assert (run.ended.reason, run.ended.error) == ("handshake", "Fake has no mode 'careful', only wild, ask")


async def test_an_older_version_is_not_worked_with(make: Callable[..., Run]) -> None:
    run = await make("echo", kind=replace(KIND, least_version="1.10", install="get it")).go()
    assert run.ended.error == "Fake is version 1.2.3, at least 1.10 is needed; get it"


async def test_a_program_that_is_missing(make: Callable[..., Run]) -> None:
    with pytest.raises(CannotStart, match="there is no program 'no-such-agent'"):
        await make(program=("no-such-agent",)).go()


async def test_a_cancel_that_is_answered_counts_whatever_the_answer_says(make: Callable[..., Run]) -> None:
    def on(event: Event, run: Run) -> Any:
        return run.work.cancel() if isinstance(event, Output) and b"working" in event.data else None

    run = await make("polite").go(on)
    assert run.ended.error == "it was asked to stop, and did"
    assert run.steps[:2] == ["protocol_cancel", "stdin_closed"]
    assert "sigkill" not in run.steps
    assert run.last("turn:1")["status"] == "cancelled"


async def test_an_interrupt_is_the_same_without_the_rungs(make: Callable[..., Run]) -> None:
    def on(event: Event, run: Run) -> Any:
        if isinstance(event, Output) and b"working" in event.data:
            run.work.interrupt()

    run = await make("polite").go(on)
    assert run.ended.error == "it was asked to stop, and did"
    assert run.steps == ["protocol_cancel"]


async def test_a_cancel_withdraws_what_was_asked(make: Callable[..., Run]) -> None:
    def on(event: Event, run: Run) -> Any:
        return run.work.cancel() if isinstance(event, Asked) else None

    run = await make("happy").go(on)
    assert [event.request for event in run.of(Withdrawn)] == ["permission:1"]
    assert not (run.work.folder / "made").exists()
    assert run.last("tool:t1")["status"] == "cancelled"


async def test_an_agent_that_hears_nothing_is_killed_with_all_that_it_began(make: Callable[..., Run]) -> None:
    def on(event: Event, run: Run) -> Any:
        return run.work.cancel() if isinstance(event, Output) and b"child" in event.data else None

    run = await make("hang").go(on)
    assert [step for step in run.steps if step.startswith(("protocol", "stdin", "sig"))] == [
        "protocol_cancel", "stdin_closed", "sigterm", "sigkill",
    ]  # fmt: skip
    assert not run.ended.not_confirmed
    assert not lives(int(run.text("stdout").split()[1]))


async def test_a_line_beyond_all_measure_is_left_out(make: Callable[..., Run]) -> None:
    run = await make("overlong").go()
    assert run.ended.answer == "After the long line."
    assert "bytes was left out]" in run.text("log")


async def test_a_flood_is_taken_as_fast_as_it_is_read(make: Callable[..., Run]) -> None:
    run = await make("flood", "100000").go(seconds=60)
    assert run.ended.error == ""
    assert run.text("stdout") == "0123456789abcdef\n" * 100_000
    assert len(run.events) < 2000
