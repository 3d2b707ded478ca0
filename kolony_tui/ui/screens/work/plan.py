"""A plan that a run proposed: its items, each a draft until a person accepts or discards it."""

from __future__ import annotations

from uuid import UUID

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from kolony_tui.core import kinds
from kolony_tui.core.session import PersonSession
from kolony_tui.models.kinds import PlanItem
from kolony_tui.text import safe
from kolony_tui.ui.draw import Part, content, part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.screens.listing import list_title
from kolony_tui.ui.widgets.panel import Panel
from kolony_tui.ui.widgets.plan_list import PlanList
from kolony_tui.ui.widgets.rows import RowList

_SHOWN_TEXT = 20_000


class PlanScreen(FramedScreen):
    """The plan of one run."""

    AUTO_FOCUS = "#plan"

    def __init__(self, run_id: UUID, reference: str) -> None:
        super().__init__()
        self.run_id = run_id
        self._reference = reference
        self._read_once = False
        self.items = PlanList(self.kolony.drawing, id="plan")
        self.text = Static("", id="command-text", markup=False)

    def body(self) -> ComposeResult:
        """The items, and the whole text of the one under the cursor."""
        yield Panel(self.items, id="runs-panel")
        yield Panel(VerticalScroll(self.text, id="command-scroll"), id="command-panel")

    def crumbs(self) -> list[Part]:
        """Whose plan it is."""
        return [part(f"plan of {self._reference}")]

    def on_mount(self) -> None:
        """Begins to read."""
        super().on_mount()
        self.kolony.live.watch(self.items, LiveQuery(f"plan {self.run_id}", _wants, self._read, self._show))

    @property
    def has_content(self) -> bool:
        """Whether it shows what it is for."""
        return self._read_once

    @property
    def drafts(self) -> list[PlanItem]:
        """What nobody has decided about."""
        return [item for item in self.items.rows if item.open]

    async def _read(self, session: PersonSession) -> list[PlanItem]:
        return await kinds.plan(session, self.run_id)

    def _show(self, items: list[PlanItem]) -> None:
        self._read_once = True
        self.items.show(items)
        self._draw()
        self.draw_frame()

    def _draw(self) -> None:
        title = self.query_one("#runs-panel", Panel).title
        count = len(self.drafts)
        waiting = part(f"{count} of {self.items.total} to decide about", "warn" if count else "dim")
        title.say(list_title("Plan", self.items), [waiting])
        self._draw_text()

    def _draw_text(self) -> None:
        item = self.items.pointed
        whole = safe(item.content, limit=_SHOWN_TEXT, newline="\n") if item is not None else safe("")
        self.text.update(content((whole, "plain")))
        said = [part(f"Item {item.item}", "strong"), part(f"  for {safe(item.agent).plain}", "dim")] if item else []
        self.query_one("#command-panel", Panel).title.say(said, [])

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Edits the draft, or shows what became of it."""
        event.stop()
        self.kolony.do("plan.edit")

    def on_row_list_changed(self, event: RowList.Changed) -> None:
        """Filter or marks show in the title."""
        event.stop()
        self._draw()
        self.draw_hints()

    def on_row_list_pointed(self, event: RowList.Pointed) -> None:
        """Another item's text."""
        event.stop()
        self._draw_text()
        self.draw_hints()


def _wants(kind: str, identity: str) -> bool:
    return kind in ("command", "agent", "agents", "run")
