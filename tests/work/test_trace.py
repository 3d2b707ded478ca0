"""The trace in the database: told twice, in pieces, too long, out of order, by somebody without the lease."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from kolony_tui.core import records, trace
from kolony_tui.core.session import log_in
from kolony_tui.core.trace_tree import TraceTree
from kolony_tui.models.trace import TraceLine
from kolony_tui.models.untrusted import Untrusted
from tests.database import Agent, Workspace, refused
from tests.work.calls import Runner, send


async def test_a_trace_is_told_in_pieces_twice_and_only_by_who_holds_the_lease(
    workspace: Workspace, agent: Agent
) -> None:
    bob = await workspace.database.connect("bob")
    [run] = await send(bob, agent)
    runner = await Runner.of(workspace.database, agent)
    [held] = await runner.claim()
    attempt: UUID = held["attempt_id"]

    async def tell(*entries: dict[str, Any]) -> None:
        await runner.connection.execute("SELECT kolony.append_trace($1, $2)", attempt, list(entries))

    start = "2026-06-01T12:00:00+00:00"
    hostile = 'rm "\0" \x1b[31m \ud800'
    first = [
        {"key": "turn:1", "position": 0, "revision": 1, "type": "llm_prompt", "input": '"fix it"', "started_at": start},
        {"key": "message:1", "parent": "turn:1", "position": 1, "revision": 2, "type": "response", "append": '"Hel"',
         "output_size": 5, "attributes": {"a": 1}, "started_at": start},
        {"key": "tool:1", "parent": "turn:1", "position": 2, "revision": 3, "type": "tool_call", "name": "sh",
         "input": json.dumps({"z": hostile, "a": 1.0}), "input_size": 4_000_000, "started_at": start},
    ]  # fmt: skip
    await tell(*first)
    more = {"key": "message:1", "revision": 4, "append": '"lo\\u0000"', "status": "completed", "tokens": 7,
            "duration_ms": 12.5, "attributes": {"b": 2}}  # fmt: skip
    await tell(more)
    await tell(more)  # the answer to the first was lost on the way
    await tell(*first)  # and an older batch comes late

    session = await log_in(workspace.database.target("bob"), "test")
    try:
        end = await records.output_end(session, run)
        assert end is not None
        lines = await trace.lines(session, run, end)
        assert [line.revision for line in lines] == [1, 3, 4]
        assert await trace.lines(session, run, end, after=4) == []
        found = await trace.entries(session, run, end)
        assert [entry.position for entry in found] == [0, 1, 2]
        prompt, message, tool = found
        assert (prompt.parent_id, message.parent_id, tool.parent_id) == (None, prompt.id, prompt.id)
        assert trace.value(message.output, message.output_size) == "Hello\0"
        assert (message.status, message.tokens, message.duration_ms) == ("completed", 7, 12.5)
        assert message.attributes == {"a": 1, "b": 2}
        assert tool.input is not None
        assert json.loads(tool.input.raw) == {"z": hostile, "a": 1.0}, "to the letter"
        assert "cut by Kolony" in trace.value(tool.input, tool.input_size)
        assert await trace.found_in(session, run, end, 'RM "\0') == await trace.found_in(session, run, end, 'rm "')
        assert await trace.found_in(session, run, end, 'RM "') == [Untrusted("tool:1")]
        assert await trace.found_in(session, run, end, "%") == []
        await runner.finish(attempt, "failed", error="no")
        end = await records.output_end(session, run)
        assert end is not None
        one = await trace.entry(session, run, end, Untrusted("tool:1"))
        assert one is not None
        assert one.status == "failed", "its runner never closed it"
    finally:
        await session.db.close()
    with refused("KO001"):
        await tell(more)
    olga = await workspace.database.connect("olga")
    assert await olga.fetchval("SELECT count(*) FROM kolony.trace_entries") == 0
    for login in (bob, runner.connection):
        try:
            await login.execute("INSERT INTO kolony.trace_entries (key) VALUES ('x')")
        except asyncpg.InsufficientPrivilegeError:
            continue
        raise AssertionError("only append_trace writes")


async def test_what_cannot_be_an_entry_is_refused_and_the_rest_of_an_attempt_goes_on(
    workspace: Workspace, agent: Agent
) -> None:
    bob = await workspace.database.connect("bob")
    await send(bob, agent)
    runner = await Runner.of(workspace.database, agent)
    [held] = await runner.claim()
    tell = "SELECT kolony.append_trace($1, $2)"
    entry = {"key": "a", "position": 0, "revision": 1, "type": "thought", "started_at": "2026-06-01T12:00:00+00:00"}
    with refused("22023", "at most 1000"):
        await runner.connection.execute(tell, held["attempt_id"], {"key": "a"})
    for wrong in ({"type": "dream"}, {"confidence": 2}, {"output": json.dumps("x" * 1024 * 1024)}, {"status": "odd"}):
        with refused("23514"):
            await runner.connection.execute(tell, held["attempt_id"], [entry | wrong])
    await runner.connection.execute(tell, held["attempt_id"], [entry])
    wide = {f"k{number}": "x" * 1000 for number in range(60)}
    await runner.connection.execute(tell, held["attempt_id"], [entry | {"revision": 2, "attributes": wide}])
    await runner.connection.execute(
        tell, held["attempt_id"], [entry | {"revision": 3, "attributes": {"more": "x" * 9000}, "output": "[1]"}]
    )
    row = await bob.fetchrow("SELECT revision, attributes ? 'more' AS more, output FROM kolony.trace_entries")
    assert row is not None
    assert (row["revision"], row["more"], row["output"]) == (3, False, [1]), "attributes stay within their bound"


def test_entries_hang_where_they_belong_however_they_come() -> None:
    tree = TraceTree()
    tree.take([_line("c", 3, "b"), _line("a", 1)])
    assert _drawn(tree) == ["a", "c"]
    tree.take([_line("b", 2, "a"), _line("x", 4, "y"), _line("y", 5, "x"), _line("z", 6, "z"), _line("w", 7, "y")])
    assert _drawn(tree) == ["a", " b", "  c", "z", "x", " y", "  w"]
    assert [row.line.key.raw for row in tree.rows({"b"})][:3] == ["a", "b", "z"]
    assert [row.folded for row in tree.rows({"b", "c"})][:2] == [False, True]


def _drawn(tree: TraceTree) -> list[str]:
    return [" " * row.depth + row.line.key.raw for row in tree.rows()]


def _line(key: str, position: int, parent: str | None = None) -> Any:
    return TraceLine(
        Untrusted(key), Untrusted(parent) if parent else None, position, position, "thought", None, "running",
        None, None, None, None, datetime(2026, 6, 1, tzinfo=UTC), None, None, None,
    )  # fmt: skip
