"""What a person can do about budgets: see what is left, set and remove them, and say who shares one."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from kolony_tui.core.session import PersonSession
from kolony_tui.models.errors import NotFound
from kolony_tui.models.usage import Budget, PeopleGroup, exact


async def budgets(session: PersonSession) -> list[Budget]:
    """The workspace's budgets, the most used first."""
    return await session.db.rows(Budget, "usage/budgets", session.workspace.workspace_id)


def budgets_named(known: Sequence[Budget], reference: str, period: str | None = None) -> list[Budget]:
    """Those of this reference or id, of one period or of all. Raises NotFound."""
    found = [
        each for each in known if reference in (each.reference, str(each.budget_id)) and period in (None, each.period)
    ]
    if not found:
        of_period = f" for a {period}" if period in ("day", "week", "month") else ""
        raise NotFound(f"there is no budget of {reference}{of_period} here", "see kolony budget list")
    return found


async def set_budget(
    session: PersonSession,
    scope: str,
    subject: str,
    period: str,
    *,
    tokens: int | None,
    usd: float | None,
    warn_percent: int = 80,
    hard: bool = True,
) -> UUID:
    """Sets the budget of this scope, subject and period; what was used in the period before counts.

    Raises NoRight (admins only), NotFound (no such subject), Refused (no limit, or one out of range).
    """
    rows = await session.db.call(
        "set_budget", session.workspace.workspace_id, scope, subject, period, tokens, exact(usd), warn_percent, hard
    )
    made: UUID = rows[0][0]
    return made


async def remove_budget(session: PersonSession, budget_id: UUID) -> None:
    """Removes a budget. Raises NoRight (admins only), NotFound."""
    await session.db.call("remove_budget", budget_id)


async def people_groups(session: PersonSession) -> list[PeopleGroup]:
    """Teams of people, by name."""
    return await session.db.rows(PeopleGroup, "usage/people_groups", session.workspace.workspace_id)


async def set_people_group(session: PersonSession, name: str, logins: Sequence[str]) -> UUID:
    """Makes a team of these people, or changes who is in it. Raises NoRight (admins only), NotFound, Refused."""
    rows = await session.db.call("set_people_group", session.workspace.workspace_id, name, list(logins))
    made: UUID = rows[0][0]
    return made


async def remove_people_group(session: PersonSession, name: str) -> None:
    """Removes a team and its budgets. Raises NoRight (admins only), NotFound."""
    await session.db.call("remove_people_group", session.workspace.workspace_id, name)
