"""Who reads the rows of long lists: the part that is in view, after each hint, and the past as far as one looks."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

from kolony_tui.core import lists
from kolony_tui.core.session import PersonSession
from kolony_tui.models.errors import KolonyError
from kolony_tui.models.fleet import Agent
from kolony_tui.models.lists import Page, Wish
from kolony_tui.models.work import Run, RunStatus
from kolony_tui.ui.beside import beside
from kolony_tui.ui.live import SWIFT, LiveQuery
from kolony_tui.ui.sorting import SortedPast
from kolony_tui.ui.widgets.rows import RowList

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

S = TypeVar("S")
MOST_MARKED = 10_000
"""So many rows can be marked at once: each of them is read for it."""
COUNT_GAP = 30.0
"""Seconds between two counts of the whole past."""
SEARCHED_FIRST, SEARCHED_NEXT = 5_000, 20_000
"""Runs looked through at once: few for an answer while one types, more when it goes on."""
FOUND = 1_000
"""A search goes on by itself until it has found so many,"""
PATIENCE = 20.0
"""or has looked for so many seconds."""


def wants_work(kind: str, identity: str) -> bool:
    """Hints after which agents and runs may look otherwise."""
    return kind in ("agent", "agents", "command", "run", "stop", "inbox")


@dataclass(frozen=True)
class Sort(Generic[S]):
    """What a window has rows of: which hints (kind, id) are about a row, and how rows are read by their keys."""

    hints: Callable[[S], Sequence[tuple[str, UUID]]]
    read: Callable[[PersonSession, list[Any]], Awaitable[Sequence[S]]]


RUNS = Sort[Run](
    lambda run: (("run", run.run_id), ("agent", run.agent_id), ("command", run.command_id)), lists.runs_by_id
)
AGENTS = Sort[Agent](lambda agent: (("agent", agent.agent_id),), lists.agents_by_id)


class Window(Generic[S]):
    """Keeps the window of a list up to date. ``read`` answers a wish; ``shown`` is told after each page.

    A hint about a row in sight has that row read at once, by its key. Which rows there are, and in which order, is
    read less often: in a large workspace that is work for the server.
    """

    def __init__(
        self,
        app: KolonyApp,
        rows: RowList[S],
        name: str,
        sort: Sort[S],
        read: Callable[[PersonSession, Wish], Awaitable[Page[S]]],
        shown: Callable[[Page[S]], None],
    ) -> None:
        self._app = app
        self._rows = rows
        self._name = name
        self._read_page = read
        self._shown = shown
        self._sort = sort
        self._about: dict[tuple[str, str], list[Hashable]] = {}
        self._touched: set[Hashable] = set()
        self._fresh: dict[Hashable, tuple[float, S]] = {}
        """Rows that were read by their keys, and when that began: a page that began earlier knows less."""
        self._page_began = 0.0
        rows.source = self

    def start(self) -> None:
        """Begins to read; the list is on a screen."""
        live = self._app.live
        live.watch(self._rows, LiveQuery(self._name, wants_work, self._read, self._show))
        in_sight = LiveQuery(
            f"{self._name} in sight", self._touches, self._read_touched, self._show_touched, SWIFT,
            swift=True, polled=False, each_hint=True,
        )  # fmt: skip
        live.watch(self._rows, in_sight)

    def look(self) -> None:
        """Another part is wanted: at once."""
        self._app.live.look_again(self._rows)

    async def _read(self, session: PersonSession) -> tuple[float, Page[S]]:
        began = time.monotonic()
        return began, await self._read_page(session, self._rows.wish())

    def _show(self, read: tuple[float, Page[S]]) -> None:
        began, page = read
        if not self._rows.answers(page.wish):
            return
        self._page_began = began
        self._fresh = {key: row for key, row in self._fresh.items() if row[0] >= began}
        if self._fresh:
            key = self._rows.key
            newest = tuple(self._fresh.get(key(row), (began, row))[1] for row in page.rows)
            page = replace(page, rows=newest)
        self._about = {}
        for row in page.rows:
            for kind, identity in self._sort.hints(row):
                self._about.setdefault((kind, str(identity)), []).append(self._rows.key(row))
        self._rows.show_page(page)
        self._shown(page)

    # Rows in sight

    def _touches(self, kind: str, identity: str) -> bool:
        found = self._about.get((kind, identity), ())
        self._touched |= set(found)
        return bool(found)

    async def _read_touched(self, session: PersonSession) -> tuple[float, Sequence[S]]:
        wanted = list(self._touched & self._rows.keys_in_sight())
        self._touched.clear()
        began = time.monotonic()
        return began, await self._sort.read(session, wanted) if wanted else ()

    def _show_touched(self, read: tuple[float, Sequence[S]]) -> None:
        began, rows = read
        if rows and began >= self._page_began:
            self._fresh |= {self._rows.key(row): (began, row) for row in rows}
            self._rows.take_up(rows)

    def mark(self, first: int, count: int) -> None:
        """Marks rows that are not in hand, after reading them."""
        self._app.perform(self._mark(first, min(count, MOST_MARKED)), f"mark {self._name}")

    async def _mark(self, first: int, count: int) -> None:
        session = self._app.session
        if session is None:
            return
        page = await self._read_page(session, self._rows.whole_wish(first, count))
        if self._rows.answers(page.wish):
            self._rows.mark_rows(page.rows)
            if page.passed > first + count and count == MOST_MARKED:
                self._app.say(f"only {MOST_MARKED} rows can be marked at once", severity="warning")


class PastRuns:
    """Answers the wishes of a list of the past: by windows of it, or, filtered or sorted, by what a search found.

    A search looks back through the past piece by piece; what it has found so far is the answer. Sorted alone it begins
    with what is new, see ``SortedPast``.
    """

    def __init__(
        self, app: KolonyApp, rows: RowList[Run], past: lists.Past, shown: Callable[[Page[Run]], None]
    ) -> None:
        self._app = app
        self._rows = rows
        self.past = past
        self._counted: tuple[lists.Past, int, float] | None = None
        self._search: _Search | None = None
        self._sorted: SortedPast | None = None
        self._shown = shown
        self._window = Window(app, rows, f"runs of {rows.id}", RUNS, self._read, self._show)

    def start(self) -> None:
        """Begins to read; the list is on a screen."""
        self._window.start()

    def turn(self, past: lists.Past) -> None:
        """Shows another part of the past."""
        if past != self.past:
            self.past = past
            self._rows.forget()
            self._window.look()

    def _show(self, page: Page[Run]) -> None:
        self._shown(page)

    async def _read(self, session: PersonSession, wish: Wish) -> Page[Run]:
        if wish.filter:
            return await self._found(session, wish)
        self._search = None
        if wish.sort in lists.PAST_ORDERS:
            return await self._in_order(session, wish)
        self._sorted = None
        past = self.past
        rows = await lists.runs(session, past, wish.first, wish.count)
        return Page(wish, tuple(rows), await self._count(session, past, wish, len(rows)))

    async def _count(self, session: PersonSession, past: lists.Past, wish: Wish, got: int) -> int:
        if got < wish.count:
            return wish.first + got
        known = self._counted if self._counted is not None and self._counted[0] == past else None
        if past.agent_id is not None or (past.status is not None and not RunStatus(past.status).ended):
            return await lists.count_runs(session, past)
        if known is None or time.monotonic() - known[2] > COUNT_GAP:
            beside(self._app, self._recount, past, group="count", exclusive=True)
        return max(known[1] if known is not None else 0, wish.first + got)

    async def _recount(self, past: lists.Past) -> None:
        """All of the past is counted aside: of a million runs that takes a while."""
        session = self._app.aside_session
        try:
            if session is not None:
                self._counted = past, await lists.count_runs(session, past), time.monotonic()
                self._window.look()
        except KolonyError as error:
            self._app.tell(error)

    async def _in_order(self, session: PersonSession, wish: Wish) -> Page[Run]:
        kept = self._sorted
        if kept is None or (kept.past, kept.order) != (self.past, (wish.sort, wish.backwards)):
            kept = self._sorted = SortedPast(self._app, self.past, wish, self._window.look)
        return await kept.page(session, wish)

    async def _found(self, session: PersonSession, wish: Wish) -> Page[Run]:
        search = self._search
        if search is None or (search.past, search.text) != (self.past, wish.filter):
            search = self._search = _Search(self.past, wish.filter)
            await search.go_on(session, SEARCHED_FIRST)
        else:
            await search.again(session)
        if search.wants_more and not search.going_on:
            search.going_on = True
            beside(self._app, self._go_on, session, search, group="search")
        return search.page(wish, self._rows)

    async def _go_on(self, session: PersonSession, search: _Search) -> None:
        try:
            while search is self._search and search.wants_more and self._rows.is_attached:
                await search.go_on(session, SEARCHED_NEXT)
                wish = self._rows.wish()
                if search is self._search and wish.filter == search.text:
                    self._rows.show_page(search.page(wish, self._rows))
                    self._rows.tell_changed()
        except KolonyError as error:
            self._app.tell(error)
        finally:
            search.going_on = False


class _Search:
    """What was found of the past, newest first, and how far one has looked."""

    def __init__(self, past: lists.Past, text: str) -> None:
        self.past = past
        self.text = text
        self.found: dict[Hashable, Run] = {}
        self.searched = 0
        self.going_on = False
        self._reached = lists.NEWEST
        self._whole = False
        self._begun = time.monotonic()

    @property
    def wants_more(self) -> bool:
        """Whether it goes on by itself."""
        return not self._whole and len(self.found) < FOUND and time.monotonic() - self._begun < PATIENCE

    async def go_on(self, session: PersonSession, through: int) -> None:
        """Looks further back."""
        find = await lists.search_runs(session, self.past, self.text, self._reached, through, FOUND)
        self._take(find)
        self._whole = find.searched < through
        if find.reached is not None:
            self._reached = find.reached

    async def again(self, session: PersonSession) -> None:
        """Looks once more through the newest: there are new ones, and what goes on has changed."""
        find = await lists.search_runs(session, self.past, self.text, lists.NEWEST, SEARCHED_FIRST, FOUND)
        edge = find.reached
        if edge is not None:
            kept = {key: run for key, run in self.found.items() if run.run_id < edge}
            self.found = {run.run_id: run for run in find.runs} | kept

    def _take(self, find: lists.Find) -> None:
        self.searched += find.searched
        for run in find.runs[: FOUND - len(self.found)]:
            self.found[run.run_id] = run

    def page(self, wish: Wish, rows: RowList[Run]) -> Page[Run]:
        """The part that is wished for, in the order that is."""
        found = list(self.found.values())
        column: Any = next((each for each in rows.columns if each.id == wish.sort), None)
        if column is not None and column.order is not None:
            found.sort(key=column.order, reverse=wish.backwards)
        return Page(wish, tuple(found[wish.first : wish.first + wish.count]), len(found), (), self._rest)

    @property
    def _rest(self) -> str:
        if len(self.found) >= FOUND:
            return f"newest {FOUND}"
        return "" if self._whole else f"in the newest {self.searched}"
