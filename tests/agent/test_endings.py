"""Ends go to the database together, each with an answer of its own; a runner's own hints do not wake it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from kolony_tui.agent.endings import Completed, Endings
from kolony_tui.agent.link import Link
from kolony_tui.agent.session import open_session
from kolony_tui.db.listen import EVERYTHING, Listener
from tests.database import Agent, Workspace
from tests.work.calls import send, state


class Counting(Link):
    """A link that keeps the names of the functions that it called."""

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent.target, "kolony tests")
        self.called: list[str] = []

    async def call(self, function: str, *arguments: Any) -> Sequence[asyncpg.Record]:
        self.called.append(function)
        return await super().call(function, *arguments)


def _end(attempt: UUID, **given: Any) -> Completed:
    usual: dict[str, Any] = {"exit_code": 0, "signal": None, "error": None, "usage": {}, "chunks": 0, "bytes": 0,
                             "lines": 0, "warning": None}  # fmt: skip
    return Completed(attempt, **usual | given)


async def test_ends_that_come_together_go_together(workspace: Workspace, agent: Agent) -> None:
    bob = await workspace.database.connect("bob")
    runs = [(await send(bob, agent))[0] for _ in range(6)]
    link = Counting(agent)
    try:
        session = await open_session(link, "process", 6)
        first, holed, *others = [work.attempt_id for work in await session.claim(6)]
        link.called.clear()
        endings = Endings(link)
        tasks = [asyncio.create_task(endings.written(_end(first)))]
        while not link.called:
            await asyncio.sleep(0)
        # What comes while the first call is under way waits for it, and then goes in one.
        ends = [_end(holed, chunks=3), *(_end(each) for each in others)]
        tasks += [asyncio.create_task(endings.written(end)) for end in ends]
        assert await asyncio.gather(*tasks) == [True, False, True, True, True, True]
        assert link.called == ["complete_attempts"] * 2
        assert [await state(bob, run) for run in runs] == ["completed", "executing", *["completed"] * 4]
    finally:
        await link.close()


async def test_one_that_cannot_be_stored_loses_no_other(workspace: Workspace, agent: Agent) -> None:
    """The batch is refused; each is to be said alone, and may be said again."""
    bob = await workspace.database.connect("bob")
    runs = [(await send(bob, agent))[0] for _ in range(2)]
    link = Counting(agent)
    try:
        session = await open_session(link, "process", 2)
        works = await session.claim(2)
        endings = Endings(link)
        broken = [_end(works[0].attempt_id, usage={"odd": "\0"}), _end(works[1].attempt_id)]
        assert await asyncio.gather(*(endings.written(end) for end in broken)) == [False, False]
        assert await endings.written(_end(works[1].attempt_id))
        assert [await state(bob, run) for run in runs] == ["executing", "completed"]
    finally:
        await link.close()


async def test_a_runner_does_not_hear_the_hints_that_it_sent_itself(workspace: Workspace) -> None:
    database = workspace.database
    own, other = await database.connect("bob"), await database.connect("bob")
    heard: asyncio.Queue[str] = asyncio.Queue()
    listener = Listener(database.target("bob"), workspace.channel, "kolony tests", heard.put_nowait, lambda _: None,
                        own.get_server_pid)  # fmt: skip
    listening = asyncio.create_task(listener.run())
    try:
        async with asyncio.timeout(10):
            assert await heard.get() == EVERYTHING
            for sender, hint in ((own, "agents:*"), (other, "runs:*")):
                await sender.execute("SELECT pg_notify($1, $2)", workspace.channel, hint)
            assert await heard.get() == "runs:*"
    finally:
        listening.cancel()
        await asyncio.wait([listening])
