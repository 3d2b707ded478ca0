"""`RunList`: runs as rows; what the queue, the past and an agent's own list show."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType

from kolony_tui.core.filter_fields import RUN_FIELDS, Fields
from kolony_tui.models.work import Run
from kolony_tui.ui.draw import Cell, cell
from kolony_tui.ui.looks import Drawing, exact_span, run_state
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.widgets.rows import Column, RowList


def _state_order(run: Run) -> tuple[int, float]:
    since = run.started_at or run.created_at
    return list(type(run.status)).index(run.status), -since.timestamp()


def _duration(run: Run, drawing: Drawing) -> Cell:
    if run.started_at is None or (run.status.ended and run.finished_at is None):
        return ()
    end = run.finished_at if run.finished_at is not None else drawing.now
    return cell(exact_span(max((end - run.started_at).total_seconds(), 0)), "dim")


def _tries(run: Run, drawing: Drawing) -> Cell:
    return cell(f"{run.attempt}/{run.max_attempts}", "warn" if run.attempt > 1 else "dim") if run.attempt else ()


COLUMNS: tuple[Column[Run], ...] = (
    Column(
        "run",
        "RUN",
        7,
        lambda run, _: cell(run.reference, "dim"),
        lambda run: (run.command_number, run.ordinal),
        rank=6,
    ),
    Column(
        "priority",
        "PRI",
        4,
        lambda run, _: cell(str(run.priority), "dim"),
        lambda run: -run.priority,
        right=True,
        rank=2,
    ),
    Column(
        "age",
        "AGE",
        5,
        lambda run, drawing: cell(drawing.age(run.created_at), "dim"),
        lambda run: run.created_at,
        right=True,
        rank=3,
    ),
    Column("agent", "AGENT", 12, lambda run, _: cell(run.agent, "strong"), lambda run: run.agent.raw, rank=1),
    Column("command", "COMMAND", 20, lambda run, _: cell(run.title), lambda run: run.title.raw, flexible=True),
    Column(
        "cause",
        "CAUSE",
        24,
        lambda run, _: cell(run.error or run.cancel_why or run.interrupt_why or run.held_why, "dim"),
        rank=9,
    ),
    Column("tries", "TRY", 3, _tries, lambda run: -run.attempt, right=True, rank=7),
    Column("took", "TOOK", 7, _duration, right=True, rank=8),
    Column(
        "by", "BY", 8, lambda run, _: cell(run.created_by_login, "dim"), lambda run: run.created_by_login or "", rank=4
    ),
    Column("state", "STATE", 14, run_state, _state_order),
)


class RunList(RowList[Run]):
    """Runs, by id. ``without`` names columns that say nothing here; ``past_below``: what ended is dimmed, below."""

    place: ClassVar[Place] = "runs"
    fields: ClassVar[Fields | None] = RUN_FIELDS
    list_name: ClassVar[str] = "queue"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list"), *bindings("runs")]

    def __init__(
        self,
        drawing: Callable[[], Drawing],
        *,
        empty: str,
        without: tuple[str, ...] = (),
        past_below: bool = False,
        id: str | None = None,
    ) -> None:
        columns = [column for column in COLUMNS if column.id not in without]
        past = (lambda run: run.status.ended) if past_below else None
        super().__init__(columns, lambda run: run.run_id, drawing, empty=empty, past=past, id=id)

    def chosen_runs(self) -> list[Run]:
        """What a step on runs is for."""
        return self.chosen
