"""Long lists by windows: agents, what goes on and waits, and the past; chosen and put in order by the database."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kolony_tui.core.filter_fields import AGENT_FIELDS, RUN_FIELDS, Fields
from kolony_tui.core.session import PersonSession
from kolony_tui.core.targeting import Target
from kolony_tui.db.rows import read
from kolony_tui.models.fleet import Agent
from kolony_tui.models.lists import Group, Page, Pulse, Wish
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.models.work import Run, RunStatus

AGENT_GROUPS: Mapping[str, str] = {
    "state": "CASE o.desired WHEN 'paused' THEN 'paused' ELSE o.status END",
    "type": "o.type",
    "host": "o.host",
    "category": "o.category",
    "tags": "array_to_string(o.tags, ', ')",
}
"""What agents can be grouped by: columns of their list, in SQL."""


def _measure(name: str) -> str:
    value = f"o.health -> '{name}'"
    return f"CASE WHEN jsonb_typeof({value}) = 'number' AND o.sessions > 0 THEN ({value})::float8 ELSE 0 END"


AGENT_ORDERS: Mapping[str, str] = {
    "name": "o.name",
    "state": "array_position(ARRAY['busy', 'online', 'connecting', 'error', 'paused', 'offline'], "
    "CASE o.desired WHEN 'paused' THEN 'paused' ELSE o.status END)",
    "cpu": f"- ({_measure('cpu_percent')})",
    "memory": f"- ({_measure('memory_bytes')})",
    "uptime": f"- ({_measure('uptime_seconds')})",
    "done": f"- ({_measure('done')})",
    "mean": f"- ({_measure('mean_seconds')})",
    "waiting": "- (o.ready + o.scheduled)",
    "type": "o.type",
    "host": "coalesce(o.host, '')",
    "category": "o.category",
    "tags": "array_to_string(o.tags, ', ')",
}
"""What agents can be sorted by: columns of their list, in SQL."""

_OF_THE_AGENT = ("name", "type", "category", "tags")
"""Orders for which nothing is asked of an agent's runners or runs."""

RUN_ORDERS: Mapping[str, str] = {
    "run": "o.command_number",
    "priority": "- o.priority",
    "age": "o.created_at",
    "agent": "o.agent",
    "command": "o.title",
    "tries": "- o.attempt",
    "by": "o.created_by_login",
    "state": "array_position(ARRAY['waiting', 'dispatching', 'executing', 'interrupted'], o.status)",
}
"""The same for runs that have not ended."""

PAST_ORDERS: Mapping[str, str] = {
    **RUN_ORDERS,
    "run": "o.run_id",
    "age": "o.run_id",
    "state": f"array_position(ARRAY[{', '.join(repr(str(each)) for each in RunStatus)}], o.status)",
}
"""The same for all runs; their ids go with the time."""

PUT_IN_ORDER = 5_000
"""So many of those that wait, and of those that are begun, ``work/queue_sorted`` puts in order."""

NEWEST = UUID(int=2**128 - 1)
"""Before this comes every run."""


def _order(wish: Wish, orders: Mapping[str, str], groups: Mapping[str, str] | None = None) -> str:
    said = []
    if groups and wish.group in groups:
        said.append(f"coalesce({groups[wish.group]}, '')")
    if wish.sort in orders:
        said.append(orders[wish.sort] + (" DESC" if wish.backwards else ""))
    return ", ".join(said)


def _where(text: str, fields: Fields, first: int) -> tuple[str, list[object]]:
    if not text.strip():
        return "true", []
    # Deferred: few lists are filtered when an app opens, and a parser takes its time to load.
    from kolony_tui.core.selecting import parse, where

    return where(parse(text, fields), fields, first)


async def agents(session: PersonSession, wish: Wish) -> Page[Agent]:
    """A window of the agents that are not retired. Raises FilterError."""
    home = session.workspace.workspace_id
    condition, parameters = _where(wish.filter, AGENT_FIELDS, 4)
    order = _order(wish, AGENT_ORDERS, AGENT_GROUPS)
    last = wish.first + wish.count
    plain = not wish.filter and not wish.group and wish.sort in ("", *_OF_THE_AGENT)
    name = "fleet/named" if plain else "fleet/listed"
    found = await session.db.ordered(name, condition, home, wish.first, last, *parameters, order=order)
    rows = tuple(read(Agent, row) for row in found if row["agent_id"] is not None)
    groups: tuple[Group, ...] = ()
    if wish.group in AGENT_GROUPS:
        condition, parameters = _where(wish.filter, AGENT_FIELDS, 2)
        members = await session.db.ordered("fleet/groups", condition, home, *parameters, group=AGENT_GROUPS[wish.group])
        groups = tuple(Group(Untrusted(row["name"]), row["members"]) for row in members)
    return Page(wish, rows, found[0]["passed"], groups)


async def agents_by_id(session: PersonSession, agent_ids: Sequence[UUID]) -> list[Agent]:
    """These agents, as far as they are here, in no order."""
    return await session.db.rows(Agent, "fleet/agents_by_id", session.workspace.workspace_id, list(agent_ids))


async def runs_by_id(session: PersonSession, run_ids: Sequence[UUID]) -> list[Run]:
    """The same of runs."""
    return await session.db.rows(Run, "work/runs_by_id", session.workspace.workspace_id, list(run_ids))


async def agents_named(session: PersonSession, names: Sequence[str]) -> list[Agent]:
    """The agents of these names, as far as there are any."""
    return await session.db.rows(Agent, "fleet/agents_by_name", session.workspace.workspace_id, list(names))


