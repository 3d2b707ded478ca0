"""Long lists by windows, and what a list can do: ranges, groups, columns, views, a filter that points at its fault."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from textual.app import App, ComposeResult

from kolony_tui.core.selecting import FilterError
from kolony_tui.models.lists import Group, Page, Wish
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.models.views import Look
from kolony_tui.ui.app import KolonyApp
from kolony_tui.ui.draw import cell
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.screens.columns import ColumnPicker
from kolony_tui.ui.screens.framed import CRUMB
from kolony_tui.ui.screens.line import FilterLine
from kolony_tui.ui.screens.views import ViewPicker
from kolony_tui.ui.widgets.agent_list import AgentList
from kolony_tui.ui.widgets.row_groups import Heading
from kolony_tui.ui.widgets.rows import CURSOR, Column, RowList
from tests.ui.stage import Stage, toasts, until, words

MANY = 10_000


@dataclass(frozen=True)
class Thing:
    """A row."""

    key: int

    @property
    def team(self) -> str:
        """What it can be grouped by."""
        return f"team {self.key * 4 // MANY}"


COLUMNS = (
    Column[Thing]("key", "KEY", 6, lambda thing, _: cell(str(thing.key)), lambda thing: thing.key, right=True),
    Column[Thing]("team", "TEAM", 10, lambda thing, _: cell(thing.team), lambda thing: thing.team, groups=True),
)


class Windowed(App[None]):
    """A list of 10,000 things, of which somebody reads a window whenever the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = RowList(COLUMNS, lambda thing: thing.key, lambda: Drawing(datetime.now(UTC)), empty="nothing")
        self.rows.source = self
        self.things = [Thing(number) for number in range(MANY)]
        self.read: list[Wish] = []
        self.asked = 0

    def compose(self) -> ComposeResult:
        yield self.rows

    def on_mount(self) -> None:
        self.answer()
        self.rows.focus()

    def look(self) -> None:
        self.asked += 1
        self.call_later(self.answer)

    def mark(self, first: int, count: int) -> None:
        self.rows.mark_rows(self.page(self.rows.whole_wish(first, count)).rows)

    def answer(self) -> None:
        self.read.append(self.rows.wish())
        self.rows.show_page(self.page(self.read[-1]))

    def page(self, wish: Wish) -> Page[Thing]:
        """As a database would answer."""
        found = [thing for thing in self.things if wish.filter in str(thing.key)]
        found.sort(key=lambda thing: thing.key, reverse=wish.backwards)
        names = dict.fromkeys(thing.team for thing in found)
        groups = [Group(Untrusted(name), sum(thing.team == name for thing in found)) for name in names]
        rows = tuple(found[wish.first : wish.first + wish.count])
        return Page(wish, rows, len(found), tuple(groups) if wish.group else ())


def drawn(app: Windowed) -> list[str]:
    """The lines of the list."""
    return [app.rows.render_line(y).text.rstrip() for y in range(app.rows.size.height)]


async def test_only_what_is_in_view_is_read() -> None:
    app = Windowed()
    async with app.run_test(size=(40, 12)) as pilot:
        await pilot.press(*["down"] * 5)
        assert app.asked == 0, "what is in hand is not read again"
        await pilot.press("end")
        await until(lambda: app.rows.pointed == Thing(MANY - 1), "the last row is read, and pointed at")
        assert drawn(app)[-1].startswith(f"{CURSOR}   {MANY - 1}")
        app.rows.scroll_to(y=5000, animate=False, force=True)
        await until(lambda: "  5000" in drawn(app)[1], "rows in the middle")
        assert app.rows.pointed == Thing(MANY - 1), "the cursor stays while one looks about"
        assert all(wish.count < 500 for wish in app.read)
        await pilot.press("home")
        await until(lambda: app.rows.pointed == Thing(0), "the first again")


async def test_the_row_stays_where_it_was_when_others_come_before_it() -> None:
    app = Windowed()
    async with app.run_test(size=(40, 12)) as pilot:
        await pilot.press(*["down"] * 30)
        line = next(at for at, text in enumerate(drawn(app)) if text.startswith(CURSOR))
        app.things = [*(Thing(number) for number in range(-3, 0)), *app.things]
        app.answer()
        assert app.rows.pointed == Thing(30)
        assert next(at for at, text in enumerate(drawn(app)) if text.startswith(CURSOR)) == line
        app.things.remove(Thing(30))
        app.answer()
        assert app.rows.pointed == Thing(31), "a row that went leaves the cursor to the next one"


