"""What a person can do about runs that wait, one or many at once, and why a run waits.

A step on several runs goes on past those that refuse: it answers with a result for each, in the order of the ids.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from kolony_tui.core.session import PersonSession
from kolony_tui.core.work import cancel_run, retry_run, set_run_priority
from kolony_tui.db.rows import read
from kolony_tui.models.errors import Refused, UsageError
from kolony_tui.models.queue import StepResult, WaitReason
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.models.work import Run


async def _on_each(session: PersonSession, function: str, runs: Sequence[UUID], *more: object) -> list[StepResult]:
    rows = await session.db.call(function, list(runs), *more)
    found = {row["run_id"]: read(StepResult, row) for row in rows}
    return [found[run_id] for run_id in dict.fromkeys(runs) if run_id in found]


async def _one_by_one(runs: Sequence[UUID], step: Callable[[UUID], Awaitable[str]]) -> list[StepResult]:
    results = []
    for run_id in dict.fromkeys(runs):
        try:
            results.append(StepResult(run_id, await step(run_id), None))
        except Refused as error:
            results.append(StepResult(run_id, None, Untrusted(error.line)))
    return results


async def _became(step: Awaitable[object], word: str) -> str:
    await step
    return word


async def cancel_runs(session: PersonSession, runs: Sequence[UUID], why: str = "") -> list[StepResult]:
    """Each became ``cancelled`` (it waited) or ``requested`` (until its runner confirms)."""
    return await _one_by_one(runs, lambda run_id: cancel_run(session, run_id, why))


async def retry_runs(session: PersonSession, runs: Sequence[UUID]) -> list[StepResult]:
    """Queues failed and cancelled runs again."""
    return await _one_by_one(runs, lambda run_id: _became(retry_run(session, run_id), "waiting"))


async def hold_runs(session: PersonSession, runs: Sequence[UUID], why: str = "") -> list[StepResult]:
    """Keeps waiting runs from being taken until they are released."""
    return await _on_each(session, "hold_runs", runs, why)


async def release_runs(session: PersonSession, runs: Sequence[UUID]) -> list[StepResult]:
    """Lets held runs be taken again; also those that wait for a failed dependency or a canary."""
    return await _on_each(session, "release_runs", runs)


async def set_priority(session: PersonSession, runs: Sequence[UUID], priority: int) -> list[StepResult]:
    """Gives waiting runs a priority, 0 to 100, higher first."""
    done = str(priority)
    return await _one_by_one(runs, lambda run_id: _became(set_run_priority(session, run_id, priority), done))


async def raise_priority(session: PersonSession, runs: Sequence[Run], by: int) -> list[StepResult]:
    """Moves the priority of waiting runs up or down from where ``runs`` say that it is; it ends at 0 and at 100."""
    wanted: dict[int, list[UUID]] = {}
    for run in runs:
        wanted.setdefault(min(max(run.priority + by, 0), 100), []).append(run.run_id)
    results = [each for to, ids in wanted.items() for each in await set_priority(session, ids, to)]
    order = {run.run_id: place for place, run in enumerate(runs)}
    return sorted(results, key=lambda result: order[result.run_id])


async def interrupt_runs(session: PersonSession, runs: Sequence[UUID], why: str = "") -> list[StepResult]:
    """Asks the programs of executing runs to come to an end by themselves; each became ``requested``."""
    return await _one_by_one(runs, lambda run_id: _became(session.db.call("interrupt_run", run_id, why), "requested"))


async def move_run(session: PersonSession, run_id: UUID, position: int) -> None:
    """Gives a waiting run a position in its agent's queue, 1 is the next to be taken. Raises UsageError."""
    if not 1 <= position <= 1_000_000:
        raise UsageError(f"a position is 1 (next) or more, not {position}")
    await session.db.call("move_run", run_id, position)


async def assign_run(session: PersonSession, run_id: UUID, agent_id: UUID) -> None:
    """Gives a waiting run to another agent."""
    await session.db.call("assign_run", run_id, agent_id)


async def hold_command(session: PersonSession, command_id: UUID, why: str = "") -> None:
    """Holds every run of a command that waits."""
    await session.db.call("hold_command", command_id, why)


async def release_command(session: PersonSession, command_id: UUID) -> None:
    """Releases every run of a command that is held."""
    await session.db.call("release_command", command_id)


async def why_waiting(session: PersonSession, run_id: UUID) -> list[WaitReason]:
    """Why a run has not been taken, as a tree read from its top; empty where it does not wait."""
    return [read(WaitReason, row) for row in await session.db.call("why_waiting", run_id)]
