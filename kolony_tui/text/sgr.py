"""Colours (SGR): the state that sequences leave behind, and lines cut into runs of one style."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from kolony_tui.text.characters import SGR

if TYPE_CHECKING:
    from rich.color import Color
    from rich.style import Style
    from rich.text import Text

_COLOUR = re.compile(SGR)
_COLOUR_OR_TEXT = re.compile(r"\x1b\[([0-9:;]*)m|([^\x1b]+)")

# SGR number -> (set, clear) of attributes. Concealed (8) is not followed: what an agent prints can be read.
_ATTRIBUTES = {"1": "bold", "2": "dim", "3": "italic", "4": "underline", "5": "blink", "6": "blink", "7": "reverse",
               "9": "strike", "21": "underline2", "53": "overline"}  # fmt: skip
_CLEARS = {
    "22": frozenset({"bold", "dim"}),
    "23": frozenset({"italic"}),
    "24": frozenset({"underline", "underline2"}),
    "25": frozenset({"blink"}),
    "27": frozenset({"reverse"}),
    "29": frozenset({"strike"}),
    "55": frozenset({"overline"}),
}
_NUMBERS = {name: number for number, name in reversed(_ATTRIBUTES.items())}


class SgrState(NamedTuple):
    """Colours and attributes in force at one point of a stream.

    ``foreground`` and ``background`` are SGR parameters in their plain form ("31", "38;5;208", "48;2;1;2;3"), empty for
    the terminal's own.
    """

    foreground: str = ""
    background: str = ""
    attributes: frozenset[str] = frozenset()

    @property
    def sequence(self) -> str:
        """The SGR sequence that sets exactly this state, whatever was set before."""
        numbers = sorted(_NUMBERS[name] for name in self.attributes)
        parameters = ";".join(part for part in ("0", *numbers, self.foreground, self.background) if part)
        return f"\x1b[{parameters}m"


PLAIN = SgrState()


@lru_cache(maxsize=4096)
def after(state: SgrState, parameters: str) -> SgrState:
    """The state after one SGR sequence; ``parameters`` stand between ``ESC [`` and ``m``. Unknown ones do nothing."""
    pending = parameters.split(";")
    pending.reverse()
    while pending:
        state = _apply(state, pending.pop(), pending)
    return state


def _apply(state: SgrState, parameter: str, pending: list[str]) -> SgrState:
    number, *details = parameter.split(":")
    number = number.lstrip("0")
    if number == "":
        return PLAIN
    if number in ("38", "48", "58"):
        colour = _colour(number, details or _take_details(pending))
        return state if number == "58" or not colour else _coloured(state, colour)
    if number == "39":
        return state._replace(foreground="")
    if number == "49":
        return state._replace(background="")
    if number == "4" and details:
        if details[0] == "0":
            return state._replace(attributes=state.attributes - _CLEARS["24"])
        return state._replace(attributes=state.attributes | {"underline"})
    if number in _ATTRIBUTES:
        return state._replace(attributes=state.attributes | {_ATTRIBUTES[number]})
    if number in _CLEARS:
        return state._replace(attributes=state.attributes - _CLEARS[number])
    if len(number) in (2, 3) and number.isdigit():
        code = int(number)
        if 30 <= code <= 37 or 90 <= code <= 97 or 40 <= code <= 47 or 100 <= code <= 107:
            return _coloured(state, number)
    return state


def _coloured(state: SgrState, colour: str) -> SgrState:
    if colour.startswith(("3", "9")):
        return state._replace(foreground=colour)
    return state._replace(background=colour)


def _take_details(pending: list[str]) -> list[str]:
    """The parameters that belong to a 38, 48 or 58 in the form with semicolons."""
    if not pending:
        return []
    kind = pending.pop()
    count = {"5": 1, "2": 3}.get(kind.lstrip("0"), 0)
    return [kind, *(pending.pop() for _ in range(min(count, len(pending))))]


def _colour(number: str, details: list[str]) -> str:
    """A 38 or 48 in its plain form; empty when it names no colour."""
    kind, values = (details[0].lstrip("0"), details[1:]) if details else ("", [])
    if kind == "2" and len(values) > 3:
        values = values[1:4]  # the form with colons has a colour space before red
    if len(values) != {"5": 1, "2": 3}.get(kind):
        return ""
    levels = [int(value) if value.isascii() and value.isdigit() and len(value) < 6 else 0 for value in values]
    if max(levels) > 255:
        return ""
    return ";".join([number, kind, *map(str, levels)])


def runs(line: str, state: SgrState = PLAIN) -> list[tuple[str, SgrState]]:
    """A line with SGR, cut into runs of text without control characters, each with the state it is shown in."""
    if "\x1b" not in line:
        return [(line, state)] if line else []
    found: list[tuple[str, SgrState]] = []
    for match in _COLOUR_OR_TEXT.finditer(line):
        parameters, text = match.groups()
        if parameters is not None:
            state = after(state, parameters)
        elif found and found[-1][1] == state:
            found[-1] = (found[-1][0] + text, state)
        else:
            found.append((text, state))
    return found


def without_colours(text: str) -> str:
    """The text without its SGR sequences."""
    return _COLOUR.sub("", text) if "\x1b" in text else text


@lru_cache(maxsize=1024)
def style(state: SgrState) -> Style:
    """The state as a ``rich.style.Style``; what it does not set is left to what lies below."""
    from rich.style import Style

    attributes = state.attributes
    return Style(
        color=_rich_colour(state.foreground),
        bgcolor=_rich_colour(state.background),
        bold="bold" in attributes or None,
        dim="dim" in attributes or None,
        italic="italic" in attributes or None,
        underline="underline" in attributes or None,
        underline2="underline2" in attributes or None,
        blink="blink" in attributes or None,
        reverse="reverse" in attributes or None,
        strike="strike" in attributes or None,
        overline="overline" in attributes or None,
    )


def _rich_colour(parameters: str) -> Color | None:
    from rich.color import Color

    if not parameters:
        return None
    first, *rest = map(int, parameters.split(";"))
    if len(rest) == 4:
        return Color.from_rgb(*rest[1:])
    if rest:
        return Color.from_ansi(rest[1])
    return Color.from_ansi(first % 10 + (8 if first >= 90 else 0))


def styled(line: str, state: SgrState = PLAIN) -> Text:
    """A line with SGR as ``rich.text.Text``."""
    from rich.text import Text

    return Text.assemble(*((text, style(run)) for text, run in runs(line, state)), end="")
