"""`PersonList`: the people of a workspace as rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType

from kolony_tui.models.people import Person, Role
from kolony_tui.ui.draw import Cell, cell, part
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.widgets.rows import Column, RowList

_RANK = {role: -at for at, role in enumerate(Role)}


def _state(person: Person, drawing: Drawing) -> Cell:
    if person.disabled:
        return cell(f"{drawing.glyph('⊘')} disabled", "warn")
    return cell(f"{drawing.glyph('✔')} active", "good")


def _granted(person: Person, drawing: Drawing) -> Cell:
    return (part(f"{drawing.age(person.granted_at)} ago", "dim"),)


class PersonList(RowList[Person]):
    """People, by login. ``connected`` answers whether a login has a session now; None: this is not known."""

    place: ClassVar[Place] = "people"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list"), *bindings("people")]

    def __init__(
        self, drawing: Callable[[], Drawing], connected: Callable[[str], bool | None], *, id: str | None = None
    ) -> None:
        def here(person: Person, drawing: Drawing) -> Cell:
            return cell(f"{drawing.glyph('●')} yes", "good") if connected(person.login) else ()

        columns: list[Column[Person]] = [
            Column("login", "LOGIN", 14, lambda each, _: cell(each.login, "strong"), lambda each: each.login),
            Column(
                "name",
                "NAME",
                10,
                lambda each, _: cell(each.display_name),
                lambda each: each.display_name.raw,
                flexible=True,
                rank=3,
            ),
            Column("role", "ROLE", 8, lambda each, _: cell(each.role.value), lambda each: _RANK[each.role]),
            Column("state", "STATE", 10, _state, lambda each: each.disabled),
            Column("here", "HERE", 5, here, lambda each: not connected(each.login), rank=1),
            Column(
                "by",
                "GRANTED BY",
                12,
                lambda each, _: cell(each.granted_by, "dim"),
                lambda each: each.granted_by or "",
                rank=4,
            ),
            Column("since", "GRANTED", 9, _granted, lambda each: each.granted_at, rank=2),
        ]
        super().__init__(columns, lambda each: each.login, drawing, empty="nobody", id=id)

    def chosen_people(self) -> list[Person]:
        """What a step on people is for."""
        return self.chosen