async def test_ranges_and_all_that_pass_are_marked_far_beyond_the_window() -> None:
    app = Windowed()
    async with app.run_test(size=(40, 12)) as pilot:
        await pilot.press("down", "shift+down", "shift+down")
        assert app.rows.marks == {1, 2, 3}
        await pilot.press("shift+up")
        assert app.rows.marks == {1, 2}, "a range shrinks, too"
        await pilot.press("down", "down", "space")
        assert app.rows.marks == {1, 2, 4}
        await pilot.press("M", "down", "down", "M", "down")
        assert app.rows.marks == {1, 2, 4, 5, 6, 7}
        await pilot.click(RowList, offset=(5, 11), shift=True)
        assert app.rows.marks >= {8, 9, 10}
        await pilot.click(RowList, offset=(5, 2), control=True)
        assert 1 not in app.rows.marks
        app.rows.unmark()
        app.rows.narrow("99")
        await until(lambda: app.rows.passed < MANY, "filtered")
        await pilot.press("ctrl+a")
        passing = {thing for thing in app.things if "99" in str(thing.key)}
        assert len(passing) > 250
        assert set(app.rows.chosen) == passing, "also those that were never in the window"
        await pilot.press("ctrl+a")
        assert not app.rows.marks
        app.rows.narrow("")
        await until(lambda: app.rows.passed == MANY, "all again")
        await pilot.press("home", "shift+end")
        assert len(app.rows.chosen) == MANY


async def test_groups_fold_over_windows() -> None:
    app = Windowed()
    async with app.run_test(size=(40, 12)) as pilot:
        app.rows.group("team")
        await until(lambda: "team 0  2500" in drawn(app)[1], "a heading")
        await pilot.press("home")
        assert app.rows.cursor == Heading("team 0")
        await pilot.press("enter", "down", "enter", "down", "down")
        await until(lambda: app.rows.pointed == Thing(5000), "two groups are folded: their rows are not read")
        assert app.read[-1].first >= 5000 - 100
        assert app.read[-1].count < 500
        await pilot.press("up", "space")
        assert {thing.team for thing in app.rows.chosen} == {"team 2"}
        assert len(app.rows.chosen) == 2500


async def test_a_page_that_came_too_late_is_dropped() -> None:
    app = Windowed()
    async with app.run_test(size=(40, 12)):
        late = app.page(app.rows.wish())
        app.rows.narrow("99")
        await until(lambda: app.rows.passed < MANY, "filtered")
        app.rows.show_page(late)
        assert app.rows.passed < MANY


async def test_columns_and_looks() -> None:
    app = Windowed()
    async with app.run_test(size=(40, 12)) as pilot:
        app.rows.take_look(Look("7", "key", True, ("team", "key", "no such"), "team"))
        await until(lambda: "team" in drawn(app)[0].lower() and app.rows.passed < MANY, "taken")
        assert drawn(app)[0].split() == ["TEAM", "KEY▼"]
        assert app.rows.look == Look("7", "key", True, ("team", "key"), "team")
        with pytest.raises(FilterError):
            app.rows.narrow("(")
        assert app.rows.filter == "7", "what cannot be read changes nothing"
        answers: list[tuple[str, ...] | None] = []
        app.push_screen(ColumnPicker(COLUMNS, COLUMNS), answers.append)
        await pilot.pause()
        await pilot.press("J", "up", "space", "enter")
        assert answers == [("key",)]