async def agents_like(session: PersonSession, letters: str, limit: int) -> list[Target]:
    """Agents in whose names these letters stand in this order, whatever is between them; by name."""
    pattern = "%" + "%".join(re.sub(r"([\\%_])", r"\\\1", letter) for letter in letters.lower()) + "%"
    return await session.db.rows(Target, "fleet/agents_like", session.workspace.workspace_id, pattern, limit)


async def doing(session: PersonSession, agent_ids: Sequence[UUID]) -> dict[UUID, Run]:
    """For each of these agents that works the run that it began last."""
    found = await session.db.rows(Run, "work/running_of", session.workspace.workspace_id, list(agent_ids))
    return {run.agent_id: run for run in found}


async def pulse(session: PersonSession, since: datetime) -> Pulse:
    """The numbers of the workspace; ended runs are counted from ``since`` on."""
    row = (await session.db.records("fleet/pulse", session.workspace.workspace_id, since))[0]
    ended = {int(minute): count for minute, count in row["ended"].items()}
    return Pulse(row["agents"], row["online"], row["busy"], row["open_runs"], ended)


async def open_runs(session: PersonSession, wish: Wish, since: datetime, ended: int, known: int = 0) -> Page[Run]:
    """A window of what goes on and waits, and below it of what ended after ``since`` (at most ``ended``).

    A backlog of more than some thousand runs is not counted for a window near its top: ``known``, as many as were open
    when they were counted last, stands for it in ``Page.passed``. In another order than the queue's own are only the
    first ``PUT_IN_ORDER`` of it, and ``Page.rest`` says so. Raises FilterError.
    """
    home, last = session.workspace.workspace_id, wish.first + wish.count
    if not wish.filter and wish.sort not in RUN_ORDERS:
        found = await session.db.records("work/queue_window", home, wish.first, last, since, ended, known)
    else:
        name = "work/listed_open" if wish.filter else "work/queue_sorted"
        condition, parameters = _where(wish.filter, RUN_FIELDS, 6)
        found = await session.db.ordered(
            name, condition, home, wish.first, last, since, ended, *parameters, order=_order(wish, RUN_ORDERS)
        )
    rows = tuple(read(Run, row) for row in found if row["run_id"] is not None)
    return Page(wish, rows, found[0]["passed"], (), "" if found[0].get("whole", True) else f"first {PUT_IN_ORDER}")


@dataclass(frozen=True, slots=True)
class Past:
    """Which runs a list of the past is about: those of a status, of an agent, or all."""

    status: str | None = None
    agent_id: UUID | None = None

    def condition(self, first: int) -> tuple[str, list[object]]:
        """The same in SQL over ``run_listed``."""
        said, parameters = ["true"], list[object]()
        if self.status is not None:
            if RunStatus(self.status).ended:
                said.append(f"o.outcome = ${first}")
            else:
                said.append(f"o.outcome IS NULL AND o.status = ${first}")
            parameters.append(self.status)
        if self.agent_id is not None:
            said.append(f"o.agent_id = ${first + len(parameters)}")
            parameters.append(self.agent_id)
        return " AND ".join(said), parameters


async def runs(session: PersonSession, past: Past, first: int, count: int) -> list[Run]:
    """A window of the past, newest first."""
    condition, parameters = past.condition(4)
    home = session.workspace.workspace_id
    found = await session.db.ordered("work/listed", condition, home, first, count, *parameters)
    return [read(Run, row) for row in found]


async def sorted_runs(
    session: PersonSession, past: Past, wish: Wish, limit: int, newest: int | None = None
) -> list[UUID]:
    """The first ``limit`` runs of the past as the wish has it sorted (a key of ``PAST_ORDERS``), by id.

    ``newest``: only so many are put in order, which is soon done; all of a million takes seconds by some columns.
    """
    home, order = session.workspace.workspace_id, _order(wish, PAST_ORDERS)
    if newest is None:
        about, parameters = past.condition(3)
        found = await session.db.ordered(
            "work/sorted", "true", home, limit, *parameters, order=order, about=f"({about})"
        )
    else:
        about, parameters = past.condition(4)
        found = await session.db.ordered(
            "work/sorted_newest", "true", home, newest, limit, *parameters, order=order, about=f"({about})"
        )
    return [row["run_id"] for row in found]


async def count_runs(session: PersonSession, past: Past) -> int:
    """How many runs that is in all; of a million it takes a tenth of a second."""
    condition, parameters = past.condition(2)
    found = await session.db.ordered("work/count", condition, session.workspace.workspace_id, *parameters)
    counted: int = found[0]["count"]
    return counted


@dataclass(frozen=True, slots=True)
class Find:
    """What a look through some of the past found. ``reached`` is the oldest run looked at, None where there was none;
    ``searched`` how many were."""

    runs: tuple[Run, ...]
    reached: UUID | None
    searched: int


async def search_runs(session: PersonSession, past: Past, text: str, before: UUID, through: int, limit: int) -> Find:
    """Looks through the ``through`` newest runs before ``before``; the first ``limit`` that pass.

    Raises FilterError.
    """
    about, parameters = past.condition(5)
    condition, more = _where(text, RUN_FIELDS, 5 + len(parameters))
    found = await session.db.ordered(
        "work/searched", condition, session.workspace.workspace_id, before, through, limit, *parameters, *more,
        about=f"({about})",
    )  # fmt: skip
    rows = tuple(read(Run, row) for row in found if row["run_id"] is not None)
    return Find(rows, found[0]["reached"], found[0]["searched"])
