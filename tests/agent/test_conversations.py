"""A conversation over a real runner and the command line: it goes on after the runner was killed and started again."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from kolony_tui.agent.attempt.told import prompt_text
from kolony_tui.agent.brief import Brief
from tests.agent.colony import Colony, assignment
from tests.database import PASSWORD

FAKE = str(Path(__file__).parent / "fakes" / "acp.py")
PROGRAM = """
import json, os, sys
run = os.environ["KOLONY_RUN_DIR"]
told = json.load(open(run + "/conversation.json"))
here = open("count", "a+")
here.write("x"); here.flush(); here.seek(0)
print("I know", [(m["origin"], m["text"]) for m in told["messages"]], "and was here", len(here.read()))
for file in told["attachments"]:
    print("I got", open(run + "/" + file).read())
"""


async def _kolony(colony: Colony, *words: str, login: str = "bob") -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("KOLONY_", "PG"))}
    database = colony.workspace.database
    asked = [sys.executable, "-m", "kolony_tui", "conversation", *words]
    kept |= {"KOLONY_DSN": database.dsn(login, PASSWORD), "KOLONY_HOME": str(colony.home / login)}
    return await asyncio.to_thread(
        subprocess.run, asked, capture_output=True, encoding="utf-8", timeout=60, env=kept, input=""
    )


async def _json(colony: Colony, *words: str) -> Any:
    done = await _kolony(colony, *words[: words.index("--")] if "--" in words else words, "--json",
                         *words[words.index("--") :] if "--" in words else ())  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def test_a_thread_goes_on_with_the_next_runner(colony: Colony) -> None:
    (colony.home / "plan.txt").write_text("the plan")
    program = (sys.executable, "-c", PROGRAM)
    first = colony.runner(program=program)
    said = await _json(
        colony, "start", "worker", "--attach", str(colony.home / "plan.txt"), "--wait", "--", "look", "here"
    )
    assert (said["status"], said["message"]) == ("completed", 1)
    assert said["answer"] == "I know [] and was here 1\nI got the plan"

    first.process.kill()
    await first.ended()
    await colony.superuser.execute("UPDATE kolony.agent_sessions SET last_seen = now() - interval '1 hour'")
    colony.runner(program=program)
    followed = await _kolony(colony, "send", said["reference"], "--follow", "--", "go on")
    known = [("person", "look here"), ("agent", said["answer"])]
    assert followed.stdout == f"I know {known} and was here 2\n", followed.stderr

    bob = colony.workspace.database.cluster.login("bob")
    shown = await _json(colony, "show", str(said["conversation"]))
    assert [(one["origin"], one["author"], one["run"]) for one in shown["messages_shown"]] == [
        ("person", bob, "#1"), ("agent", "worker", "#1"), ("person", bob, "#2"), ("agent", "worker", "#2"),
    ]  # fmt: skip
    assert shown["messages_shown"][0]["attachments"][0]["name"] == "plan.txt"
    [listed] = await _json(colony, "list", "--agent", "worker")
    assert [listed[key] for key in ("reference", "unread", "title", "open_runs")] == ["~1", 1, "look here", 0]
    await _json(colony, "read", "~1")
    await _json(colony, "archive", "1")
    assert await _json(colony, "list") == []
    [listed] = await _json(colony, "list", "--all")
    assert listed["unread"] == 0
    failed = await _kolony(colony, "send", "~9", "--", "x")
    assert (failed.returncode, failed.stdout) == (4, "")
    assert failed.stderr.startswith("kolony: there is no conversation ~9 in main")
    for words in (("send", "1"), ("send", "x", "--", "y"), ("start", "worker", "--attach", "/nowhere", "--", "x")):
        refused = await _kolony(colony, *words)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1), refused.stderr
    viewer = await _kolony(colony, "send", "1", "--", "x", login="eve")
    assert viewer.returncode == 4
    assert "needs the role operator" in viewer.stderr


def test_a_text_alone_is_told_as_it_is_and_what_is_known_is_not_told_again() -> None:
    assert prompt_text(assignment("/compact\n")) == "/compact\n"
    missed = ({"origin": "person", "who": "bob", "text": "before", "cut": True},)
    files = ({"attachment_id": "1", "name": "a.txt", "bytes": 3},)
    brief = Brief(resume={"session_id": "s"}, missed=missed, attachments=files, memory=({"name": "n", "content": "c"},))
    work = assignment("do it", instructions="be kind", brief=brief, run_dir=Path("/run"))
    told = prompt_text(work)
    assert told.endswith("# Your task\n\ndo it")
    assert "before" not in told
    assert [words in told for words in ("be kind", "## n\n\nc", "/run/attachments/a.txt (3 bytes)")] == [True] * 3
    assert "The person: before [... cut]" in prompt_text(work, lost=True)


async def test_a_session_goes_on_after_a_restart_and_who_lost_it_is_told_what_was_said(colony: Colony) -> None:
    async def answered(how: str, function: str, *words: object) -> Any:
        runner = colony.runner("--adapter", "acp", program=(sys.executable, FAKE, how))
        places = ", ".join(f"${place}" for place in range(1, len(words) + 1))
        [said] = await colony.operator.fetch(f"SELECT * FROM kolony.{function}({places})", *words)
        assert (await colony.done(said["run_id"]))["status"] == "completed"
        runner.process.kill()
        await runner.ended()
        await colony.superuser.execute("UPDATE kolony.agent_sessions SET last_seen = now() - interval '1 hour'")
        return said

    first = await answered("load", "start_conversation", colony.workspace.workspace_id, colony.agent_id, "look")
    thread = first["conversation_id"]
    await answered("load", "send_message", thread, "and now")
    [kept] = await colony.superuser.fetch("SELECT session_id, how, cwd, host FROM kolony.conversation_sessions")
    assert tuple(kept)[:2] == ("fake-session", "loaded")
    assert kept["cwd"].endswith(f"conversation-{thread.hex[-12:]}")
    await answered("echo", "send_message", thread, "and then")
    said = await colony.operator.fetch("SELECT origin, content FROM kolony.messages ORDER BY number")
    assert [tuple(each) for each in said[:4]] == [
        ("person", "look"), ("agent", "look"), ("person", "and now"), ("agent", "and now")
    ]  # fmt: skip
    assert [each["origin"] for each in said[4:]] == ["person", "note", "agent"]
    assert "Context was lost" in said[5]["content"]
    told = said[6]["content"]
    assert told.startswith("# Said in this conversation before\n\nThe person: look\n\nYou: look\n\n")
    assert told.endswith("# Your task\n\nand then")
