"""Settings > Retention: for how long what is kept, where output is archived, and what is held."""

from __future__ import annotations

from typing import ClassVar

from kolony_tui.core import retention
from kolony_tui.core.session import PersonSession
from kolony_tui.models.people import Role
from kolony_tui.models.retention import Hold, Keeping
from kolony_tui.text import safe
from kolony_tui.ui.draw import Part, cell, part
from kolony_tui.ui.screens.settings.section import Section
from kolony_tui.ui.widgets.setting_list import Setting, SettingList


class RetentionSection(Section):
    """Retention. Every member sees it; an admin changes it."""

    slug: ClassVar[str] = "retention"

    def __init__(self) -> None:
        self._holds = 0
        self._role = Role.VIEWER
        super().__init__(SettingList(self.kolony.drawing, id="retention"))

    def wants(self, kind: str, identity: str) -> bool:
        """Whether a hint makes it read again."""
        return kind in ("people", "run")

    async def read(self, session: PersonSession) -> tuple[list[Keeping], str | None, list[Hold], Role]:
        """Of this workspace."""
        kept, place = await retention.kept(session), await retention.archive_location(session)
        return kept, place, await retention.holds(session), session.role

    def show(self, found: tuple[list[Keeping], str | None, list[Hold], Role]) -> None:
        """A row for each thing that is kept for a time, the archive, and each hold."""
        kept, place, holds, self._role = found
        self._holds = len(holds)
        rows = [Setting(each.kind, each.title, cell(each.words), each.about, f"retention.{each.kind}") for each in kept]
        where = cell(safe(place or "nowhere", limit=200).plain)
        rows.insert(1, Setting("place", "Archive", where, "a folder, or s3://bucket/prefix", "retention.place"))
        for each in holds:
            subject = safe(each.subject, limit=60).plain if each.subject is not None else ""
            about = f"since {each.placed_at:%Y-%m-%d} by {safe(each.placed_by or '?').plain}; kolony retention release"
            name = f"Held: {each.scope} {subject}"
            rows.append(Setting(f"hold {each.hold_id}", name, cell(safe(each.reason, limit=200).plain), about))
        self.rows.show(rows)

    def explanation(self) -> list[list[Part]]:
        """What enter does."""
        return [[part("enter changes it" if self._role == Role.ADMIN else "an admin changes it", "dim")]]

    def on_the_right(self) -> list[Part]:
        """How many legal holds there are."""
        return [part(f"{self._holds} held", "warn")] if self._holds else []
