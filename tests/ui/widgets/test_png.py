"""Pictures as half blocks: every filter and kind of small PNG, and whatever only says that it is one."""

from __future__ import annotations

import struct
import time
import zlib

from hypothesis import given
from hypothesis import strategies as st

from kolony_tui.ui.png import half_blocks

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def _chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def _png(columns: int, colours: int, rows: list[bytes], filters: list[int], palette: bytes = b"") -> bytes:
    """A PNG with these rows, each filtered as said; by the standard's own words for each filter."""
    step, above, packed = _CHANNELS[colours], bytes(len(rows[0])), b""
    for row, kind in zip(rows, filters, strict=True):
        out = bytearray([kind])
        for place, value in enumerate(row):
            a = row[place - step] if place >= step else 0
            b, c = above[place], above[place - step] if place >= step else 0
            p = a + b - c
            nearest = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            out.append((value - (0, a, b, (a + b) // 2, nearest)[kind]) & 255)
        packed += out
        above = row
    header = struct.pack(">IIBBBBB", columns, len(rows), 8, colours, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + (_chunk(b"PLTE", palette) if palette else b"")
    return b"\x89PNG\r\n\x1a\n" + chunks + _chunk(b"IDAT", zlib.compress(packed)) + _chunk(b"IEND", b"")


@given(st.data(), st.integers(1, 5), st.sampled_from([1, 2, 5]), st.sampled_from(sorted(_CHANNELS)))
def test_each_pixel_has_its_colour(data: st.DataObject, columns: int, pairs: int, colours: int) -> None:
    step, lines = _CHANNELS[colours], 2 * pairs
    most = 1 if colours == 3 else 255
    row = st.lists(st.integers(0, most), min_size=columns * step, max_size=columns * step).map(bytes)
    rows = data.draw(st.lists(row, min_size=lines, max_size=lines))
    filters = data.draw(st.lists(st.integers(0, 4), min_size=lines, max_size=lines))
    drawn = half_blocks(_png(columns, colours, rows, filters, b"\x01\x02\x03\xf1\xf2\xf3"), columns, pairs)
    assert drawn is not None
    assert drawn.plain == "\n".join(["▀" * columns] * pairs)

    def colour(line: int, column: int) -> str:
        values = rows[line][column * step : (column + 1) * step]
        if colours == 3:
            return "#f1f2f3" if values[0] else "#010203"
        seen = values[-1] if colours in (4, 6) else 255
        shown = values[:3] if colours in (2, 6) else values[:1] * 3
        return "#" + "".join(f"{value * seen // 255:02x}" for value in shown)

    styles = [str(span.style) for span in drawn.spans]
    assert styles == [f"{colour(2 * y, x)} on {colour(2 * y + 1, x)}" for y in range(pairs) for x in range(columns)]


def test_what_only_says_that_it_is_a_picture() -> None:
    good = _png(2, 2, [b"\0" * 6] * 2, [0, 0])
    for end in range(len(good) - 12):
        assert half_blocks(good[:end], 10, 10) is None or end > len(good) - 24
    bomb = good[:33] + _chunk(b"IDAT", zlib.compress(b"\0" * 100_000_000))
    began = time.monotonic()
    assert half_blocks(bomb, 10, 10) is not None
    huge = _png(2, 2, [b"\0" * 6] * 2, [0, 0]).replace(struct.pack(">II", 2, 2), struct.pack(">II", 1 << 30, 1 << 30))
    assert half_blocks(huge, 10, 10) is None
    assert half_blocks(_png(1, 3, [b"\x05"], [0], b"\0\0\0"), 10, 10) is None
    assert time.monotonic() - began < 2
    large = _png(400, 0, [bytes(400)] * 300, [2] * 300)
    drawn = half_blocks(large, 80, 20)
    assert drawn is not None
    assert max(map(len, drawn.plain.split("\n"))) <= 80
    assert drawn.plain.count("\n") < 20


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    half_blocks(b"\x89PNG\r\n\x1a\n" + data, 10, 10)
