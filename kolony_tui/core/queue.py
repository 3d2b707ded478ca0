"""What a person can do about runs that wait, one or many at once, and why a run waits.

A step on several runs goes on past those that refuse: it answers with a result for each, in the order of the ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from kolony_tui.core.session import PersonSession
from kolony_tui.db.rows import read
from kolony_tui.models.errors import UsageError, WrongState
from kolony_tui.models.queue import StepResult, WaitReason
from kolony_tui.models.untrusted import Untrusted


async def _on_each(session: PersonSession, function: str, runs: Sequence[UUID], *more: object) -> list[StepResult]:
    rows = await session.db.call(function, list(runs), *more)
    found = {row["run_id"]: read(StepResult, row) for row in rows}
    return [found[run_id] for run_id in dict.fromkeys(runs) if run_id in found]


async def cancel_runs(session: PersonSession, runs: Sequence[UUID], why: str = "") -> list[StepResult]:
    """Each became ``cancelled`` (it waited) or ``requested`` (until its runner confirms)."""
    return await _on_each(session, "cancel_runs", runs, why)


async def retry_runs(session: PersonSession, runs: Sequence[UUID]) -> list[StepResult]:
    """Queues failed and cancelled runs again."""
    return await _on_each(session, "retry_runs", runs)


async def hold_runs(session: PersonSession, runs: Sequence[UUID], why: str = "") -> list[StepResult]:
    """Keeps waiting runs from being taken until they are released."""
    return await _on_each(session, "hold_runs", runs, why)


async def release_runs(session: PersonSession, runs: Sequence[UUID]) -> list[StepResult]:
    """Lets held runs be taken again; also those that wait for a failed dependency or a canary."""
    return await _on_each(session, "release_runs", runs)


async def set_priority(session: PersonSession, runs: Sequence[UUID], priority: int) -> list[StepResult]:
    """Gives waiting runs a priority, 0 to 100, higher first."""
    return await _on_each(session, "set_runs_priority", runs, priority)


async def shift_priority(session: PersonSession, runs: Sequence[UUID], by: int) -> list[StepResult]:
    """Moves the priority of waiting runs up or down, to 0 or 100 at most; each became its new priority."""
    return await _on_each(session, "shift_runs_priority", runs, by)


async def interrupt_runs(session: PersonSession, runs: Sequence[UUID], why: str = "") -> list[StepResult]:
    """Asks the programs of executing runs to come to an end by themselves; each became ``requested``."""
    return await _on_each(session, "interrupt_runs", runs, why)


async def move_run(session: PersonSession, run_id: UUID, position: int) -> int:
    """Gives a waiting run a position in its agent's queue, 1 is the next to be taken; answers with the one it got.

    It takes the priority of its new neighbours where its own does not fit. Raises UsageError, WrongState.
    """
    if not 1 <= position <= 1_000_000:
        raise UsageError(f"a position is 1 (next) or more, not {position}")
    got: int = (await session.db.call("move_run", run_id, position))[0][0]
    return got


async def assign_runs(session: PersonSession, runs: Sequence[UUID], agent_id: UUID) -> list[StepResult]:
    """Gives waiting runs to another agent; each became ``assigned``."""
    results = []
    for run_id in dict.fromkeys(runs):
        try:
            await session.db.call("assign_run", run_id, agent_id)
            results.append(StepResult(run_id, "assigned", None))
        except WrongState as error:
            results.append(StepResult(run_id, None, Untrusted(error.line)))
    return results


async def hold_command(session: PersonSession, command_id: UUID, why: str = "") -> int:
    """Holds every run of a command that waits; answers how many."""
    held: int = (await session.db.call("hold_command", command_id, why))[0][0]
    return held


async def release_command(session: PersonSession, command_id: UUID) -> int:
    """Releases every run of a command that is held or waits for others; answers how many."""
    released: int = (await session.db.call("release_command", command_id))[0][0]
    return released


async def why_waiting(session: PersonSession, run_id: UUID) -> list[WaitReason]:
    """Why a run has not been taken, as a tree read from its top; empty where it does not wait."""
    return [read(WaitReason, row) for row in await session.db.call("why_waiting", run_id)]
