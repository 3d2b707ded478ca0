"""The trace on a run's screen: live, folded, searched, opened, the output that an entry made, the map of thoughts."""

from __future__ import annotations

import json
from typing import Any

import asyncpg

from kolony_tui.ui.screens.work.run import RunScreen
from kolony_tui.ui.screens.work.trace_entry import EntryScreen, EntryView
from kolony_tui.ui.widgets.thought_map import ThoughtMap
from kolony_tui.ui.widgets.trace_view import TraceView
from tests.ui.stage import Runner, Stage, toasts, until, words

AT = "2026-06-01T12:00:00+00:00"
HOSTILE = "[red]bold[/red]\x1b]0;evil\x07\u202e\x1b[31m"


class Told:
    """Tells a runner's trace; revisions and positions go up by themselves."""

    def __init__(self, runner: Runner, claim: asyncpg.Record) -> None:
        self.runner, self.claim, self.revision, self.known = runner, claim, 0, 0

    async def __call__(self, *entries: dict[str, Any], hint: bool = True) -> None:
        for entry in entries:
            self.revision += 1
            entry["revision"] = self.revision
            if "type" in entry:
                entry |= {"position": self.known, "started_at": AT}
                self.known += 1
        await self.runner.connection.execute(
            "SELECT kolony.append_trace($1, $2)", self.claim["attempt_id"], list(entries)
        )
        if hint:
            await self.runner.announce(f"trace:{self.claim['run_id']}")


async def test_a_trace_is_read_as_it_grows(stage: Stage) -> None:
    runner = await stage.runner()
    run_id = await stage.send("fix it")
    claim = await runner.take()
    tell = Told(runner, claim)
    await runner.write(claim, b"".join(b"line %d\n" % number for number in range(300)))
    await tell(
        {"key": "p", "type": "llm_prompt", "summary": "fix the race", "input": '"fix the race"'},
        {"key": "t", "type": "thought", "parent": "p", "summary": "two writers", "confidence": 0.8,
         "status": "completed", "output": json.dumps("two writers\nneedle")},
        {"key": "c", "type": "tool_call", "parent": "p", "name": HOSTILE, "summary": "rm -rf " + HOSTILE,
         "input": json.dumps({"command": f"rm -rf /tmp/{HOSTILE}\nls"}), "line_from": 120, "tokens": 1200},
        {"key": "s", "type": "thought", "parent": "c", "summary": "a sub-agent thinks", "output": '"deep needle"'},
    )  # fmt: skip
    async with stage.app("eve", size=(100, 40)) as (app, pilot):
        app.open_run(run_id)
        await until(lambda: "line 299" in words(app), "its output")
        await pilot.press("t")
        await until(lambda: "a sub-agent thinks" in words(app), "the tree")
        screen = app.screen
        assert isinstance(screen, RunScreen)
        await until(lambda: isinstance(screen.focused, TraceView), "the focus is in it")
        view = screen.focused
        assert isinstance(view, TraceView)
        assert "rm -rf [red]bold[/red]\ufffd" in words(app), "no markup, no escapes"
        assert "evil" not in words(app)
        assert view.words.split()[-1] == "thinks", "the last entry is under the cursor"
        await tell({"key": "m", "type": "response", "parent": "p", "summary": "half an ans"})
        await until(lambda: "half an ans" in words(app), "what comes is shown at once", 3)
        assert "half" in view.words, "and followed"
        await tell({"key": "c", "status": "failed", "error": "exit 1", "duration_ms": 1234.5})
        await until(lambda: "1.2 s  1,200 tokens" in words(app) and "exit 1" in words(app), "its end", 3)
        await until(lambda: "1 failed" in words(app), "counted")
        # Folding
        await pilot.press("home", "down", "down", "space")
        await until(lambda: "a sub-agent" not in words(app) and "+1" in words(app), "folded")
        await pilot.press("slash", *"deep needle", "enter")
        await until(lambda: "a sub-agent" in words(app), "a match within is unfolded")
        await until(lambda: "sub-agent" in view.words, "and gone to")
        await pilot.press("slash", *"nowhere", "enter")
        await until(lambda: "not found" in words(app), "not found")
        await pilot.press("escape", "left")
        await until(lambda: "rm -rf" in view.words, "left leads to what it is a part of")
        # The entry whole
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, EntryScreen) and "INPUT" in words(app), "whole")
        shown = " ".join(words(app).split())
        assert "rm -rf /tmp/[red]bold[/red]␛]0;evil␇\\u202e␛[31m" in shown, "nothing of it hidden or obeyed"
        assert "| ls" in shown
        assert app.screen.query_one(EntryView).has_focus
        await pilot.press("escape", "end", "enter")
        await until(lambda: isinstance(app.screen, EntryScreen) and "it holds nothing" in words(app), "what goes on")
        await tell({"key": "m", "append": '"half an answer"'})
        await until(lambda: "half an answer" in words(app), "is read again", 3)
        await pilot.press("escape", "home", "down", "down", "o")
        await until(lambda: "line 120" in words(app) and "line 299" not in words(app), "the output that it made")
        await pilot.press("t")
        await pilot.press("y")
        await until(lambda: "the entry is copied" in toasts(app), "copied")
        assert HOSTILE in app.clipboard, "as it came"
        # As a map
        await pilot.press("T")
        await until(lambda: "████████░░" in words(app) and "80%" in words(app), "how sure it was")
        assert "◆ input" in words(app)
        assert "├─ ■ action" in words(app)
        await until(lambda: isinstance(screen.focused, ThoughtMap), "the focus is in the map")
        await runner.finish(claim, "failed", chunks=1, error="gone")
        await until(lambda: "▶ running" not in words(app) and "✖ failed" in words(app), "what was open ended with it")
        await pilot.press("right_square_bracket", "left_square_bracket", "T")
        await until(lambda: "line 299" in words(app) or "line 120" in words(app), "the output again")


async def test_ten_thousand_entries_stay_quick(stage: Stage) -> None:
    runner = await stage.runner()
    run_id = await stage.send("a lot")
    tell = Told(runner, await runner.take())
    await tell({"key": "p", "type": "llm_prompt"}, hint=False)
    for thousand in range(10):
        entries = [
            {"key": f"t{thousand}:{number}", "type": "thought", "parent": "p", "status": "completed",
             "summary": f"thought {thousand}:{number}"}
            for number in range(1000)
        ]  # fmt: skip
        await tell(*entries, hint=False)
    async with stage.app("bob", size=(80, 24)) as (app, pilot):
        app.open_run(run_id)
        await until(lambda: "executing" in words(app), "its screen")
        await pilot.press("t")
        await until(lambda: "thought 9:999" in words(app) and "10,001 entries" in words(app), "all of it")
        await pilot.press("home")
        await until(lambda: "thought 0:0" in words(app), "its beginning")
        await tell({"key": "new", "type": "response", "summary": "one more", "parent": "p"})
        await until(lambda: "10,002 entries" in words(app), "one more")
        assert "thought 0:0" in words(app), "who reads elsewhere is left there"
        await pilot.press("G")
        await until(lambda: "one more" in words(app), "the end")
        for width, height in ((20, 10), (140, 40)):
            await pilot.resize_terminal(width, height)
            await until(lambda: "response" in words(app), f"at {width}x{height}")
            assert all(len(line) <= width for line in words(app).splitlines())
