"""Conversations in the database: a message is a command, its run's end the answer, one after another; what is read."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.database import Agent, Workspace
from tests.work.calls import Runner, let_pass


async def _start(person: asyncpg.Connection, agent: Agent, content: str = "hello", **given: Any) -> asyncpg.Record:
    home = await person.fetchval("SELECT workspace_id FROM kolony.workspaces")
    extra = "".join(f", {name} => ${number}" for number, name in enumerate(given, 4))
    call = f"SELECT * FROM kolony.start_conversation($1, $2, $3{extra})"
    [row] = await person.fetch(call, home, agent.agent_id, content, *given.values())
    found: asyncpg.Record = row
    return found


async def _say(person: asyncpg.Connection, thread: UUID, content: str) -> asyncpg.Record:
    [row] = await person.fetch("SELECT * FROM kolony.send_message($1, $2)", thread, content)
    found: asyncpg.Record = row
    return found


async def _thread(person: asyncpg.Connection, thread: UUID) -> list[tuple[str, str]]:
    rows = await person.fetch(
        "SELECT origin, content FROM kolony.messages WHERE conversation_id = $1 ORDER BY number", thread
    )
    return [(row["origin"], row["content"]) for row in rows]


async def _row(person: asyncpg.Connection, columns: str) -> tuple[Any, ...]:
    row = await person.fetchrow(f"SELECT {columns} FROM kolony.conversation_overview")
    assert row is not None
    return tuple(row)


async def _begin(runner: Runner, attempt: UUID) -> dict[str, Any]:
    brief: dict[str, Any] = await runner.connection.fetchval("SELECT kolony.begin_attempt($1)", attempt)
    conversation: dict[str, Any] = brief["conversation"]
    return conversation


async def test_a_thread_goes_on_one_run_at_a_time(workspace: Workspace) -> None:
    agent = await workspace.database.add_agent()
    bob, eve = [await workspace.database.connect(name) for name in ("bob", "eve")]
    first = await _start(bob, agent, "  look\nat this", file_names=["a.txt"], files=[b"A\0B"])
    thread = first["conversation_id"]
    second = await _say(bob, thread, "and this")

    runner = await Runner.of(workspace.database, agent)
    [claimed] = await runner.claim(2)
    assert claimed["run_id"] == first["run_id"]
    brief = await _begin(runner, claimed["attempt_id"])
    assert (brief["conversation_id"], "resume" in brief, "missed" in brief) == (str(thread), False, False)
    [file] = brief["attachments"]
    assert (file["name"], file["bytes"]) == ("a.txt", 3)
    read = "SELECT kolony.read_attachment($1, $2)"
    assert await runner.connection.fetchval(read, claimed["attempt_id"], UUID(file["attachment_id"])) == b"A\0B"

    note = "SELECT kolony.note_session($1, 's-1', 'new', 'acp', 'prog', '1', 'yolo', '/there')"
    await runner.connection.execute(note, claimed["attempt_id"])
    await runner.append(claimed["attempt_id"], [(0, b"never shown\n")])
    await runner.connection.execute("SELECT kolony.note_reply($1, 'it is fine')", claimed["attempt_id"])
    await runner.finish(claimed["attempt_id"], chunks=1)
    assert await _thread(eve, thread) == [
        ("person", "  look\nat this"), ("person", "and this"), ("agent", "it is fine")
    ]  # fmt: skip

    [claimed] = await runner.claim(2)
    assert claimed["run_id"] == second["run_id"]
    brief = await _begin(runner, claimed["attempt_id"])
    assert brief["resume"] == {"session_id": "s-1", "adapter": "acp", "cwd": "/there", "mode": "yolo"}
    assert [one["text"] for one in brief["missed"]] == ["  look\nat this"]
    with pytest.raises(asyncpg.NoDataFoundError):
        await runner.connection.fetchval(read, claimed["attempt_id"], UUID(file["attachment_id"]))
    lost = "SELECT kolony.note_session($1, 's-2', 'lost', 'acp', why => 'it forgot')"
    await runner.connection.execute(lost, claimed["attempt_id"])
    await runner.connection.execute(lost, claimed["attempt_id"])
    await runner.append(claimed["attempt_id"], [(0, ("é" * 40_000 + "!!\n").encode())])
    await runner.finish(claimed["attempt_id"], "failed", chunks=1, error="exit 1")
    said = (await _thread(eve, thread))[3:]
    assert [origin for origin, _ in said] == ["note", "agent", "note"]
    assert said[0][1].endswith("Context was lost: it forgot")
    assert said[1][1].endswith("éé!!")
    assert len(said[1][1].encode()) < 65_536
    assert said[2][1] == f"#{second['command_number']} failed: exit 1"

    overview = "title, messages, unread, last_origin, open_run_id"
    assert await _row(eve, overview) == ("look", 6, 6, "note", None)
    assert await _row(bob, "unread") == (4,)
    await eve.execute("SELECT kolony.read_conversation($1, 5)", thread)
    await eve.execute("SELECT kolony.read_conversation($1, 2)", thread)
    assert await _row(eve, "unread") == (1,)


async def test_what_has_no_answer_says_so_and_rights_hold(workspace: Workspace) -> None:
    agent = await workspace.database.add_agent()
    bob, eve = [await workspace.database.connect(name) for name in ("bob", "eve")]
    opened = await _start(bob, agent, "wait", title=" Mine ")
    thread, run = opened["conversation_id"], opened["run_id"]
    for call in ("send_message($1, 'x')", "rename_conversation($1, 'x')", "archive_conversation($1)"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await eve.execute(f"SELECT kolony.{call}", thread)
    olga = await workspace.database.connect("olga")
    with pytest.raises(asyncpg.NoDataFoundError):
        await olga.execute("SELECT kolony.read_conversation($1)", thread)
    assert await olga.fetchval("SELECT count(*) FROM kolony.messages") == 0
    for names, files, words in (
        (["../a"], [b"x"], "name of a file"), (["a", "a"], [b"", b""], "same name"), (["a"], [], "each attachment"),
        (["a"], [b"x" * 4_194_305], "at most 4 MiB"), ([".a"], [b""], "name of a file"),
    ):  # fmt: skip
        with pytest.raises(asyncpg.InvalidParameterValueError, match=words):
            await bob.execute("SELECT kolony.send_message($1, 'x', $2, $3)", thread, names, files)

    await bob.execute("SELECT kolony.cancel_run($1, 'not now')", run)
    assert (await _thread(eve, thread))[1:] == [("note", f"#{opened['command_number']} was cancelled: not now")]
    await bob.execute("SELECT kolony.archive_conversation($1)", thread)
    archived = "title, archived_at IS NOT NULL, open_run_id"
    assert await _row(bob, archived) == ("Mine", True, None)

    await bob.execute("SELECT kolony.retry_run($1)", run)
    assert await _row(bob, "open_run_id") == (run,)
    runner = await Runner.of(workspace.database, agent)
    [claimed] = await runner.claim()
    await _begin(runner, claimed["attempt_id"])
    await runner.finish(claimed["attempt_id"])
    assert (await _thread(eve, thread))[-1] == ("note", f"#{opened['command_number']} ended without an answer")
    await _say(bob, thread, "again")
    await bob.execute("SELECT kolony.rename_conversation($1, 'Ours')", thread)
    assert (await _row(bob, archived))[:2] == ("Ours", False)
    events = [
        row["event"]
        for row in await (await workspace.database.connect("ada")).fetch(
            "SELECT event FROM kolony.audit_log WHERE event LIKE 'CONVERSATION%' ORDER BY entry_id"
        )
    ]
    assert events == ["CONVERSATION_STARTED", "CONVERSATION_CHANGED", "CONVERSATION_CHANGED"]


async def test_a_session_on_another_host_is_not_gone_on_with(workspace: Workspace) -> None:
    agent = await workspace.database.add_agent()
    bob = await workspace.database.connect("bob")
    thread = (await _start(bob, agent))["conversation_id"]
    note = "SELECT kolony.note_session($1, $2, 'new', 'acp')"
    runner = await Runner.of(workspace.database, agent)
    [claimed] = await runner.claim()
    await runner.connection.execute(note, claimed["attempt_id"], "there")
    # The same attempt is lost with its runner: the next one goes on where it stood.
    superuser = await workspace.database.superuser()
    await let_pass(superuser, runner.session_id)
    again = await Runner.of(workspace.database, agent)
    await superuser.execute("UPDATE kolony.scheduled_runs SET due_at = now() - interval '1 second'")
    [claimed] = await again.claim()
    assert (await _begin(again, claimed["attempt_id"]))["resume"]["session_id"] == "there"
    await superuser.execute("UPDATE kolony.agent_sessions SET host = 'host-2' WHERE session_id = $1", again.session_id)
    brief = await _begin(again, claimed["attempt_id"])
    assert "resume" not in brief
    await again.connection.execute(note, claimed["attempt_id"], "here")
    assert (await _thread(bob, thread))[1][1].endswith("its session is on host-1, and this runner on host-2")


async def test_saying_something_while_an_answer_ends_neither_blocks_nor_is_forgotten(workspace: Workspace) -> None:
    agent = await workspace.database.add_agent()
    bob, ada = [await workspace.database.connect(name) for name in ("bob", "ada")]
    thread = (await _start(bob, agent))["conversation_id"]
    runner = await Runner.of(workspace.database, agent)
    answered = 0
    for _ in range(12):
        [claimed] = await runner.claim(5)
        await asyncio.gather(
            runner.finish(claimed["attempt_id"]),
            _say(bob, thread, "one"),
            ada.execute("SELECT kolony.settle($1)", workspace.workspace_id),
        )
        answered += 1
    while rest := await runner.claim(5):
        assert len(rest) == 1  # one at a time
        await runner.finish(rest[0]["attempt_id"])
        answered += 1
    assert answered == 13
    numbers = await bob.fetch("SELECT number, unanswered FROM kolony.messages ORDER BY number")
    assert [tuple(row) for row in numbers] == [(number, False) for number in range(1, 27)]
