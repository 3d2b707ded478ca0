"""`SafeText`, the only kind of text from elsewhere that screens and the command line show; `safe` makes it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NoReturn, Protocol, final

from kolony_tui.text.characters import UNSEEN, stand_in, tidy
from kolony_tui.text.sequences import cut_sequences

if TYPE_CHECKING:
    from rich.style import Style
    from rich.text import Text

ELLIPSIS = "…"
TAB_STOP = 8
_READ_PER_SHOWN = 8  # escape sequences take up input and show nothing; beyond this the input is not read

_LINE_END = re.compile(r"\r\n?|\n")
_NOT_SHOWN = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f{UNSEEN}]")
_MAKING = object()


class HasRaw(Protocol):
    """Anything that carries text from elsewhere as ``raw`` (``kolony_tui.models.untrusted.Untrusted``)."""

    @property
    def raw(self) -> str: ...


@final
class SafeText:
    """Text that may reach a terminal: no control character (but newline, where asked for), nothing invisible.

    It is deliberately no ``str``, so that a type checker tells it from text that was not cleaned. It is not markup
    either: brackets in it are the agent's brackets. Show it as ``Text`` or ``Content``, never as a bare string.
    """

    __slots__ = ("_plain",)
    _plain: str

    def __init__(self, plain: str, made_by: object) -> None:
        if made_by is not _MAKING:
            raise TypeError("SafeText is made by safe() only")
        object.__setattr__(self, "_plain", plain)

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("SafeText cannot be subclassed")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("SafeText cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("SafeText cannot be changed")

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return _safe_again, (self._plain,)

    @property
    def plain(self) -> str:
        """The text itself."""
        return self._plain

    @property
    def cells(self) -> int:
        """Width on the screen of its widest line, in cells."""
        return max(map(cell_width, self._plain.split("\n")))

    @property
    def lines(self) -> tuple[SafeText, ...]:
        """Its lines, without newlines; at least one."""
        return tuple(SafeText(line, _MAKING) for line in self._plain.split("\n"))

    def cut(self, width: int, *, ellipsis: str = ELLIPSIS) -> SafeText:
        """Its first line in at most ``width`` cells, ending in ``ellipsis`` where something was left out."""
        first, newline, _ = self._plain.partition("\n")
        if not newline and cell_width(first) <= width:
            return self
        room = width - cell_width(ellipsis)
        if room < 0:
            return SafeText(_fitting(first, width), _MAKING)
        return SafeText(_fitting(first, room) + ellipsis, _MAKING)

    def fit(self, width: int, *, align: Literal["left", "right"] = "left") -> SafeText:
        """Its first line in exactly ``width`` cells: cut, or padded with spaces."""
        plain = self.cut(width)._plain
        padding = " " * (width - cell_width(plain))
        return SafeText(padding + plain if align == "right" else plain + padding, _MAKING)

    def rich(self, style: str | Style = "") -> Text:
        """As ``rich.text.Text``, which knows no markup."""
        from rich.text import Text

        return Text(self._plain, style=style, end="")

    def __str__(self) -> str:
        return self._plain

    def __repr__(self) -> str:
        return f"SafeText({self._plain!a})"

    def __bool__(self) -> bool:
        return bool(self._plain)

    def __len__(self) -> int:
        return len(self._plain)

    def __eq__(self, other: object) -> bool:
        return self._plain == other._plain if isinstance(other, SafeText) else NotImplemented

    def __hash__(self) -> int:
        return hash((SafeText, self._plain))


def safe(value: str | HasRaw | SafeText, *, limit: int = 4000, newline: str = " ") -> SafeText:
    r"""Text from elsewhere, made fit for a terminal.

    Escape sequences are cut whole (colours too; one that nobody ended stops at the end of its line), other C0 controls
    become pictures (U+2400...), C1, bidirectional, invisible and tag characters and lone surrogates become U+FFFD, and
    runs of combining marks are capped. A tab becomes a space, a line's end ``newline``; with ``newline="\n"`` the text
    keeps its lines and tabs fill up to the next column of eight. More than ``limit`` characters are clipped with an
    ellipsis.

    >>> safe("ok \x1b[31mred\x1b[0m\x1b]52;c;cGF5bG9hZA==\x07 done").plain
    'ok red done'
    """
    if isinstance(value, SafeText):
        value = value.plain
    raw = value if isinstance(value, str) else value.raw
    if len(raw) <= limit and raw.isascii() and raw.isprintable():
        return SafeText(raw, _MAKING)
    readable = limit * _READ_PER_SHOWN
    text = _clean(raw[:readable], newline)
    if len(text) > limit or len(raw) > readable:
        text = text[: max(limit - 1, 0)] + ELLIPSIS
    return SafeText(text, _MAKING)


def _safe_again(plain: str) -> SafeText:
    return safe(plain, limit=len(plain), newline="\n")


def _clean(text: str, newline: str) -> str:
    if "\x1b" in text or not text.isascii():
        text = cut_sequences(text)
    if newline == "\n":
        text = _LINE_END.sub("\n", text).expandtabs(TAB_STOP)
        return "\n".join([tidy(_NOT_SHOWN.sub(_stand_in, line)) for line in text.split("\n")])
    text = _LINE_END.sub("\n", text).rstrip("\n").replace("\n", newline).replace("\t", " ")
    return tidy(_NOT_SHOWN.sub(_stand_in, text))


def _stand_in(match: re.Match[str]) -> str:
    return stand_in(match[0])


def cell_width(text: str) -> int:
    """Width in terminal cells of one line of safe text."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _fitting(text: str, width: int) -> str:
    """As much of the text as fits in ``width`` cells."""
    if text.isascii():
        return text[:width]
    from rich.cells import set_cell_size

    return text if cell_width(text) <= width else set_cell_size(text, width).rstrip(" ")
