"""The output view on a screen, driven by keys."""

from __future__ import annotations

import gc
import weakref
from datetime import timedelta

import psutil
import pytest
from textual.geometry import Offset
from textual.selection import Selection

from kolony_tui.ui.widgets.output import OutputView
from kolony_tui.ui.widgets.output_window import Place
from tests.text.hostile import PAYLOADS, forbidden
from tests.ui.widgets.output_app import BEGIN, OutputApp, numbered, piece, shown, until

SIZE = (40, 10)


async def test_it_shows_streams_in_order_with_a_mark_for_each_and_holes() -> None:
    view = OutputView()
    async with OutputApp(view).run_test(size=SIZE) as pilot:
        view.feed([piece(0, b"out\npar"), piece(1, b"err\n", "stderr"), piece(2, b"tial"), piece(4, b"log\n", "log")])
        assert await shown(pilot) == [
            "  out", "  par", "┃ err", "  tial", "… 1 piece missing …", "· log", "", "", "", "",
        ]  # fmt: skip
        view.feed([piece(3, b"!\n")])
        view.finish(6)
        assert (await shown(pilot))[3:6] == ["  tial!", "· log", "… 1 piece missing …"]
        assert view.window.missing == 1


async def test_the_line_that_is_being_written_changes_in_place() -> None:
    view = OutputView()
    async with OutputApp(view).run_test(size=SIZE) as pilot:
        for seq, (data, rows) in enumerate(
            [
                (b"10%", ["  10%", ""]),
                (b"\r50", ["  50", ""]),
                (b"%", ["  50%", ""]),
                (b"\rdone\nnext", ["  done", "  next"]),
                (b" one", ["  done", "  next one"]),
            ]
        ):
            view.feed([piece(seq, data)])
            assert (await shown(pilot))[:2] == rows


async def test_what_was_joined_to_another_segment_is_not_kept_alive() -> None:
    view = OutputView()
    async with OutputApp(view).run_test(size=SIZE) as pilot:
        view.feed(numbered([0, 2, 3]))
        await shown(pilot)
        behind = weakref.ref(view.window.segments[1])
        view.feed(numbered([1]))
        assert (await shown(pilot))[:4] == [f"  line {number}" for number in range(4)]
        gc.collect()
        assert behind() is None


async def test_what_was_fed_before_there_was_a_screen_is_there() -> None:
    view = OutputView()
    view.feed(numbered(range(30)))
    view.finish(30)
    async with OutputApp(view).run_test(size=SIZE) as pilot:
        assert await shown(pilot) == [f"  line {number}" for number in range(20, 30)]


async def test_following_ends_with_going_up_and_nothing_moves_a_reader() -> None:
    view = OutputView(max_lines=40)
    async with OutputApp(view).run_test(size=SIZE) as pilot:
        view.feed(numbered(range(40)))
        assert (await shown(pilot))[-1] == "  line 39"
        await pilot.press("up", "pageup")
        before = await shown(pilot)
        view.feed(numbered(range(40, 50)))
        assert await shown(pilot) == before
        assert (view.follow, view.new_lines, view.earlier) == (False, 10, 10)
        await pilot.press("end")
        assert (view.follow, view.new_lines) == (True, 0)
        view.feed(numbered(range(50, 60)))
        assert await shown(pilot) == [f"  line {number}" for number in range(50, 60)]


async def test_the_mouse_wheel_ends_following_too() -> None:
    view = OutputView()
    async with OutputApp(view).run_test(size=SIZE) as pilot:
        view.feed(numbered(range(40)))
        await shown(pilot)
        view._scroll_up_for_pointer(animate=False)
        await pilot.pause()
        assert not view.follow


async def test_a_reader_whose_lines_are_dropped_sees_how_many() -> None:
    view = OutputView(max_lines=20)
    async with OutputApp(view).run_test(size=SIZE) as pilot:
        view.feed(numbered(range(20)))
        await shown(pilot)
        await pilot.press("g")
        view.feed(numbered(range(20, 100)))
        rows = await shown(pilot)
        assert rows[1] == "  line 81" or rows[0] == "  line 80"
        await pilot.press("home")
        assert (await shown(pilot))[:2] == ["… 80 earlier lines …", "  line 80"]
        assert not view.follow


async def test_filling_a_hole_above_the_reader_moves_nothing() -> None:
    view = OutputView()
    async with OutputApp(view).run_test(size=SIZE) as pilot:
        view.feed([*numbered(range(5)), *numbered(range(50, 100))])
        await shown(pilot)
        await pilot.press("pageup", "pageup")
        before = await shown(pilot)
        view.feed(numbered(range(5, 50)))
        assert await shown(pilot) == before
        await pilot.press("home")
        assert (await shown(pilot))[:6] == [f"  line {number}" for number in range(6)]


