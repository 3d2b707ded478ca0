"""Colours and attributes as states and styles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color
from rich.style import Style

from kolony_tui.text.sgr import PLAIN, SgrState, after, runs, style, styled, without_colours

PARAMETERS = st.lists(
    st.one_of(
        st.sampled_from(
            [*map(str, (0, 1, 2, 3, 4, 5, 7, 9, 21, 22, 24, 27, 31, 39, 42, 49, 91, 103, 38, 48, 58)), "4:3"]
        ),
        st.from_regex(r"[0-9:]{0,5}", fullmatch=True),
    ),
    max_size=8,
).map(";".join)


@pytest.mark.parametrize(
    ("parameters", "state"),
    [
        ("", PLAIN),
        ("0", PLAIN),
        ("31", SgrState("31")),
        ("97;104", SgrState("97", "104")),
        ("01;031", SgrState("31", "", frozenset({"bold"}))),
        ("38;5;208", SgrState("38;5;208")),
        ("38;2;1;2;3;1", SgrState("38;2;1;2;3", "", frozenset({"bold"}))),
        ("38:2::1:2:3", SgrState("38;2;1;2;3")),
        ("38:2:1:2:3", SgrState("38;2;1;2;3")),
        ("48:5:7", SgrState("", "48;5;7")),
        ("58;5;1;3", SgrState("", "", frozenset({"italic"}))),
        ("4:3", SgrState("", "", frozenset({"underline"}))),
        ("4;4:0", PLAIN),
        ("1;2;22", PLAIN),
        ("38;5;999", PLAIN),
        ("38;5", PLAIN),
        ("38", PLAIN),
        ("8", PLAIN),
        ("9999999999999999999999", PLAIN),
    ],
)
def test_golden(parameters: str, state: SgrState) -> None:
    assert after(PLAIN, parameters) == state


@given(PARAMETERS, PARAMETERS)
def test_a_states_sequence_leads_to_it_from_anywhere(first: str, then: str) -> None:
    state, elsewhere = after(PLAIN, first), after(PLAIN, then)
    assert after(elsewhere, state.sequence[2:-1]) == state
    assert isinstance(style(state), Style)


def test_runs_know_the_state_they_are_in() -> None:
    line = "a\x1b[31mb\x1b[31mc\x1b[1md\x1b[0m"
    assert runs(line) == [("a", PLAIN), ("bc", SgrState("31")), ("d", SgrState("31", "", frozenset({"bold"})))]
    assert runs("x", SgrState("32")) == [("x", SgrState("32"))]
    assert runs("") == []
    assert without_colours(line) == "abcd"


def test_styles() -> None:
    assert style(PLAIN) == Style()
    assert style(after(PLAIN, "1;91;48;2;1;2;3")) == Style(
        bold=True, color=Color.from_ansi(9), bgcolor=Color.from_rgb(1, 2, 3)
    )
    text = styled("a\x1b[31;4mb")
    assert text.plain == "ab"
    assert text.spans[0].style == Style(color=Color.from_ansi(1), underline=True)
