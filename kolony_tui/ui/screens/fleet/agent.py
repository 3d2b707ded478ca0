"""An agent: its health, the sessions of its runners, its tokens, its queue and its past."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from kolony_tui.core import fleet
from kolony_tui.core.lists import Past
from kolony_tui.core.session import PersonSession
from kolony_tui.models.fleet import Agent, AgentSession, AgentToken, AgentTold, Desired
from kolony_tui.models.people import Role
from kolony_tui.text import safe, spelled_out
from kolony_tui.ui.draw import Part, content, part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.looks import agent_sign, agent_state, exact_span, number, size, span
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.screens.listing import list_title
from kolony_tui.ui.widgets.panel import Panel
from kolony_tui.ui.widgets.rows import RowList
from kolony_tui.ui.widgets.run_list import RunList
from kolony_tui.ui.windows import PastRuns

_HELD = {"measured": "measured", "kernel": "held by the kernel", "kernel-memory": "memory held by the kernel"}
"""How the newest runner of an agent holds limits, by what it says of itself."""

_SPARK = 24
_SHOWN = 3


@dataclass(frozen=True)
class _Known:
    agent: Agent
    told: AgentTold
    sessions: list[AgentSession]
    tokens: list[AgentToken]


class AgentScreen(FramedScreen):
    """One agent."""

    place: ClassVar[Place] = "agent"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("agent")]
    AUTO_FOCUS = "#agent-runs"

    def __init__(self, agent_id: UUID) -> None:
        super().__init__()
        self.agent_id = agent_id
        self.known: _Known | None = None
        self.facts = Static("", id="facts", markup=False)
        self.runs = RunList(
            self.kolony.drawing, empty="it has not been asked for anything yet", without=("agent",), id="agent-runs"
        )
        self._past = PastRuns(self.kolony, self.runs, Past(agent_id=agent_id), lambda page: self._draw_title())

    def body(self) -> ComposeResult:
        """Facts, and its runs."""
        yield self.facts
        yield Panel(self.runs, id="runs-panel")

    def crumbs(self) -> list[Part]:
        """Its name."""
        return [part(self.known.agent.name if self.known is not None else "agent")]

    def subject(self) -> tuple[str, str]:
        """The agent."""
        return "agent", str(self.agent_id)

    def on_mount(self) -> None:
        """Begins to read."""
        super().on_mount()
        query = LiveQuery(f"agent {self.agent_id}", self._wants, self._read, self._show)
        self.kolony.live.watch(self.facts, query)
        self._past.start()
        self.set_interval(1, self._draw_facts)

    @property
    def has_content(self) -> bool:
        """Whether it shows what it is for."""
        return self.known is not None

    def _wants(self, kind: str, identity: str) -> bool:
        return kind in ("agents", "command", "run") or (kind == "agent" and identity == str(self.agent_id))

    async def _read(self, session: PersonSession) -> _Known:
        agent = await fleet.agent(session, self.agent_id)
        told = await fleet.agent_told(session, self.agent_id)
        sessions = await fleet.agent_sessions(session, self.agent_id)
        tokens = await fleet.tokens(session, self.agent_id) if session.role == Role.ADMIN else []
        tokens.sort(key=lambda each: (not each.token_active, -each.created_at.timestamp()))
        return _Known(agent, told, sessions, tokens)

    def _show(self, known: _Known) -> None:
        self.known = known
        self._draw_title()
        self._draw_facts()
        self.draw_frame()

    def _draw_title(self) -> None:
        if self.known is None or not self.is_mounted:
            return
        agent = self.known.agent
        open_runs = agent.running + agent.ready + agent.scheduled
        title = list_title("Queue and history", self.runs)
        right = [part(f"{open_runs} open of ", "dim"), part(f"{self.runs.total}", "strong")]
        self.query_one("#runs-panel", Panel).title.say(title, right)

    def chosen_agents(self) -> list[Agent]:
        """What a step is for."""
        return [self.known.agent] if self.known is not None else []

    @property
    def aimed_at(self) -> Agent | None:
        """Whom a new command is for."""
        agent = self.known.agent if self.known is not None else None
        return agent if agent is not None and agent.desired != Desired.RETIRED else None

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

    # Facts

    def _draw_facts(self) -> None:
        if self.known is not None and self.is_mounted:
            lines = [content(*line) for line in self._lines(self.known)]
            self.facts.update(Content("\n").join(lines))

    def _lines(self, known: _Known) -> list[list[Part]]:
        agent, drawing = known.agent, self.kolony.drawing()
        glyph, _, tone = agent_sign(agent)
        head = [
            part(f"{drawing.glyph(glyph)} ", tone),
            part(agent.name, "accent"),
            part("  "),
            *agent_state(agent, drawing),
        ]
        if agent.description:
            head += [part("   "), part(agent.description, "dim")]
        lines = [head, self._make(agent, known.told)]
        if agent.desired != Desired.ACTIVE:
            who, ago = safe(agent.desired_by_login or "?").plain, drawing.age(agent.desired_since)
            lines.append([part(f"{agent.desired} by {who} {ago} ago  ", "warn"), part(agent.desired_why)])
        if agent.asks and (item := self.kolony.needs.asking.get(agent.agent_id)) is not None and item.exact:
            lines.append([part("asks to be allowed: ", "warn"), part(spelled_out(item.detail.raw)[:1000], "strong")])
        lines += self._health(agent) if agent.sessions else []
        lines += [self._session(each) for each in known.sessions[:_SHOWN]]
        lines += [self._token(each) for each in known.tokens[:_SHOWN]]
        if not known.sessions:
            start = f"kolony agent run {safe(agent.name).plain}"
            lines.append(
                [
                    part("no runner has ever connected: ", "warn"),
                    part(start, "strong"),
                    part(" with a token (T) starts one", "dim"),
                ]
            )
        return lines

    def _make(self, agent: Agent, told: AgentTold) -> list[Part]:
        """What kind of program it is; its version and mode are those that it last said of itself."""
        health, config = agent.health or {}, told.config
        trust = str(health.get("trust") or config.get("trust") or "trusted")
        said = [part("type    ", "dim"), part(agent.type)]
        if (adapter := agent.adapter) is not None and adapter.raw != agent.type:
            said += [part(" over ", "dim"), part(safe(adapter, limit=20).plain)]
        if trust != "trusted":
            said += [part("  folder ", "dim"), part("not trusted", "warn")]
        for name, value in (("program", health.get("program")), ("mode", health.get("mode") or config.get("mode")),
                            ("model", config.get("model"))):  # fmt: skip
            if value:
                said += [part(f"  {name} ", "dim"), part(safe(str(value), limit=60).plain)]
        return said

    def _health(self, agent: Agent) -> list[list[Part]]:
        health, drawing, samples = agent.health or {}, self.kolony.drawing(), self.kolony.samples
        narrow = self.size.width < 60
        measures = (("cpu_percent", "cpu", _percent, 100.0), ("memory_bytes", "memory", size, 0.0))
        lines: list[list[Part]] = []
        for name, label, words, top in measures:
            value = number(health.get(name))
            if value is not None:
                spark = drawing.spark(samples.series(agent.agent_id, name), 8 if narrow else _SPARK, top=top)
                lines.append([part(f"{label:<8}", "dim"), part(f"{words(value):>9}  "), part(spark, "busy")])
        counts = [
            ("up", span(number(health.get("uptime_seconds")) or 0)),
            ("done", f"{number(health.get('done')) or 0:.0f}"),
            ("failed", f"{number(health.get('failed')) or 0:.0f}"),
            ("mean", exact_span(mean) if (mean := number(health.get("mean_seconds"))) is not None else "-"),
        ]
        if (held := _HELD.get(str(health.get("limits")))) is not None and not narrow:
            counts.append(("limits", held))
        lines.append([piece for label, value in counts for piece in (part(f"{label} ", "dim"), part(f"{value}   "))])
        return lines

    def _session(self, session: AgentSession) -> list[Part]:
        drawing = self.kolony.drawing()
        sign = (
            part(f"{drawing.glyph('●')} session ", "good")
            if session.alive
            else part(f"{drawing.glyph('○')} session ", "dim")
        )
        place = f"{safe(session.host, limit=40).plain or '?'} pid {session.pid or '?'}"
        said = [sign, part(place), part(f"  {safe(session.adapter, limit=20).plain} x{session.concurrency}", "dim")]
        if session.alive:
            return [
                *said,
                part(f"  up {drawing.age(session.started_at)}, heard {drawing.age(session.last_seen)} ago", "dim"),
            ]
        said.append(part(f"  {drawing.age(session.ended_at or session.last_seen)} ago  ", "dim"))
        words = session.end_reason if session.end_reason else "stopped answering"
        return [*said, part(words, "bad" if session.end_error or session.ended_at is None else "dim")]

    def _token(self, token: AgentToken) -> list[Part]:
        drawing = self.kolony.drawing()
        state = part(f"{token.state} ", "good" if token.token_active else "dim")
        used = f"used {drawing.age(token.last_used_at)} ago" if token.last_used_at else "never used"
        return [
            part("  token   ", "dim"),
            part(f"{token.token_hint}...  "),
            state,
            part(f" {used}  ", "dim"),
            part(token.label, "dim"),
        ]


def _percent(value: float) -> str:
    return f"{value:.0f}%"
