"""The local agent's runner beside the app: begun with it on the embedded server, and ended with it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from kolony_tui.core import lists
from kolony_tui.core.session import PersonSession
from kolony_tui.models.errors import KolonyError
from kolony_tui.models.fleet import Agent, Desired
from kolony_tui.server.home import kolony_home
from kolony_tui.text import safe
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.windows import wants_work

if TYPE_CHECKING:
    from kolony_tui.agent.local import LocalRunner
    from kolony_tui.ui.app import KolonyApp

_TRY_AGAIN = 30.0
"""Seconds until a runner that ended by itself is begun again."""
_PATIENCE = 5.0
_ANSWERS_WITHIN = 0.5
"""So many seconds a person who quits may wait for how much the agent has to do."""


class Companion:
    """The runner of the agent ``local``, as a child process that no other app has begun already."""

    def __init__(self, app: KolonyApp) -> None:
        self._app = app
        self._runner: LocalRunner | None = None
        self._wanted = False
        self._agent: Agent | None = None
        self._not_before = 0.0

    @property
    def running(self) -> bool:
        """Whether this app's own runner is there."""
        return self._runner is not None and self._runner.alive

    async def begin(self) -> None:
        """Begins it where it belongs: on the embedded server, for an agent that has no runner. Never raises."""
        app = self._app
        if not app.opening.local_runner or app.destination is None or not app.destination.embedded:
            return
        self._wanted = True
        self._app.live.watch(self._app, LiveQuery("local agent", wants_work, _read, self._look))
        await self._begin()

    async def _begin(self) -> None:
        # Deferred: an app on somebody's server never needs it.
        from kolony_tui.agent.local import LocalRunner
        from kolony_tui.core.first_run import local_agent

        app = self._app
        session = app.session
        if session is None or self.running:
            return
        self._not_before = time.monotonic() + _TRY_AGAIN
        home = kolony_home()
        try:
            found = await local_agent(session, home)
            if found is None or found[0].sessions:
                return
            app.live.look_again()  # for the agent that may be new, and for which the first command waits
            self._runner = LocalRunner(home, found[0].name.raw, found[1])
            await self._runner.start()
        except KolonyError as error:
            app.tell(error)

    def _look(self, agents: list[Agent]) -> None:
        """Begins it again when its agent is alone: the app that had begun it was closed, or it ended by itself."""
        local = self._agent = agents[0] if agents else None
        if not self._wanted or self.running or time.monotonic() < self._not_before:
            return
        if local is None or local.sessions or local.desired == Desired.RETIRED:
            return
        if self._runner is not None and self._runner.last_words:
            words = safe(self._runner.last_words, limit=160).plain
            self._app.say(f"the local runner had ended: {words}", severity="warning")
        self._not_before = time.monotonic() + _TRY_AGAIN
        self._app.perform(self._begin(), "local runner")

    async def may_quit(self) -> bool:
        """Asks what is to become of its work, where it has some. False: the person wants to stay."""
        from kolony_tui.ui.screens.asking import Leaving

        await self._look_again()
        agent = self._agent
        if not self.running or agent is None or not agent.running:
            return True
        answer = await self._app.push_screen_wait(Leaving(safe(agent.name), agent.running))
        if answer == "leave" and self._runner is not None:
            self._runner.leave()
        return answer is not None

    async def _look_again(self) -> None:
        """What was seen last may be of before its work ended. Without a word of the server's it has to do."""
        session = self._app.session
        if session is None or not self.running:
            return
        with contextlib.suppress(KolonyError, TimeoutError):
            async with asyncio.timeout(_ANSWERS_WITHIN):
                self._agent = next(iter(await _read(session)), None)

    async def end(self) -> None:
        """Ends it, unless it was left running.

        A runner that works is not waited for: it ends its programs by itself once the pipe to this process is gone.
        """
        agent = self._agent
        if self._runner is not None and self.running and (agent is None or not agent.running):
            await self._runner.stop(_PATIENCE)


async def _read(session: PersonSession) -> list[Agent]:
    from kolony_tui.core.first_run import LOCAL_AGENT

    return await lists.agents_named(session, [LOCAL_AGENT])
