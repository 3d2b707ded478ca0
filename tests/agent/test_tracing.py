"""The trace on its way into the database: merged, measured, cut, closed by how the work ended; and trace.jsonl."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from kolony_tui.agent.adapter import Adapter
from kolony_tui.agent.attempt.limits import Clock
from kolony_tui.agent.events import Ended, Traced
from kolony_tui.agent.link import Link
from kolony_tui.agent.record import tracing
from kolony_tui.agent.record.sinks import Bench
from kolony_tui.agent.record.trace_file import TraceFile
from kolony_tui.agent.record.tracing import TraceBook
from kolony_tui.core import trace
from kolony_tui.models.errors import Fenced
from kolony_tui.models.untrusted import Untrusted
from tests.agent.colony import Colony, assignment, until
from tests.database import Agent, Workspace
from tests.work.calls import Runner, send


class Desk:
    """One attempt that a runner holds, with the trace's bench on it; a test says how many lines there are."""

    def __init__(self, runner: Runner, held: Any, link: Link) -> None:
        self.runner, self.held, self.link = runner, held, link
        self.lines = 0
        self.stopped = False
        self.said: list[str] = []
        self.hints: list[str] = []

    def bench(self, run_dir: Path | None = None) -> Bench:
        work = assignment("x", run_dir=run_dir)
        object.__setattr__(work, "attempt_id", self.held["attempt_id"])
        object.__setattr__(work, "run_id", self.held["run_id"])
        return Bench(
            work=work, link=self.link, adapter=cast("Adapter", None), clock=Clock(None, lambda: None),
            alive=lambda: True, lines=lambda: self.lines, say=lambda _, words: self.said.append(words),
            hint=self.hints.append, stopped=lambda: self.stopped,
        )  # fmt: skip


@asynccontextmanager
async def desk(workspace: Workspace, agent: Agent) -> AsyncIterator[Desk]:
    bob = await workspace.database.connect("bob")
    await send(bob, agent)
    runner = await Runner.of(workspace.database, agent)
    [held] = await runner.claim()
    link = Link(agent.target, "test")
    link.up.set()
    try:
        yield Desk(runner, held, link)
    finally:
        await link.close()


async def rows(workspace: Workspace) -> dict[str, Any]:
    bob = await workspace.database.connect("bob")
    found = await bob.fetch("SELECT *, output::text AS said FROM kolony.trace_entries ORDER BY position")
    return {row["key"]: row for row in found}


async def test_news_are_merged_measured_and_closed_by_how_the_work_ended(workspace: Workspace, agent: Agent) -> None:
    async with desk(workspace, agent) as at:
        book = TraceBook(at.bench())
        book.take(Traced("turn:1", "llm_prompt", name="prompt", input="fix \ud800\0", status="running"))
        for piece in ("Let me ", "see\0", " \x1b[31m."):
            book.take(Traced("thought:1", "thought", parent="turn:1", append=piece, confidence=7.0, tokens=True))
        at.lines = 3
        book.take(Traced("tool:1", "tool_call", parent="turn:1", name="sh", input={"cmd": "ls", "n": float("nan")}))
        await until(lambda: _has(workspace, "tool:1"), what="it is written while the work goes on")
        at.lines = 5
        book.take(Traced("tool:1", "tool_call", status="failed", output={"exit": 2}, error="no\0",
                         attributes={"gen_ai.tool.name": "sh\0", "deep": [1.5, {"a": None}]}))  # fmt: skip
        book.take(Ended(error="the program died"))
        await book.flushed()
        found = await rows(workspace)
        await book.close()
    turn, thought, tool = found["turn:1"], found["thought:1"], found["tool:1"]
    assert json.loads(thought["said"]) == "Let me see\0 \x1b[31m."
    assert (thought["confidence"], thought["tokens"], thought["parent_key"]) == (1.0, None, "turn:1")
    assert (turn["status"], turn["error"], thought["status"], thought["error"]) == (
        "failed",
        "the program died",
        "failed",
        None,
    )
    assert (tool["status"], tool["error"], tool["summary"]) == ("failed", "no\u2400", "ls")
    assert (tool["line_from"], tool["line_to"], turn["line_from"]) == (3, 5, 0)
    assert 0 < tool["duration_ms"] < turn["duration_ms"]
    assert turn["duration_ms"] == pytest.approx((turn["ended_at"] - turn["started_at"]).total_seconds() * 1000, abs=50)
    assert [row["position"] for row in found.values()] == [0, 1, 2]
    assert set(at.hints) == {f"trace:{at.held['run_id']}"}