async def test_following_is_a_switch() -> None:
    view = OutputView()
    async with OutputApp(view).run_test(size=SIZE) as pilot:
        view.feed(numbered(range(40)))
        await shown(pilot)
        await pilot.press("f")
        view.feed(numbered(range(40, 80)))
        assert (await shown(pilot))[-1] == "  line 39"
        await pilot.press("f")
        assert (await shown(pilot))[-1] == "  line 79"


async def test_long_lines_are_scrolled_to_or_wrapped() -> None:
    view = OutputView()
    async with OutputApp(view).run_test(size=(20, 10)) as pilot:
        view.feed([piece(0, b"0123456789" * 4 + b"\n" + "漢字".encode() * 10 + b"\n")])
        assert (await shown(pilot))[0] == "  0123456789012345"
        await pilot.press("right", "right")
        assert (await shown(pilot))[0] == "  2345678901234567"
        view.scroll_to(x=0)
        await pilot.press("w")
        rows = await shown(pilot)
        assert rows[:3] == ["  0123456789012345", "  6789012345678901", "  23456789"]
        assert "".join(row.strip() for row in rows[3:]) == "漢字" * 10
        await pilot.resize_terminal(30, 10)
        await until(lambda: view.scrollable_content_region.width == 28)
        assert (await shown(pilot))[:2] == ["  01234567890123456789012345", "  67890123456789"]
        await pilot.press("w")
        assert (await shown(pilot))[1].startswith("  漢字")


async def test_wrapping_keeps_the_line_that_is_read() -> None:
    view = OutputView()
    async with OutputApp(view).run_test(size=(20, 10)) as pilot:
        view.feed([piece(number, b"%03d " % number * 10 + b"\n") for number in range(100)])
        await shown(pilot)
        await pilot.press("g", *["down"] * 20)
        assert (await shown(pilot))[0].startswith("  020")
        await pilot.press("w")
        assert (await shown(pilot))[0].startswith("  020 020")
        view.feed([piece(number, b"%03d " % number * 10 + b"\n") for number in range(100, 300)])
        assert (await shown(pilot))[0].startswith("  020 020")
        await pilot.press("w")
        assert (await shown(pilot))[0].startswith("  020")


async def test_times_are_those_of_the_line() -> None:
    view = OutputView()
    async with OutputApp(view).run_test(size=SIZE) as pilot:
        view.feed([piece(0, b"a\n"), piece(61, b"b\n", "stderr")])
        view.clear()
        view.feed([piece(0, b"a\n"), piece(1, b"b\n", "stderr")])
        await pilot.press("ctrl+t")
        rows = await shown(pilot)
        local = [(BEGIN + timedelta(seconds=number)).astimezone().strftime("%H:%M:%S") for number in range(2)]
        assert rows[:3] == [f"  {local[0]} a", f"┃ {local[1]} b", ""]


async def test_searching_marks_and_goes_from_match_to_match() -> None:
    view = OutputView()
    app = OutputApp(view)
    async with app.run_test(size=SIZE) as pilot:
        view.feed(numbered(range(100)))
        await shown(pilot)
        await pilot.press("slash")
        await pilot.pause()
        assert app.asked_for_search == 1
        assert view.search("LINE 5") is False
        assert view.search("line 5")
        assert not view.follow
        assert "  line 59" in await shown(pilot)
        await pilot.press("n")
        assert "  line 5" in await shown(pilot)
        await pilot.press("n")
        assert "  line 50" in await shown(pilot)
        await pilot.press("N")
        assert "  line 5" in await shown(pilot)
        row = (await shown(pilot)).index("  line 5")
        marked = [segment.text for segment in view.render_line(row) if segment.style and segment.style.bold]
        assert marked == ["line 5"]
        view.search("")
        assert not [segment for segment in view.render_line(row) if segment.style and segment.style.bold]


async def test_searching_while_lines_go_and_holes_fill() -> None:
    view = OutputView(max_lines=50)
    async with OutputApp(view).run_test(size=SIZE) as pilot:
        view.feed([*numbered(range(10)), *numbered(range(20, 40))])
        await shown(pilot)
        assert view.search("line 3")
        view.feed(numbered(range(10, 20)))
        await shown(pilot)
        await pilot.press("n", "n")
        assert "  line 31" in await shown(pilot) or "  line 3" in await shown(pilot)
        view.feed(numbered(range(40, 200)))
        await shown(pilot)
        await pilot.press("n")
        assert not view.search("line 3")
        assert view.search("line 199")
        assert (await shown(pilot))[-1] == "  line 199"


