"""Settings > Retention: for how long what is kept."""

from __future__ import annotations

from typing import ClassVar

from kolony_tui.core import audit
from kolony_tui.core.session import PersonSession
from kolony_tui.models.people import Role
from kolony_tui.ui.draw import Part, cell
from kolony_tui.ui.screens.settings.section import Section
from kolony_tui.ui.widgets.setting_list import Setting, SettingList


class RetentionSection(Section):
    """Retention."""

    slug: ClassVar[str] = "retention"

    def __init__(self) -> None:
        super().__init__(SettingList(self.kolony.drawing, id="retention"))

    async def read(self, session: PersonSession) -> tuple[int, Role]:
        """Of this workspace."""
        return await audit.kept_days(session), session.role

    def show(self, found: tuple[int, Role]) -> None:
        """A row for each thing that is kept for a time."""
        days, role = found
        about = "enter changes it, 30 at least" if role == Role.ADMIN else "an admin changes it"
        self.rows.show(
            [
                Setting("audit", "Audit log", cell(f"{days} days"), about, "retention.audit"),
                Setting("runs", "Runs and output", cell("kept"), "nothing removes them"),
            ]
        )

    def on_the_right(self) -> list[Part]:
        """Nothing: it is not a number of things."""
        return []