async def test_too_much_is_cut_and_counted_and_what_is_refused_holds_nothing_up(
    workspace: Workspace, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "ENTRIES", 4)
    async with desk(workspace, agent) as at:
        book = TraceBook(at.bench())
        for _ in range(5):
            book.take(Traced("message:1", "response", append="\x1b" * 100_000))
        book.take(Traced("tool:1", "tool_call", output={"long": "x" * 2_000_000}))
        book.take(Traced("odd", "dream", name="no such type"))  # type: ignore[arg-type]
        for number in range(5):
            book.take(Traced(f"event:{number}", "event", input=number))
        at.stopped = True
        book.take(Ended(error="ended by SIGTERM"))
        await book.flushed()
        found = await rows(workspace)
        await book.close()
    message, tool = found["message:1"], found["tool:1"]
    assert message["output_size"] == 5 * 600_000 + 2
    assert 1_048_500 < len(message["said"]) <= tracing.VALUE_BYTES
    assert "of 3000002 bytes are kept" in trace.value(Untrusted(message["said"]), message["output_size"])
    assert tool["output_size"] == 2_000_012
    assert len(tool["said"]) <= tracing.VALUE_BYTES
    assert list(found) == ["message:1", "tool:1", "event:0", "event:full"]
    assert {row["status"] for row in found.values()} == {"cancelled", "completed"}
    assert any("was refused" in words for words in at.said)


async def test_who_has_lost_the_lease_is_told_so(workspace: Workspace, agent: Agent) -> None:
    async with desk(workspace, agent) as at:
        book = TraceBook(at.bench())
        await at.runner.finish(at.held["attempt_id"], "failed", error="lost")
        book.take(Traced("a", "thought", append="x"))
        with pytest.raises(Fenced):
            await book.flushed()
        book.take(Traced("b", "thought", append="x"))
        with pytest.raises(Fenced):
            await book.flushed()
        await book.close()


def test_lines_of_a_program_are_taken_as_they_are_meant(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    file = TraceFile(path, lambda value: value)
    assert file.news() == []
    first = {"id": 1, "type": "input", "name": "ask", "input": "why", "confidence": 0.5, "duration_ms": 12}
    path.write_text(json.dumps(first) + '\n{"id": 2, "parent_id": 1, "type": "ACTION", "append": "a"')
    [one] = file.news()
    assert (one.traced.key, one.traced.type, one.traced.status) == ("file:1", "llm_prompt", "completed")
    assert (one.duration_ms, one.traced.confidence) == (12, 0.5)
    assert one.traced.attributes == {"kolony.node_type": "input"}
    with path.open("ab") as more:
        more.write(b"}\n[1]\n\xff\n" + b"x" * 2_200_000 + b'\n{"status": "error", "tokens": {"total": 9}, "name": 3}')
    [two] = file.news()
    assert (two.traced.parent, two.traced.type, two.traced.status, two.traced.append) == (
        "file:1",
        "tool_call",
        None,
        "a",
    )
    assert "no JSON object" in file.wrong or "more than" in file.wrong
    [last] = file.news(last=True)
    assert (last.traced.status, last.traced.tokens, last.traced.name) == ("failed", 9, "3")
    file.close()
    link = tmp_path / "elsewhere" / "trace.jsonl"
    link.parent.mkdir()
    link.symlink_to(path)
    assert TraceFile(link, lambda value: value).news() == []


async def test_a_programs_own_trace_is_there_while_it_runs(colony: Colony) -> None:
    program = (
        "import json, os, time; f = open(os.environ['KOLONY_RUN_DIR'] + '/trace.jsonl', 'a', buffering=1)\n"
        "def say(**e): f.write(json.dumps(e) + '\\n')\n"
        "print('one', flush=True)\n"
        "say(id='p', type='input', name='plan', input='go', status='running')\n"
        "while not os.path.exists(os.environ['KOLONY_RUN_DIR'] + '/go'): time.sleep(0.01)\n"
        "say(id='t', parent_id='p', type='thought', output='done', confidence=0.9)\n"
    )
    runner = colony.runner("--json", program=(sys.executable, "-c", program))
    run_id = await colony.send("x")

    async def begun() -> Any:
        return await colony.operator.fetchrow("SELECT * FROM kolony.trace_entries WHERE run_id = $1", run_id)

    row = await until(begun, what=f"the first entry ({runner.lines})")
    assert (row["key"], row["type"], row["status"]) == ("file:p", "llm_prompt", "running")
    [folder] = list(colony.home.rglob("trace.jsonl"))
    (folder.parent / "go").touch()
    await colony.done(run_id)
    found = await colony.operator.fetch("SELECT * FROM kolony.trace_entries ORDER BY position")
    assert [(each["key"], each["status"], each["confidence"]) for each in found] == [
        ("file:p", "completed", None), ("file:t", "completed", 0.9)]  # fmt: skip


async def _has(workspace: Workspace, key: str) -> bool:
    return key in await rows(workspace)
