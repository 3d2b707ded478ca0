"""Which runs a person means: by what names them, or by a filter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from kolony_tui.core.selecting import RUN_FIELDS, parse, where
from kolony_tui.core.session import PersonSession
from kolony_tui.models.work import Run

Open = Literal["open", "ended"]
"""What a step is for: runs that have not ended, or those that failed or were cancelled."""


async def runs_by_filter(session: PersonSession, text: str, limit: int = 200) -> list[Run]:
    """The newest runs that a filter lets pass. Raises FilterError."""
    condition, parameters = where(parse(text, RUN_FIELDS), RUN_FIELDS, 3)
    home = session.workspace.workspace_id
    return await session.db.filtered(Run, "work/runs_filtered", condition, home, limit, *parameters)


async def runs_for_step(session: PersonSession, text: str, those: Open = "open") -> list[Run]:
    """All runs on which a step can be taken and that a filter lets pass, oldest first. Raises FilterError."""
    condition, parameters = where(parse(text, RUN_FIELDS), RUN_FIELDS, 2)
    home = session.workspace.workspace_id
    return await session.db.filtered(Run, f"work/{those}_filtered", condition, home, *parameters)


async def runs_by_id(session: PersonSession, run_ids: Sequence[UUID]) -> list[Run]:
    """These runs, in this order and each once; those that are not here are left out."""
    found = await session.db.rows(Run, "work/runs_by_id", session.workspace.workspace_id, list(run_ids))
    known = {run.run_id: run for run in found}
    return [known[run_id] for run_id in dict.fromkeys(run_ids) if run_id in known]
