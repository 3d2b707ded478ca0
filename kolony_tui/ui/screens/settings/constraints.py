"""Settings > Constraints: named limits of runs, and which of them is the default."""

from __future__ import annotations

from typing import ClassVar

from kolony_tui.core import constraints
from kolony_tui.core.session import PersonSession
from kolony_tui.models.constraints import ConstraintProfile
from kolony_tui.models.people import Role
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.screens.settings.section import Section
from kolony_tui.ui.widgets.constraint_list import ConstraintList
from kolony_tui.ui.widgets.rows import RowList


class ConstraintsSection(Section):
    """Constraint profiles. Every member sees them; an admin changes them."""

    slug: ClassVar[str] = "constraints"

    def __init__(self) -> None:
        self._default: ConstraintProfile | None = None
        super().__init__(ConstraintList(self.kolony.drawing, id="constraints"))

    def wants(self, kind: str, identity: str) -> bool:
        """Whether a hint makes it read again."""
        return kind in ("constraint", "people")

    async def read(self, session: PersonSession) -> list[ConstraintProfile]:
        """The profiles."""
        return await constraints.constraints(session)

    def show(self, found: list[ConstraintProfile]) -> None:
        """Shows them."""
        self._default = next((each for each in found if each.is_default), None)
        self.rows.show(found)

    def explanation(self) -> list[list[Part]]:
        """What the default is for, and who changes them."""
        lines = [
            [part("what is sent without naming one gets ", "dim"), part(self._default.name, "strong")]
            if self._default is not None
            else [part("there is no default: what is sent without naming one has no limits", "dim")]
        ]
        session = self.kolony.session
        if session is not None and session.role != Role.ADMIN:
            lines.append([part("an admin changes them", "dim")])
        return lines

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Changes it."""
        event.stop()
        if self.rows.pointed is not None:
            self.kolony.do("constraints.edit")
