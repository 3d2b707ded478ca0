"""Bytes of a terminal stream in, text out in which the only escape sequences left are colours (SGR)."""

from __future__ import annotations

import codecs
import re

from kolony_tui.text.characters import UNSEEN, stand_in

STRING_LIMIT = 1 << 20
"""Characters after which a control string (OSC, DCS, APC, ...) that never ends is given up and text is shown again."""

_PARAMETERS = 128
_INTERMEDIATES = 8
_STRING_START = r"(?:\x1b[PX\]^_k]|[\x90\x98\x9d-\x9f])"
# A control string ends at BEL, CAN, SUB, ESC (ESC \ is the proper end) and any C1 control, as in a terminal; and at a
# newline, so that one that nobody closes takes no more than its line with it.
_STRING_END = "\x07\n\x18\x1a\x1b\x80-\x9f"
_CSI = rf"(?:\x1b\[|\x9b)[0-?]{{0,{_PARAMETERS}}}[ -/]{{0,{_INTERMEDIATES}}}"
_ESCAPE = rf"\x1b[ -/]{{0,{_INTERMEDIATES}}}"

# In this order: a colour; any other sequence, whole; one character that may not be shown.
_CLEAN = re.compile(
    rf"(?:\x1b\[|\x9b)(?P<colour>[0-9:;]{{0,{_PARAMETERS}}})m"
    rf"|(?P<cut>{_STRING_START}[^{_STRING_END}]{{0,{STRING_LIMIT}}}[\x07\x9c]?|{_CSI}[@-~]?|{_ESCAPE}[0-~]?)"
    rf"|[\x00-\x07\x0b\x0c\x0e-\x1f\x7f{UNSEEN}]"
)
# The same question with a cheaper answer: is there anything to do? Most output has colours at most.
_COLOUR_AHEAD = rf"\[[0-9:;]{{0,{_PARAMETERS}}}m"
_UNCLEAN_ASCII = re.compile(rf"[\x00-\x07\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]|\x1b(?!{_COLOUR_AHEAD})")
_UNCLEAN = re.compile(rf"[\x00-\x07\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f{UNSEEN}]|\x1b(?!{_COLOUR_AHEAD})")
_OPEN_STRING = re.compile(rf"{_STRING_START}([^{_STRING_END}]*)\Z")
_OPEN_SEQUENCE = re.compile(rf"(?:{_CSI}|{_ESCAPE})\Z")
_INTRODUCERS = "\x1b\x90\x98\x9b\x9d\x9e\x9f"
_SEQUENCE = re.compile(rf"{_STRING_START}[^{_STRING_END}]*[\x07\x9c]?|{_CSI}[@-~]?|{_ESCAPE}[0-~]?")
_END_OF_STRING = re.compile(f"[{_STRING_END}]")


def _replace(match: re.Match[str]) -> str:
    colour, cut = match.group("colour", "cut")
    if colour is not None:
        return f"\x1b[{colour}m"
    return "" if cut is not None else stand_in(match[0])


class Sequences:
    """One stream's decoder: UTF-8 bytes in, at whatever edges they were cut; text out.

    What comes out holds no control character but newline, carriage return, backspace, tab, and SGR sequences in their
    7-bit form (``ESC [ 0-9:; m``). Other sequences are cut whole, in 7- and 8-bit form, also when they are spread over
    many pieces; other C0 controls become pictures (U+2400...), C1, bidirectional and invisible characters and broken
    UTF-8 become U+FFFD. The same bytes give the same text however they were cut. What is held back between pieces is
    at most an unfinished sequence (about 140 characters) and an unfinished character.
    """

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._string_left: int | None = None  # inside a control string: how much of it may still come

    def feed(self, data: bytes, *, final: bool = False) -> str:
        """The text of the next piece; with ``final`` an unfinished character is shown as broken."""
        text = self._held + self._utf8.decode(data, final)
        self._held = ""
        if self._string_left is not None:
            text = self._inside_string(text, self._string_left)
        if not (_UNCLEAN_ASCII if text.isascii() else _UNCLEAN).search(text):
            return text
        return _CLEAN.sub(_replace, self._hold_unfinished(text))

    def _inside_string(self, text: str, left: int) -> str:
        found = _END_OF_STRING.search(text, 0, left)
        end = found.start() if found else min(len(text), left)
        if end == len(text):
            self._string_left = left - end
            return ""
        self._string_left = None
        return text[end + 1 :] if text[end] in "\x07\x9c" else text[end:]

    def _hold_unfinished(self, text: str) -> str:
        start = max(map(text.rfind, _INTRODUCERS))
        if start < 0:
            return text
        string = _OPEN_STRING.match(text, start)
        if string is not None:
            if len(string[1]) > STRING_LIMIT:
                return text
            self._string_left = STRING_LIMIT - len(string[1])
            return text[:start]
        if _OPEN_SEQUENCE.match(text, start):
            self._held = text[start:]
            return text[:start]
        return text


def cut_sequences(text: str) -> str:
    """A whole text without its escape sequences, colours among them; an open string ends with its line."""
    return _SEQUENCE.sub("", text)