async def test_the_fleet_is_filtered_grouped_and_kept_as_a_view(stage: Stage) -> None:
    superuser = await stage.workspace.database.superuser()
    await superuser.execute(
        """INSERT INTO kolony.agents (workspace_id, name, type, category, tags)
           SELECT $1, 'agent-' || lpad(n::text, 3, '0'), (ARRAY['claude', 'codex'])[1 + n % 2], 'team ' || n % 3,
                  CASE WHEN n % 5 = 0 THEN ARRAY['canary'] ELSE '{}' END FROM generate_series(1, 300) n""",
        stage.workspace.workspace_id,
    )
    await superuser.close()
    await stage.send("something")  # so that nobody is greeted as a newcomer
    async with stage.app("bob", size=(80, 24)) as (app, pilot):
        await pilot.press("3")
        await until(lambda: f"{CRUMB} Fleet" in words(app) and "agent-001" in words(app), "the first of them")
        rows = fleet(app)
        assert len(rows.rows) < 200, "not all are read"
        await pilot.press("end")
        await until(lambda: "worker" in words(app) and rows.pointed is not None, "the last of them")
        await pilot.press("slash", *"type=codex")
        await until(lambda: "150 of 301" in words(app), "the database counts")
        await pilot.press(*" and (")
        await until(lambda: "▲ the filter is wrong at its end" in words(app), "where it is wrong")
        await pilot.press("enter")
        assert isinstance(app.screen, FilterLine), "what cannot be read is not taken"
        await pilot.press(*["backspace"] * 6, *" @canary", "enter")
        await until(lambda: "(30 of 301)" in words(app), "codex and canary")
        await pilot.press("ctrl+t", "ctrl+t", "ctrl+t", "ctrl+t")
        await until(lambda: "groups of category" in words(app) and "team 2" in words(app), "around the cursor's row")
        await pilot.press("home")
        await until(lambda: "team 0  10" in words(app) and "groups of category" in words(app), "groups")
        await pilot.press("V")
        await until(lambda: isinstance(app.screen, ViewPicker), "the views")
        await pilot.press("s")
        await until(lambda: "Keep this view" in words(app), "under which name")
        await pilot.press(*"canaries", "ctrl+s")
        await until(lambda: "the view is kept" in toasts(app), "kept")
        kept = app.memory()
        await pilot.press("V", "home", "enter")
        await until(lambda: fleet(app).passed == 301, "as the list is by itself")
        app.do("list.views", "canaries")
        await until(lambda: fleet(app).grouped_by == "category" and fleet(app).passed == 30, "the view by its name")
    async with stage.app("eve", remembered=kept) as (app, pilot):
        await until(lambda: "(30 of 301)" in words(app) and "team 0  10" in words(app), "as it was left")
        await pilot.press("ctrl+a", "p")
        await until(lambda: "takes an operator" in toasts(app), "a viewer looks on")


def fleet(app: KolonyApp) -> AgentList:
    """The list of the screen Fleet."""
    return app.screen_stack[0].query_one("#agents", AgentList)


async def test_the_past_is_searched_back_and_shown_by_windows(stage: Stage) -> None:
    superuser = await stage.workspace.database.superuser()
    await superuser.execute(
        """WITH many AS (SELECT kolony.new_id() AS id, n FROM generate_series(1, 7000) n),
           sent AS (
               INSERT INTO kolony.commands (workspace_id, command_id, content, targets, created_by, submitted_at,
                                            outcome, finished_at)
               SELECT $1, m.id, 'task ' || m.n, ARRAY[$2::uuid], p.profile_id, now(), 'completed', now()
               FROM many m, kolony.profiles p WHERE p.login = $3)
           INSERT INTO kolony.runs (workspace_id, command_id, ordinal, agent_id, priority, outcome, finished_at)
           SELECT $1, m.id, 1, $2, 50, 'completed', now() - interval '2 hours' FROM many m ORDER BY m.n""",
        stage.workspace.workspace_id,
        stage.agent.agent_id,
        stage.workspace.database.cluster.login("bob"),
    )
    await superuser.execute("ANALYZE kolony.commands, kolony.runs")  # as autovacuum would within a minute
    await superuser.close()
    async with stage.app("bob") as (app, pilot):
        await pilot.press("4")
        await until(lambda: f"{CRUMB} Queue" in words(app) and "task 7000" in words(app), "the newest first")
        await until(lambda: words(app).splitlines()[1].endswith(" 7000"), "all are counted")
        await pilot.press("end")
        await until(lambda: "task 1 " in words(app), "the oldest")
        await pilot.press("slash", *'"task 1"')
        await until(lambda: "newest 1000" in words(app), "as many as a search goes on for")
        await pilot.press(*["backspace"] * 8, *"number=3", "enter")
        await until(lambda: "task 3 " in words(app) and "(1 of" in words(app), "the third of all, far back")