async def test_a_selection_is_copied_without_margins_and_stays_on_its_text() -> None:
    view = OutputView(max_lines=30)
    async with OutputApp(view).run_test(size=(20, 10)) as pilot:
        view.feed([*numbered(range(29)), piece(29, b"x" * 30 + b"\n")])
        await shown(pilot)
        selection = Selection(Offset(2, 20), Offset(4, 22))
        pilot.app.screen.selections = {view: selection}
        assert pilot.app.screen.get_selected_text() == "ne 20\nline 21\nline"
        view.feed(numbered(range(30, 35)))
        await shown(pilot)
        assert pilot.app.screen.get_selected_text() == "ne 20\nline 21\nline"
        await pilot.press("w")
        await shown(pilot)
        assert view.get_selection(Selection(Offset(0, 25), Offset(3, 26))) == ("x" * 19, "\n")
        view.feed(numbered(range(35, 70)))
        await shown(pilot)
        assert view not in pilot.app.screen.selections


async def test_dragging_selects_what_is_under_the_mouse() -> None:
    view = OutputView()
    async with OutputApp(view).run_test(size=SIZE) as pilot:
        view.feed([piece(0, b"hello world\nsecond\n")])
        await shown(pilot)
        await pilot.mouse_down(view, offset=(8, 0))
        await pilot.hover(view, offset=(4, 1))
        await pilot.mouse_up(view, offset=(4, 1))
        await pilot.pause()
        assert pilot.app.screen.get_selected_text() in ("world\nse", "world\nsec")


async def test_colours_are_drawn_and_a_theme_is_followed() -> None:
    view = OutputView()
    async with OutputApp(view).run_test(size=SIZE) as pilot:
        view.feed([piece(0, b"\x1b[38;2;1;2;3mink\nmore\n")])
        await shown(pilot)
        for row in (0, 1):
            styles = [segment.style for segment in view.render_line(row) if segment.text in ("ink", "more")]
            assert styles[0] is not None
            assert styles[0].color is not None
            assert styles[0].color.triplet == (1, 2, 3)
        grounds = set()
        for theme in ("textual-dark", "textual-light"):
            pilot.app.theme = theme
            await pilot.pause()
            style = next(iter(view.render_line(0))).style
            assert style is not None
            grounds.add(style.bgcolor)
        assert len(grounds) == 2


@pytest.mark.parametrize("wrap", [False, True])
async def test_nothing_hostile_is_drawn(wrap: bool) -> None:
    view = OutputView()
    async with OutputApp(view).run_test(size=(40, len(PAYLOADS) * 3)) as pilot:
        view.wrap = wrap
        view.feed([piece(number, text.encode() + b"\n") for number, text in enumerate(PAYLOADS.values())])
        rows = await shown(pilot)
        assert any("[@click=app.bell]x[/]" in row for row in rows)
        for row in rows:
            assert forbidden(row) == set()
            assert "\x1b" not in row


async def test_clear_begins_anew() -> None:
    view = OutputView()
    async with OutputApp(view).run_test(size=SIZE) as pilot:
        view.feed(numbered(range(100)))
        await shown(pilot)
        await pilot.press("g")
        view.feed(numbered(range(100, 110)))
        view.clear(first_seq=7)
        view.feed(numbered([7, 9]))
        assert (await shown(pilot))[:4] == ["  line 7", "… 1 piece missing …", "  line 9", ""]
        assert (view.follow, view.new_lines, view.line_count) == (True, 0, 2)


async def test_a_burst_is_drawn_once_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    view = OutputView()
    async with OutputApp(view).run_test(size=SIZE) as pilot:
        await shown(pilot)
        shows = 0
        show = view._show

        def counted(place: Place | None, row: int) -> None:
            nonlocal shows
            shows += 1
            show(place, row)

        monkeypatch.setattr(view, "_show", counted)
        for number in range(5000):
            view.feed(numbered([number]))
        await shown(pilot)
        assert shows == 1
        assert view.line_count == 5000


async def test_a_million_lines_add_at_most_30_mb() -> None:
    view = OutputView()
    async with OutputApp(view).run_test(size=(120, 40)) as pilot:
        view.feed(numbered([0]))
        await shown(pilot)
        gc.collect()
        before = psutil.Process().memory_info().rss
        for batch in range(1000):
            lines = b"".join(b"%09d some words that a program says\n" % (batch * 1000 + each) for each in range(1000))
            view.feed([piece(batch + 1, lines)])
        rows = await shown(pilot)
        gc.collect()
        assert rows[-1].startswith("  000999999")
        assert view.earlier + view.line_count == 1_000_001
        assert psutil.Process().memory_info().rss - before < 30_000_000


async def test_wrapping_may_be_set_before_there_is_a_screen() -> None:
    view = OutputView()
    view.feed([piece(0, b"x" * 100 + b"\n")])
    view.wrap = True
    view.timestamps = True
    async with OutputApp(view).run_test(size=SIZE) as pilot:
        rows = await shown(pilot)
        assert [row[11:] for row in rows[:5]] == ["x" * 27, "x" * 27, "x" * 27, "x" * 19, ""]
