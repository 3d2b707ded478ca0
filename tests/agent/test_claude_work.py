"""The adapter claude without a database: programs that are not there, say nothing, do not go, take much in."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kolony_tui.agent.adapter import CannotStart
from kolony_tui.agent.attempt.launch import Launch
from kolony_tui.agent.brief import Brief
from kolony_tui.agent.claude import work as claude_work
from kolony_tui.agent.claude.work import ClaudeWork
from kolony_tui.agent.events import Ended, Event, Opened, Output
from kolony_tui.agent.supervision.guard import Guard
from kolony_tui.agent.supervision.ladder import Graces
from kolony_tui.agent.types.known_types import type_named
from kolony_tui.agent.types.outfit import Outfit
from tests.agent.colony import assignment

FAKE = (sys.executable, str(Path(__file__).parent / "fakes" / "claude.py"))
ARGUMENTS = """
import json, sys
print(json.dumps({"type": "result", "subtype": "success", "result": " ".join(sys.argv[1:])}), flush=True)
sys.stdin.read()
"""


class Yard:
    """Runs the adapter and frees what it held."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.guard = Guard()
        self.guard.start()

    async def work(
        self, text: str, *program: str, brief: Brief | None = None, trust: str = "", **facts: Any
    ) -> list[Event]:
        """What a program tells; ``facts`` change its type."""
        kind = replace(type_named(self.folder, "claude"), **facts)
        outfit = Outfit(kind, program, trust)
        task = replace(assignment(text), brief=brief or Brief())
        launch = outfit.launch_for(Launch("worker", self.folder, self.folder), {})
        graces = Graces(leftovers=0.2)
        work = ClaudeWork(task, launch, self.guard, graces, kind=outfit.kind_for({}))
        try:
            await work.start()
            return [event async for event in work.events()]
        finally:
            await work.close()

    async def end(self, text: str, *program: str, **facts: Any) -> Ended:
        """How it ended."""
        last = (await self.work(text, *program, **facts))[-1]
        assert isinstance(last, Ended)
        return last


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    """Closed with the test."""
    made = Yard(tmp_path)
    yield made
    made.guard.close()


async def test_a_program_that_is_not_there_or_says_nothing_is_named(yard: Yard) -> None:
    with pytest.raises(CannotStart, match="there is no program 'no-such-claude'"):
        await yard.work("x", "no-such-claude")
    silent = await yard.end("x", "sh", "-c", "exec sleep 661", "--output-format", initialize_seconds=0.2)
    assert (silent.reason, silent.error) == ("handshake", "it said nothing for 0.2 s after it was started")
    old = await yard.end("x", *FAKE, least_version="3.0")
    assert (old.reason, old.error) == ("handshake", "version 2.1.329 of the program is too old: 3.0 or newer is needed")


async def test_one_that_does_not_go_after_its_result_has_succeeded_all_the_same(yard: Yard) -> None:
    ended = await yard.end("stay", *FAKE, exit_seconds=0.1)
    assert (ended.error, ended.answer, ended.signal) == ("", "Done, but I stay.", 15)


async def test_a_long_prompt_goes_in_while_much_comes_out(yard: Yard) -> None:
    text = "x" * 1_500_000
    ended = await yard.end(text, *FAKE)
    assert ended.answer == f"You said: {text}"


async def test_one_that_does_not_answer_to_the_hello_gets_its_prompt(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claude_work, "HELLO_SECONDS", 0.2)
    script = (
        'read -r hello; read -r told; echo \'{"type":"result","subtype":"success","result":"heard"}\'; cat >/dev/null'
    )
    assert (await yard.end("x", "sh", "-c", script, "x", "--output-format")).answer == "heard"


async def test_what_it_is_started_with(yard: Yard) -> None:
    script = yard.folder / "claude"
    script.write_text(f"#!{sys.executable}\n{ARGUMENTS}")
    script.chmod(0o700)
    argv = (str(script), *type_named(yard.folder, "claude").argv[1:])
    fresh = await yard.work("x", argv=argv, brief=Brief(budget_usd=1.25), trust="untrusted")
    assert isinstance(fresh[0], Output)
    assert fresh[0].data.startswith(b"The folder is not trusted. Turned off: the folder's own settings")
    words = fresh[-1].answer if isinstance(fresh[-1], Ended) else ""
    assert "--permission-mode default --max-budget-usd 1.2500 --session-id " in words
    assert words.index("--setting-sources user --strict-mcp-config") > 0
    resume = {"session_id": "s-1", "adapter": "claude"}
    words = (await yard.end("x", argv=argv, brief=Brief(budget_usd=1.25, resume=resume))).answer
    assert words.endswith("--permission-mode default --max-budget-usd 1.2500 --resume s-1")
    other = await yard.work("x", *FAKE, brief=Brief(resume={"session_id": "s-1", "adapter": "acp"}))
    [opened] = [event for event in other if isinstance(event, Opened)]
    assert (opened.how, opened.why) == ("lost", "the conversation was held by another kind of agent")
