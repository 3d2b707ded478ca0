"""`EntryScreen`: one entry of a trace, whole: exactly what went in and came out, nothing of it invisible."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar, cast
from uuid import UUID

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from kolony_tui.core.session import PersonSession
from kolony_tui.core.trace import value
from kolony_tui.core.trace_tree import in_words, type_word
from kolony_tui.models.records import OutputPiece
from kolony_tui.models.trace import TraceEntry
from kolony_tui.ui.draw import Part, content, part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.widgets.output import OutputView
from kolony_tui.ui.widgets.trace_view import STATUS_SIGNS

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]"
    "|[\U000e0000-\U000e007f]"
)
_PIECE = 32 * 1024


class EntryView(OutputView):
    """What an entry holds; it is read from its beginning."""


class EntryScreen(ModalScreen[None]):
    """One entry. ``y`` copies it as it came, ``/`` searches in it. While it goes on it is read ``again`` with the news
    of its run ``run_id``."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close"),
        Binding("y", "copy", "Copy all of it"),
    ]

    def __init__(self, entry: TraceEntry, run_id: UUID, again: Callable[[], Awaitable[TraceEntry | None]]) -> None:
        super().__init__()
        self.entry = entry
        self.view = EntryView(id="entry-view")
        self.facts = Static("", id="entry-facts", markup=False)
        self._run_id, self._again = run_id, again

    @property
    def kolony(self) -> KolonyApp:
        """The app, as what it is."""
        return cast("KolonyApp", self.app)

    def compose(self) -> ComposeResult:
        """Its facts, and below them all that it holds."""
        with Vertical(id="box"):
            yield self.facts
            yield self.view

    def on_mount(self) -> None:
        """Fills the view."""
        box = self.query_one("#box", Vertical)
        box.border_title = content(part(type_word(self.entry.type)), part(" "), part(self.entry.name or "", limit=80))
        box.border_subtitle = Content("esc closes   y copies   / searches   w wraps")
        self.view.wrap = True
        self._fill()
        self.view.focus()
        if self.entry.status == "running":
            query = LiveQuery(f"trace entry {id(self)}", self._wants, self._read, self._take)
            self.kolony.live.watch(self.view, query)

    def _wants(self, kind: str, identity: str) -> bool:
        return self.entry.status == "running" and kind in ("run", "trace") and identity == str(self._run_id)

    async def _read(self, _: PersonSession) -> TraceEntry | None:
        return await self._again() if self.entry.status == "running" else None

    def _take(self, entry: TraceEntry | None) -> None:
        if entry is not None and (entry.revision, entry.status) != (self.entry.revision, self.entry.status):
            self.entry = entry
            self._fill()

    def _fill(self) -> None:
        self.facts.update(content(*self._facts()))
        data = entry_text(self.entry, visible=True).encode("utf-8", "replace")
        pieces = [data[start : start + _PIECE] for start in range(0, len(data), _PIECE)]
        top = self.view.scroll_offset.y
        self.view.clear()
        self.view.follow = False
        self.view.feed([OutputPiece(at, "stdout", self.entry.started_at, each) for at, each in enumerate(pieces)])
        self.view.finish(len(pieces))
        self.view.scroll_to(y=top, animate=False, force=True)

    def on_output_view_search_requested(self, event: OutputView.SearchRequested) -> None:
        """Searches in it."""
        from kolony_tui.ui.screens.line import SearchLine

        event.stop()
        self.app.push_screen(SearchLine(event.view))

    def action_copy(self) -> None:
        """Copies what is marked with the mouse, or the entry as it came (OSC 52)."""
        self.app.copy_to_clipboard(self.get_selected_text() or entry_text(self.entry))
        self.app.notify("it is copied, if your terminal allows that", markup=False)

    def _facts(self) -> list[Part]:
        entry = self.entry
        sign, tone = STATUS_SIGNS.get(entry.status, ("?", "warn"))
        drawing = self.kolony.drawing()
        facts: list[Part] = [part(f"{drawing.glyph(sign)} {entry.status}", tone)]
        if entry.duration_ms is not None:
            facts.append(part(f"  {in_words(entry.duration_ms)}"))
        if entry.tokens is not None:
            facts.append(part(f"  {entry.tokens:,} tokens"))
        if entry.confidence is not None:
            facts.append(part(f"  {entry.confidence:.0%} sure"))
        facts.append(part(f"  {drawing.age(entry.started_at)} ago", "dim"))
        if entry.error:
            facts += [part("  "), part(entry.error, "bad", limit=400)]
        return facts


def entry_text(entry: TraceEntry, *, visible: bool = False) -> str:
    """All that an entry holds, under headings; ``visible``: what a terminal would obey or hide is spelt out."""
    parts = []
    for heading, held in (
        ("INPUT", value(entry.input, entry.input_size)),
        ("OUTPUT", value(entry.output, entry.output_size)),
        ("ERROR", entry.error.raw if entry.error else None),
        ("ATTRIBUTES", entry.attributes or None),
    ):
        if held is not None:
            parts.append(f"{heading}\n{_spelt(held)}\n")
    text = "\n".join(parts) or "it holds nothing\n"
    return made_visible(text) if visible else text


def _spelt(held: Any) -> str:
    """A value for people: text as it is; an object a line each, texts of several lines below their names."""
    if isinstance(held, str):
        return held
    if not isinstance(held, dict) or not any(isinstance(each, str) and "\n" in each for each in held.values()):
        return json.dumps(held, ensure_ascii=False, indent=2)
    lines = []
    for name, each in held.items():
        if isinstance(each, str) and "\n" in each:
            lines.append(f"{name}:")
            lines += [f"  | {line}" for line in each.split("\n")]
        else:
            lines.append(f"{name}: {json.dumps(each, ensure_ascii=False)}")
    return "\n".join(lines)


def made_visible(text: str) -> str:
    r"""The text with every control and invisible character spelt out, line ends and tabs apart.

    >>> made_visible("a\x1b[31mb\u202ec\n")
    'a␛[31mb\\u202ec\n'
    """
    return _HIDDEN.sub(_spelt_out, text)


def _spelt_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 32:
        return chr(0x2400 + code)
    return "\u2421" if code == 127 else f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
