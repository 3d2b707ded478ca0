"""The audit log: who did what, newest first, narrowed by event, login, agent and time."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from textual.app import ComposeResult

from kolony_tui.core import audit
from kolony_tui.core.session import PersonSession
from kolony_tui.models.audit import AuditEntry
from kolony_tui.models.people import Role
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.text import safe
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.screens.listing import list_title, recall, remember
from kolony_tui.ui.screens.told import Told
from kolony_tui.ui.widgets.audit_list import AuditList, said, tone_of
from kolony_tui.ui.widgets.panel import Panel
from kolony_tui.ui.widgets.rows import RowList

LISTED = 1000
GAP = 1.0
"""Seconds between two readings: any hint may mean a new entry, and nobody needs them by the frame."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries are read; None: whatever."""

    event: str | None = None
    login: str | None = None
    agent: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditScreen(FramedScreen):
    """Entries of the audit log."""

    AUTO_FOCUS = "#audit"

    def __init__(self) -> None:
        super().__init__()
        self.wanted = Wanted()
        self._read_for: Wanted | None = None
        self.list = AuditList(self.kolony.drawing, id="audit")

    def body(self) -> ComposeResult:
        """The list."""
        yield Panel(self.list, id="audit-panel")

    def crumbs(self) -> list[Part]:
        """The log."""
        return [part("Audit")]

    def on_mount(self) -> None:
        """Takes up what was left."""
        super().on_mount()
        kept = self.kolony.remembered.get("audit")
        recall(self.list, kept)
        if isinstance(kept, dict):
            event, login, agent = (str(kept.get(name) or "")[:200] or None for name in ("event", "login", "agent"))
            self.wanted = Wanted(event, login, agent)
        self._draw_title()
        self.kolony.live.watch(self, LiveQuery("audit", lambda kind, identity: True, self._read, self._show, gap=GAP))

    @property
    def has_content(self) -> bool:
        """Whether it shows what it is for."""
        return self._read_for == self.wanted

    def memory(self) -> dict[str, Any]:
        """What it is narrowed to, filter and order; not the times, which mean another thing tomorrow."""
        narrowed = {name: getattr(self.wanted, name) for name in ("event", "login", "agent")}
        return {"audit": {**remember(self.list), **narrowed}}

    def workspace_changed(self) -> None:
        """Nothing of the other workspace stays."""
        self.list.show([])
        self.want(Wanted())

    def step_back(self) -> None:
        """Shows every entry again."""
        self.want(Wanted())

    def want(self, wanted: Wanted) -> None:
        """Reads other entries from now on."""
        if wanted != self.wanted:
            self.wanted = wanted
            self._draw_title()
            self.kolony.live.look_again(self)

    def turn(self, **narrower: str | None) -> None:
        """Narrows to this, or where it is narrowed so already, no more."""
        current = {name: getattr(self.wanted, name) for name in narrower}
        self.want(replace(self.wanted, **(dict.fromkeys(narrower) if current == narrower else narrower)))

    async def _read(self, session: PersonSession) -> tuple[Wanted, list[AuditEntry]]:
        wanted = self.wanted
        found = await audit.entries(
            session,
            events=[wanted.event] if wanted.event else None,
            login=wanted.login,
            agent=wanted.agent,
            since=wanted.since,
            until=wanted.until,
            limit=LISTED,
        )
        return wanted, found[::-1]

    def _show(self, found: tuple[Wanted, list[AuditEntry]]) -> None:
        wanted, entries = found
        if wanted == self.wanted:
            self._read_for = wanted
            self.list.show(entries)
            self._draw_title()

    def _draw_title(self) -> None:
        app = self.kolony
        left = list_title("Audit", self.list)
        for each in fields(Wanted):
            value = getattr(self.wanted, each.name)
            if value is not None:
                words = value.strftime("%Y-%m-%d %H:%M") if isinstance(value, datetime) else value
                left += [part(f"  {each.name} ", "dim"), part(Untrusted(words), "warn")]
        right: list[Part] = []
        if app.session is not None and app.session.role != Role.ADMIN:
            right.append(part("only what you did yourself; an admin sees all  ", "warn"))
        if self.list.total >= LISTED:
            right.append(part("newest  ", "warn"))
        self.query_one("#audit-panel", Panel).title.say(left, [*right, part(f"{self.list.total}", "strong")])

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Shows the entry in full."""
        event.stop()
        if self.list.pointed is not None:
            self.app.push_screen(Told(f"Entry {self.list.pointed.entry_id}", in_full(self.list.pointed)))

    def on_row_list_changed(self, event: RowList.Changed) -> None:
        """Filter or marks show in the title."""
        event.stop()
        self._draw_title()
        self.draw_hints()

    def on_row_list_pointed(self, event: RowList.Pointed) -> None:
        """What can be done depends on the entry."""
        event.stop()
        self.draw_hints()


def in_full(entry: AuditEntry) -> list[list[Part]]:
    """Everything that an entry says, a fact a line."""
    facts: list[tuple[str, Part]] = [
        ("event", part(entry.event, tone_of(entry.event))),
        ("at", part(entry.at.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z"))),
        ("login", part(Untrusted(entry.login), "strong")),
        ("from", part(entry.client_address or "this machine's socket")),
        ("program", part(entry.application)),
        ("workspace", part(entry.workspace)),
    ]
    optional = {"about": entry.subject, "agent": entry.agent, "command": entry.command_id, "run": entry.run_id}
    for name, value in optional.items():
        if value is not None:
            facts.append((name, part(value if isinstance(value, Untrusted) else str(value))))
    facts += [(safe(name, limit=24).plain, part(Untrusted(said(value)))) for name, value in entry.details.items()]
    return [[part(f"{name:<14} ", "dim"), fact] for name, fact in facts]
