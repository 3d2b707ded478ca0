"""What work has used and cost: sums, the runs that used most, and the price list."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from kolony_tui.core.session import PersonSession
from kolony_tui.models.usage import Price, RunUsage, Today, UsageReport, UsageSum, exact


async def usage_by(
    session: PersonSession, grouping: str, since: str | None = None, until: str | None = None
) -> list[UsageSum]:
    """Sums by agent, person, model, day or preset, the dearest first, days in their order.

    ``since``, ``until``: as ``usage.day_written`` says them; None: the last 30 days.
    """
    return await session.db.rows(UsageSum, "usage/sums", session.workspace.workspace_id, since, until, grouping)


async def dearest_runs(
    session: PersonSession, since: str | None = None, until: str | None = None, limit: int = 100
) -> list[RunUsage]:
    """The runs that used most in that time."""
    return await session.db.rows(RunUsage, "usage/runs", session.workspace.workspace_id, since, until, limit)


async def usage_of_run(session: PersonSession, run_id: UUID, limit: int = 200) -> list[UsageReport]:
    """The newest reports of a run, in their order."""
    return await session.db.rows(UsageReport, "usage/of_run", session.workspace.workspace_id, run_id, limit)


async def today(session: PersonSession) -> Today:
    """What today has cost so far."""
    [found] = await session.db.rows(Today, "usage/today", session.workspace.workspace_id)
    return found


async def prices(session: PersonSession) -> list[Price]:
    """The price list: the workspace's own prices first, then those that come with Kolony."""
    return await session.db.rows(Price, "usage/prices", session.workspace.workspace_id)


async def set_price(
    session: PersonSession,
    pattern: str,
    input_usd: float | None,
    output_usd: float | None,
    *,
    cached_usd: float | None = None,
    cache_write_usd: float | None = None,
    valid_from: date | None = None,
) -> None:
    """Sets what a million tokens of these models cost; None and None: nothing is estimated. Raises NoRight, Refused."""
    await session.db.call(
        "set_price", session.workspace.workspace_id, pattern, exact(input_usd), exact(output_usd), exact(cached_usd),
        exact(cache_write_usd), valid_from,
    )  # fmt: skip


async def remove_price(session: PersonSession, pattern: str) -> None:
    """Takes back what was set. Raises NoRight, NotFound, WrongState (a price that comes with Kolony)."""
    await session.db.call("remove_price", session.workspace.workspace_id, pattern)


async def set_time_zone(session: PersonSession, zone: str) -> None:
    """Says by which zone the workspace's days are counted. Raises NoRight, Refused."""
    await session.db.call("set_time_zone", session.workspace.workspace_id, zone)
