"""Lists of 10,000 agents and 1,000,000 runs: first paint over an empty screen of the same app, and a key of a filter.

Run with ``python -m tests.bench lists``; it takes about two minutes, one of them to make the workspace. Each screen is
made anew each time, and what is timed is from the key to rows that are drawn. A filter's time is from a key to the
drawn answer of the database.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from textual import events
from textual.pilot import Pilot

from kolony_tui.core.connection import Destination
from kolony_tui.db.target import Target
from kolony_tui.garbage import look_seldom, spare_what_is_there
from kolony_tui.ui.app import KolonyApp
from kolony_tui.ui.opening import Opening
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.widgets.rows import RowList
from tests.bench.figures import Figure, at_most_over, percentile, rounds
from tests.bench.large_fleet import AGENTS, ENDED, large_fleet
from tests.bench.measuring import milliseconds

ROUNDS = 9
PAINT_BOUND, KEY_BOUND = 0.3, 0.1
DEADLINE = 60.0
LISTS: Sequence[tuple[str, str, str]] = (
    ("dashboard", "fleet", "agents on the dashboard"),
    ("dashboard", "queue", "the queue on the dashboard"),
    ("fleet", "agents", "the fleet"),
    ("queue", "runs", "all runs"),
    ("audit", "audit", "the audit log"),
)
"""Mode, list, and what it is."""
_KEYS = {" ": "space", "~": "tilde", "-": "minus", "_": "underscore"}
TYPED: Sequence[tuple[str, str, str]] = (
    ("fleet", "agents", "042"),
    ("fleet", "agents", "host~build-1"),
    ("dashboard", "queue", "part_1"),
    ("queue", "runs", "file_7"),
    ("queue", "runs", "zebra"),
)


async def until(true: Callable[[], object], what: str) -> None:
    end = time.perf_counter() + DEADLINE
    while not true():
        if time.perf_counter() > end:
            raise RuntimeError(f"not in {DEADLINE:.0f} s: {what}")
        await asyncio.sleep(0.001)


def _drawn(app: KolonyApp, of: str) -> bool:
    """Whether rows of the list have been drawn on the screen in front."""
    screen = app.screen
    found = screen.query(f"#{of}") if isinstance(screen, FramedScreen) and screen.is_current else None
    rows: Any = found.first() if found else None
    if rows is None or not rows.known or not rows.size.height:
        return False
    return not rows.rows or rows.render_line(1 if rows._header else 0).text.strip() != ""


async def shown(app: KolonyApp, mode: str, of: str | None) -> float:
    """Seconds from going to a screen that is made anew until its list is drawn."""
    if mode in app._screen_stacks:
        await app.remove_mode(mode)
        app.add_mode(mode, app.MODES.get(mode, FramedScreen))
    began = time.perf_counter()
    app.go_to(mode)
    if of is None:
        await until(lambda: isinstance(app.screen, FramedScreen) and app.screen.is_mounted, "an empty screen")
    else:
        await until(lambda: _drawn(app, of), f"{of} drawn")
    painted = asyncio.Event()
    app.screen.call_after_refresh(painted.set)
    await painted.wait()
    return time.perf_counter() - began


async def _typed(app: KolonyApp, pilot: Pilot[int], mode: str, of: str, text: str) -> list[float]:
    """Seconds from each key of a filter to the answer, drawn."""
    app.go_to(mode)
    await until(lambda: _drawn(app, of), f"{of} drawn")
    rows: RowList[Any] = app.screen.query_one(f"#{of}", RowList)
    rows.focus()
    await pilot.pause()
    answered: list[str] = []
    show = rows.show_page

    def noting(page: Any) -> None:
        show(page)
        answered.append(page.wish.filter)

    rows.show_page = noting  # type: ignore[method-assign]
    await pilot.press("slash")
    taken = []
    for number, letter in enumerate(text, 1):
        wanted = text[:number]
        if wanted.endswith((" ", "~")):  # the same filter, or none yet
            await pilot.press(_KEYS[letter])
        else:
            answered.clear()
            taken.append(await _answer(app, rows, letter, lambda wanted=wanted: wanted in answered))  # type: ignore[misc]
    await pilot.press("escape")
    rows.show_page = show  # type: ignore[method-assign]
    await until(lambda: not rows.filter, "no filter")
    return taken


async def _answer(app: KolonyApp, rows: RowList[Any], letter: str, answered: Callable[[], bool]) -> float:
    began = time.perf_counter()
    app.post_message(events.Key(_KEYS.get(letter, letter), letter))
    await until(answered, f"the answer to {letter}")
    painted = asyncio.Event()
    rows.call_after_refresh(painted.set)
    await painted.wait()
    return time.perf_counter() - began


async def measure(target: Target) -> list[Figure]:
    """The figures of a workspace."""
    destination = Destination(target, "main", embedded=False, key="bench")
    look_seldom()
    app = KolonyApp(Opening(find=lambda say: destination, begun=spare_what_is_there))
    figures = []
    async with app.run_test(size=(140, 40), notifications=False) as pilot:
        await until(lambda: app.live.link.state == "live" and app.pulse is not None, "the app is live")
        app.add_mode("empty", FramedScreen)
        empty: dict[tuple[str, str, str], list[float]] = {each: [] for each in LISTS}
        times: dict[tuple[str, str, str], list[float]] = {each: [] for each in LISTS}
        for turn in range(rounds(ROUNDS) + 1):
            for each in LISTS:
                blank = await shown(app, "empty", None)
                taken = await shown(app, each[0], each[1])
                if turn:
                    empty[each].append(blank)
                    times[each].append(taken)
        for each, seconds in times.items():
            figures.append(
                Figure(
                    f"first paint of {each[2]}", "ms", milliseconds(seconds), "an empty screen of the same app",
                    milliseconds(empty[each]), f"at most {PAINT_BOUND * 1000:.0f} ms above",
                    limit=at_most_over(PAINT_BOUND * 1000),
                )
            )  # fmt: skip
        for mode, of, text in TYPED:
            keys = [key for _ in range(3) for key in await _typed(app, pilot, mode, of, text)]
            print(f"a key of /{text} in {of}: p95 {percentile(keys, 95) * 1000:.0f} ms", flush=True)
            reach = f"at most {KEY_BOUND * 1000:.0f} ms"
            what = f"a key of the filter `/{text}` in {of}"
            figures.append(Figure(what, "ms", milliseconds(keys), reach=reach, limit=KEY_BOUND * 1000))
        app.exit()
    return figures


async def main() -> list[Figure]:
    """Makes the workspace and measures in it."""
    async with large_fleet() as (target, _):
        print(f"{AGENTS:,} agents, {ENDED:,} runs that ended")
        return await measure(target)
