"""Settings > Budgets: how many tokens and how much money work may take."""

from __future__ import annotations

from typing import ClassVar

from kolony_tui.core import budgets
from kolony_tui.core.session import PersonSession
from kolony_tui.models.people import Role
from kolony_tui.models.usage import LATE, Budget
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.screens.settings.section import Section
from kolony_tui.ui.widgets.rows import RowList
from kolony_tui.ui.widgets.usage_list import BudgetList


class BudgetsSection(Section):
    """Budgets. Every member sees them; an admin sets them."""

    slug: ClassVar[str] = "budgets"

    def __init__(self) -> None:
        super().__init__(BudgetList(self.kolony.drawing, id="budgets"))

    def wants(self, kind: str, identity: str) -> bool:
        """Whether a hint makes it read again."""
        return kind in ("usage", "people")

    async def read(self, session: PersonSession) -> list[Budget]:
        """The budgets."""
        return await budgets.budgets(session)

    def show(self, found: list[Budget]) -> None:
        """Shows them."""
        self.rows.show(found)

    def explanation(self) -> list[list[Part]]:
        """How far they hold, and who sets them."""
        lines = [[part(LATE, "dim", limit=1000)]]
        session = self.kolony.session
        if session is not None and session.role != Role.ADMIN:
            lines.append([part("an admin sets them", "dim")])
        return lines

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Changes it."""
        event.stop()
        if self.rows.pointed is not None:
            self.kolony.do("budgets.edit")
