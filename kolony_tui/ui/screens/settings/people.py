"""Settings > People: who may what in this workspace, and who is connected now."""

from __future__ import annotations

from typing import ClassVar

from kolony_tui.core import people
from kolony_tui.core.session import PersonSession
from kolony_tui.models.people import Person, Role
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.screens.settings.person import PersonScreen
from kolony_tui.ui.screens.settings.section import Section
from kolony_tui.ui.widgets.person_list import PersonList
from kolony_tui.ui.widgets.rows import RowList

Found = tuple[list[Person], set[str] | None]


class PeopleSection(Section):
    """People. Every member sees them; an admin changes them, and sees who is connected."""

    slug: ClassVar[str] = "people"

    def __init__(self) -> None:
        self._connected: set[str] | None = None
        super().__init__(PersonList(self.kolony.drawing, self._is_connected, id="people"))

    def _is_connected(self, login: str) -> bool | None:
        return None if self._connected is None else login in self._connected

    async def read(self, session: PersonSession) -> Found:
        """The members, and who of them is connected."""
        members = await people.people(session)
        if session.role != Role.ADMIN:
            return members, None
        return members, {each.login for each in await people.connected_people(session)}

    def show(self, found: Found) -> None:
        """Shows them."""
        members, self._connected = found
        self.rows.show(members)

    def explanation(self) -> list[list[Part]]:
        """What an admin could do."""
        session = self.kolony.session
        if session is None or session.role == Role.ADMIN:
            return []
        return [[part("an admin adds people and changes what they may do", "dim")]]

    def on_the_right(self) -> list[Part]:
        """How many, and how many of them are connected."""
        count = part(f"{self.rows.total}", "strong")
        return [count] if self._connected is None else [part(f"{len(self._connected)} connected of ", "dim"), count]

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Goes in."""
        event.stop()
        if self.rows.pointed is not None:
            self.app.push_screen(PersonScreen(self.rows.pointed.login))
