"""A command: how its runs stand, counted and one by one, and its whole text."""

from __future__ import annotations

from uuid import UUID

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from kolony_tui.core import work
from kolony_tui.core.session import PersonSession
from kolony_tui.models.untrusted import Untrusted
from kolony_tui.models.work import Command, CommandStatus, Run
from kolony_tui.text import safe
from kolony_tui.ui.draw import Part, Tone, content, part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.looks import exact_span
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.screens.listing import list_title
from kolony_tui.ui.widgets.panel import Panel
from kolony_tui.ui.widgets.rows import RowList
from kolony_tui.ui.widgets.run_list import RunList

_SHOWN_TEXT = 20_000
_GAP = 1.0
"""Seconds between two readings: they may be thousands of runs."""

Found = tuple[Command, Untrusted, list[Run]]


def standing(command: Command) -> list[Part]:
    """How the runs of a command stand, in a few words: "3/7 done, 1 failed, 2 running, 1 waiting"."""
    ended = command.completed + command.failed + command.cancelled
    counts: list[tuple[int, str, Tone]] = [
        (command.failed, "failed", "bad"),
        (command.cancelled, "cancelled", "dim"),
        (command.executing + command.dispatching, "running", "busy"),
        (command.waiting - command.held, "waiting", "plain"),
        (command.held, "held", "warn"),
    ]
    tone: Tone = "good" if command.runs and command.completed == command.runs else "strong"
    said = [part(f"{ended}/{command.runs} done", tone)]
    for count, word, its in counts:
        if count > 0:
            said += [part(", ", "dim"), part(f"{count} {word}", its)]
    return said


class CommandScreen(FramedScreen):
    """One command and all of its runs."""

    AUTO_FOCUS = "#command-runs"

    def __init__(self, command_id: UUID) -> None:
        super().__init__()
        self.command_id = command_id
        self.command: Command | None = None
        self.facts = Static("", id="facts", markup=False)
        self.text = Static("", id="command-text", markup=False)
        self.runs = RunList(self.kolony.drawing, empty="a draft: nobody has sent it yet", without=("command", "by"),
                            id="command-runs")  # fmt: skip

    def body(self) -> ComposeResult:
        """How it stands, its text, its runs."""
        yield self.facts
        yield Panel(VerticalScroll(self.text, id="command-scroll"), id="command-panel")
        yield Panel(self.runs, id="runs-panel")

    def crumbs(self) -> list[Part]:
        """The command's number."""
        return [part(f"command #{self.command.number}" if self.command is not None else "command")]

    def subject(self) -> tuple[str, str]:
        """The command."""
        return "command", str(self.command_id)

    def on_mount(self) -> None:
        """Begins to read."""
        super().on_mount()
        name = f"command {self.command_id}"
        self.kolony.live.watch(self.facts, LiveQuery(name, _wants, self._read, self._show, _GAP))
        self.set_interval(1, self._draw_facts)

    @property
    def has_content(self) -> bool:
        """Whether it shows what it is for."""
        return self.command is not None

    async def _read(self, session: PersonSession) -> Found:
        return await work.command_detail(session, self.command_id)

    def _show(self, found: Found) -> None:
        first = self.command is None
        self.command, text, runs = found
        if first:
            self.text.update(content((safe(text, limit=_SHOWN_TEXT, newline="\n"), "plain")))
            self.query_one("#command-panel", Panel).title.say([part("Command", "strong")])
        self.runs.show(runs)
        self._draw_facts()
        self._draw_title()
        self.draw_frame()

    def _draw_facts(self) -> None:
        command = self.command
        if command is None:
            return
        now = command.finished_at or self.kolony.now()
        asked = command.submitted_at or command.created_at
        took = exact_span(max((now - asked).total_seconds(), 0))
        lines = [
            [part(f"#{command.number}  ", "accent"), *standing(command), part(f"   {took}", "dim")],
            [part(f"{command.kind}, priority {command.priority}, by {command.created_by_login or '?'}", "dim"),
             *self._settled(command)],
        ]  # fmt: skip
        self.facts.update(Content("\n").join(content(*line) for line in lines))

    def _settled(self, command: Command) -> list[Part]:
        said: list[Part] = []
        if command.target_words:
            said.append(part(f"; to {safe(command.target_words, limit=200).plain}", "dim"))
        if command.at_a_time is not None:
            said.append(part(f"; {command.at_a_time} at a time", "dim"))
        if command.stop_after is not None:
            said.append(part(f"; holds the rest after {command.stop_after} failed", "dim"))
        if command.status == CommandStatus.DRAFT:
            said.append(part("; a draft", "warn"))
        return said

    def _draw_title(self) -> None:
        title = self.query_one("#runs-panel", Panel).title
        title.say(list_title("Runs", self.runs), [part(f"{self.runs.total}", "strong")])

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Goes in."""
        event.stop()
        if self.runs.pointed is not None:
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


def _wants(kind: str, identity: str) -> bool:
    return kind in ("agent", "agents", "command", "run")
