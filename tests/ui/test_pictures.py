"""A picture of each screen, from real rows with the clock stopped. KOLONY_PICTURES=write makes them anew."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from kolony_tui.ui.app import KolonyApp
from kolony_tui.ui.screens.work.composer import Composer
from tests.ui.scene import NOON, build, set_log
from tests.ui.stage import Stage, until, words

FOLDER = Path(__file__).parents[2] / "screenshots"
WRITE = os.environ.get("KOLONY_PICTURES") == "write"
SIZES = [(80, 24), (140, 40)]
Walk = Callable[[KolonyApp, Pilot[int], dict[str, Any]], Awaitable[None]]


async def _dashboard(app: KolonyApp, pilot: Pilot[int], scene: dict[str, Any]) -> None:
    await until(lambda: "ON CONFLICT" in words(app) and "Remo" in words(app), "output and questions are shown")


async def _composer(app: KolonyApp, pilot: Pilot[int], scene: dict[str, Any]) -> None:
    await pilot.press("n")
    await until(lambda: isinstance(app.screen, Composer) and "count to ten" in words(app), "the composer is open")


async def _fleet(app: KolonyApp, pilot: Pilot[int], scene: dict[str, Any]) -> None:
    await pilot.press("3")
    await until(lambda: "worker-7" in words(app), "the agents are shown")


async def _agent(app: KolonyApp, pilot: Pilot[int], scene: dict[str, Any]) -> None:
    app.open_agent(scene["agents"]["claude-1"])
    await until(lambda: "session" in words(app) and "token" in words(app), "the agent is shown")


async def _queue(app: KolonyApp, pilot: Pilot[int], scene: dict[str, Any]) -> None:
    await pilot.press("4")
    await until(lambda: "completed" in words(app) and "nightly" in words(app), "the runs are shown")


async def _run(app: KolonyApp, pilot: Pilot[int], scene: dict[str, Any]) -> None:
    app.open_run(scene["runs"]["review"])
    await until(lambda: "ON CONFLICT" in words(app) and "asked by" in words(app), "the run is shown")


async def _trace(app: KolonyApp, pilot: Pilot[int], scene: dict[str, Any]) -> None:
    await _run(app, pilot, scene)
    await pilot.press("t")
    await until(lambda: "Two writers can pass" in words(app), "the trace is shown")


async def _thoughts(app: KolonyApp, pilot: Pilot[int], scene: dict[str, Any]) -> None:
    await _run(app, pilot, scene)
    await pilot.press("T")
    await until(lambda: "70" in words(app), "the map is drawn")


async def _conversations(app: KolonyApp, pilot: Pilot[int], scene: dict[str, Any]) -> None:
    await pilot.press("5")
    await until(lambda: "41 s become 6" in words(app) and "1 new" not in words(app), "the thread is read")


async def _reports(app: KolonyApp, pilot: Pilot[int], scene: dict[str, Any]) -> None:
    await pilot.press("7")
    await until(lambda: "Dependencies" in words(app), "the reports are shown")
    await pilot.press("enter")
    await until(lambda: "made to loop" in words(app), "the report is shown")


async def _inbox(app: KolonyApp, pilot: Pilot[int], scene: dict[str, Any]) -> None:
    await pilot.press("2")
    await until(lambda: "412 MB" in words(app), "the question is shown")


async def _playbooks(app: KolonyApp, pilot: Pilot[int], scene: dict[str, Any]) -> None:
    await pilot.press("6")
    await until(lambda: "nightly" in words(app) and "f use" in words(app), "the presets are shown")


async def _help(app: KolonyApp, pilot: Pilot[int], scene: dict[str, Any]) -> None:
    await pilot.press("question_mark")
    await until(lambda: "Keys of this place" in words(app), "the help is shown")


async def _settings(app: KolonyApp, pilot: Pilot[int], scene: dict[str, Any]) -> None:
    app.do("settings.people")
    await until(lambda: "2 connected of 4" in words(app), "the people are shown")


async def _audit(app: KolonyApp, pilot: Pilot[int], scene: dict[str, Any]) -> None:
    await set_log(scene["stage"])
    app.go_to("audit")
    await until(lambda: "AGENT_PAUSED" in words(app), "the log is shown")


WALKS: dict[str, Walk] = {
    "dashboard": _dashboard, "composer": _composer, "fleet": _fleet, "agent": _agent, "queue": _queue, "run": _run,
    "trace": _trace, "thoughts": _thoughts, "conversations": _conversations, "reports": _reports, "inbox": _inbox,
    "playbooks": _playbooks, "audit": _audit, "settings": _settings, "help": _help,
}  # fmt: skip


def normalised(svg: str) -> str:
    """The picture without what differs from one drawing to the next: generated class names."""
    return re.sub(r"terminal-\d+", "terminal", svg)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_screens_look_as_in_their_pictures(stage: Stage, size: tuple[int, int]) -> None:
    scene = {**await build(stage), "stage": stage}
    differing = []
    pictures = {}
    async with stage.app("ada", size=size, frozen=NOON) as (app, pilot):
        for name, walk in WALKS.items():
            await _dashboard(app, pilot, scene)
            await walk(app, pilot, scene)
            await pilot.pause()
            pictures[name] = normalised(app.export_screenshot(title="kolony", simplify=True))
            await pilot.press("escape", "1")
    for name, picture in pictures.items():
        file = FOLDER / f"{name}-{size[0]}x{size[1]}.svg"
        if WRITE:
            FOLDER.mkdir(exist_ok=True)
            file.write_text(picture, encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != picture:
            differing.append(file.name)
    assert not differing, f"no longer as in screenshots/: {differing}; look, then KOLONY_PICTURES=write"
