"""The inbox: what waits for one, in the order in which it should be seen to, and the item under the cursor in full."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from kolony_tui.core import inbox
from kolony_tui.core.inbox import LONGEST_DETAIL
from kolony_tui.models.inbox import InboxItem
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.text import safe, spelled_out
from kolony_tui.ui.draw import Part, content, part
from kolony_tui.ui.looks import span
from kolony_tui.ui.needs import LISTED_DETAIL
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.screens.listing import list_title, recall, remember
from kolony_tui.ui.widgets.inbox_list import SIGNS, TIERS, InboxList
from kolony_tui.ui.widgets.panel import Panel
from kolony_tui.ui.widgets.rows import RowList

_SHOWN = 12 * LONGEST_DETAIL
"""All of it, also where each character is spelled out."""


class InboxScreen(FramedScreen):
    """What waits, and the item under the cursor."""

    AUTO_FOCUS = "#inbox"

    def __init__(self) -> None:
        super().__init__()
        self.list = InboxList(self.kolony.drawing, id="inbox")
        self.detail = Static("", id="inbox-detail", markup=False)
        self.words = Static("", id="inbox-words", markup=False)
        self._said: tuple[UUID, str] | None = None
        self._whole: dict[UUID, Untrusted] = {}

    def body(self) -> ComposeResult:
        """List and item."""
        with Horizontal(id="inbox-panels"):
            yield Panel(self.list, id="inbox-panel")
            yield Panel(VerticalScroll(self.detail, self.words, id="inbox-scroll"), id="item-panel")

    def crumbs(self) -> list[Part]:
        """The inbox."""
        return [part("Inbox")]

    def on_mount(self) -> None:
        """Takes up what was left."""
        super().on_mount()
        recall(self.list, self.kolony.remembered.get("inbox"))
        if self.kolony.needs.known:
            self.call_later(self.inbox_changed)  # it is not mounted before this has ended
        self.set_interval(1, self._tick)

    @property
    def has_content(self) -> bool:
        """Whether it shows what it is for."""
        return self.list.known

    def memory(self) -> dict[str, Any]:
        """Filter and order."""
        return {"inbox": remember(self.list)}

    def workspace_changed(self) -> None:
        """Nothing of the other workspace stays."""
        self.list.show([])
        self._whole.clear()
        self._draw()

    def inbox_changed(self) -> None:
        """What waits was read again."""
        if self.is_mounted:
            self.list.show(self.kolony.needs.items)
            there = {item.id for item in self.kolony.needs.items}
            self._whole = {key: value for key, value in self._whole.items() if key in there}
            self._draw()

    def _tick(self) -> None:
        self.list.refresh()
        self._draw_item()

    def _draw(self) -> None:
        total = len(self.kolony.needs.items)
        self.query_one("#inbox-panel", Panel).title.say(list_title("Inbox", self.list), [part(f"{total}", "strong")])
        self._draw_item()
        self.draw_hints()

    # The item under the cursor

    def _draw_item(self) -> None:
        item = self.list.pointed
        panel = self.query_one("#item-panel", Panel)
        if item is None:
            panel.title.say([part("Nothing chosen", "dim")])
            self.detail.update("")
            self.words.update("")
            self._said = None
            return
        glyph, word, tone = SIGNS[item.kind]
        drawing = self.kolony.drawing()
        panel.title.say(
            [
                part(f"{drawing.glyph(glyph)} {word} ", tone),
                part(item.agent, "strong"),
                part(f"  {item.reference or ''}"),
            ],
            self._alike(item),
        )
        self.detail.update(Content("\n").join(content(*line) for line in self._lines(item)))
        whole = self._whole.get(item.id, item.detail)
        if self._said != (item.id, whole.raw):
            # Long ones take a moment to lay out, and say the same each second.
            self._said = item.id, whole.raw
            self.words.update(content((safe(spelled_out(whole.raw), limit=_SHOWN, newline="\n"), "plain")))

    def _alike(self, item: InboxItem) -> list[Part]:
        same = [each for each in self.kolony.needs.items if each.likeness == item.likeness]
        agents = len({each.agent_id for each in same})
        if len(same) < 2:
            return []
        return [part(f"{len(same)} alike on {agents} agent{'s' if agents != 1 else ''} (L marks them)", "busy")]

    def _lines(self, item: InboxItem) -> list[list[Part]]:
        drawing = self.kolony.drawing()
        title: Part = (safe(spelled_out(item.title.raw), limit=2000, newline="\n"), "strong")
        lines: list[list[Part]] = [[part("the agent says: ", "dim"), title] if item.exact else [title]]
        why: list[Part] = [part(item.tier, TIERS[item.tier]), part(f"  {item.why}", "dim")]
        if item.expires_at is not None:
            left = span((item.expires_at - drawing.now).total_seconds())
            why.append(part(f"  {left} left; then its agent is told that nobody answered", "dim"))
        lines.append(why)
        for choice in item.choices:
            same = choice.id.raw == choice.label.raw
            lines.append([part("  - ", "dim"), part(choice.id, "strong"), part("" if same else "  "),
                          part("" if same else choice.label)])  # fmt: skip
        whole = self._whole.get(item.id, item.detail)
        if spelled_out(whole.raw) != whole.raw:
            lines.append([part("it holds characters that do not show; they are spelled out here", "warn")])
        if item.exact:
            length = len(whole.raw)
            lines.append([part("what it would do", "warn"), part(f", by {_tool(item)}", "dim"),
                          part(f", {length} characters:" if length > 200 else ":", "dim")])  # fmt: skip
        else:
            lines.append([part("")])
        return lines

    async def read_whole(self) -> None:
        """Reads the rest of a long question."""
        item, session = self.list.pointed, self.kolony.session
        if item is None or session is None or item.id in self._whole or not item.kind.asks:
            return
        if len(item.detail.raw) >= LISTED_DETAIL:
            self._whole[item.id] = await inbox.whole_detail(session, item.id)
            self._draw_item()

    def on_row_list_pointed(self, event: RowList.Pointed) -> None:
        """Shows it."""
        event.stop()
        self.query_one("#inbox-scroll", VerticalScroll).scroll_home(animate=False)
        self._draw_item()
        self.draw_hints()
        self.kolony.perform(self.read_whole(), "inbox detail")

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """A question is answered; of everything else one sees what it is about."""
        event.stop()
        item = self.list.pointed
        if item is not None:
            self.kolony.do("inbox.answer_next" if item.kind.asks else "inbox.open")

    def on_row_list_changed(self, event: RowList.Changed) -> None:
        """Filter or marks show in the title."""
        event.stop()
        self._draw()


def _tool(item: InboxItem) -> str:
    return safe(item.tool, limit=60).plain if item.tool is not None else "a tool"
