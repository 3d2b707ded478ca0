"""Output in the database: whole or refused, told twice without harm, out of reach of other attempts (G4)."""

from __future__ import annotations

import asyncio

from tests.database import Agent, Workspace, refused
from tests.work.calls import Runner, let_pass, send, state


async def test_a_hole_is_named_and_the_run_ends_when_it_is_filled(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    [run] = await send(bob, agent)
    runner = await Runner.of(workspace.database, agent)
    [held] = await runner.claim()
    await runner.append(held["attempt_id"], [(0, b"a"), (2, b"c"), (5, b"f")])
    with refused("KO002", "3 chunks of 6 are there, missing 1, 3, 4"):
        await runner.finish(held["attempt_id"], chunks=6)
    with refused("KO002", "missing none"):
        await runner.finish(held["attempt_id"], chunks=1)
    assert await state(bob, run) == "dispatching"
    await runner.append(held["attempt_id"], [(1, b"b"), (3, b"d"), (4, b"e")])
    with refused("KO002", "6 chunks of 7 are there, missing 6"):
        await runner.finish(held["attempt_id"], chunks=7)
    await runner.finish(held["attempt_id"], chunks=6)
    assert await state(bob, run) == "completed"
    chunks = "SELECT string_agg(data, '' ORDER BY seq) FROM kolony.output_chunks"
    assert await bob.fetchval(chunks) == b"abcdef"


async def test_a_wild_number_of_chunks_costs_nothing(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    await send(bob, agent)
    runner = await Runner.of(workspace.database, agent)
    [held] = await runner.claim()
    async with asyncio.timeout(5):
        with refused("KO002", "missing 0, 1, 2"):
            await runner.finish(held["attempt_id"], chunks=2**62)
        with refused("KO002"):
            await runner.finish(held["attempt_id"], chunks=-1)


async def test_a_batch_told_twice_is_kept_once_and_unchanged(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    await send(bob, agent)
    runner = await Runner.of(workspace.database, agent)
    [held] = await runner.claim()
    exact = bytes(range(256)) + b"\x1b[31m\x00\xff\xfe"
    await runner.append(held["attempt_id"], [(0, exact), (0, b"twice in one batch"), (1, b"x")])
    await runner.append(held["attempt_id"], [(0, b"another text"), (1, b"x"), (2, b"y")])
    rows = await bob.fetch("SELECT seq, data FROM kolony.output_chunks ORDER BY seq")
    assert [tuple(row) for row in rows] == [(0, exact), (1, b"x"), (2, b"y")]


async def test_each_attempt_has_output_of_its_own(workspace: Workspace, agent: Agent) -> None:
    database = workspace.database
    bob, superuser = await database.connect("bob"), await database.superuser()
    await send(bob, agent)
    first = await Runner.of(database, agent)
    [held] = await first.claim()
    await first.append(held["attempt_id"], [(0, b"first")])
    await let_pass(superuser, first.session_id)
    second = await Runner.of(database, agent)
    await superuser.execute("UPDATE kolony.scheduled_runs SET due_at = now()")
    [again] = await second.claim()
    await second.append(again["attempt_id"], [(0, b"second")])
    with refused("KO001", "no lease any more"):
        await first.append(held["attempt_id"], [(1, b"late")])
    rows = await bob.fetch("SELECT attempt, data FROM kolony.output_chunks ORDER BY attempt")
    assert [tuple(row) for row in rows] == [(1, b"first"), (2, b"second")]


async def test_chunks_have_bounds(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    await send(bob, agent)
    runner = await Runner.of(workspace.database, agent)
    [held] = await runner.claim()
    for number, data, stream in ((0, b"", "stdout"), (0, b"x" * (1024 * 1024 + 1), "stdout"), (-1, b"x", "stdout"),
                                 (0, b"x", "stdin")):  # fmt: skip
        with refused("23514"):
            await runner.append(held["attempt_id"], [(number, data)], stream)
    await runner.append(held["attempt_id"], [(0, b"x" * 1024 * 1024)], "log")
    assert await bob.fetchval("SELECT length(data) FROM kolony.output_chunks") == 1024 * 1024


async def test_a_new_month_needs_no_reader_to_let_go(workspace: Workspace, agent: Agent) -> None:
    """The claim that makes the month's partition does not wait for somebody who reads in an open transaction."""
    database = workspace.database
    bob, eve, superuser = await database.connect("bob"), await database.connect("eve"), await database.superuser()
    await send(bob, agent)
    runner = await Runner.of(database, agent)
    for row in await superuser.fetch("SELECT inhrelid::regclass::text AS name FROM pg_inherits i JOIN pg_class c"
                                     " ON c.oid = i.inhparent WHERE c.relname = 'output_chunks'"):  # fmt: skip
        await superuser.execute(f"DROP TABLE {row['name']}")
    await eve.execute("SET idle_in_transaction_session_timeout = 0; BEGIN; SELECT count(*) FROM kolony.output_chunks")
    [held] = await asyncio.wait_for(runner.claim(), 3)
    await runner.append(held["attempt_id"], [(0, b"x")])
    await eve.execute("COMMIT")
    assert await eve.fetchval("SELECT data FROM kolony.output_chunks") == b"x"
    made = await superuser.fetchrow(
        """SELECT relrowsecurity, relforcerowsecurity, relowner::regrole::text FROM pg_class
           WHERE relname LIKE 'output\\_chunks\\_2%' AND relkind = 'r'"""
    )
    assert made is not None
    assert tuple(made) == (True, True, "kolony_owner")
