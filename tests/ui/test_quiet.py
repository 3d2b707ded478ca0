"""How little an app asks of its server: nothing for what nobody sees, once for many hints, one row for a change."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from textual._compositor import Compositor

from kolony_tui.core import lists
from kolony_tui.db.connect import Database
from kolony_tui.models.lists import Page, Wish
from kolony_tui.ui import live, sorting
from kolony_tui.ui.app import KolonyApp
from kolony_tui.ui.draw import part
from kolony_tui.ui.widgets.panel import Panel
from tests.ui.stage import Stage, until, words
from tests.ui.test_windows import MANY, Thing, Windowed

LISTS = {"work/queue_window", "fleet/named"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each statement was sent; nothing is read without a hint."""
    monkeypatch.setattr(live, "POLL", 3600.0)
    sent: Counter[str] = Counter()
    for method in ("records", "ordered"):
        usual = getattr(Database, method)

        async def counting(self: Database, name: str, *given: Any, usual: Any = usual, **more: Any) -> Sequence[Any]:
            sent[name] += 1
            found: Sequence[Any] = await usual(self, name, *given, **more)
            return found

        monkeypatch.setattr(Database, method, counting)
    return sent


async def at_rest(app: KolonyApp) -> None:
    """Nothing is being read, and nothing is to be."""

    def rests() -> bool:
        in_front = [each for each in app.live._watched if app.live._in_front(each)]
        return not any(each.dirty or each.busy for each in in_front)

    await until(rests, "nothing is left to read")


async def test_what_is_hidden_or_covered_asks_nothing(stage: Stage, asked: Counter[str]) -> None:
    run_id = await stage.send("somewhere below")
    async with stage.app("bob") as (app, pilot):
        await until(lambda: "somewhere below" in words(app), "the dashboard")
        for way in ("a screen above it", "another mode", "a pane that is hidden"):
            if way == "a screen above it":
                app.open_run(run_id)
            elif way == "another mode":
                app.pop_screen()
                app.go_to("settings")
            else:
                app.go_to("dashboard")
                await until(lambda: asked["work/queue_window"] > 0, "read again when one comes back")
                app.screen.query_one("#lists").display = False
            await pilot.pause()
            await at_rest(app)
            asked.clear()
            for _ in range(50):
                app.live.hint(f"run:{uuid4()}")
            app.live.hint(f"run:{run_id}")
            await until(lambda: asked["fleet/pulse"], "the header is kept up to date")
            await at_rest(app)
            assert not LISTS & set(asked), (way, asked)
            assert not asked["work/runs_by_id"], way


