"""A program's bytes on their way to a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kolony_tui.text.terminal import TerminalSafe
from tests.text.hostile import PAYLOADS, forbidden
from tests.text.test_lines import OUTPUT, cut


def passed(*pieces: bytes, encoding: str = "utf-8") -> bytes:
    safe = TerminalSafe(encoding)
    return b"".join(map(safe.feed, pieces)) + safe.close()


@given(OUTPUT, st.lists(st.integers(0, 10_000), max_size=8))
def test_it_does_not_matter_how_the_bytes_are_cut(data: bytes, places: list[int]) -> None:
    assert passed(*cut(data, places)) == passed(data)


@given(OUTPUT)
def test_nothing_but_text_colours_and_moves_within_the_line(data: bytes) -> None:
    assert forbidden(passed(data).decode(), allowed="\n\r\t\x08") == set()


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_a_payload_is_not_passed_on(payload: str) -> None:
    out = passed(b"before\n", payload.encode(), b"\nafter\n").decode()
    assert forbidden(out, allowed="\n\r\t\x08") == set()
    assert out.startswith("before\n")
    assert out.endswith("\nafter\n")


def test_plain_bytes_pass_unchanged() -> None:
    data = "état\t漢字\r\n50%\r100%\n".encode()
    assert passed(data) == data


def test_colours_pass_and_are_reset_at_the_end() -> None:
    assert passed(b"\x1b[1;", b"31mred\n") == b"\x1b[1;31mred\n\x1b[0m"
    assert passed(b"plain\n") == b"plain\n"


def test_marks_are_capped_across_pieces() -> None:
    mark = "\u0301".encode()
    assert passed(b"e", *[mark] * 9, b"x", mark) == b"e" + mark * 4 + b"x" + mark
    assert passed(b"e" + mark * 3, b"\x1b[1m" + mark * 3) == b"e" + mark * 3 + b"\x1b[1m" + mark + b"\x1b[0m"


def test_a_terminal_of_another_encoding_gets_no_bytes_of_utf_8() -> None:
    out = passed("é ⛔ \x9b2J".encode(), encoding="latin-1")
    assert out == b"\xe9 ? "
    assert passed("⛔".encode(), encoding="ascii") == b"?"
