"""The past is shown as it was: what was asked then and what is asked about then give the same answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from kolony_tui.core import lists, records, work
from kolony_tui.core.replay import PastDatabase, looking_back
from kolony_tui.core.session import PersonSession, clock
from kolony_tui.models.errors import KolonyError
from kolony_tui.models.fleet import Agent
from kolony_tui.models.lists import Wish
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.models.work import Run
from tests.database import Database
from tests.events.test_events import session_of
from tests.work.calls import Runner, send

ALL = Wish(0, 100)
BEFORE = datetime(2000, 1, 1, tzinfo=UTC)


def plain_run(run: Run) -> Run:
    """Without what replay does not keep: its position, and what was written in words that a later step wrote over."""
    return replace(run, position=None, held_why=None, interrupt_why=None, error=None)


def plain_agent(agent: Agent) -> Agent:
    """The same for an agent: a heartbeat's time, what it said of the runner, and why it was paused before."""
    return replace(agent, health=None, last_seen=None, desired_why=Untrusted(""))


Seen = tuple[list[Agent], list[Run], list[Run], list[object]]


async def seen(session: PersonSession) -> Seen:
    """The fleet, all runs, the queue and the numbers, as the screens read them."""
    agents = (await lists.agents(session, ALL)).rows
    runs = await work.runs(session, limit=100)
    queue = await lists.open_runs(session, ALL, BEFORE, 50)
    by_agent = await lists.open_runs(session, replace(ALL, sort="agent"), BEFORE, 50)
    pulse = await lists.pulse(session, BEFORE)
    numbers = [queue.passed, by_agent.passed, pulse.agents, pulse.online, pulse.busy, pulse.open_runs, pulse.ended]
    # Where one waits behind another is kept of nobody.
    rows = sorted((plain_run(run) for run in queue.rows), key=lambda run: run.run_id)
    return [plain_agent(agent) for agent in agents], [plain_run(run) for run in runs], rows, numbers


async def test_each_step_is_seen_again_as_it_was(database: Database) -> None:
    agent, other = await database.add_agent(), await database.add_agent("other")
    bob = await database.connect("bob")
    eve = await session_of(database, "eve")
    history: list[tuple[datetime, Seen]] = []

    async def note() -> None:
        history.append((await clock(eve), await seen(eve)))

    runner = await Runner.of(database, agent, 5)
    await note()
    await runner.beat()
    await note()
    first, held = (await send(bob, agent))[0], (await send(bob, agent))[0]
    later = await bob.fetchval("SELECT now() + interval '1 hour'")
    waiting = (await send(bob, agent, not_before=later))[0]
    command = await bob.fetchval("SELECT command_id FROM kolony.runs WHERE run_id = $1", first)
    await send(bob, other, after_commands=[command])
    await note()
    await bob.fetch("SELECT * FROM kolony.hold_runs($1, 'not yet')", [held])
    await bob.execute("SELECT kolony.set_run_priority($1, 80)", waiting)
    await note()
    (attempt,) = [row["attempt_id"] for row in await runner.claim()]
    await note()
    await runner.start(attempt)
    await runner.append(attempt, [(0, b"one\n")])
    await note()
    await runner.append(attempt, [(1, b"two\n")])
    await bob.fetch("SELECT * FROM kolony.interrupt_runs($1, 'enough')", [first])
    await runner.step(attempt, "heard")
    await note()
    await runner.finish(attempt, "failed", chunks=2, error="it broke")
    await note()
    await bob.fetch("SELECT * FROM kolony.retry_runs($1)", [first])
    await bob.fetch("SELECT * FROM kolony.release_runs($1)", [held])
    await bob.execute("SELECT kolony.assign_run($1, $2)", held, other.agent_id)
    await note()
    for row in await runner.claim():
        await runner.start(row["attempt_id"])
        await runner.finish(row["attempt_id"])
    await bob.execute("SELECT kolony.set_agent_desired($1, 'paused', 'lunch')", agent.agent_id)
    await bob.execute("SELECT kolony.edit_agent($1, $2)", other.agent_id, {"category": "else"})
    await note()
    await runner.close()
    await bob.execute("SELECT kolony.set_agent_desired($1, 'active', '')", agent.agent_id)
    await note()
    past = looking_back(eve, history[0][0], "kolony tests")
    assert isinstance(past.db, PastDatabase)
    try:
        for number, (moment, was) in enumerate(history):
            past.db.moment = moment
            for what, then, now in zip(("agents", "runs", "queue", "numbers"), await seen(past), was, strict=True):
                assert then == now, f"{what} at step {number}"
        await printed(past, history, first)
        with pytest.raises(KolonyError):
            await past.db.call("set_run_priority", waiting, 1)
        left = looking_back(eve, history[0][0], "kolony tests")
        late = [asyncio.ensure_future(left.db.value("people/clock")) for _ in range(2)]
        await asyncio.sleep(0)  # the first is connecting
        await left.db.close()
        assert None not in await asyncio.gather(*late)
        assert not left.db.connected, "and nobody is left connected"
    finally:
        await past.db.close()
        await eve.db.close()


async def printed(past: PersonSession, history: list[tuple[datetime, Seen]], run: UUID) -> None:
    """What it printed up to then, no more; and its page in the words of then."""
    assert isinstance(past.db, PastDatabase)
    texts = []
    for moment, _ in (history[5], history[6]):
        past.db.moment = moment
        end = await records.output_end(past, run)
        assert end is not None
        assert end.outcome is None
        texts.append(b"".join(piece.data for piece in await records.output(past, run, end)))
    assert texts == [b"one\n", b"one\ntwo\n"]
    detail = await work.run_detail(past, run)
    assert [attempt.outcome for attempt in detail.attempts] == [None]
    page = await lists.open_runs(past, ALL, past.db.moment - timedelta(hours=1), 10)
    assert page.rows[0].run_id == run
