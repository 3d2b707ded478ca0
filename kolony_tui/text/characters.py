"""Which characters may not be shown as they are, and what stands in their place."""

from __future__ import annotations

import re

REPLACEMENT = "\ufffd"
MARKS_KEPT = 4
"""How many combining marks one character keeps; more only serve to smear over the lines above and below."""

# C1 controls, bidirectional and other invisible format characters, fillers that look like nothing, surrogates, tags.
# The zero-width joiner is not among them: `tidy` looks at what it joins.
UNSEEN = (
    "\x80-\x9f\xad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
SGR = r"\x1b\[[0-9:;]*m"

# Blocks that hold combining marks, among other things: cheap to search, and `_is_mark` decides about each character.
_MARK_BLOCKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u08ff\u0900-\u0eff\u0f00-\u109f\u135d-\u135f\u1712-\u1773\u17b4-\u17dd"
    "\u18a9\u1920-\u193b\u1a17-\u1cff\u1dc0-\u1dff\u200d\u20d0-\u20ff\u2cef-\u2cf1\u2d7f\u2de0-\u2dff\u302a-\u302f"
    "\u3099\u309a\ua66f-\ua69f\ua6f0\ua6f1\ua802-\uabed\ufb1e\ufe00-\ufe0f\ufe20-\ufe2f\U000101fd-\U00011fff"
    "\U00016af0-\U00016fff\U0001bc9d\U0001bc9e\U0001cf00-\U0001cfff\U0001d165-\U0001d244\U0001da00-\U0001e94a"
)
# Colours between the marks do not separate them: the terminal stacks them on the same cell.
_MARK_RUN = re.compile(
    f"(?:{SGR})*".join([f"[{_MARK_BLOCKS}]"] * (MARKS_KEPT + 1)) + f"(?:(?:{SGR})*[{_MARK_BLOCKS}])*"
)
_MARKS_AND_COLOURS = re.compile(f"(?:{SGR}|[{_MARK_BLOCKS}])*")
_MARK_OR_COLOUR = re.compile(f"{SGR}|(?s:.)")
# A joiner is kept between emoji and in the scripts of India and South-East Asia, where it has a meaning. Elsewhere it
# would only make a measured width lie: the character after a joiner is counted as no cell wide.
_JOINABLE = "\u0900-\u109f\u2190-\u2bff\ufe0f\U0001f000-\U0001faff"
_STRAY_JOINER = re.compile(f"(?<![{_JOINABLE}])\u200d|\u200d(?![{_JOINABLE}])")


def picture(control: str) -> str:
    """The visible sign (U+2400 and following) of a C0 control or DEL."""
    code = ord(control)
    return "\u2421" if code == 0x7F else chr(0x2400 + code)


def stand_in(character: str) -> str:
    """What is shown for one character that may not be shown: a picture for C0 and DEL, U+FFFD for the rest."""
    return picture(character) if character < " " or character == "\x7f" else REPLACEMENT


def _cap_run(run: str, before: int) -> tuple[str, int]:
    from unicodedata import category

    kept = []
    count = before
    for match in _MARK_OR_COLOUR.finditer(run):
        piece = match[0]
        if len(piece) == 1:
            count = count + 1 if piece == "\u200d" or category(piece) in ("Mn", "Me") else 0
            if count > MARKS_KEPT:
                continue
        kept.append(piece)
    return "".join(kept), count


def tidy(text: str) -> str:
    """Text that is one whole line or field, with stray joiners replaced and runs of combining marks capped."""
    if text.isascii():
        return text
    if "\u200d" in text:
        text = _STRAY_JOINER.sub(REPLACEMENT, text)
    return _MARK_RUN.sub(lambda match: _cap_run(match[0], 0)[0], text)


class MarkCap:
    """The cap on combining marks for text that comes in pieces."""

    def __init__(self) -> None:
        self._count = 0

    def feed(self, text: str) -> str:
        """The piece without the marks that are too many, counting on from the piece before."""
        if text.isascii() and "\x1b" not in text:
            self._count = 0 if text else self._count
            return text
        lead = _MARKS_AND_COLOURS.match(text)
        assert lead is not None
        head, count = _cap_run(lead[0], self._count)
        if lead.end() < len(text):
            count = _cap_run(text[_after_last_base(text) :], 0)[1]
        self._count = count
        return head + _MARK_RUN.sub(lambda match: _cap_run(match[0], 0)[0], text[lead.end() :])


def _after_last_base(text: str) -> int:
    """Where the marks (and colours) begin that the text ends with."""
    end = len(text)
    while end:
        start = end - 1
        if text[start] == "m":
            start = max(text.rfind("\x1b", 0, end), 0)
        if not _MARKS_AND_COLOURS.fullmatch(text, start, end):
            break
        end = start
    return end
