"""`SortedPast`: the past in another order: at once what is new of it, and all of it once the server has sorted it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from kolony_tui.core import lists
from kolony_tui.core.session import PersonSession
from kolony_tui.db.connect import Database
from kolony_tui.models.errors import KolonyError
from kolony_tui.models.lists import Page, Wish
from kolony_tui.models.work import Run
from kolony_tui.ui.beside import beside

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

NEWEST = 5_000
"""So many are put in order for an answer at once."""
LISTED = 10_000
"""So many of the first are kept, by their ids: who looks for another one filters."""
AGAIN = 30.0
"""Seconds between two sortings of everything,"""
EASE = 40.0
"""or so many times as long as the last one took."""


class SortedPast:
    """One order of one part of the past. ``changed`` is called when all of it is sorted."""

    def __init__(self, app: KolonyApp, past: lists.Past, wish: Wish, changed: Callable[[], None]) -> None:
        self._app = app
        self.past = past
        self.order = wish.sort, wish.backwards
        self._changed = changed
        self._ids: list[UUID] = []
        self._of_all = False
        self._sorting = False
        self._next = 0.0

    async def page(self, session: PersonSession, wish: Wish) -> Page[Run]:
        """The part that is wished for, as the runs are now."""
        if not self._of_all:
            self._ids = await lists.sorted_runs(session, self.past, wish, NEWEST, NEWEST)
        few = not self._of_all and len(self._ids) < NEWEST
        if not few and not self._sorting and time.monotonic() >= self._next:
            self._sorting = True
            beside(self._app, self._sort_all, session, wish, group="sort", exclusive=True)
        wanted = self._ids[wish.first : wish.first + wish.count]
        found = {run.run_id: run for run in await lists.runs_by_id(session, wanted)}
        rows = tuple(found[run_id] for run_id in wanted if run_id in found)
        return Page(wish, rows, len(self._ids), (), "" if few else self._rest)

    @property
    def _rest(self) -> str:
        if not self._of_all:
            return f"newest {NEWEST}, sorting all"
        return f"first {LISTED}" if len(self._ids) >= LISTED else ""

    async def _sort_all(self, session: PersonSession, wish: Wish) -> None:
        """Over a connection of its own: it may take seconds, for which nothing else is to wait."""
        own = Database(session.db.target, "kolony app sort")
        began = time.monotonic()
        try:
            self._ids = await lists.sorted_runs(replace(session, db=own), self.past, wish, LISTED)
            self._of_all = True
            self._changed()
        except KolonyError as error:
            self._app.tell(error)
        finally:
            self._next = time.monotonic() + max(AGAIN, EASE * (time.monotonic() - began))
            self._sorting = False
            await own.close()
