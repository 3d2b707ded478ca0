"""The emergency stop: stopping, seeing who has confirmed, lifting."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from kolony_tui.core.session import PersonSession, clock
from kolony_tui.models.errors import UsageError
from kolony_tui.models.stops import Acknowledgement, Stop

LONGEST_REASON = 900


async def stop_agents(session: PersonSession, agents: Sequence[UUID] | None, why: str) -> UUID:
    """Stops these agents, or everyone (None): from now on none is given work, and what runs is cancelled.

    Answers with the stop's id. Raises UsageError for a reason that cannot be kept.
    """
    if len(why) > LONGEST_REASON or "\x00" in why:
        raise UsageError(f"a reason has at most {LONGEST_REASON} characters, and none of them is NUL")
    rows = await session.db.call(
        "stop_agents", session.workspace.workspace_id, None if agents is None else list(agents), why
    )
    made: UUID = rows[0][0]
    return made


async def lift_stop(session: PersonSession, agents: Sequence[UUID] | None) -> int:
    """Lifts every stop for these agents, or for all (None). Answers how many stops that changed."""
    wanted = None if agents is None else list(agents)
    rows = await session.db.call("lift_stop", session.workspace.workspace_id, wanted)
    changed: int = rows[0][0]
    return changed


async def open_stops(session: PersonSession) -> list[Stop]:
    """The stops that are on, the oldest first."""
    return await session.db.rows(Stop, "stops/open", session.workspace.workspace_id)


async def acknowledgements(session: PersonSession, stop_id: UUID | None = None) -> list[Acknowledgement]:
    """What is known of each agent, of one open stop or all of them; those that are missing first."""
    return await session.db.rows(Acknowledgement, "stops/acknowledgements", session.workspace.workspace_id, stop_id)


async def confirmed(session: PersonSession, stop: Stop, wake: Callable[[], Awaitable[None]]) -> list[Acknowledgement]:
    """Waits until every agent of a stop has confirmed it, or has had its time; looks again after each ``wake``."""
    while True:
        await session.db.call("settle", session.workspace.workspace_id)
        known = await acknowledgements(session, stop.stop_id)
        if all(each.state.confirmed for each in known) or await clock(session) > stop.confirm_by:
            return known
        await wake()
