"""The live layer: hints in, at most one query for each kind of thing out; and whether the server can be reached."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from textual.dom import DOMNode
from textual.widget import Widget

from kolony_tui.core import upkeep, work
from kolony_tui.core.session import PersonSession, clock, refreshed
from kolony_tui.db.listen import EVERYTHING, Listener
from kolony_tui.db.pooler import ThroughPooler
from kolony_tui.models.errors import (
    CannotConnect,
    KolonyError,
    LoginRefused,
    NoRight,
    NotFound,
    PasswordMissing,
    PasswordRefused,
)
from kolony_tui.ui.after import after
from kolony_tui.ui.beside import beside

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

T = TypeVar("T")
# What is said where more runs have changed at once than are named: it may be any that somebody looks at.
_ALL_RUNS = (("run", "*"), ("output", "*"))

FRAME = 1 / 30
SWIFT = 1 / 60
"""Seconds between two looks at the hints that came, and at rows in sight that changed; the screen is drawn as often."""
LIST_GAP = 0.25
"""Seconds between two readings of the same list."""
EASE = 4.0
"""A reading that took long is not begun again before so many times as long have passed: under any load of hints a query
has at most a fifth of a connection's time."""
POLL = 5.0
"""Seconds between readings without any hint,"""
POLL_EASE = 40.0
"""or so many times as long as the last one took,"""
POLL_MOST = 15.0
"""but not more than this: a hint may be lost, and a reading be slow for once."""
PROBE = 1.0
"""Seconds between attempts to reach a lost server."""
REFUSED_PROBE = 15.0
"""The same where it is there and refuses the login."""
UPKEEP = 30.0
"""Seconds between looks whether any upkeep is due."""


@dataclass(frozen=True)
class LiveQuery(Generic[T]):
    """What a part of the screen shows: which hints (kind, id) make it look again, what it reads, who shows it.

    ``aside``: read over a connection of its own, so that what is in view never waits for it. ``swift``: over the one of
    outputs, where nothing takes long. ``polled``: also without a hint. ``each_hint``: ``wants`` is asked about every
    hint, because it notes them down.
    """

    name: str
    wants: Callable[[str, str], bool]
    read: Callable[[PersonSession], Awaitable[T]]
    show: Callable[[T], None]
    gap: float = LIST_GAP
    aside: bool = False
    swift: bool = False
    polled: bool = True
    each_hint: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """The connection as a person sees it. ``latency`` in seconds; ``why`` is the line of the last error."""

    state: Literal["opening", "live", "lost"] = "opening"
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    why: str = ""
    latency: float | None = None

    @property
    def lost(self) -> bool:
        """Whether what is on the screen is not kept up to date."""
        return self.state == "lost"


@dataclass
class _Watched:
    owner: DOMNode
    query: LiveQuery[Any]
    dirty: bool = True
    busy: bool = False
    again: bool = False
    """A person's step came while it was being read: once more at once."""
    read_at: float = 0.0
    took: float = 0.0
    known: bool = False
    """Whether it was ever shown."""

    @property
    def gap(self) -> float:
        """Seconds from the end of a reading to the next."""
        # One that took a minute, because the server was away or the terminal took nothing, is no reason for four more.
        return max(self.query.gap, min(self.took * EASE, POLL_MOST))

    @property
    def pause(self) -> float:
        """Seconds from the end of a reading to the next where no hint comes."""
        return min(self.took * POLL_EASE, POLL_MOST)

    def anew(self) -> None:
        """It is to be read at once."""
        self.dirty = True
        self.again = self.busy
        self.read_at = 0.0


