"""`Section`: one part of the settings, with a title, a list, and what keeps both up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from kolony_tui.core.session import PersonSession
from kolony_tui.ui.draw import Part, content, part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.screens.listing import list_title, recall, remember
from kolony_tui.ui.screens.settings.sections import BY_SLUG
from kolony_tui.ui.widgets.panel import Title
from kolony_tui.ui.widgets.rows import RowList

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp


class Section(Vertical):
    """A list below a title. Subclasses give ``slug`` (of their entry in ``sections``), the list, ``read`` and ``show``.

    It is made when it is first looked at, and read as long as it is the one in front. A section that is closed to
    this person says why instead of its list, and reads nothing.
    """

    slug: ClassVar[str] = ""

    def __init__(self, rows: RowList[Any]) -> None:
        super().__init__(id=f"section-{self.slug}", classes="section")
        self.rows = rows
        self.title = Title()
        self.closed = Static("", markup=False, classes="closed")
        self.said = Static("", markup=False, classes="said")
        self._ready = False
        self._reason: str | None = None
        self._wanted = False

    @property
    def kolony(self) -> KolonyApp:
        """The app, as what it is."""
        return cast("KolonyApp", self.app)

    # What each of them says

    def wants(self, kind: str, identity: str) -> bool:
        """Whether a hint makes it read again."""
        return kind == "people"

    async def read(self, session: PersonSession) -> Any:
        """What ``show`` gets."""

    def show(self, found: Any) -> None:
        """Shows what was read."""

    def explanation(self) -> list[list[Part]]:
        """Lines below the list."""
        return []

    def on_the_right(self) -> list[Part]:
        """The right side of the title."""
        return [part(f"{self.rows.total}", "strong")]

    # The rest

    def why_closed(self) -> str | None:
        """Why this person cannot see it, or None."""
        return BY_SLUG[self.slug].why_closed(self.kolony.session)

    def compose(self) -> ComposeResult:
        """Title, reason or list, explanation."""
        yield self.title
        yield self.closed
        yield self.rows
        yield self.said

    def on_mount(self) -> None:
        """Takes up what was left, and begins to read."""
        self._ready = True
        recall(self.rows, self.kolony.remembered.get(self._memory_name))
        self.look()
        self.kolony.live.watch(self, LiveQuery(f"settings {self.slug}", self.wants, self._read, self._show))
        if self._wanted:
            self.go_in()

    @property
    def _memory_name(self) -> str:
        return f"settings {self.slug}"

    def memory(self) -> dict[str, Any]:
        """Filter and order, for the state file."""
        return {self._memory_name: remember(self.rows)}

    @property
    def has_content(self) -> bool:
        """Whether it shows what it is for."""
        return self._ready and not self._wanted and (self.why_closed() is not None or self.rows.known)

    def go_in(self) -> None:
        """Puts the focus into the list, now or as soon as it is there."""
        self._wanted = not self._ready
        if self._ready and self.why_closed() is None:
            self.rows.focus()

    def workspace_changed(self) -> None:
        """Nothing of the other workspace stays."""
        self.rows.unmark()
        self.rows.show([])
        self.look()

    async def _read(self, session: PersonSession) -> Any:
        return None if self.why_closed() is not None else (await self.read(session),)

    def _show(self, found: Any) -> None:
        if found is not None:
            self.show(found[0])
        self.look()

    def look(self) -> None:
        """Brings title, reason and explanation up to date."""
        if not self._ready:
            return
        reason = self.why_closed()
        if (reason is None) != (self._reason is None):
            # Another role: what was read under the old one does not stay, and what is open now is read.
            self._reason = reason
            self.rows.show([])
            self.kolony.live.look_again(self)
        self.closed.update(content(part(reason or "", "warn")))
        self.closed.display = reason is not None
        self.rows.display = self.said.display = reason is None
        self.title.say(list_title(BY_SLUG[self.slug].title, self.rows), self.on_the_right() if reason is None else ())
        self.said.update(Content("\n").join(content(*line) for line in self.explanation()))

    def on_row_list_changed(self, event: RowList.Changed) -> None:
        """Filter or marks show in the title."""
        self.look()

    def on_row_list_pointed(self, event: RowList.Pointed) -> None:
        """The explanation may be about the row."""
        self.look()
