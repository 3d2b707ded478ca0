"""`SessionList`: the sessions of a person as rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType

from kolony_tui.models.people import Connected
from kolony_tui.ui.draw import Cell, cell, part
from kolony_tui.ui.looks import Drawing, span
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.widgets.rows import Column, RowList


def _does(session: Connected, drawing: Drawing) -> Cell:
    if session.idle_seconds is None:
        return cell(session.state or "?", "busy" if session.state else "dim")
    return (part(session.state or "?"), part(f" {span(session.idle_seconds)}", "dim"))


COLUMNS: tuple[Column[Connected], ...] = (
    Column(
        "program",
        "PROGRAM (AS IT CALLS ITSELF)",
        20,
        lambda each, _: cell(each.application, "strong"),
        lambda each: each.application.raw,
        flexible=True,
    ),
    Column("client", "FROM", 16, lambda each, _: cell(each.client or "?"), lambda each: each.client or "", rank=1),
    Column(
        "since",
        "SINCE",
        9,
        lambda each, drawing: cell(f"{drawing.age(each.since)} ago" if each.since else "?", "dim"),
        lambda each: (each.since is None, each.since),
        rank=2,
    ),
    Column("does", "DOES", 26, _does, lambda each: each.idle_seconds or 0),
    Column("pid", "PID", 8, lambda each, _: cell(str(each.pid), "dim"), lambda each: each.pid, right=True, rank=3),
)


class SessionList(RowList[Connected]):
    """Sessions, by the server's process number."""

    place: ClassVar[Place] = "sessions"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list"), *bindings("sessions")]

    def __init__(self, drawing: Callable[[], Drawing], *, id: str | None = None) -> None:
        super().__init__(COLUMNS, lambda each: each.pid, drawing, empty="not connected now", id=id)
