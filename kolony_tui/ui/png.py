"""Small PNG pictures as half blocks of a terminal, two pixels a cell; larger and rarer ones are left alone."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from textual.content import Content

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_MOST_BYTES = 4_000_000
"""Of the picture, unpacked: it is read byte by byte."""

_HALF = "▀"

Pixel = tuple[int, int, int]


def half_blocks(data: bytes, width: int, height: int) -> Content | None:
    """A PNG drawn into so many cells; None where it is none, or too large, or of a kind that is not read here."""
    try:
        rows = _pixels(data, max(1, width), max(1, height))
    except (ValueError, IndexError, KeyError, struct.error, zlib.error):
        return None
    lines = []
    for upper, lower in zip(rows[::2], [*rows[1::2], rows[-1]], strict=False):
        pieces = [(_HALF, f"{_colour(one)} on {_colour(other)}") for one, other in zip(upper, lower, strict=True)]
        lines.append(Content.assemble(*pieces))
    return Content("\n").join(lines)


def _colour(pixel: Pixel) -> str:
    return "#{:02x}{:02x}{:02x}".format(*pixel)


def _pixels(data: bytes, width: int, height: int) -> list[list[Pixel]]:
    """The picture, made so small that it fits: one pixel a column, two a line."""
    if not data.startswith(_SIGNATURE):
        raise ValueError("no PNG")
    packed, palette, header = bytearray(), b"", b""
    for kind, body in _chunks(data):
        if kind == b"IHDR":
            header = body
        elif kind == b"PLTE":
            palette = body
        elif kind == b"IDAT":
            packed += body
    columns, lines, depth, colours, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    step = _CHANNELS[colours]
    stride = columns * step
    if depth != 8 or interlaced or not 0 < (stride + 1) * lines <= _MOST_BYTES:
        raise ValueError("not of a kind that is read")
    raw = zlib.decompressobj().decompress(bytes(packed), (stride + 1) * lines)
    scale = max(columns / width, lines / (2 * height), 1.0)
    wanted = {int(row * scale) for row in range(max(1, int(lines / scale)))}
    places = [int(column * scale) * step for column in range(max(1, int(columns / scale)))]
    found = []
    for number, line in enumerate(_lines(raw, stride, lines, step)):
        if number in wanted:
            found.append([_pixel(line[place : place + step], colours, palette) for place in places])
    return found


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += length + 12


def _lines(raw: bytes, stride: int, lines: int, step: int) -> Iterator[bytes]:
    """Each line as it was before it was filtered."""
    above = bytes(stride)
    for number in range(lines):
        start = number * (stride + 1)
        line = bytearray(raw[start + 1 : start + 1 + stride])
        if len(line) != stride:
            raise ValueError("cut off")
        _unfilter(raw[start], line, above, step)
        above = bytes(line)
        yield above


def _unfilter(kind: int, line: bytearray, above: bytes, step: int) -> None:
    if kind == 2:
        line[:] = bytes((one + other) & 255 for one, other in zip(line, above, strict=True))
    elif kind != 0:
        for place, value in enumerate(line):
            left = line[place - step] if place >= step else 0
            if kind == 1:
                guess = left
            elif kind == 3:
                guess = (left + above[place]) // 2
            else:
                guess = _paeth(left, above[place], above[place - step] if place >= step else 0)
            line[place] = (value + guess) & 255


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    to_left, to_above, to_corner = abs(guess - left), abs(guess - above), abs(guess - corner)
    if to_left <= to_above and to_left <= to_corner:
        return left
    return above if to_above <= to_corner else corner


def _pixel(values: bytes, colours: int, palette: bytes) -> Pixel:
    """Its colour, on black where it is transparent."""
    if colours == 3:
        red, green, blue = palette[3 * values[0] : 3 * values[0] + 3]
        return red, green, blue
    seen = values[-1] if colours in (4, 6) else 255
    channels = values[:3] if colours in (2, 6) else values[:1] * 3
    red, green, blue = (channel * seen // 255 for channel in channels)
    return red, green, blue
