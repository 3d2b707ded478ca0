"""A program's bytes as display lines."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kolony_tui.text.lines import LineStream
from kolony_tui.text.sequences import STRING_LIMIT, Sequences
from kolony_tui.text.sgr import without_colours
from tests.text.hostile import PAYLOADS, forbidden

SCRAPS = [
    *[payload.encode(errors="surrogatepass") for payload in PAYLOADS.values()],
    b"text", b"\n", b"\r", b"\r\n", b"\x08", b"\t", b"\x1b[31m", b"\x1b[1;38;5;9m", b"\x1b[0m", b"\x1b[", b"\x1b]",
    b"m", b"\xff", b"\xe2", b"\x82", b"\xc2", b"\x9b", b"\xf0\x9f\x91\xa9", "é漢\u0301".encode(),
]  # fmt: skip
OUTPUT = st.lists(st.one_of(st.sampled_from(SCRAPS), st.binary(max_size=6)), max_size=25).map(b"".join)


def shown(*pieces: bytes, limit: int = 10_000) -> list[str]:
    stream = LineStream(limit)
    lines = [line for piece in pieces for line in stream.feed(piece)]
    return [*lines, *stream.close()]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(OUTPUT, st.lists(st.integers(0, 10_000), max_size=8), st.sampled_from([5, 10_000]))
def test_the_same_bytes_give_the_same_lines_however_they_are_cut(data: bytes, places: list[int], limit: int) -> None:
    assert shown(*cut(data, places), limit=limit) == shown(data, limit=limit)


@given(OUTPUT)
def test_byte_by_byte_gives_the_same_lines(data: bytes) -> None:
    assert shown(*[data[index : index + 1] for index in range(len(data))]) == shown(data)


@given(OUTPUT, st.lists(st.integers(0, 10_000), max_size=4))
def test_nothing_but_colours_comes_out(data: bytes, places: list[int]) -> None:
    stream = LineStream()
    for piece in cut(data, places):
        for line in stream.feed(piece):
            assert forbidden(line) == set()
        assert forbidden(stream.tail) == set()
    for line in stream.close():
        assert forbidden(line) == set()


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_a_payload_takes_no_more_than_its_line_with_it(payload: str) -> None:
    lines = shown(b"before\n", payload.encode(), b"\nafter\n")
    assert lines[0] == "before"
    assert lines[-1] == "after"


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"a\nb\r\n\nc", ["a", "b", "", "c"]),
        (b"10%\r50%\r100%\ndone\n", ["100%", "done"]),
        (b"10%\r50%\r", ["50%"]),
        (b"long line\rX\n", ["X"]),
        (b"ab\x08c\n", ["ac"]),
        (b"ab\x08\x08\x08\x08c\n", ["c"]),
        (b"ab\x08\n", ["ab"]),
        (b"|\x08/\x08-\x08\\\x08done\n", ["done"]),
        (b"a\tb\n\t\x1b[1mc\td\n", ["a       b", "        \x1b[1mc       d"]),
        ("漢\tb\n".encode(), ["漢      b"]),
        (b"NUL\x00 BEL\x07\n", ["NUL␀ BEL␇"]),
        (b"\xff\xfe ok \xe2\x82\n", ["�� ok �"]),
        (b"end \xe2\x82", ["end �"]),
        (b"raw C1 \x9b31m\n", ["raw C1 �31m"]),
        ("C1 \x9b31mred\n".encode(), ["C1 \x1b[31mred"]),
        (b"a\x1b[2Jb\x1b]0;t\x07c\x1bP1\x1b\\d\x1b(Be\x1b[>4;2mf\n", ["abcdef"]),
        (b"\x1b]0;open\nnext\n", ["", "next"]),
        (b"\x1b]0;open\x1b[31mred\n", ["\x1b[31mred"]),
        (b"[@click=app.bell]x[/]\n", ["[@click=app.bell]x[/]"]),
    ],
)
def test_golden(data: bytes, lines: list[str]) -> None:
    assert shown(data) == lines


def test_colours_go_on_in_the_next_line_and_survive_a_rewrite() -> None:
    assert shown(b"\x1b[31mred\nstill\x1b[0m\nplain\n") == ["\x1b[31mred", "\x1b[0;31mstill\x1b[0m", "plain"]
    assert shown(b"\x1b[31mold\rnew\n") == ["\x1b[0;31mnew"]
    assert shown(b"a\x1b[31mbc\x08\x08\x08X\n") == ["\x1b[0;31mX"]


def test_the_unfinished_line_is_seen() -> None:
    stream = LineStream()
    assert stream.feed(b"one\ntw") == ["one"]
    assert stream.tail == "tw"
    assert stream.feed(b"o\x1b[3") == []
    assert stream.tail == "two"
    assert stream.feed(b"1m\n\x1b[0m") == ["two\x1b[31m"]
    assert stream.tail == ""
    assert not stream.unfinished


def test_another_stream_ends_the_line_and_its_newline_then_ends_nothing() -> None:
    stream = LineStream()
    stream.feed(b"\x1b[31mpart")
    assert stream.interrupt() == "\x1b[31mpart"
    assert stream.interrupt() == ""
    assert stream.feed(b"\nnext\n") == ["\x1b[0;31mnext"]
    stream.feed(b"part")
    stream.interrupt()
    assert stream.feed(b"rest\n\n") == ["\x1b[0;31mrest", ""]


def test_a_long_line_is_clipped_and_counted() -> None:
    assert shown(b"x" * 12_345 + b"\nnext\n") == ["x" * 10_000 + "\x1b[0m … 2,345 more characters", "next"]
    assert shown(b"x" * 12_345 + b"\rshort\n") == ["short"]
    assert len(shown(b"\x1b[31m" * 100_000 + b"x\n")[0]) < 50_000
    assert len(shown(b"\t" * 100_000 + b"\n")[0]) < 25_000


def test_combining_marks_are_capped_through_colours() -> None:
    line = shown(("e" + "\u0301\x1b[1m" * 50 + "\n").encode())[0]
    assert without_colours(line) == "e" + "\u0301" * 4


def test_a_string_that_never_ends_is_given_up_at_its_limit_and_held_in_no_memory() -> None:
    stream = Sequences()
    assert stream.feed(b"\x1b]0;") == ""
    text = "".join(stream.feed(b"x" * 65_536) for _ in range(17))
    assert text == "x" * (17 * 65_536 + 2 - STRING_LIMIT)
    whole = Sequences().feed(b"\x1b]0;" + b"x" * 17 * 65_536)
    assert text == whole
    for extra in (-1, 0, 1):
        body = b"\x1b]" + b"x" * (STRING_LIMIT + extra)
        split = Sequences()
        assert split.feed(body) + split.feed(b"\x07z") == Sequences().feed(body + b"\x07z")


@pytest.mark.parametrize(
    "scrap",
    [b"a\x08", b"\x1b[31ma\x08\x08", b"\r\x1b[1ma", b"\x1b]", b"\x1b", b"\x1b[", "\u0301".encode(), b"\t", b"\x1b[m"],
)
def test_no_input_takes_more_than_linear_time(scrap: bytes) -> None:
    def seconds(size: int) -> float:
        data = scrap * (size // len(scrap))
        stream = LineStream()
        started = time.process_time()
        for start in range(0, len(data), 16_384):
            stream.feed(data[start : start + 16_384])
        _ = stream.tail
        return time.process_time() - started

    small, large = seconds(32_000), seconds(320_000)
    assert large < 40 * small + 0.2
