"""What a person can do about constraint profiles: make, change, choose the default, delete, and bring back."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from kolony_tui.core.session import PersonSession
from kolony_tui.models.constraints import ConstraintProfile, Limits
from kolony_tui.models.errors import NotFound


async def constraints(session: PersonSession) -> list[ConstraintProfile]:
    """The workspace's profiles by name, without deleted ones."""
    return await session.db.rows(ConstraintProfile, "fleet/constraints", session.workspace.workspace_id)


def constraint_named(known: Sequence[ConstraintProfile], reference: str) -> ConstraintProfile:
    """A profile by its name or id. Raises NotFound."""
    for each in known:
        if reference in (each.name.raw, str(each.constraint_id)):
            return each
    raise NotFound(f"there is no constraint profile {reference!r} here", "see kolony constraint list")


async def make_constraint(
    session: PersonSession, name: str, limits: Limits, *, description: str = "", default: bool = False
) -> UUID:
    """Makes a profile. Raises NoRight (admins only), Refused (the name is taken or odd, a limit out of range)."""
    rows = await session.db.call(
        "make_constraint", session.workspace.workspace_id, name, description,
        limits.time_limit_ms, limits.token_budget, limits.memory_limit_mb, limits.cpu_limit_percent, default,
    )  # fmt: skip
    made: UUID = rows[0][0]
    return made


async def change_constraint(
    session: PersonSession, constraint_id: UUID, name: str, limits: Limits, description: str = ""
) -> None:
    """Changes all of a profile; what was sent with it keeps its limits. Raises as ``make_constraint``."""
    await session.db.call(
        "change_constraint", constraint_id, name, description,
        limits.time_limit_ms, limits.token_budget, limits.memory_limit_mb, limits.cpu_limit_percent,
    )  # fmt: skip


async def set_default(session: PersonSession, constraint_id: UUID | None) -> None:
    """Says which profile is meant where none is named; None: no profile. Raises NoRight (admins only), NotFound."""
    await session.db.call("set_default_constraint", session.workspace.workspace_id, constraint_id)


async def delete_constraint(session: PersonSession, constraint_id: UUID) -> None:
    """Deletes a profile; it can be undone for half a minute. Raises NoRight (admins only), NotFound."""
    await session.db.call("delete_constraint", constraint_id)
