"""Settings > Rights: what one may do here, and which rule of the database says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType

from kolony_tui.core import rights
from kolony_tui.core.session import PersonSession
from kolony_tui.models.people import Right
from kolony_tui.ui.draw import Cell, Part, cell, part
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.screens.settings.section import Section
from kolony_tui.ui.widgets.rows import Column, RowList


def _may(right: Right, drawing: Drawing) -> Cell:
    return cell(f"{drawing.glyph('✔')} yes", "good") if right.allowed else cell(f"{drawing.glyph('✖')} no", "dim")


COLUMNS: tuple[Column[Right], ...] = (
    Column("may", "MAY I", 6, _may, lambda each: not each.allowed),
    Column(
        "action",
        "WHAT",
        24,
        lambda each, _: cell(each.action, "plain" if each.allowed else "dim"),
        lambda each: each.action,
        flexible=True,
    ),
    Column("needs", "TAKES", 9, lambda each, _: cell(each.needs, "dim"), lambda each: each.needs),
    Column(
        "rule",
        "RULE",
        20,
        lambda each, _: cell(_short(each.rule), "dim"),
        lambda each: each.rule,
        flexible=True,
        rank=1,
    ),
)


_FOR = {
    "anyone": "whoever may log in",
    "member": "every member",
    "viewer": "viewers and above",
    "operator": "operators and above",
    "admin": "admins",
}
"""For whom a rule is, by what it needs."""


def _short(rule: str) -> str:
    return rule.partition("(")[0]


class RightList(RowList[Right]):
    """Rights, by rule."""

    place: ClassVar[Place] = "list"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list")]

    def __init__(self, drawing: Callable[[], Drawing]) -> None:
        super().__init__(COLUMNS, lambda each: each.rule, drawing, empty="none at all", id="rights")


class RightsSection(Section):
    """Rights."""

    slug: ClassVar[str] = "rights"

    def __init__(self) -> None:
        super().__init__(RightList(self.kolony.drawing))

    async def read(self, session: PersonSession) -> list[Right]:
        """The database says."""
        return await rights.rights(session)

    def show(self, found: list[Right]) -> None:
        """Shows them."""
        self.rows.show(found)

    def on_the_right(self) -> list[Part]:
        """As what, and how much."""
        session = self.kolony.session
        if session is None:
            return []
        allowed = sum(1 for each in self.rows.rows if each.allowed)
        return [
            part(f"{session.role} of {session.workspace.slug}  ", "dim"),
            part(f"{allowed}/{self.rows.total}", "strong"),
        ]

    def explanation(self) -> list[list[Part]]:
        """The whole rule of the one under the cursor."""
        pointed = self.rows.pointed
        if pointed is None:
            return []
        answer = part("you may: ", "good") if pointed.allowed else part("you may not: ", "warn")
        whom = _FOR.get(pointed.needs, pointed.needs)
        return [
            [answer, part(pointed.action)],
            [part("the rule: ", "dim"), part(pointed.rule, "accent"), part(f", for {whom}", "dim")],
        ]
