"""Hostile text, and what may be left of it."""

from __future__ import annotations

import re
import unicodedata

# What each does to a person's terminal when it arrives there unchanged.
PAYLOADS = {
    "asks the terminal who it is; the answer presses keys": "\x1b[c",
    "asks where the cursor is": "\x1b[6n",
    "writes the clipboard": "\x1b]52;c;cGF5bG9hZA==\x07",
    "writes the clipboard, ended by ST": "\x1b]52;c;cGF5bG9hZA==\x1b\\",
    "sets the window's title": "\x1b]0;owned\x07",
    "titles as screen does": "\x1bkowned\x1b\\",
    "hides a link": "\x1b]8;;https://evil.example\x07link\x1b]8;;\x07",
    "clears the screen": "\x1b[2J",
    "leaves the alternate screen": "\x1b[?1049l",
    "ends a bracketed paste": "\x1b[201~",
    "resets the terminal": "\x1bc",
    "selects a character set": "\x1b(0",
    "asks for a setting (DCS)": "\x1bP$qm\x1b\\",
    "draws a picture (sixel)": "\x1bPq#0;2;0;0;0#0~~\x1b\\",
    "draws a picture (APC)": "\x1b_Ga=T;AAAA\x1b\\",
    "private message": "\x1b^secret\x1b\\",
    "start of string": "\x1bXsecret\x1b\\",
    "8-bit CSI": "\x9b2J",
    "8-bit OSC": "\x9d0;owned\x9c",
    "8-bit DCS": "\x90$qm\x9c",
    "8-bit APC, PM, SOS": "\x9fa\x9c\x9eb\x9c\x98c\x9c",
    "NEL, IND, RI": "\x85\x84\x8d",
    "never ends": "\x1b]0;swallows the rest",
    "never ends, 8-bit": "\x9dswallows the rest",
    "an escape at the end": "\x1b",
    "an unfinished CSI": "\x1b[38;5",
    "a very long CSI": "\x1b[" + "1;" * 500 + "H",
    "escape in an escape": "\x1b\x1b[\x1b]0;x\x1b[2J",
    "modifyOtherKeys, which ends like a colour": "\x1b[>4;2m",
    "turns text around": "abc\u202egnp.exe",
    "isolates": "\u2066\u2067\u2068\u2069\u061c",
    "invisible": "a\u200bb\u200cc\u2060d\ufeffe\xadf\u3164g",
    "tags": "\U000e0041\U000e0042\U000e007f",
    "variation selectors that carry data": "\U000e0100\U000e01ef",
    "shift out, bell, backspace, form feed": "\x0e\x07\x08\x0c\x0b\x0f",
    "NUL and DEL": "\x00\x7f",
    "smears over the lines above": "e" + "\u0301" * 200,
    "a width that lies": "a\u200db\u200dc\u200dd",
    "line and paragraph separators": "a\u2028b\u2029c",
    "markup with an action": "[@click=app.bell]x[/]",
    "markup that is malformed": "[/] [/foo] [link=javascript:1]x[/]",
}

COLOUR = re.compile(r"\x1b\[[0-9:;]*m")


def forbidden(text: str, *, allowed: str = "") -> set[str]:
    """Names of the characters in text that may not reach a terminal; colours and ``allowed`` may."""
    left = COLOUR.sub("", text)
    found = set()
    for character in set(left) - set(allowed):
        category = unicodedata.category(character)
        if category in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in _VISIBLE_FORMATS:
            found.add(f"U+{ord(character):04X}")
        if 0xE0000 <= ord(character) <= 0xE0FFF:
            found.add(f"U+{ord(character):04X}")
    return found


# Format characters by category that are drawn (Arabic and Kaithi number signs), and the joiner between emoji.
_VISIBLE_FORMATS = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd\u200d"
)


MARKUP = "[/foo][@click=app.hostile]click[/][link=javascript:hostile]l[/] [bold"
"""Crashes whoever reads it as markup, or puts an action below a click."""


def everything() -> str:
    """All payloads in one text, with a word in it to find it by, markup first."""
    return f"evil{MARKUP}" + "".join(PAYLOADS.values())


def printable() -> str:
    """The same as far as a field takes it that knows no control characters."""
    return "".join(character for character in everything() if unicodedata.category(character) != "Cc")
