"""A run: where it stands, its attempts, its whole command, and all that it prints."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from kolony_tui.core import work
from kolony_tui.core.session import PersonSession
from kolony_tui.models.constraints import Limits
from kolony_tui.models.redaction import redacted, redacted_words
from kolony_tui.models.usage import used_words
from kolony_tui.models.work import Attempt, Run, RunDetail, RunStatus
from kolony_tui.text import safe
from kolony_tui.ui.draw import Part, Tone, content, part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.looks import exact_span, number, run_sign, size
from kolony_tui.ui.registry import Place, bindings, key_words
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.screens.work.asked import asked
from kolony_tui.ui.screens.work.ending import endings
from kolony_tui.ui.screens.work.panes import PANES
from kolony_tui.ui.screens.work.waiting import waits
from kolony_tui.ui.screens.work.worked_in import worked_in
from kolony_tui.ui.subject import Aimed
from kolony_tui.ui.widgets.output import OutputView
from kolony_tui.ui.widgets.output_panel import OutputPanel
from kolony_tui.ui.widgets.panel import Panel
from kolony_tui.ui.widgets.run_pane import RunPane
from kolony_tui.ui.widgets.section_bar import SectionBar, SectionName
from kolony_tui.ui.widgets.trace_view import TraceView

_SHOWN_TEXT = 20_000
_SHOWN_ATTEMPTS = 5


class RunScreen(FramedScreen):
    """One run."""

    place: ClassVar[Place] = "run"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("run"), *bindings("output")]
    AUTO_FOCUS = "#output-view"

    def __init__(self, run_id: UUID) -> None:
        super().__init__()
        self.run_id = run_id
        self.detail: RunDetail | None = None
        self.facts = Static("", id="facts", markup=False)
        self.text = Static("", id="command-text", markup=False)
        self.bar = SectionBar(id="pane-bar")
        self.panes: dict[str, RunPane] = {}
        """Those that were shown so far, by their names."""
        self.pane = PANES[0].name
        """The one in sight."""

    def body(self) -> ComposeResult:
        """Facts, command, and one of the panes."""
        yield self.facts
        with Panel(VerticalScroll(self.text, id="command-scroll"), id="command-panel"):
            pass
        yield self.bar
        with Container(id="panes"):
            yield self._pane(self.pane)

    def crumbs(self) -> list[Part]:
        """The run's number."""
        return [part(f"run {self.detail.run.reference}" if self.detail is not None else "run")]

    def subject(self) -> tuple[str, str]:
        """The run."""
        return "run", str(self.run_id)

    def on_mount(self) -> None:
        """Begins to read."""
        super().on_mount()
        self._name_panes()
        self.kolony.live.watch(self.facts, LiveQuery(f"run {self.run_id}", self._wants, self._read, self._show))
        self.set_interval(1, self._draw_facts)

    @property
    def has_content(self) -> bool:
        """Whether it shows what it is for."""
        return self.detail is not None

    def _wants(self, kind: str, identity: str) -> bool:
        return kind in ("agent", "agents", "command", "run")

    async def _read(self, session: PersonSession) -> RunDetail:
        return await work.run_detail(session, self.run_id)

    def _show(self, detail: RunDetail) -> None:
        first = self.detail is None
        self.detail = detail
        for pane in self.panes.values():
            pane.follow_run(detail.run)
        if first:
            self._show_text(detail)
        self._draw_facts()
        self.draw_frame()

    def _show_text(self, detail: RunDetail) -> None:
        whole = detail.content.raw
        text = safe(detail.content, limit=_SHOWN_TEXT, newline="\n")
        self.text.update(content((text, "plain")))
        lines = whole.count("\n") + 1
        panel = self.query_one("#command-panel", Panel)
        length = f"{lines} lines, {size(len(whole.encode()))}" if lines > 1 or len(whole) > _SHOWN_TEXT else ""
        cut = part(f"first {_SHOWN_TEXT} characters of ", "warn") if len(whole) > _SHOWN_TEXT else part("")
        panel.title.say([part("Command", "strong")], [cut, part(length, "dim")])

    def chosen_runs(self) -> list[Run]:
        """What a step is for."""
        return [self.detail.run] if self.detail is not None else []

    @property
    def aimed_at(self) -> Aimed | None:
        """Whom a new command is most likely for."""
        return Aimed(self.detail.run.agent, self.detail.run.agent_desired) if self.detail is not None else None

    # Panes

    @property
    def output(self) -> OutputPanel:
        """The pane with what the run prints."""
        panel = self.panes["output"]
        assert isinstance(panel, OutputPanel)
        return panel

    def show_pane(self, name: str) -> RunPane:
        """Puts a pane in front, with the focus in it."""
        pane = self.panes.get(name)
        if pane is None:
            pane = self._pane(name)
            if self.detail is not None:
                pane.follow_run(self.detail.run)
            self.query_one("#panes").mount(pane)
        if name != self.pane:
            self.panes[self.pane].display = False
            pane.display = True
            self.pane = name
            self._name_panes()
            self.kolony.live.look_at(self)
        # One that is just being made can take the focus only then.
        self.call_after_refresh(pane.front.focus)
        return pane

    def turn_pane(self, by: int) -> None:
        """Puts the next pane in front, or the one before."""
        names = [entry.name for entry in PANES]
        self.show_pane(names[(names.index(self.pane) + by) % len(names)])

    def _pane(self, name: str) -> RunPane:
        made = self.panes[name] = next(entry.make() for entry in PANES if entry.name == name)
        return made

    def _name_panes(self) -> None:
        self.bar.say([SectionName(entry.name, entry.title) for entry in PANES], self.pane)

    @on(SectionBar.Chosen)
    def _choose_pane(self, event: SectionBar.Chosen) -> None:
        event.stop()
        self.show_pane(event.slug)
        if not event.enter:
            self.call_after_refresh(self.bar.focus)

    def show_output_at(self, line: int, at: datetime) -> None:
        """Puts the output in front, at the line with this number (newlines before it), which was printed then."""
        self.show_pane("output")
        self.output.view.go_to_line(line, at.timestamp())

    @on(OutputView.SearchRequested)
    @on(TraceView.SearchRequested)
    def _search(self, event: OutputView.SearchRequested | TraceView.SearchRequested) -> None:
        from kolony_tui.ui.screens.line import SearchLine

        event.stop()
        self.app.push_screen(SearchLine(event.view))

    # Facts

    def _draw_facts(self) -> None:
        if self.detail is not None and self.is_mounted:
            lines = [content(*line) for line in self._lines(self.detail)]
            self.facts.update(Content("\n").join(lines))

    def _lines(self, detail: RunDetail) -> list[list[Part]]:
        run, drawing = detail.run, self.kolony.drawing()
        glyph, word, tone = run_sign(run)
        last = detail.attempts[-1] if detail.attempts else None
        head = [part(f"{drawing.glyph(glyph)} {word}", tone), part("  on "), part(run.agent, "accent")]
        head += self._timing(run)
        if run.exit_code is not None:
            head += [part("  exit ", "dim"), part(str(run.exit_code), "good" if run.exit_code == 0 else "bad")]
        second = [
            part("asked by ", "dim"),
            part(run.created_by_login or "?"),
            part(f" {drawing.age(run.created_at)} ago", "dim"),
            part("   priority ", "dim"),
            part(str(run.priority)),
            part("   attempt ", "dim"),
            part(f"{run.attempt} of {run.max_attempts}"),
        ]
        if run.kind != "natural":
            second += [part("   kind ", "dim"), part(run.kind)]
        if run.kind == "plan" and run.status == RunStatus.COMPLETED and (keys := self.kolony.keys["run.plan"]):
            second += [part(f"   {key_words(keys[0])} shows it", "warn")]
        if run.kind == "investigate" and run.status.ended and (keys := self.kolony.keys["run.report"]):
            second += [part(f"   {key_words(keys[0])} shows its report", "warn")]
        lines = [head, second]
        if detail.limits != Limits():
            lines.append([part("limits ", "dim"), part(detail.limits.words)])
            if detail.constraint_name is not None:
                lines[-1] += [part("  of ", "dim"), part(detail.constraint_name, limit=40)]
        if not run.status.ended:
            lines += waits(detail, drawing)
        lines += asked(detail, drawing)
        if last is not None and (usage := _usage(last)):
            lines.append(usage)
        lines += worked_in(detail)
        lines += _kept(detail)
        lines += endings(detail, drawing)
        if run.error:
            lines.append([part(run.error, "bad" if run.status == RunStatus.FAILED else "dim")])
        if len(detail.attempts) > 1:
            lines += [self._attempt(each) for each in detail.attempts[-_SHOWN_ATTEMPTS:]]
        return lines

    def _timing(self, run: Run) -> list[Part]:
        drawing = self.kolony.drawing()
        if run.started_at is not None and run.finished_at is not None:
            took = (run.finished_at - run.started_at).total_seconds()
            return [part("  took ", "dim"), part(exact_span(took))]
        if run.started_at is not None:
            return [part("  for ", "dim"), part(drawing.age(run.started_at))]
        if run.status == RunStatus.WAITING:
            return [part(f"  #{run.position} in its queue" if run.position else "", "dim")]
        return []

    def _attempt(self, attempt: Attempt) -> list[Part]:
        drawing = self.kolony.drawing()
        tone: Tone = "good" if attempt.outcome == "completed" else "warn"
        said = [
            part(f"  {attempt.number}  ", "dim"),
            part(f"{attempt.outcome or 'open':<10}", tone if attempt.outcome else "busy"),
            part(f" {drawing.age(attempt.claimed_at):>5} ago  ", "dim"),
        ]
        if attempt.started_at is not None and attempt.ended_at is not None:
            said.append(part(f"{exact_span((attempt.ended_at - attempt.started_at).total_seconds()):>7}  ", "dim"))
        if attempt.host:
            said.append(part(f"{safe(attempt.host, limit=40).plain}  ", "dim"))
        if attempt.error:
            said.append(part(attempt.error))
        return said


