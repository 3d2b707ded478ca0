"""`WorkspaceList`: the workspaces of a person as rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar
from uuid import UUID

from textual.binding import BindingType

from kolony_tui.models.people import WorkspaceOverview
from kolony_tui.ui.draw import Cell, cell, part
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.widgets.rows import Column, RowList


def _of(count: int, limit: int | None) -> Cell:
    if limit is None:
        return cell(str(count))
    return (part(str(count), "warn" if count >= limit else "plain"), part(f"/{limit}", "dim"))


class WorkspaceList(RowList[WorkspaceOverview]):
    """Workspaces, by id; ``current`` answers in which of them one is."""

    place: ClassVar[Place] = "workspaces"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list"), *bindings("workspaces")]

    def __init__(
        self, drawing: Callable[[], Drawing], current: Callable[[], UUID | None], *, id: str | None = None
    ) -> None:
        def here(each: WorkspaceOverview, drawing: Drawing) -> Cell:
            return cell(drawing.glyph("●") if each.workspace_id == current() else "", "good")

        columns: list[Column[WorkspaceOverview]] = [
            Column("here", "", 1, here),
            Column("slug", "SLUG", 14, lambda each, _: cell(each.slug, "strong"), lambda each: each.slug),
            Column(
                "name", "NAME", 12, lambda each, _: cell(each.name), lambda each: each.name.raw, flexible=True, rank=2
            ),
            Column("role", "YOU ARE", 8, lambda each, _: cell(each.role.value), lambda each: each.role.value),
            Column("plan", "PLAN", 10, lambda each, _: cell(each.plan, "dim"), lambda each: each.plan, rank=3),
            Column(
                "members",
                "PEOPLE",
                7,
                lambda each, _: _of(each.members, each.max_members),
                lambda each: -each.members,
                right=True,
                rank=1,
            ),
            Column(
                "agents",
                "AGENTS",
                7,
                lambda each, _: _of(each.agents, each.max_agents),
                lambda each: -each.agents,
                right=True,
                rank=1,
            ),
            Column(
                "waiting",
                "WAITING",
                9,
                lambda each, _: _of(each.waiting_runs, each.max_waiting_runs),
                lambda each: -each.waiting_runs,
                right=True,
                rank=4,
            ),
            Column(
                "door",
                "NEW LOGINS",
                10,
                lambda each, _: cell("viewers" if each.admits_viewers else "kept out", "dim"),
                lambda each: each.admits_viewers,
                rank=5,
            ),
            Column(
                "tokens",
                "TOKENS",
                6,
                lambda each, _: cell("masked", "dim") if each.redacts_tokens else cell("shown", "warn"),
                lambda each: each.redacts_tokens,
                rank=6,
            ),
        ]
        super().__init__(columns, lambda each: each.workspace_id, drawing, empty="none", id=id)
