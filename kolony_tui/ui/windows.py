"""Who reads the rows of long lists: the part that is in view, after each hint, and the past as far as one looks."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Hashable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from kolony_tui.core import lists
from kolony_tui.core.session import PersonSession
from kolony_tui.models.errors import KolonyError
from kolony_tui.models.lists import Page, Wish
from kolony_tui.models.work import Run, RunStatus
from kolony_tui.ui.live import LiveQuery
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


class Window(Generic[S]):
    """Keeps the window of a list up to date. ``read`` answers a wish; ``shown`` is told after each page."""

    def __init__(
        self,
        app: KolonyApp,
        rows: RowList[S],
        name: str,
        read: Callable[[PersonSession, Wish], Awaitable[Page[S]]],
        shown: Callable[[Page[S]], None],
    ) -> None:
        self._app = app
        self._rows = rows
        self._name = name
        self._read_page = read
        self._shown = shown
        rows.source = self

    def start(self) -> None:
        """Begins to read; the list is on a screen."""
        self._app.live.watch(self._rows, LiveQuery(self._name, wants_work, self._read, self._show))

    def look(self) -> None:
        """Another part is wanted: at once."""
        self._app.live.look_again(self._rows)

    async def _read(self, session: PersonSession) -> Page[S]:
        return await self._read_page(session, self._rows.wish())

    def _show(self, page: Page[S]) -> None:
        if self._rows.answers(page.wish):
            self._rows.show_page(page)
            self._shown(page)

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

    A search looks back through the past piece by piece; what it has found so far is the answer.
    """

    def __init__(
        self, app: KolonyApp, rows: RowList[Run], past: lists.Past, shown: Callable[[Page[Run]], None]
    ) -> None:
        self._app = app
        self._rows = rows
        self.past = past
        self._counted: tuple[lists.Past, int, float] | None = None
        self._search: _Search | None = None
        self._shown = shown
        self._window = Window(app, rows, f"runs of {rows.id}", self._read, self._show)

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
        if wish.filter or wish.sort:
            return await self._found(session, wish)
        self._search = None
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
            self._app.run_worker(self._recount(past), group="count", exclusive=True, exit_on_error=False)
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

    async def _found(self, session: PersonSession, wish: Wish) -> Page[Run]:
        search = self._search
        if search is None or (search.past, search.text) != (self.past, wish.filter):
            search = self._search = _Search(self.past, wish.filter)
            await search.go_on(session, SEARCHED_FIRST)
        else:
            await search.again(session)
        if search.wants_more and not search.going_on:
            search.going_on = True
            self._app.run_worker(self._go_on(session, search), group="search", exit_on_error=False)
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
