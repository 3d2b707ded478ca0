"""The queue and its past: every run, newest first, by status; and the drafts."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult

from kolony_tui.core import work
from kolony_tui.core.lists import Past
from kolony_tui.core.session import PersonSession
from kolony_tui.models.work import Draft, RunStatus
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.screens.listing import list_title, recall, remember
from kolony_tui.ui.widgets.draft_list import DraftList
from kolony_tui.ui.widgets.panel import Panel
from kolony_tui.ui.widgets.rows import RowList
from kolony_tui.ui.widgets.run_list import RunList
from kolony_tui.ui.windows import PastRuns, wants_work

DRAFT = "draft"
STATUSES: tuple[str | None, ...] = (None, *RunStatus, DRAFT)
LISTED = 1000


class RunsScreen(FramedScreen):
    """Runs of one status, or of all; or what nobody has sent yet."""

    AUTO_FOCUS = "#runs, #drafts"

    def __init__(self) -> None:
        super().__init__()
        self.status: str | None = None
        self.runs = RunList(self.kolony.drawing, empty="no such runs", id="runs")
        self._past = PastRuns(self.kolony, self.runs, Past(), lambda page: self._draw_title())
        self.drafts = DraftList(self.kolony.drawing, id="drafts")

    def body(self) -> ComposeResult:
        """Both lists, of which one is shown."""
        yield Panel(self.runs, self.drafts, id="runs-panel")

    def crumbs(self) -> list[Part]:
        """Queue, and of which status."""
        return [part("Queue", "plain")]

    def on_mount(self) -> None:
        """Takes up what was left."""
        super().on_mount()
        kept = self.kolony.remembered.get("runs")
        recall(self.runs, kept)
        recall(self.drafts, self.kolony.remembered.get("drafts"))
        if isinstance(kept, dict) and kept.get("status") in STATUSES:
            self.status = kept["status"]
        self._choose_list()
        self._past.start()
        self.kolony.live.watch(self.drafts, LiveQuery("drafts", wants_work, self._read, self._show))

    @property
    def has_content(self) -> bool:
        """Whether it shows what it is for."""
        return self.shown.known

    def memory(self) -> dict[str, Any]:
        """Status, filter and order."""
        return {"runs": {**remember(self.runs), "status": self.status}, "drafts": remember(self.drafts)}

    def workspace_changed(self) -> None:
        """Nothing of the other workspace stays."""
        self.runs.forget()
        self.drafts.forget()

    def turn(self, by: int) -> None:
        """Goes on to another status."""
        self.status = STATUSES[(STATUSES.index(self.status) + by) % len(STATUSES)]
        self._choose_list()
        self.kolony.live.look_again(self.shown)

    @property
    def shown(self) -> RunList | DraftList:
        """The list that is shown."""
        return self.drafts if self.status == DRAFT else self.runs

    def _choose_list(self) -> None:
        if self.status != DRAFT:
            self._past.turn(Past(self.status))
        self.runs.display, self.drafts.display = self.shown is self.runs, self.shown is self.drafts
        self.shown.focus()
        self._draw_title()

    async def _read(self, session: PersonSession) -> list[Draft]:
        return await work.drafts(session, LISTED)

    def _show(self, drafts: list[Draft]) -> None:
        self.drafts.show(drafts)
        self._draw_title()

    def _draw_title(self) -> None:
        tabs: list[Part] = []
        for status in STATUSES:
            chosen = status == self.status
            word = str(status or "all")
            tabs.append(part(f"[{word}]" if chosen else f" {word} ", "accent" if chosen else "dim"))
        panel = self.query_one("#runs-panel", Panel)
        rows = self.shown
        more = [part("newest  ", "warn")] if rows is self.drafts and rows.total >= LISTED else []
        panel.title.say(
            [*list_title("Runs" if rows is self.runs else "Drafts", rows), part("  "), *tabs],
            [*more, part(f"{rows.total}", "strong")],
        )

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Goes in."""
        event.stop()
        if event.rows is self.drafts:
            self.kolony.do("draft.edit")
        elif self.runs.pointed is not None:
            self.kolony.open_run(self.runs.pointed.run_id)

    def on_row_list_changed(self, event: RowList.Changed) -> None:
        """Filter or marks show in the title."""
        event.stop()
        self._draw_title()
        self.draw_hints()

    def on_row_list_pointed(self, event: RowList.Pointed) -> None:
        """What can be done depends on the run."""
        event.stop()
        self.draw_hints()