def _kept(detail: RunDetail) -> list[list[Part]]:
    """What became of its output, and what keeps it."""
    lines: list[list[Part]] = []
    if detail.archived and not detail.archived[0].here:
        what, way_back = detail.archived[0].why_gone
        lines.append([part(f"{what}  ", "warn"), part(way_back, "dim")])
    for hold in detail.holds:
        of = "" if hold.scope == "run" else f" with its {hold.scope}"
        words = f" since {hold.placed_at:%Y-%m-%d} by {safe(hold.placed_by or '?').plain}: "
        lines.append([part(f"held{of}", "warn"), part(words, "dim"), part(hold.reason)])
    return lines


def _usage(attempt: Attempt) -> list[Part]:
    """What the attempt used, as far as its runner said."""
    usage = attempt.usage
    cpu = sum(number(usage.get(name)) or 0 for name in ("user_seconds", "system_seconds"))
    facts = [
        ("used ", used_words(usage)),
        ("cpu ", exact_span(cpu) if cpu else ""),
        ("memory ", size(number(usage.get("max_rss_bytes")))),
        ("signal ", str(attempt.signal) if attempt.signal else ""),
        ("printed ", f"{attempt.line_count} lines, {size(attempt.byte_count)}" if attempt.byte_count else ""),
        ("masked ", redacted_words(redacted([usage]))),
        ("host ", safe(attempt.host, limit=40).plain if attempt.host else ""),
    ]
    return [piece for label, value in facts if value for piece in (part(label, "dim"), part(f"{value}   "))]
