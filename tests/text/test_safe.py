"""One-line fields from elsewhere."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from kolony_tui.models.untrusted import Untrusted
from kolony_tui.text import SafeText, safe
from tests.text.hostile import PAYLOADS, forbidden

NASTY = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("\x1b\x9b\x9d\x90\x9c\x07[]P\\;m0\n\r\t\x00\u200d\u202e\u0301\ufe0f\ud800\U000e0041👩"),
    )
)


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_a_payload_leaves_nothing_that_a_terminal_acts_on(payload: str) -> None:
    shown = safe(f"before {payload}\nafter").plain
    assert forbidden(shown) == set()
    assert "\x1b" not in shown
    assert shown.startswith("before ")
    assert shown.endswith("after")


@given(NASTY, st.sampled_from([" ", "\n"]))
def test_whatever_comes_in_is_safe_and_safe_stays_as_it_is(text: str, newline: str) -> None:
    once = safe(text, newline=newline)
    assert forbidden(once.plain, allowed="\n" if newline == "\n" else "") == set()
    assert "\x1b" not in once.plain
    assert safe(once.plain, newline=newline) == once


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("état → 漢字 ✓", "état → 漢字 ✓"),
        ("a\x1b[31mred\x1b[0mb", "aredb"),
        ("a\x9b31mred", "ared"),
        ("x\x1b]0;title\ny", "x y"),
        ("x\x1b]0;title\x07y", "xy"),
        ("NUL\x00 BEL\x07 DEL\x7f", "NUL␀ BEL␇ DEL␡"),
        ("one\r\ntwo\rthree\n", "one two three"),
        ("a\tb", "a b"),
        ("a\u202eb\u200bc\x85d", "a�b�c�d"),
        ("lone \ud800 surrogate", "lone � surrogate"),
        ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
        ("a\u200db", "a�b"),
        ("e" + "\u0301" * 9 + "x", "e" + "\u0301" * 4 + "x"),
        ("[@click=app.bell]x[/]", "[@click=app.bell]x[/]"),
    ],
)
def test_golden(raw: str, shown: str) -> None:
    assert safe(raw).plain == shown
    assert safe(Untrusted(raw)).plain == shown


def test_lines_are_kept_where_asked_for() -> None:
    text = safe("a\tb\r\n\x1b[1mc\x1b[0m\r\nd", newline="\n")
    assert text.plain == "a       b\nc\nd"
    assert [line.plain for line in text.lines] == ["a       b", "c", "d"]
    assert text.cells == 9


def test_too_long_is_clipped_visibly_and_long_input_is_not_read_to_its_end() -> None:
    assert safe("x" * 5000).plain == "x" * 3999 + "…"
    assert safe("x" * 4000).plain == "x" * 4000
    assert safe("abcdef", limit=3).plain == "ab…"
    assert safe("\x1b[31m" * 100_000 + "end").plain == "…"


def test_cutting_counts_cells() -> None:
    assert safe("漢字かな").cut(8).plain == "漢字かな"
    assert safe("漢字かな").cut(6).plain == "漢字…"
    assert safe("漢字かな").fit(6).plain == "漢字… "
    assert safe("ab").fit(4, align="right").plain == "  ab"
    assert safe("abcdef").cut(4).plain == "abc…"
    assert safe("abcdef").cut(0).plain == ""
    assert safe("one\ntwo", newline="\n").cut(10).plain == "one…"


@given(NASTY, st.integers(0, 30))
def test_fitting_gives_exactly_the_width(text: str, width: int) -> None:
    assert safe(text).fit(width).cells == width


def test_rich_text_is_no_markup() -> None:
    text = safe("[bold]x[/]").rich("red")
    assert isinstance(text, Text)
    assert text.plain == "[bold]x[/]"
    assert text.style == "red"


def test_only_safe_makes_it_and_nothing_changes_it() -> None:
    text = safe("x")
    with pytest.raises(TypeError):
        SafeText("\x1b[c", object())
    with pytest.raises(AttributeError):
        text._plain = "\x1b[c"
    with pytest.raises(TypeError):
        type("Sub", (SafeText,), {})
    assert not issubclass(SafeText, str)
    assert pickle.loads(pickle.dumps(text)) == text
    assert len({text, safe("x"), safe("y")}) == 2


def test_importing_it_is_cheap() -> None:
    script = (
        "import sys, kolony_tui.text; print(*sorted(m for m in sys.modules if m in ('rich', 'textual', 'dataclasses')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
