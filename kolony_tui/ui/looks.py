"""How states, times and sizes look: always a glyph and a word, in Unicode or in ASCII."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from kolony_tui.models.fleet import Agent, AgentStatus, Desired
from kolony_tui.models.inbox import InboxItem
from kolony_tui.models.work import Run, RunStatus
from kolony_tui.text import safe
from kolony_tui.ui.draw import Cell, Tone, part

_BARS = "▁▂▃▄▅▆▇█"
_ASCII_BARS = "_.-=+*#@"
_ASCII = {
    "●": "*", "○": "o", "◌": ".", "▶": ">", "◔": "~", "✔": "+", "✖": "x", "⊘": "-", "Ⅱ": "=", "?": "?", "↻": "@",
    "…": "~", "\u203a": ">", "✓": "+", "▾": "v", "▸": ">", "─": "-", "│": "|", "▲": "^", "▼": "v", "⚠": "!", "·": "-",
    "→": ">", "⊙": "%", "■": "#",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drawing:
    """What drawing needs beside the row: the time (the server's), the glyphs, and by agent what each is ``doing``, from
    the queue, and ``asking``, from the inbox."""

    now: datetime
    ascii_only: bool = False
    doing: Mapping[UUID, Run] = field(default_factory=dict)
    asking: Mapping[UUID, InboxItem] = field(default_factory=dict)

    def glyph(self, symbol: str) -> str:
        """The symbol, or what stands for it in ASCII."""
        return _ASCII.get(symbol, symbol) if self.ascii_only else symbol

    def spark(self, values: Sequence[float], width: int, *, top: float = 0) -> str:
        """The last ``width`` values as bars from 0 to ``top`` or their maximum; blanks where there are fewer."""
        bars = _ASCII_BARS if self.ascii_only else _BARS
        shown = list(values)[-width:]
        top = max(top, *shown, 0) or 1
        drawn = "".join(bars[min(int(value / top * (len(bars) - 1) + 0.5), len(bars) - 1)] for value in shown)
        return drawn.rjust(width)

    def age(self, since: datetime | None) -> str:
        """How long ago that was, in at most five characters."""
        return "" if since is None else span((self.now - since).total_seconds())


def span(seconds: float) -> str:
    """A length of time in at most five characters.

    >>> span(0.4), span(72), span(3 * 3600 + 5), span(400 * 86400)
    ('0:00', '1:12', '3h', '400d')
    """
    whole = max(int(seconds), 0)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole // 3600}h" if whole < 48 * 3600 else f"{whole // 86400}d"


def exact_span(seconds: float) -> str:
    """A measured length of time.

    >>> exact_span(0.31), exact_span(12.34), exact_span(200)
    ('0.3 s', '12.3 s', '3:20')
    """
    return f"{seconds:.1f} s" if seconds < 60 else span(seconds)


def size(count: float | None) -> str:
    """Bytes for people.

    >>> size(999), size(2048), size(3 * 1024**3)
    ('999 B', '2.0 KB', '3.0 GB')
    """
    if count is None:
        return ""
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1024 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError("the last unit holds everything")


def number(value: object) -> float | None:
    """A number out of what an agent reported, or None where it is none."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def agent_sign(agent: Agent) -> tuple[str, str, Tone]:
    """Glyph, word and tone of an agent's state."""
    if agent.desired == Desired.RETIRED:
        return "⊘", "retired", "dim"
    if agent.agent_stopped:
        return "■", "stopped", "bad"
    if agent.desired == Desired.PAUSED:
        return "Ⅱ", "paused", "warn"
    if agent.status == AgentStatus.ONLINE:
        return "●", "idle" if not agent.ready else "online", "good"
    return {
        AgentStatus.BUSY: ("⚠", "asks", "warn") if agent.asks else ("●", "busy", "busy"),
        AgentStatus.CONNECTING: ("◌", "connecting", "warn"),
        AgentStatus.ERROR: ("✖", "error", "bad"),
        AgentStatus.OFFLINE: ("○", "offline", "dim"),
    }[agent.status]  # type: ignore[return-value]


def agent_state(agent: Agent, drawing: Drawing) -> Cell:
    """An agent's state in a few words."""
    _, word, tone = agent_sign(agent)
    said = [part(word, tone)]
    if agent.status == AgentStatus.ERROR and agent.end_reason:
        said.append(part(f" {safe(agent.end_reason).plain}", "dim"))
    elif agent.status == AgentStatus.OFFLINE and agent.desired == Desired.ACTIVE:
        ago = drawing.age(agent.disconnected_at)
        said.append(part(f" {ago}" if ago else ", never seen", "dim"))
    elif agent.desired == Desired.PAUSED and agent.running:
        said.append(part(f", {agent.running} running", "dim"))
    elif agent.running or agent.ready:
        waiting = f" +{agent.ready}" if agent.ready else ""
        said.append(part(f" {agent.running}/{agent.slots}{waiting}", "dim"))
    return tuple(said)


def run_sign(run: Run) -> tuple[str, str, Tone]:
    """Glyph, word and tone of a run's state."""
    if run.cancel_at is not None and not run.status.ended:
        return "⊘", "asked to end", "warn"
    if run.lost:
        return "?", "lost", "warn"
    if run.asks and run.status == RunStatus.EXECUTING:
        return "⚠", "asks", "warn"
    if run.held_at is not None and run.status == RunStatus.WAITING:
        return "Ⅱ", "held", "warn"
    signs: dict[RunStatus, tuple[str, str, Tone]] = {
        RunStatus.EXECUTING: ("▶", "executing", "busy"),
        RunStatus.DISPATCHING: ("◔", "starting", "busy"),
        RunStatus.INTERRUPTED: ("⊙", "interrupted", "warn"),
        RunStatus.WAITING: ("◌", "waiting", "plain"),
        RunStatus.COMPLETED: ("✔", "completed", "good"),
        RunStatus.FAILED: ("✖", "failed", "bad"),
        RunStatus.CANCELLED: ("⊘", "cancelled", "dim"),
    }
    return signs[run.status]


LIMIT_WORDS = {
    "time_limit": "time limit",
    "token_budget": "token budget",
    "memory_limit": "memory limit",
    "cpu_limit": "CPU limit",
    "budget": "budget",
}
_WAITS_FOR = {"dependency": "after others", "window": "not let in"}


def run_state(run: Run, drawing: Drawing) -> Cell:
    """A run's state in a few words: since when it runs, where it waits, how it ended."""
    glyph, word, tone = run_sign(run)
    sign = drawing.glyph(glyph)
    if run.status.ended:
        why = LIMIT_WORDS[run.limit_hit] if run.limit_hit else word
        code = f" {run.exit_code}" if run.exit_code and run.status == RunStatus.FAILED and not run.limit_hit else ""
        return (part(f"{sign} {why}{code}", tone),)
    if run.status == RunStatus.EXECUTING and word in ("executing", "asks"):
        said = "" if word == "executing" else f"{word} "
        return (part(f"{sign} {said}{drawing.age(run.started_at)}", tone),)
    if word != "waiting":
        return (part(f"{sign} {word}", tone),)
    if run.waits_for in _WAITS_FOR:
        return (part(f"{sign} {_WAITS_FOR[run.waits_for]}", "dim"),)
    if run.due_at is not None and run.due_at > drawing.now:
        return (part(f"{drawing.glyph('↻')} in {span((run.due_at - drawing.now).total_seconds())}", "warn"),)
    if run.agent_desired == Desired.PAUSED:
        return (part(f"{drawing.glyph('Ⅱ')} paused", "warn"),)
    return (part(f"{sign} waiting #{run.position}" if run.position else f"{sign} waiting", tone),)


def what_agents_do(runs: Sequence[Run]) -> dict[UUID, Run]:
    """For each agent that works the run that it began last."""
    begun = [run for run in runs if run.status in (RunStatus.EXECUTING, RunStatus.INTERRUPTED)]
    return {run.agent_id: run for run in sorted(begun, key=lambda run: run.started_at or run.created_at)}
