"""What the app asks before it ends, beside a runner of its own that works; the runner's every step is the test's."""

from __future__ import annotations

from typing import Any

import pytest

from kolony_tui.core.connection import Destination
from kolony_tui.core.first_run import LOCAL_AGENT
from kolony_tui.ui.app import KolonyApp
from kolony_tui.ui.opening import Opening
from kolony_tui.ui.screens.asking import Leaving
from tests.database import Workspace
from tests.ui.stage import REMEMBERED, Stage, until


class Beside:
    """In the place of the process that the app begins."""

    alive, last_words = True, ""

    def __init__(self, *_: Any) -> None:
        pass

    async def start(self) -> None:
        """It is there."""

    async def stop(self, patience: float) -> None:
        """It is gone."""
        self.alive = False


async def tell_nobody(*hints: str) -> None:
    """Keeps the app as it was."""


async def test_it_asks_only_while_something_runs_whatever_it_was_told(
    workspace: Workspace, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kolony_tui.agent.local.LocalRunner", Beside)
    local = await workspace.database.add_agent(LOCAL_AGENT)
    destination = Destination(workspace.database.target("ada"), "main", embedded=True, key="test")
    app = KolonyApp(Opening(find=lambda say: destination, local_runner=True, remembered=REMEMBERED))
    async with app.run_test(size=(100, 30)) as pilot:
        await until(lambda: app.companion.running, "its runner")
        runner = await stage.runner(local)
        await stage.send("work", to=local)
        claim = await runner.take()
        # At once, as is asked anew: the app may not have heard of the run yet.
        await pilot.press("ctrl+q")
        await until(lambda: isinstance(app.screen, Leaving), "it asks")
        await pilot.press("escape")
        await until(lambda: not isinstance(app.screen, Leaving), "it stays")
        monkeypatch.setattr(runner, "announce", tell_nobody)
        await runner.finish(claim)
        await pilot.press("ctrl+q")
        await until(lambda: not app.is_running, "its end, though nobody told it")
