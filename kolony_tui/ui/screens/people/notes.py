"""What one was told: every notification of one's own, newest first; enter goes to what it is about."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from kolony_tui.core import notifications
from kolony_tui.core.session import PersonSession
from kolony_tui.models.notifications import Notification
from kolony_tui.ui.draw import Part, content, part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.screens.listing import list_title
from kolony_tui.ui.widgets.notification_list import NotificationList
from kolony_tui.ui.widgets.panel import Panel
from kolony_tui.ui.widgets.rows import RowList

LISTED = 500


class NotesScreen(FramedScreen):
    """Notifications."""

    AUTO_FOCUS = "#notes"
    DEFAULT_CSS = """
    NotesScreen #note { height: auto; max-height: 6; padding: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.list = NotificationList(self.kolony.drawing, id="notes")
        self.said = Static("", id="note", markup=False)

    def body(self) -> ComposeResult:
        """The list, and the words of the one under the cursor."""
        yield Panel(self.list, id="notes-panel")
        yield self.said

    def crumbs(self) -> list[Part]:
        """The list."""
        return [part("Notifications")]

    def on_mount(self) -> None:
        """Begins to read."""
        super().on_mount()
        query = LiveQuery("notes", lambda kind, _: kind == "note", self._read, self._show)
        self.kolony.live.watch(self.list, query)
        self._draw()

    @property
    def has_content(self) -> bool:
        """Whether it shows what it is for."""
        return self.list.known

    async def _read(self, session: PersonSession) -> list[Notification]:
        return await notifications.notifications(session, limit=LISTED)

    def _show(self, found: list[Notification]) -> None:
        self.list.show(found)
        self._draw()
        self.draw_frame()

    def _draw(self) -> None:
        unread = self.kolony.notifier.unread
        right = [part(f"{unread} new of ", "dim"), part(f"{self.list.total}", "strong")]
        self.query_one("#notes-panel", Panel).title.say(list_title("Notifications", self.list), right)
        note = self.list.pointed
        lines: list[list[Part]] = []
        if note is not None:
            lines.append([part(note.title, "strong"), part(f"  {note.created_at:%Y-%m-%d %H:%M} UTC", "dim")])
            if note.message:
                lines.append([part(note.message, limit=1000)])
            quiet = "it came in your quiet hours; " if note.quiet else ""
            lines.append([part(f"{quiet}kept until {note.expires_at:%Y-%m-%d}", "dim")])
        self.said.update(Content("\n").join(content(*line) for line in lines))

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Goes to what it is about."""
        event.stop()
        self.kolony.do("notes.go")

    def on_row_list_changed(self, event: RowList.Changed) -> None:
        """Filter or marks show in the title."""
        event.stop()
        self._draw()
        self.draw_hints()

    def on_row_list_pointed(self, event: RowList.Pointed) -> None:
        """Its words."""
        event.stop()
        self._draw()
        self.draw_hints()
