"""Settings > People: who may what in this workspace, and who is connected now."""

from __future__ import annotations

from typing import ClassVar

from kolony_tui.core import people
from kolony_tui.core.session import PersonSession
from kolony_tui.models.people import Person, Role
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.screens.settings.section import Section
from kolony_tui.ui.widgets.person_list import PersonList


class PeopleSection(Section):
    """People. Every member sees them; an admin changes them."""

    slug: ClassVar[str] = "people"

    def __init__(self) -> None:
        super().__init__(PersonList(self.kolony.drawing, lambda login: None, id="people"))

    async def read(self, session: PersonSession) -> list[Person]:
        """The members."""
        return await people.people(session)

    def explanation(self) -> list[list[Part]]:
        """What enter and the keys are for, for who may."""
        session = self.kolony.session
        if session is None or session.role == Role.ADMIN:
            return []
        return [[part("an admin adds people and changes what they may do", "dim")]]

    def show(self, found: list[Person]) -> None:
        """Shows them."""
        self.rows.show(found)
