"""`AgentList`: agents as rows, in a few words beside the queue or with everything on a screen of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType

from kolony_tui.core.filter_fields import AGENT_FIELDS, Fields
from kolony_tui.models.fleet import Agent
from kolony_tui.text import spelled_out
from kolony_tui.ui.draw import Cell, cell, part
from kolony_tui.ui.looks import Drawing, agent_sign, agent_state, exact_span, number, size, span
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.samples import Samples
from kolony_tui.ui.widgets.rows import Column, RowList

_STATES = ("busy", "online", "idle", "connecting", "error", "paused", "offline", "retired")


def _sign(agent: Agent, drawing: Drawing) -> Cell:
    glyph, _, tone = agent_sign(agent)
    return cell(drawing.glyph(glyph), tone)


def _asked(agent: Agent, drawing: Drawing) -> Cell:
    """What it asks: exactly what it would do, where it says that."""
    item = drawing.asking.get(agent.agent_id) if agent.asks else None
    if item is None:
        return ()
    what = item.detail if item.exact else item.title
    words = spelled_out(what.raw[:300].replace("\n", "\\n"))
    return part("allow? " if item.exact else "asks ", "warn"), part(words)


def _state_in_short(agent: Agent, drawing: Drawing) -> Cell:
    """For where there is no room for what it does: what it asks is all that is said then."""
    return _asked(agent, drawing) or agent_state(agent, drawing)


def _doing(agent: Agent, drawing: Drawing) -> Cell:
    if asked := _asked(agent, drawing):
        return asked
    run = drawing.doing.get(agent.agent_id)
    return () if run is None else (part(f"{drawing.age(run.started_at)}  ", "dim"), part(run.title))


def _tags(agent: Agent, drawing: Drawing) -> Cell:
    return tuple(piece for tag in agent.tags for piece in (part("@", "dim"), part(tag, "dim"), part(" ")))


def _waiting(agent: Agent, drawing: Drawing) -> Cell:
    waiting = agent.ready + agent.scheduled
    return cell(str(waiting), "dim") if waiting else ()


def _state_order(agent: Agent) -> tuple[int, str]:
    return _STATES.index(agent_sign(agent)[1]), agent.name.raw


def _measure(name: str, words: Callable[[float], str]) -> Callable[[Agent, Drawing], Cell]:
    def drawn(agent: Agent, drawing: Drawing) -> Cell:
        value = number((agent.health or {}).get(name)) if agent.sessions else None
        return () if value is None else cell(words(value), "dim")

    return drawn


def _order(name: str) -> Callable[[Agent], float]:
    return lambda agent: -(number((agent.health or {}).get(name)) or 0)


def columns_of(samples: Callable[[], Samples], *, full: bool) -> list[Column[Agent]]:
    """The columns; ``full``: with all that the runner tells."""

    def spark(agent: Agent, drawing: Drawing) -> Cell:
        return (
            cell(drawing.spark(samples().series(agent.agent_id, "cpu_percent"), 6, top=100), "busy")
            if agent.sessions
            else ()
        )

    few: list[Column[Agent]] = [
        Column("sign", "", 1, _sign),
        Column("name", "AGENT", 14, lambda agent, _: cell(agent.name, "strong"), lambda agent: agent.name.raw),
        Column(
            "state", "STATE", 14, agent_state if full else _state_in_short, _state_order, flexible=not full, groups=full
        ),
        Column("doing", "DOING", 16, _doing, flexible=True, rank=3),
        Column("spark", "CPU", 6, spark, rank=1),
    ]
    if not full:
        return few
    return [
        *few,
        Column(
            "cpu",
            "%",
            5,
            _measure("cpu_percent", lambda value: f"{value:.0f}"),
            _order("cpu_percent"),
            right=True,
            rank=4,
        ),
        Column("memory", "MEMORY", 8, _measure("memory_bytes", size), _order("memory_bytes"), right=True, rank=5),
        Column("uptime", "UP", 5, _measure("uptime_seconds", span), _order("uptime_seconds"), right=True, rank=6),
        Column("done", "DONE", 5, _measure("done", lambda value: f"{value:.0f}"), _order("done"), right=True, rank=2),
        Column("mean", "MEAN", 7, _measure("mean_seconds", exact_span), _order("mean_seconds"), right=True, rank=7),
        Column(
            "type", "TYPE", 8, lambda agent, _: cell(agent.type, "dim"), lambda agent: agent.type, rank=8, groups=True
        ),
        Column(
            "host",
            "HOST",
            14,
            lambda agent, _: cell(agent.host, "dim"),
            lambda agent: agent.host.raw if agent.host else "",
            rank=9,
            groups=True,
        ),
        Column(
            "category",
            "CATEGORY",
            12,
            lambda agent, _: cell(agent.category, "dim"),
            lambda agent: agent.category.raw,
            rank=10,
            groups=True,
        ),
        Column("tags", "TAGS", 14, _tags, lambda agent: [tag.raw for tag in agent.tags], rank=11, groups=True),
        Column("waiting", "WAITING", 7, _waiting, lambda agent: -(agent.ready + agent.scheduled), right=True, rank=12),
    ]


class AgentList(RowList[Agent]):
    """Agents, by id."""

    place: ClassVar[Place] = "agents"
    fields: ClassVar[Fields | None] = AGENT_FIELDS
    list_name: ClassVar[str] = "fleet"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list"), *bindings("agents")]

    def __init__(
        self,
        drawing: Callable[[], Drawing],
        samples: Callable[[], Samples],
        *,
        full: bool,
        empty: str,
        id: str | None = None,
    ) -> None:
        columns = columns_of(samples, full=full)
        super().__init__(columns, lambda agent: agent.agent_id, drawing, empty=empty, header=full, id=id)

    def chosen_agents(self) -> list[Agent]:
        """What a step on agents is for."""
        return self.chosen
