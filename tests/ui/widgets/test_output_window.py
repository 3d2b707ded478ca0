"""Pieces in whatever order they come, holes, bounds."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kolony_tui.models.records import OutputPiece, OutputStream
from kolony_tui.ui.widgets import output_window
from kolony_tui.ui.widgets.output_lines import Line
from kolony_tui.ui.widgets.output_window import OutputWindow
from tests.ui.widgets.output_app import numbered, piece

SCRAP = st.sampled_from(
    [b"a", b"bc\n", b"\n", b"\x1b[31m", b"\x1b[0m\n", b"\x1b[3", b"1m", b"\r", "漢".encode()[:2], "漢".encode()]
)
STREAM: st.SearchStrategy[OutputStream] = st.sampled_from(["stdout", "stdout", "stderr", "log"])
PIECES = st.lists(
    st.tuples(st.lists(SCRAP, min_size=1, max_size=4).map(b"".join), STREAM), min_size=1, max_size=25
).map(lambda parts: [piece(seq, data, stream) for seq, (data, stream) in enumerate(parts)])


def window(*, first_seq: int = 0, max_lines: int = 10_000, max_bytes: int = 10_000_000) -> OutputWindow:
    return OutputWindow(first_seq=first_seq, max_lines=max_lines, max_bytes=max_bytes)


def seen(of: OutputWindow) -> list[Line | str]:
    rows: list[Line | str] = []
    for number in range(of.rows):
        row = of.at_row(number)
        assert row is not None
        rows.append(of.line(row.place) if row.place else f"{row.kind} {row.count} {row.pieces}")
    assert of.at_row(of.rows) is None
    return rows


def texts(of: OutputWindow) -> list[str]:
    return [row if isinstance(row, str) else row.text for row in seen(of)]


@given(PIECES, st.randoms(use_true_random=False), st.integers(1, 5))
def test_pieces_in_any_order_and_twice_show_what_they_show_in_order(
    pieces: list[OutputPiece], rnd: random.Random, batch: int
) -> None:
    straight = window()
    straight.feed(pieces)
    straight.finish(len(pieces))
    shuffled = [*pieces, *rnd.sample(pieces, len(pieces) // 2)]
    rnd.shuffle(shuffled)
    mixed = window()
    half = rnd.randrange(len(shuffled))
    for start in range(0, len(shuffled), batch):
        if start >= half:
            mixed.finish(len(pieces))
        mixed.feed(shuffled[start : start + batch])
    mixed.finish(len(pieces))
    assert seen(mixed) == seen(straight)
    assert mixed.missing == 0


def test_a_hole_is_one_row_with_its_size_until_it_is_filled() -> None:
    w = window()
    w.feed([piece(0, b"zero\n"), piece(4, b"four\n"), piece(9, b"nine\n")])
    assert texts(w) == ["zero", "hole 0 3", "four", "hole 0 4", "nine"]
    assert w.missing == 7
    w.feed([piece(2, b"two\n")])
    assert texts(w) == ["zero", "hole 0 1", "two", "hole 0 1", "four", "hole 0 4", "nine"]
    w.feed([*numbered([1, 3]), *numbered(range(5, 9))])
    assert texts(w) == ["zero", "line 1", "two", "line 3", "four", *(f"line {n}" for n in range(5, 9)), "nine"]


def test_what_is_missing_at_either_end_is_a_hole_too() -> None:
    w = window()
    w.feed([piece(5, b"five")])
    w.finish(8)
    assert texts(w) == ["hole 0 5", "five", "hole 0 2"]
    later = window(first_seq=5)
    later.feed(numbered([4, 5]))
    assert texts(later) == ["line 5"]


def test_a_line_and_its_colour_across_a_hole_come_out_right() -> None:
    w = window()
    w.feed([piece(0, b"\x1b[31mre"), piece(2, b" end\nnext\n")])
    assert texts(w) == ["\x1b[31mre", "hole 0 1", " end", "next"]
    w.feed([piece(1, b"d")])
    assert texts(w) == ["\x1b[31mred end", "\x1b[0;31mnext"]


def test_a_hole_with_very_much_behind_it_is_filled_with_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_window, "KEPT_BYTES", 1000)
    w = window()
    w.feed([piece(0, b"sta"), *numbered(range(2, 40))])
    w.feed([piece(1, b"rt and mid")])
    assert texts(w) == ["start and mid", *(f"line {n}" for n in range(2, 40))]
    assert w._kept_bytes == 0
    w.feed(numbered([40]))
    assert texts(w)[-1] == "line 40"


def test_a_switch_of_stream_begins_a_new_line() -> None:
    w = window()
    w.feed(
        [
            piece(0, b"out "),
            piece(1, b"err\n", "stderr"),
            piece(2, b"more\n"),
            piece(3, b"log", "log"),
            piece(4, b"\nx"),
        ]
    )
    assert [(row.text, row.stream) for row in seen(w) if isinstance(row, Line)] == [
        ("out ", 0),
        ("err", 1),
        ("more", 0),
        ("log", 2),
        ("", 0),
        ("x", 0),
    ]


def test_a_newline_that_only_ends_an_interrupted_line_adds_no_empty_one() -> None:
    w = window()
    w.feed([piece(0, b"out"), piece(1, b"err\n", "stderr"), piece(2, b"\nx\n")])
    assert texts(w) == ["out", "err", "x"]


def test_each_line_has_the_time_at_which_it_began() -> None:
    w = window()
    w.feed([piece(0, b"a"), piece(1, b"b\nc\nd"), piece(2, b"\n"), piece(3, b"e\n")])
    begun = [(row.text, row.at) for row in seen(w) if isinstance(row, Line)]
    start = piece(0, b"").at.timestamp()
    assert begun == [("ab", start), ("c", start + 1), ("d", start + 1), ("e", start + 3)]


@given(PIECES, st.integers(1, 12), st.lists(st.integers(0, 24), max_size=6))
def test_bounds_hold_and_nothing_is_lost_without_being_counted(
    pieces: list[OutputPiece], most: int, absent: list[int]
) -> None:
    there = [each for each in pieces if each.seq not in absent]
    whole, bounded = window(), window(max_lines=most)
    for each in there:
        whole.feed([each])
        bounded.feed([each])
        lines = [row for row in seen(bounded) if isinstance(row, Line)]
        assert len(lines) <= most
        assert bounded.lines_seen == whole.lines_seen
        assert bounded.missing == whole.missing
        assert [row for row in seen(whole) if isinstance(row, Line)][-len(lines) or 10**9 :] == lines


def test_the_bound_in_bytes_holds() -> None:
    w = window(max_bytes=50_000)
    w.feed([piece(seq, b"x" * 983 + b"\n") for seq in range(100)])
    assert sum(segment.store.cost for segment in w.segments) <= 50_000
    assert texts(w)[0] == f"earlier {w.earlier} 0"
    assert w.earlier == 100 - (w.rows - 1)
    assert 40 <= w.rows - 1 <= 50


def test_a_hole_that_goes_off_the_top_is_counted_there() -> None:
    w = window(max_lines=3)
    w.feed(numbered([3, 4, 8, 9]))
    assert texts(w) == ["earlier 1 3", "line 4", "hole 0 3", "line 8", "line 9"]
    w.feed(numbered([10, 11]))
    assert texts(w) == ["earlier 3 6", "line 9", "line 10", "line 11"]
    w.feed(numbered([5, 2]))
    assert texts(w) == ["earlier 3 6", "line 9", "line 10", "line 11"]


def test_very_many_holes_stay_within_the_bound() -> None:
    w = window(max_bytes=1_000_000)
    w.feed(numbered(range(0, 4000, 2)))
    assert len(w.segments) < 250
    assert w.missing == 1999


@pytest.mark.parametrize("kept", [10**6, 0])
def test_a_place_stays_on_its_line(monkeypatch: pytest.MonkeyPatch, kept: int) -> None:
    monkeypatch.setattr(output_window, "KEPT_BYTES", kept)
    w = window(max_lines=60)
    w.feed([*numbered(range(10)), *numbered(range(20, 50))])
    row = w.at_row(25)
    assert row is not None
    assert row.place is not None
    place = row.place
    assert w.line(place).text == "line 34"
    for coming in (numbered([15]), numbered(range(10, 15)), numbered(range(16, 20)), numbered(range(50, 80))):
        moved = w.feed(coming, place)
        assert moved is not None
        place = moved
        assert w.line(place).text == "line 34"
        again = w.at_row(w.row_of(place))
        assert again is not None
        assert again.place == place
