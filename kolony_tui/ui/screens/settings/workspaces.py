"""Settings > Workspaces: those of this person, with their plans; enter works in another one."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from kolony_tui.core import workspaces
from kolony_tui.core.session import PersonSession
from kolony_tui.models.people import WorkspaceOverview
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.screens.settings.section import Section
from kolony_tui.ui.widgets.rows import RowList
from kolony_tui.ui.widgets.workspace_list import WorkspaceList


class WorkspacesSection(Section):
    """Workspaces."""

    slug: ClassVar[str] = "workspaces"

    def __init__(self) -> None:
        super().__init__(WorkspaceList(self.kolony.drawing, self._current, id="workspaces"))

    def _current(self) -> UUID | None:
        session = self.kolony.session
        return session.workspace.workspace_id if session is not None else None

    def wants(self, kind: str, identity: str) -> bool:
        """Whether a hint makes it read again."""
        return kind in ("people", "workspace", "agents", "agent")

    async def read(self, session: PersonSession) -> list[WorkspaceOverview]:
        """Those of this person."""
        return await workspaces.workspaces(session)

    def show(self, found: list[WorkspaceOverview]) -> None:
        """Shows them."""
        self.rows.show(found)

    def explanation(self) -> list[list[Part]]:
        """What the first column says."""
        return [[part("enter works in the one under the cursor; counts stand before what the plan allows", "dim")]]

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Works in it."""
        event.stop()
        pointed = self.rows.pointed
        if pointed is not None and pointed.workspace_id != self._current():
            self.kolony.do("go.workspace", pointed.slug)
