"""`ApprovalPane`: what a run asks or asked to be allowed, each with all of what it would do, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from kolony_tui.core import inbox
from kolony_tui.core.session import PersonSession
from kolony_tui.models.approvals import Approval, ApprovalState
from kolony_tui.models.work import Run
from kolony_tui.text import safe, spelled_out
from kolony_tui.ui.draw import Part, content, part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.widgets.run_pane import RunPane

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

_WHOLE = 13_000_000
"""All of a command, also where each of its characters is spelled out."""

_LATER = 2000
"""What was answered is shown that far; what is open, in full."""


class ApprovalPane(RunPane):
    """The open ones first, then the newest. It scrolls."""

    def __init__(self, *, id: str | None = None) -> None:
        self.words = Static("", markup=False)
        self.scroll = VerticalScroll(self.words)
        super().__init__(self.scroll, id=id)
        self._run: Run | None = None
        self._shown: list[Approval] | None = None

    @property
    def front(self) -> Widget:
        """The list, which scrolls by keys."""
        return self.scroll

    def on_mount(self) -> None:
        """Reads as long as it is in sight."""
        kolony = cast("KolonyApp", self.app)
        kolony.live.watch(self, LiveQuery("approvals of the run", self._wants, self._read, self._show))

    def follow_run(self, run: Run | None) -> None:
        """Shows this run."""
        self._run = run

    def _wants(self, kind: str, identity: str) -> bool:
        return kind == "inbox" or (kind == "run" and self._run is not None and identity == str(self._run.run_id))

    async def _read(self, session: PersonSession) -> list[Approval]:
        if self._run is None:
            return []
        return await inbox.asked_by_run(session, self._run.run_id)

    def _show(self, found: list[Approval]) -> None:
        if found == self._shown:
            return
        self._shown = found
        found = sorted(found, key=lambda each: (each.state != ApprovalState.OPEN, -each.created_at.timestamp()))
        waits = sum(each.state == ApprovalState.OPEN for each in found)
        right = part(f"{waits} open of {len(found)}", "warn" if waits else "dim")
        self.title.say([part("Approvals", "strong")], [right])
        lines = [line for each in found for line in self._lines(each)]
        self.words.update(Content("\n").join(content(*line) for line in lines or [[part("nothing was asked", "dim")]]))

    def _lines(self, approval: Approval) -> list[list[Part]]:
        is_open = approval.state == ApprovalState.OPEN
        who = approval.answered_by_login or (
            f"rule of {approval.rule_by_login}" if approval.rule_by_login is not None else None
        )
        head = [part(f"{approval.state.value}", "warn" if is_open else "dim")]
        if who is not None:
            head.append(part(f" by {safe(who, limit=80).plain}", "dim"))
        if approval.tool is not None:
            head += [part("  tool ", "dim"), part(approval.tool, limit=60)]
        said = "  the agent says: " if approval.command is not None else "  "
        head += [part(said, "dim"), part(approval.title, limit=500)]
        whole = spelled_out((approval.command if approval.command is not None else approval.detail).raw)
        shown = whole if is_open else whole[:_LATER]
        words: Part = (safe(shown, limit=_WHOLE, newline="\n"), "strong" if is_open else "plain")
        lines: list[list[Part]] = [head, [words]]
        if len(shown) < len(whole):
            lines.append([part(f"... and {len(whole) - len(shown)} characters more", "dim")])
        if approval.note is not None:
            lines.append([part("note: ", "dim"), part(approval.note, limit=1000)])
        return [*lines, [part("")]]