async def test_what_is_covered_is_not_drawn(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    usual = Compositor.render_full_update

    def counting(self: Compositor, *given: Any, **more: Any) -> Any:
        drawn.append(self)
        return usual(self, *given, **more)

    run_id = await stage.send("somewhere below")
    async with stage.app("bob") as (app, pilot):
        await until(lambda: "somewhere below" in words(app), "the dashboard")
        below = app.screen
        app.open_run(run_id)
        await until(lambda: app.screen is not below and "somewhere below" in words(app), "the run")
        await at_rest(app)
        await pilot.pause()
        monkeypatch.setattr(Compositor, "render_full_update", counting)
        below.query_one("#queue").refresh()
        below.query_one("#fleet-panel", Panel).title.say([part("said below")], [])
        for screen in (below, app.screen):
            painted = asyncio.Event()
            screen.call_after_refresh(painted.set)
            await painted.wait()
        assert not drawn
        app.pop_screen()
        await until(lambda: "said below" in words(app), "it is drawn when one comes back")
        with monkeypatch.context() as ending:
            ending.setattr(app, "_screen_stacks", {app.current_mode: []})
            assert not below.is_current, "a clock that ticks while the app ends finds no screen"


async def test_thousands_of_hints_make_one_reading(stage: Stage, asked: Counter[str]) -> None:
    run_id = await stage.send("in sight")
    async with stage.app("bob") as (app, _):
        await until(lambda: "in sight" in words(app), "the dashboard")
        await at_rest(app)
        asked.clear()
        for _ in range(2500):
            app.live.hint(f"run:{uuid4()}")
            app.live.hint(f"agent:{uuid4()}")
        for _ in range(100):
            app.live.hint(f"run:{run_id}")
        await until(lambda: asked["fleet/pulse"], "the last of them")
        await at_rest(app)
        assert {name: asked[name] for name in (*LISTS, "fleet/pulse", "work/runs_by_id")} == dict.fromkeys(
            (*LISTS, "fleet/pulse", "work/runs_by_id"), 1
        )


async def test_a_row_in_sight_does_not_wait_for_its_list(stage: Stage, asked: Counter[str]) -> None:
    run_id = await stage.send("first", priority=50)
    async with stage.app("bob") as (app, _):
        await until(lambda: " 50 " in words(app), "the dashboard")
        await at_rest(app)
        for watched in app.live._watched:
            if watched.query.name == "queue":
                watched.took = 3600.0  # as in a workspace whose list takes long
        asked.clear()
        person = await stage.workspace.database.connect("bob")
        await person.execute("SELECT kolony.set_run_priority($1, 77)", run_id)
        await until(lambda: " 77 " in words(app), "its new priority")
        assert asked["work/runs_by_id"]
        assert not asked["work/queue_window"]


def test_readings_that_take_long_are_spaced() -> None:
    async def nothing(_: object) -> None:
        return None

    query = live.LiveQuery("q", lambda *_: True, nothing, lambda _: None, 0.25)
    watched = live._Watched(None, query)  # type: ignore[arg-type]
    assert watched.gap == 0.25
    watched.took = 2.0
    assert watched.gap == 2.0 * live.EASE
    watched.took = 60.0
    assert watched.gap == live.POLL_MOST


class Forgetful(Windowed):
    """Makes each row anew, and knows how many of them somebody still holds."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[weakref.ref[Thing]] = []

    def page(self, wish: Wish) -> Page[Thing]:
        """As a database would answer: with rows that nobody else has."""
        page = super().page(wish)
        rows = tuple(Thing(row.key) for row in page.rows)
        self.made += [weakref.ref(row) for row in rows]
        return Page(wish, rows, page.passed)

    @property
    def held(self) -> int:
        """Rows that are in memory."""
        gc.collect()
        return sum(ref() is not None for ref in self.made)


async def test_a_list_holds_its_window_and_no_more() -> None:
    app = Forgetful()
    async with app.run_test(size=(40, 12)) as pilot:
        for top in range(0, MANY, 400):
            app.rows.scroll_to(y=top, animate=False, force=True)
            await pilot.pause()
        await pilot.press("end")
        await until(lambda: app.rows.pointed == Thing(MANY - 1), "the end")
        assert len(app.made) > 2000
        assert app.held < 400


async def test_a_newer_state_of_a_row_is_taken_up_in_its_place() -> None:
    app = Windowed()
    async with app.run_test(size=(40, 12)) as pilot:
        await pilot.press("down", "space")
        rows = app.rows

        class Newer(Thing):
            """The same row, with something else to say."""

            @property
            def team(self) -> str:
                """Another one."""
                return "elsewhere"

        rows.take_up([Newer(1), Newer(2), Newer(9_000)])
        drawn = [rows.render_line(y).text for y in range(5)]
        assert ["elsewhere" in line for line in drawn] == [False, False, True, True, False]
        assert [type(each) for each in rows.chosen] == [Newer], "what is marked is the newer one"
        assert isinstance(rows.pointed, Newer)
        assert rows.keys_in_sight() == set(range(11))


def test_which_rows_a_hint_is_about() -> None:
    from kolony_tui.ui.windows import AGENTS, RUNS

    class Row:
        """Enough of a row."""

        run_id, agent_id, command_id = (UUID(int=number) for number in (1, 2, 3))

    row: Any = Row()
    assert list(RUNS.hints(row)) == [("run", UUID(int=1)), ("agent", UUID(int=2)), ("command", UUID(int=3))]
    assert list(AGENTS.hints(row)) == [("agent", UUID(int=2))]


async def test_a_long_past_is_sorted_at_once_as_far_as_it_is_new(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "NEWEST", 3)
    for priority in (10, 90, 20, 80, 30):
        await stage.send(f"with {priority}", priority=priority)
    gate = asyncio.Event()
    usual = lists.sorted_runs

    async def held(session: Any, past: Any, wish: Wish, limit: int, newest: int | None = None) -> list[UUID]:
        if newest is None:
            await gate.wait()
        return await usual(session, past, wish, limit, newest)

    monkeypatch.setattr(lists, "sorted_runs", held)
    async with stage.app("bob") as (app, _):
        app.go_to("queue")
        await until(lambda: "with 10" in words(app), "all of it")
        rows: Any = app.screen.query_one("#runs")

        def shown() -> list[int]:
            return [run.priority for run in rows.rows]

        rows.sort("priority")
        await until(lambda: shown() == [80, 30, 20], "the newest, in order")
        assert rows.rest == "newest 3, sorting all"
        gate.set()
        await until(lambda: shown() == [90, 80, 30, 20, 10], "all of them, in order")
        assert rows.rest == ""
        rows.sort("run")
        await until(lambda: shown() == [10, 90, 20, 80, 30], "the oldest first")
        rows.sort(None)
        await until(lambda: shown() == [30, 80, 20, 90, 10], "the newest first")
