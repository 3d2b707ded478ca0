"""What a person can see of what agents are told, and do about the plans that come back."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from kolony_tui.core.session import PersonSession
from kolony_tui.core.work import find_command, find_run
from kolony_tui.db.rows import read
from kolony_tui.models.errors import NotFound, UsageError
from kolony_tui.models.kinds import AcceptedItem, DiscardedItem, PlanItem, Told


async def told(session: PersonSession, run_id: UUID) -> list[Told]:
    """All that the agent of a run is told, in that order."""
    return await session.db.rows(Told, "work/told", session.workspace.workspace_id, run_id)


async def plan(session: PersonSession, run_id: UUID) -> list[PlanItem]:
    """The items of the plan that a run proposed; none where it proposed none."""
    return await session.db.rows(PlanItem, "work/plan", session.workspace.workspace_id, run_id)


async def accept(session: PersonSession, run_id: UUID, items: Sequence[int] | None = None) -> list[AcceptedItem]:
    """Sends the drafts of a plan, these or all that are left; all or none. Raises NoRight, WrongState."""
    rows = await session.db.call("accept_plan", run_id, None if items is None else list(items))
    return [read(AcceptedItem, row) for row in rows]


async def discard(session: PersonSession, run_id: UUID, items: Sequence[int] | None = None) -> list[DiscardedItem]:
    """Throws the drafts of a plan away, these or all that are left. Raises NoRight, WrongState."""
    rows = await session.db.call("discard_plan", run_id, None if items is None else list(items))
    return [read(DiscardedItem, row) for row in rows]


async def find_plan(session: PersonSession, reference: str) -> UUID:
    """The run with the plan that a person means: by the run, or by its command. Raises UsageError, NotFound."""
    if "." in reference:
        return await find_run(session, reference)
    command_id = await find_command(session, reference)
    home = session.workspace.workspace_id
    found: list[UUID] = [row["run_id"] for row in await session.db.records("work/plan_runs", home, command_id)]
    if not found:
        raise NotFound(f"command {reference} has proposed no plan", "a command of the kind plan does when it completes")
    if len(found) > 1:
        number = reference.removeprefix("#")
        raise UsageError(f"command {reference} has {len(found)} plans", f"name the run, for example {number}.1")
    return found[0]


def items_named(text: str) -> list[int]:
    """The numbers of items as a person writes them. Raises UsageError.

    >>> items_named("1,3-5")
    [1, 3, 4, 5]
    """
    named: list[int] = []
    for piece in text.split(","):
        first, _, last = piece.strip().partition("-")
        if not (first.isdecimal() and (last or first).isdecimal()) or not 1 <= int(first) <= int(last or first) <= 200:
            raise UsageError(f"{piece.strip()!r} names no item", "write 1,3 or 2-5; items are counted from 1")
        named += range(int(first), int(last or first) + 1)
    return list(dict.fromkeys(named))
