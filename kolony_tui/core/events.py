"""What a person can read of what happened: events of a time, those that come, and the moments between them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from kolony_tui.core.session import PersonSession, clock
from kolony_tui.db.queries import filtered_query
from kolony_tui.db.rows import read
from kolony_tui.models.errors import UsageError
from kolony_tui.models.events import KINDS, Event

if TYPE_CHECKING:
    from kolony_tui.core.waiting import Hints

FIRST = datetime(2000, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 1, 1, tzinfo=UTC)
_AT_ONCE = 1000
_SLACK = timedelta(hours=1)
"""A follower's events are not older than this when it begins: no transaction that is still open may be."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are meant; None or empty: whichever. ``kinds``: beginnings of kinds, ``run`` or ``run.fai``."""

    agent_id: UUID | None = None
    command_id: UUID | None = None
    run_id: UUID | None = None
    kinds: tuple[str, ...] = ()

    @property
    def every_kind(self) -> list[str] | None:
        """The kinds themselves; None: all of them."""
        return [kind for kind in KINDS if kind.startswith(self.kinds)] if self.kinds else None

    def condition(self, first: int) -> tuple[str, list[object]]:
        """The same in SQL over ``kolony.events o``; its parameters are numbered from ``first`` on."""
        said, parameters = ["true"], list[object]()
        for column in ("agent_id", "command_id", "run_id"):
            value = getattr(self, column)
            if value is not None:
                said.append(f"o.{column} = ${first + len(parameters)}")
                parameters.append(value)
        if self.kinds:
            said.append(f"o.kind = ANY (${first + len(parameters)}::text[])")
            parameters.append(self.every_kind)
        if self.command_id is not None and self.run_id is None and self.agent_id is None:
            # Two indexes, one for events of the command itself and one for those of its runs, instead of neither.
            said[1] = (
                f"(o.command_id = ${first} AND o.run_id IS NULL OR o.run_id IN (SELECT u.run_id FROM "  # noqa: S608
                f"kolony.runs u WHERE u.workspace_id = o.workspace_id AND u.command_id = ${first}))"
            )
        return " AND ".join(said), parameters


def kind_named(text: str) -> str:
    """The beginning of kinds that a person means. Raises UsageError where none begins so."""
    prefix = text.strip().lower()
    if not any(kind.startswith(prefix) for kind in KINDS) or not prefix:
        areas = ", ".join(sorted({kind.partition(".")[0] for kind in KINDS}))
        raise UsageError(f"no kind of event begins with {text!r}", f"there are {areas}")
    return prefix


async def events(
    session: PersonSession,
    wanted: Wanted,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 200,
) -> list[Event]:
    """The newest so many events from ``since`` on and before ``until``, oldest first."""
    condition, parameters = wanted.condition(5)
    return await session.db.filtered(
        Event, "events/list", condition, session.workspace.workspace_id, since or FIRST, until or LAST, limit,
        *parameters,
    )  # fmt: skip


async def step(session: PersonSession, moment: datetime, *, forward: bool) -> datetime | None:
    """The moment of the next event after this one, or of the last before it; None where there is none."""
    found: datetime | None = await session.db.value("events/step", session.workspace.workspace_id, moment, forward)
    return found


class Follower:
    """Reads every event once, in an order in which none that commits late is missed.

    An event appears when no transaction that began before it is open any more, so that a later one never belongs in
    front of it.
    """

    def __init__(self, session: PersonSession, wanted: Wanted) -> None:
        self._session = session
        self._wanted = wanted
        self._place: tuple[int, int] = (0, 0)
        self._oldest = FIRST
        self._shown: set[int] = set()

    async def begin(self, since: datetime | None = None, limit: int = 200) -> list[Event]:
        """Takes up its place. With ``since``, answers with the newest so many events from then on until now."""
        self._place = await self._session.db.value("events/place"), -1
        self._oldest = await clock(self._session) - _SLACK
        if since is None:
            return []
        past = await events(self._session, self._wanted, since=since, limit=limit)
        self._shown = {event.event_id for event in past if event.xid >= self._place[0]}
        return past

    async def news(self, limit: int = _AT_ONCE) -> list[Event]:
        """The next events, at most so many."""
        condition, parameters = self._wanted.condition(6)
        statement = filtered_query("events/after", condition)
        async with self._session.db.connection() as connection:
            rows = await connection.fetch(
                statement, self._session.workspace.workspace_id, *self._place, self._oldest, limit, *parameters
            )
        found = [read(Event, row) for row in rows]
        if found:
            self._place = found[-1].cursor
        return [event for event in found if event.event_id not in self._shown]


async def follow(follower: Follower, hints: Hints) -> AsyncIterator[list[Event]]:
    """Events as they come, for ever; woken by hints and once a second anyway."""
    while True:
        while news := await follower.news():
            yield news
        await hints.next()