class Live:
    """Keeps everything that is watched up to date, in workers of the app; nothing here waits for the server."""

    def __init__(self, app: KolonyApp) -> None:
        self._app = app
        self._watched: list[_Watched] = []
        self._hints: set[str] = set()
        self._due = math.inf
        self._flushed_at = 0.0
        self._probing = False
        self._reviving = False
        self._next_probe = 0.0
        self._next_upkeep = 0.0
        self.ahead = timedelta()
        """How far the server's clock is ahead of this machine's."""
        self.link = Link()

    # What is watched

    def watch(self, owner: DOMNode, query: LiveQuery[Any]) -> None:
        """Reads the query now, after each hint it wants and every few seconds, as long as ``owner`` is there."""
        self._watched.append(_Watched(owner, query))
        self._arm(0)

    def look_again(self, owner: DOMNode | None = None) -> None:
        """Reads everything again (or what ``owner`` shows): after a step of one's own, or because one wants to."""
        for watched in self._watched:
            if owner is None or watched.owner is owner:
                watched.anew()
        self._hurry()

    def look_soon(self, owner: DOMNode) -> None:
        """Reads again what ``owner`` shows, in its turn: hints about that may have come before it was shown."""
        for watched in self._watched:
            if watched.owner is owner:
                watched.dirty = True
        self._arm(0)

    def look_at(self, screen: DOMNode) -> None:
        """Reads again what a screen shows that one has come back to; what is everywhere was kept up to date."""
        for watched in self._watched:
            if watched.owner is not self._app and watched.owner.is_attached and watched.owner.screen is screen:
                watched.anew()
        self._hurry()

    def start(self) -> None:
        """Begins listening and polling; the app has a session."""
        self._app.set_interval(POLL, self._poll)
        self._app.set_interval(PROBE, self._probe_if_lost)
        self.watch(self._app, LiveQuery("me", lambda kind, _: kind == "people", self._read_me, self._app.know_me))
        self.listen()
        self._poll()

    def listen(self) -> None:
        """Listens on the channel of the current workspace, and no more on another one."""
        session = self._app.session
        assert session is not None
        listener = Listener(
            session.db.target, session.workspace.channel, "kolony app listen", self.hint, self._listener_said
        )
        beside(self._app, self._keep_listening, listener, group="listen", exclusive=True)

    async def _keep_listening(self, listener: Listener) -> None:
        try:
            await listener.run()
        except LoginRefused as error:
            self.lose(error)

    # Hints in, readings out

    def hint(self, text: str) -> None:
        """Notes a hint down; reading comes at once, or with the next frame where this one has been read for."""
        if self._app.replay.on:
            return  # the past does not change
        self._hints.add(text)
        self._arm(max(self._flushed_at + SWIFT - time.monotonic(), 0))

    def _arm(self, delay: float) -> None:
        due = time.monotonic() + delay
        if due < self._due:
            self._due = due
            after(self._app, delay, self._flush_if_due)

    def _hurry(self) -> None:
        """In this moment, however long something else is to wait."""
        self._due = 0.0
        after(self._app, 0, self._flush_if_due)

    def _flush_if_due(self) -> None:
        # Whoever was to come later than another finds the work done, and the next one due at another time.
        if self._due <= time.monotonic() + 0.001:
            self._flush()

    def _flush(self) -> None:
        self._due, self._flushed_at = math.inf, time.monotonic()
        self._take_hints()
        if self.link.lost or self._app.session is None:
            return
        self._watched = [
            watched for watched in self._watched if watched.owner.is_attached or watched.owner is self._app
        ]
        later = [
            wait
            for watched in self._watched
            if watched.dirty and not watched.busy and self._in_front(watched)
            if (wait := self._read_or_wait(watched, self._flushed_at)) is not None
        ]
        if later:
            self._arm(min(later))

    def _take_hints(self) -> None:
        hints, self._hints = self._hints, set()
        for hint in hints:
            kind, _, identity = hint.partition(":")
            for watched in self._watched:
                if (not watched.dirty or watched.query.each_hint) and (
                    hint == EVERYTHING or (kind, identity) in _ALL_RUNS or watched.query.wants(kind, identity)
                ):
                    watched.dirty = True

    def _in_front(self, watched: _Watched) -> bool:
        """Whether a person can see it: what is hidden, or below another full screen, asks nothing of the server.

        Once it is read there too: a screen that was opened below another one is in the crumbs of that by its name.
        """
        owner = watched.owner
        if owner is self._app:
            return True
        stack, ground = self._app.screen_stack, self._app.ground
        if owner.screen not in stack:
            return False
        if watched.known and ground is not None and stack.index(owner.screen) < stack.index(ground):
            return False
        return all(each.display for each in owner.ancestors_with_self if isinstance(each, Widget))

    def _standing(self, owner: DOMNode) -> bool:
        """Whether there is something to show to: a screen that was left is taken apart piece by piece, meanwhile."""
        if owner is self._app:
            return True
        return owner.is_attached and self._app.is_running and owner.screen in self._app.screen_stack

    def _read_or_wait(self, watched: _Watched, now: float) -> float | None:
        wait = watched.read_at + watched.gap - now
        if wait > 0:
            return wait
        watched.dirty, watched.busy = False, True
        beside(self._app, self._read, watched, group=f"read {watched.query.name}")
        return None

    async def _read(self, watched: _Watched) -> None:
        session = self._app.session
        assert session is not None
        query, began = watched.query, time.monotonic()
        try:
            other = self._app.aside_session if query.aside else self._app.output_session if query.swift else None
            found = await query.read(self._app.replay.asks(watched.owner, query.name, other or session))
            watched.took = time.monotonic() - began
            if session is self._app.session and self._standing(watched.owner):
                query.show(found)
                watched.known = True
            else:
                watched.dirty = True
            self.reach()
        except KolonyError as error:
            self._failed(watched, error)
        finally:
            watched.busy = False
            watched.read_at = 0.0 if watched.again else time.monotonic()
            if watched.again:
                watched.again = False
                self._hurry()
            elif watched.dirty:
                self._arm(watched.gap)

    def _failed(self, watched: _Watched, error: KolonyError) -> None:
        if isinstance(error, CannotConnect):
            watched.dirty = True
            self.lose(error)
        else:
            self._app.tell(error)

    async def _read_me(self, session: PersonSession) -> PersonSession:
        try:
            return await refreshed(session.db, session.workspace.slug)
        except (NoRight, NotFound) as error:
            # The rights are gone: nothing on the screen may pretend to be current.
            raise LoginRefused(error.message, error.hint) from error

    # Whether the server can be reached

    def _poll(self) -> None:
        now = time.monotonic()
        for watched in self._watched:
            if self._app.replay.on and watched.owner is not self._app:
                continue
            if watched.query.polled and now - watched.read_at >= watched.pause:
                watched.dirty = True
        self._arm(0)
        if not self.link.lost:
            self._start_probe()

    def _probe_if_lost(self) -> None:
        if self.link.lost:
            self._app.draw_frames()  # the banner says for how long
        if self.link.lost and time.monotonic() >= self._next_probe:
            self._start_probe()
            destination = self._app.destination
            if destination is not None and destination.embedded and not self._reviving:
                self._reviving = True
                beside(self._app, self._revive, group="revive")

    async def _revive(self) -> None:
        """The embedded server is ours to start again, should it have died."""
        try:
            await asyncio.to_thread(_start_if_killed)
        except KolonyError as error:
            if self.link.lost:
                self.lose(error)
        finally:
            self._reviving = False

    def _start_probe(self) -> None:
        if not self._probing:
            beside(self._app, self._probe, group="probe")

    async def _probe(self) -> None:
        """One round trip: it measures, takes back what lost runners hold, and finds a server that is there again."""
        session = self._app.session
        if session is None:
            return
        self._probing = True
        try:
            began, local = time.monotonic(), datetime.now(UTC)
            theirs = await clock(session)
            latency = time.monotonic() - began
            self.ahead = theirs - local - timedelta(seconds=latency / 2)
            await work.settle(session)
            self.reach(latency)
            self._start_upkeep()
        except CannotConnect as error:
            self.lose(error)
        except KolonyError as error:
            self._app.tell(error)
        finally:
            self._probing = False

    def _start_upkeep(self) -> None:
        if time.monotonic() >= self._next_upkeep and not self._app.replay.only:
            self._next_upkeep = time.monotonic() + UPKEEP
            beside(self._app, self._keep_up, group="upkeep", exclusive=True)

    async def _keep_up(self) -> None:
        session = self._app.session
        assert session is not None
        # Nobody asked for it, so nobody is told where it fails: the database keeps the error, and doctor shows it.
        with contextlib.suppress(KolonyError):
            await upkeep.keep_up(session, "kolony app upkeep")

    def reach(self, latency: float | None = None) -> None:
        """The server has answered."""
        was = self.link
        latency = was.latency if latency is None else latency
        if was.state == "live":
            self._set_link(replace(was, latency=latency))
            return
        self._set_link(Link("live", self._app.now(), "", latency))
        self.look_again()

    def lose(self, error: KolonyError) -> None:
        """The server has not answered."""
        self._next_probe = time.monotonic() + (REFUSED_PROBE if isinstance(error, LoginRefused) else 0)
        since = self.link.since if self.link.lost else self._app.now()
        self._set_link(Link("lost", since, error.line))
        if isinstance(error, (PasswordMissing, PasswordRefused)):
            self._app.door.refused(error)

    def _listener_said(self, error: KolonyError | None) -> None:
        if isinstance(error, ThroughPooler):
            self._app.tell(error)
        elif error is not None and not self.link.lost:
            # Perhaps only its own connection broke: a round trip of ours tells.
            self._start_probe()

    def _set_link(self, link: Link) -> None:
        if link != self.link:
            self.link = link
            self._app.draw_frames()


def _start_if_killed() -> None:
    # Deferred: an app on somebody's server never needs it.
    from kolony_tui.server.embedded import EmbeddedServer
    from kolony_tui.server.home import kolony_home

    EmbeddedServer(kolony_home()).revive()
