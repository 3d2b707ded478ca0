"""What a person can read back: the output of a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from kolony_tui.core.session import PersonSession
from kolony_tui.db.rows import read
from kolony_tui.models.records import OutputPiece


@dataclass(frozen=True, slots=True)
class OutputEnd:
    """The attempt whose output is meant, how it ended (None: it has not) and how many pieces it has then.

    ``output_day``: under which its pieces are filed.
    """

    attempt: int
    outcome: str | None
    chunk_count: int | None
    output_day: date


async def output_end(session: PersonSession, run_id: UUID, attempt: int | None = None) -> OutputEnd | None:
    """Where the output of a run's attempt (None: the last one) ends; None before the first attempt."""
    found = await session.db.rows(OutputEnd, "records/output_end", session.workspace.workspace_id, run_id, attempt)
    return found[0] if found else None


async def output(
    session: PersonSession, run_id: UUID, of: OutputEnd, after: int = -1, stream: str | None = None, limit: int = 200
) -> list[OutputPiece]:
    """The pieces of an attempt numbered above ``after``, in order; each of up to 1 MiB, so keep ``limit`` low."""
    found = await session.db.records(
        "records/output", session.workspace.workspace_id, run_id, of.attempt, of.output_day, after, stream, limit
    )
    return [read(OutputPiece, row) for row in found]
