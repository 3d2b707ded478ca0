"""Settings > Prices: what tokens of models cost, where agents do not say it themselves."""

from __future__ import annotations

from typing import ClassVar

from kolony_tui.core import usage
from kolony_tui.core.session import PersonSession
from kolony_tui.models.people import Role
from kolony_tui.models.usage import Price
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.screens.settings.section import Section
from kolony_tui.ui.widgets.rows import RowList
from kolony_tui.ui.widgets.usage_list import PriceList


class PricesSection(Section):
    """Prices. Every member sees them; an admin sets them."""

    slug: ClassVar[str] = "prices"

    def __init__(self) -> None:
        super().__init__(PriceList(self.kolony.drawing, id="prices"))

    def wants(self, kind: str, identity: str) -> bool:
        """Whether a hint makes it read again."""
        return kind in ("usage", "people")

    async def read(self, session: PersonSession) -> list[Price]:
        """The price list."""
        return await usage.prices(session)

    def show(self, found: list[Price]) -> None:
        """Shows it."""
        self.rows.show(found)

    def explanation(self) -> list[list[Part]]:
        """What prices are for, and where those come from that nobody set."""
        lines = [
            [part("US dollars for a million tokens: for an estimate (~) where an agent names no cost", "dim")],
            [part("those of Kolony are the makers' lists of that day, and may have changed", "dim")],
        ]
        session = self.kolony.session
        if session is not None and session.role != Role.ADMIN:
            lines.append([part("an admin sets them", "dim")])
        return lines

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Changes it."""
        event.stop()
        if self.rows.pointed is not None:
            self.kolony.do("prices.edit")
