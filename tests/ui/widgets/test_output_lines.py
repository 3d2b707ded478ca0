"""The compact store of lines, against a plain list."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kolony_tui.text.characters import tidy
from kolony_tui.text.safe import cell_width
from kolony_tui.text.sgr import without_colours
from kolony_tui.ui.widgets import output_lines
from kolony_tui.ui.widgets.output_lines import Line, LineStore, row_breaks

TEXT = st.one_of(
    st.text(alphabet="abc ", max_size=30),
    st.text(alphabet="a漢é👩\u0301", max_size=12),
    st.sampled_from(["\x1b[31mred\x1b[0m and more text", "", "x" * 700]),
)
STEP = st.one_of(
    st.tuples(st.just("extend"), st.lists(TEXT, min_size=1, max_size=60)),
    st.tuples(st.just("extend"), st.lists(TEXT, min_size=1, max_size=5)),
    st.tuples(st.just("trim"), st.integers(0, 80)),
    st.tuples(st.just("wrap"), st.sampled_from([None, 1, 2, 7, 40])),
    st.tuples(st.just("tail"), st.one_of(st.none(), TEXT.filter(bool))),
)


def height(text: str, width: int | None) -> int:
    return 1 if width is None else len(row_breaks(without_colours(text), width))


@pytest.fixture(scope="module", autouse=True)
def small_blocks() -> Iterator[None]:
    """Blocks so small that a few lines fill several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(output_lines, "_BLOCK_BYTES", 100)
        patch.setattr(output_lines, "_BLOCK_LINES", 7)
        yield


@given(st.lists(STEP, max_size=12))
def test_it_is_a_list_of_lines_whatever_is_done_to_it(steps: list[tuple[str, object]]) -> None:
    store, lines, dropped, width = LineStore(), list[Line](), 0, None
    for at, (step, value) in enumerate(steps):
        if step == "extend":
            assert isinstance(value, list)
            store.extend(value, at % 3, float(at))
            lines += [Line(text, at % 3, float(at)) for text in value]
        elif step == "trim":
            assert isinstance(value, int)
            store.trim(value)
            count = min(value, len(lines))
            lines, dropped = lines[count:], dropped + count
        elif step == "wrap":
            assert value is None or isinstance(value, int)
            width = value
            store.wrap(width)
        else:
            store.set_tail(Line(value, 1, 0.5) if isinstance(value, str) else None)
    every = [*lines, *([store.tail] if store.tail else [])]
    assert (store.first, store.end, len(store)) == (dropped, dropped + len(lines), len(every))
    assert store.cost == sum(len(line.text.encode()) + 1 + 16 for line in lines)
    heights = [height(line.text, width) for line in every]
    assert store.rows == sum(heights)
    row = 0
    for number, (line, rows) in enumerate(zip(every, heights, strict=True), dropped):
        if number % 7 == 0 or number == store.end:
            assert store.line(number) == line
            assert store.row_of(number) == row
            assert [store.at_row(row + part) for part in range(min(rows, 3))] == [
                (number, p) for p in range(min(rows, 3))
            ]
        row += rows


@given(st.text(alphabet="ab漢👩\u0301\u200d\ufe0f", max_size=40), st.integers(1, 9))
def test_wrapping_fills_rows_and_loses_nothing(text: str, width: int) -> None:
    plain = tidy(text)
    breaks = row_breaks(plain, width)
    assert breaks[0] == 0
    rows = [plain[start:end] for start, end in zip(breaks, [*breaks[1:], None], strict=True)]
    assert "".join(rows) == plain
    for row in rows:
        assert cell_width(row) <= max(width, 2)


@pytest.mark.parametrize("backwards", [False, True])
def test_finding_looks_through_colours_and_in_the_unfinished_line(backwards: bool) -> None:
    store = LineStore()
    store.extend([f"line {number}" for number in range(2000)], 0, 0.0)
    store.extend(["nee\x1b[31mdle", "hay", "needle needle"], 0, 0.0)
    store.set_tail(Line("a needle", 0, 0.0))
    needle = re.compile("needle")
    found = []
    since, until = 0, 10_000
    while (number := store.find(needle, since, until, backwards=backwards)) is not None:
        found.append(number)
        since, until = (since, number) if backwards else (number + 1, until)
    assert found == ([2003, 2002, 2000] if backwards else [2000, 2002, 2003])
    assert store.find(re.compile("line 7$", re.MULTILINE), 0, 100, backwards=backwards) == 7
    store.trim(2001)
    assert store.find(needle, 0, 2002, backwards=backwards) is None


def test_how_many_lines_to_drop_for_so_many_bytes() -> None:
    store = LineStore()
    store.extend(["x" * 83] * 2000, 0, 0.0)  # 100 bytes each: the text, its newline, 16
    assert len(store._blocks) > 100
    assert store.costing(0) == 0
    assert store.costing(1) == 1
    assert store.costing(100) == 1
    assert store.costing(101) == 2
    assert store.costing(150_000) == 1500
    assert store.costing(10**9) == 2000
    store.trim(700)
    assert store.costing(100_001) == 1001


def test_rows_stay_right_wherever_lines_are_dropped() -> None:
    store = LineStore()
    store.wrap(7)
    store.extend(["x" * (number % 30) for number in range(100)], 0, 0.0)
    for number in range(1, 100):
        store.trim(1)
        assert store.rows == sum(height("x" * (left % 30), 7) for left in range(number, 100))
        assert store.at_row(0) == (number, 0)
        assert store.row_of(number + 1) == height("x" * (number % 30), 7)
