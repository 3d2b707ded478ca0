"""What the agents of the picture's colony have left beside their output: a trace, a thread, a report."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tests.database import Agent

if TYPE_CHECKING:
    from datetime import datetime

    from tests.ui.stage import Runner, Stage

_TRACE: tuple[dict[str, Any], ...] = (
    {"key": "turn:1", "type": "llm_prompt", "name": "prompt", "summary": "review src/auth for races"},
    {"key": "thought:1", "parent": "turn:1", "type": "thought", "name": "input", "confidence": 0.9,
     "summary": "Sessions are read and written in two places", "duration_ms": 640},
    {"key": "tool:1", "parent": "turn:1", "type": "tool_call", "name": "Bash", "input": '{"command": "grep -n lock"}',
     "summary": 'grep -n "lock" src/auth/*.py', "duration_ms": 312},
    {"key": "thought:2", "parent": "thought:1", "type": "thought", "name": "processing", "confidence": 0.7,
     "summary": "The check at :88 is not under the lock of :31", "duration_ms": 1210},
    {"key": "tool:2", "parent": "turn:1", "type": "tool_call", "name": "Read", "input": '{"path": "session.py"}',
     "summary": "src/auth/session.py", "duration_ms": 4},
    {"key": "message:1", "parent": "turn:1", "type": "response", "name": "response", "tokens": 2724,
     "summary": "Two writers can pass the check at session.py:88", "duration_ms": 2210},
)  # fmt: skip

_REPORT = {
    "title": "Dependencies of the release",
    "summary": "Two of 48 have known holes; one of them is reached.",
    "sections": [
        {"title": "What was looked at", "content": "All 48 pinned packages, against the advisories of this week."},
        {"title": "What is reached", "content": "Only the parser is on the path of a request."},
    ],
    "findings": [
        {"severity": "high", "title": "The parser can be made to loop", "evidence": "a nested list of 10,000 levels",
         "file": "src/api/body.py", "line": 41},
        {"severity": "low", "title": "An unused package has a hole", "evidence": "nothing imports it"},
    ],
    "recommendations": ["Pin the parser to 3.2.1", "Drop the unused package"],
}  # fmt: skip


async def leave(
    stage: Stage, agents: dict[str, Agent], runners: dict[str, Runner], attempt: UUID, noon: datetime
) -> None:
    """Does it all; ``attempt`` is the one whose trace it is. Times are as if it had happened just before noon."""
    agent = runners["claude-1"].connection
    news = [
        {**entry, "position": place, "revision": place + 1, "status": "running" if place == 0 else "completed",
         "started_at": (noon - timedelta(seconds=180 - 20 * place)).isoformat()}
        for place, entry in enumerate(_TRACE)
    ]  # fmt: skip
    await agent.execute("SELECT kolony.append_trace($1, $2)", attempt, news)
    await _report(stage, agents["codex-2"], runners["codex-2"])
    await _thread(stage, agents["codex-2"], runners["codex-2"])
    superuser = await stage.workspace.database.superuser()
    at = noon - timedelta(minutes=12)
    await superuser.execute("UPDATE kolony.reports SET created_at = $1, updated_at = $1, completed_at = $1", at)
    spread = "UPDATE kolony.messages SET created_at = $1::timestamptz + number * interval '9 seconds'"
    await superuser.execute(spread, at)
    await superuser.execute("UPDATE kolony.conversations SET created_at = $1, last_message_at = $1", at)


async def _report(stage: Stage, agent: Agent, runner: Runner) -> None:
    await stage.send("look through the dependencies", by="ada", to=agent)
    claim = await runner.take()
    put = "SELECT kolony.put_report($1, $2, 'complete', 'report.json')"
    await runner.connection.execute(put, claim["attempt_id"], _REPORT)
    await runner.finish(claim)


async def _thread(stage: Stage, agent: Agent, runner: Runner) -> None:
    ada = await stage.workspace.database.connect("ada")
    start = "SELECT conversation_id FROM kolony.start_conversation($1, $2, $3)"
    thread = await ada.fetchval(start, stage.workspace.workspace_id, agent.agent_id, "which tests are the slowest?")
    await _answer(runner, "tests/api/test_upload.py: 41 s of 96, most of it in one fixture.")
    await ada.execute("SELECT kolony.send_message($1, $2)", thread, "can the fixture be shared?")
    await _answer(runner, "Yes: nothing writes to it. Scope it to the session; 41 s become 6.")


async def _answer(runner: Runner, words: str) -> None:
    claim = await runner.take()
    await runner.connection.execute("SELECT kolony.note_reply($1, $2)", claim["attempt_id"], words)
    await runner.finish(claim)
